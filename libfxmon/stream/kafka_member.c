/*
 * stream/kafka_member.c - the name of a member that its group knows again.
 *
 * A member without a name that is killed is missed only when its session is over, 6 s at least with the usual broker, and its partitions rest until then. One that comes
 * back under the same name (group.instance.id) goes on where it was, at once. So a process looks for the name of one that ended: names are files in a folder of the user's
 * state, each with a random text of its own, and whoever holds the lock of a file has the name. The kernel drops the lock with the process, however it ends; two living
 * processes never have the same; a folder that was copied to another machine would repeat names, so a file whose text was made on another one is not used. Where no such
 * folder can be written the member has no name, which is correct, only slower after a kill.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "stream/kafka.h"

#define PATH_TEXT 1024
#define SLOTS 64       /* members of one group on one machine */
#define RANDOM_BYTES 8
#define HOST_TEXT 20

static void put_hex(fxi_buf *out, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fxi_buf_putc(out, "0123456789abcdef"[bytes[i] >> 4]);
        fxi_buf_putc(out, "0123456789abcdef"[bytes[i] & 15]);
    }
}

/* The machine's name, as far as a member's name may hold it. */
static void put_host(fxi_buf *out)
{
    char host[HOST_TEXT + 1] = "";
    if (gethostname(host, HOST_TEXT) != 0) {
        host[0] = '\0';
    }
    for (const char *p = host; *p && *p != '.'; p++) {
        bool good = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '-' || *p == '_';
        fxi_buf_putc(out, good ? *p : '_');
    }
}

/* The text of a slot: "fxmon-HOST-0123456789abcdef". */
static bool make_id(fxi_buf *out)
{
    uint8_t bytes[RANDOM_BYTES];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        return false;
    }
    fxi_buf_puts(out, "fxmon-");
    put_host(out);
    fxi_buf_putc(out, '-');
    put_hex(out, bytes, sizeof bytes);
    return !out->failed;
}

/* What stands in a slot, if it was made on this machine. */
static bool read_id(int fd, char out[FXI_KAFKA_MEMBER])
{
    fxi_buf prefix;
    fxi_buf_init(&prefix, FXI_KAFKA_MEMBER);
    fxi_buf_puts(&prefix, "fxmon-");
    put_host(&prefix);
    fxi_buf_putc(&prefix, '-');
    ssize_t got = pread(fd, out, FXI_KAFKA_MEMBER - 1, 0);
    out[got > 0 ? got : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    bool good = !prefix.failed && got > 0 && strncmp(out, prefix.data, prefix.length) == 0 && strlen(out) == prefix.length + 2 * RANDOM_BYTES &&
                strspn(out + prefix.length, "0123456789abcdef") == 2 * RANDOM_BYTES;
    fxi_buf_free(&prefix);
    return good;
}

static bool write_id(int fd, char out[FXI_KAFKA_MEMBER])
{
    fxi_buf text;
    fxi_buf_init(&text, FXI_KAFKA_MEMBER - 1);
    bool good = make_id(&text) && ftruncate(fd, 0) == 0 && pwrite(fd, text.data, text.length, 0) == (ssize_t)text.length;
    if (good) {
        memcpy(out, text.data, text.length + 1);
    }
    fxi_buf_free(&text);
    return good;
}

/* "FOLDER/kafka-GROUP-N.member": the servers and the group as a hash, so that nothing in them has to fit a file name. */
static bool slot_path(const char *folder, const char *servers, const char *group, int slot, fxi_buf *out)
{
    uint8_t hash[32];
    fxi_buf key;
    fxi_buf_init(&key, 8192);
    fxi_buf_puts(&key, servers);
    fxi_buf_putc(&key, '\n');
    fxi_buf_puts(&key, group);
    fxi_buf_clear(out);
    if (!key.failed) {
        fxi_sha256(key.data, key.length, hash);
        fxi_buf_puts(out, folder);
        fxi_buf_puts(out, "/kafka-");
        put_hex(out, hash, 8);
        fxi_buf_putc(out, '-');
        fxi_buf_int(out, slot);
        fxi_buf_puts(out, ".member");
    }
    bool good = !key.failed && !out->failed;
    fxi_buf_free(&key);
    return good;
}

int fxi_kafka_member_take(fxi_kafka_member *member, const char *folder, const char *servers, const char *group, fxmon_error *error)
{
    fxi_buf path;
    int code = FXMON_OK;
    fxi_buf_init(&path, PATH_TEXT);
    *member = (fxi_kafka_member){.lock = -1};
    for (int slot = 0; slot < SLOTS && member->lock < 0; slot++) {
        if (!slot_path(folder, servers, group, slot, &path)) {
            code = fxi_fail(error, FXMON_E_TOO_LARGE, "member-id", "the name of the folder %.60s is too long", folder);
            break;
        }
        int fd = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
            code = fxi_fail_errno(error, errno, "cannot write", folder);
            break;
        }
        if (flock(fd, LOCK_EX | LOCK_NB) == 0 && (read_id(fd, member->id) || write_id(fd, member->id))) {
            member->lock = fd;
        } else {
            close(fd);
        }
    }
    if (member->lock < 0) {
        member->id[0] = '\0';
        if (code == FXMON_OK) {
            code = fxi_fail(error, FXMON_E_BUSY, "member-id", "no name is left in %.100s for the group", folder);
        }
    }
    fxi_buf_free(&path);
    return code;
}

/* Makes every folder of an absolute path that is not there: a fresh home has not even .local. */
static bool make_folders(char *path)
{
    for (char *p = path + 1; *p; p++) {
        if (*p == '/') {
            *p = '\0';
            (void)mkdir(path, 0700); /* what really is missing shows at the last one */
            *p = '/';
        }
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static bool state_folder(fxi_buf *out)
{
    const char *service = getenv("STATE_DIRECTORY"), *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    fxi_buf_init(out, PATH_TEXT);
    if (service && *service == '/') {
        fxi_buf_add(out, service, strcspn(service, ":")); /* of a systemd service: it is there */
    } else if (state && *state == '/') {
        fxi_buf_puts(out, state);
        fxi_buf_puts(out, "/fxmon");
    } else if (home && *home == '/') {
        fxi_buf_puts(out, home);
        fxi_buf_puts(out, "/.local/state/fxmon");
    }
    return !out->failed && out->length > 0 && make_folders(out->data);
}

/*
 * A run until the end joins without a name. With the name of a member that was killed it would get that one's partitions at once and no others, and if one
 * more was killed, whose partitions are nobody's until its session is over, it would end before anybody had read those. Without one it
 * joins by a rebalance, which the group completes when each member is back or gone.
 */

int fxi_kafka_member_open(fxi_kafka_member *member, const fxmon_env *env, const char *servers, const char *group, fxmon_error *error)
{
    const char *given = fxi_env_text(env, "member-id", NULL);
    fxmon_error problem;
    fxi_buf folder;
    *member = (fxi_kafka_member){.lock = -1};
    if (given && strcmp(given, "none") == 0) {
        return FXMON_OK;
    }
    bool automatic = !given || strcmp(given, "auto") == 0;
    if (automatic && (fxi_env_bool(env, "until-end", false) || fxi_kafka_by_brokers(env))) {
        return FXMON_OK;
    }
    if (!automatic && fxi_kafka_by_brokers(env)) { /* the name of a member that was killed is refused until its session is over, and the refusal is for good */
        return fxi_fail(error, FXMON_E_CONFIG, "member-id", "member-id: members of a group with --assignor broker have no names");
    }
    if (!automatic) {
        size_t length = strlen(given);
        if (length >= sizeof member->id) {
            return fxi_fail(error, FXMON_E_CONFIG, "member-id", "member-id: longer than %d characters", (int)sizeof member->id - 1);
        }
        memcpy(member->id, given, length + 1);
        return FXMON_OK;
    }
    fxi_error_clear(&problem);
    if (!state_folder(&folder) || fxi_kafka_member_take(member, folder.data, servers, group, &problem) != FXMON_OK) {
        fxi_log(env, FXMON_LOG_DEBUG, "kafka", "this member of %s has no name that would outlive it: %s", group,
                problem.code != FXMON_OK ? problem.text : "there is no folder for the user's state");
    }
    fxi_buf_free(&folder);
    return FXMON_OK;
}

void fxi_kafka_member_close(fxi_kafka_member *member)
{
    if (member->lock >= 0) {
        close(member->lock);
    }
    member->lock = -1;
    member->id[0] = '\0';
}
