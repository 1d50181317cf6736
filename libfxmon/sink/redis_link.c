/*
 * sink/redis_link.c - a connection to Redis.
 *
 * hiredis resolves, connects and reads replies; sending and waiting are done here, without blocking, because a call must end in time and soon after a stop, and
 * because a write to a closed connection must not raise a signal in the host's process. After any error the connection is closed: the next call
 * makes a new one, and with it every watch and every half-sent transaction is gone.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/crash.h"
#include "base/error.h"
#include "base/mem.h"
#include "sink/redis.h"
#include "sink/redis_batch.h"

#define CALL_LIMIT (5 * FXMON_SECOND)
#define FAREWELL (FXMON_SECOND / 2) /* what is left of it once the program is to stop: the last call comes on top of the grace of 4 s */
#define LOOK_MS 50                      /* between two looks at the stop */

static int64_t now_of(const fxi_redis_link *link)
{
    if (link->env && link->env->monotonic) {
        return link->env->monotonic(link->env->user);
    }
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * FXMON_SECOND + t.tv_nsec;
}

void fxi_redis_link_close(fxi_redis_link *link)
{
    if (link->context) {
        redisFree(link->context);
        link->context = NULL;
    }
}

static fxmon_result broken(fxi_redis_link *link, int code, const char *what, fxmon_error *error)
{
    fxi_redis_link_close(link);
    fxi_fail(error, code, "redis", "%.120s: %.150s", link->settings.shown, what);
    return FXMON_RETRY;
}

static fxmon_result failed_call(fxi_redis_link *link, int code, int errnum, fxmon_error *error)
{
    char reason[128];
    return broken(link, code, strerror_r(errnum, reason, sizeof reason), error); /* the GNU one, which returns the text */
}

/* Until the socket can be written to or read from. */
static fxmon_result wait_for(fxi_redis_link *link, short events, fxmon_error *error)
{
    for (;;) {
        int64_t now = now_of(link), left = link->until - now;
        if (left > FAREWELL && link->env && link->env->stopping && link->env->stopping(link->env->user)) {
            link->until = now + FAREWELL;
            continue;
        }
        struct pollfd p = {link->context->fd, events, 0};
        int ready = poll(&p, 1, left <= 0 ? 0 : left / 1000000 < LOOK_MS ? (int)(left / 1000000) + 1 : LOOK_MS);
        if (ready > 0) {
            return FXMON_DONE;
        }
        if (ready < 0 && errno != EINTR) {
            return failed_call(link, FXMON_E_IO, errno, error);
        }
        if (left <= 0) {
            return broken(link, FXMON_E_TIMEOUT, "no answer in time", error);
        }
    }
}

static fxmon_result connect_to(fxi_redis_link *link, fxmon_error *error)
{
    const fxi_redis_settings *s = &link->settings;
    int failed = 0;
    socklen_t size = sizeof failed;
    link->context = s->socket ? redisConnectUnixNonBlock(s->socket) : redisConnectNonBlock(s->host, s->port);
    if (!link->context) {
        fxi_fail(error, FXMON_E_NOMEM, "redis", "out of memory connecting to %.150s", s->shown);
        return FXMON_FATAL;
    }
    if (link->context->err) {
        char why[128];
        memcpy(why, link->context->errstr, sizeof why - 1);
        why[sizeof why - 1] = '\0';
        return broken(link, FXMON_E_NETWORK, why, error);
    }
    fxmon_result result = wait_for(link, POLLOUT, error);
    if (result != FXMON_DONE) {
        return result;
    }
    if (getsockopt(link->context->fd, SOL_SOCKET, SO_ERROR, &failed, &size) != 0) {
        failed = errno;
    }
    if (failed) {
        return failed_call(link, FXMON_E_NETWORK, failed, error);
    }
    if (!s->socket) {
        redisEnableKeepAlive(link->context);
    }
    return FXMON_DONE;
}

fxmon_result fxi_redis_link_send(fxi_redis_link *link, fxmon_error *error)
{
    size_t done = 0;
    if (link->out.failed) {
        fxi_fail(error, FXMON_E_TOO_LARGE, "redis", "a batch of more than %lld bytes", (long long)link->out.maximum);
        return FXMON_FATAL;
    }
    while (done < link->out.length) {
        ssize_t wrote = send(link->context->fd, link->out.data + done, link->out.length - done, MSG_NOSIGNAL);
        if (wrote > 0) {
            done += (size_t)wrote;
        } else if (wrote < 0 && errno == EAGAIN) {
            fxmon_result result = wait_for(link, POLLOUT, error);
            if (result != FXMON_DONE) {
                return result;
            }
        } else if (wrote == 0 || errno != EINTR) {
            return wrote ? failed_call(link, FXMON_E_NETWORK, errno, error) : broken(link, FXMON_E_NETWORK, "nothing could be sent", error);
        }
    }
    fxi_buf_clear(&link->out);
    return FXMON_DONE;
}

fxmon_result fxi_redis_link_reply(fxi_redis_link *link, redisReply **reply, fxmon_error *error)
{
    void *got = NULL;
    char why[128];
    for (;;) {
        bool failed = redisGetReplyFromReader(link->context, &got) != REDIS_OK;
        if (!failed && got) {
            *reply = got;
            return FXMON_DONE;
        }
        if (!failed) {
            fxmon_result result = wait_for(link, POLLIN, error);
            if (result != FXMON_DONE) {
                return result;
            }
            failed = redisBufferRead(link->context) != REDIS_OK;
        }
        if (failed) {
            memcpy(why, link->context->errstr, sizeof why - 1);
            why[sizeof why - 1] = '\0';
            return broken(link, FXMON_E_NETWORK, why[0] ? why : "the connection failed", error);
        }
    }
}

/* ---- what the server says ---- */

static bool begins(const redisReply *reply, const char *word)
{
    size_t length = strlen(word);
    return reply->len >= length && memcmp(reply->str, word, length) == 0;
}

fxmon_result fxi_redis_refusal(fxi_redis_link *link, const redisReply *reply, const char *what, fxmon_error *error)
{
    static const char *const passing[] = {"LOADING", "CLUSTERDOWN", "READONLY", "MASTERDOWN", "OOM", "BUSY", "TRYAGAIN", "NOREPLICAS", "MISCONF",
                                          "ERR max number of clients", "UNBLOCKED"};
    static const char *const credentials[] = {"NOAUTH", "WRONGPASS", "NOPERM", "ERR invalid password", "ERR AUTH", "ERR Client sent AUTH"};
    static const char *const cluster[] = {"MOVED", "ASK", "CROSSSLOT"};
    fxi_redis_link_close(link);
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
        if (begins(reply, passing[i])) {
            fxi_fail(error, FXMON_E_BUSY, "redis", "%.100s: %.160s", link->settings.shown, reply->str);
            return FXMON_RETRY;
        }
    }
    for (size_t i = 0; i < sizeof credentials / sizeof credentials[0]; i++) {
        if (begins(reply, credentials[i])) {
            fxi_fail(error, FXMON_E_CREDENTIALS, "redis", "%.100s refused %.40s: %.140s", link->settings.shown, what, reply->str);
            return FXMON_FATAL;
        }
    }
    for (size_t i = 0; i < sizeof cluster / sizeof cluster[0]; i++) {
        if (begins(reply, cluster[i])) {
            fxi_fail(error, FXMON_E_UNSUPPORTED, "redis", "%.100s is a node of a Redis Cluster, expected a single server: %.120s", link->settings.shown,
                     reply->str);
            return FXMON_FATAL;
        }
    }
    fxi_fail(error, FXMON_E_CONFIG, "redis", "%.100s refused %.80s: %.120s", link->settings.shown, what, reply->str);
    return FXMON_FATAL;
}

/* A reply that must be +OK or the like. */
static fxmon_result expect_fine(fxi_redis_link *link, const char *what, fxmon_error *error)
{
    redisReply *reply;
    fxmon_result result = fxi_redis_link_reply(link, &reply, error);
    if (result == FXMON_DONE) {
        if (reply->type == REDIS_REPLY_ERROR) {
            result = fxi_redis_refusal(link, reply, what, error);
        }
        freeReplyObject(reply);
    }
    return result;
}

static fxmon_result log_in(fxi_redis_link *link, fxmon_error *error)
{
    const fxi_redis_settings *s = &link->settings;
    bool user = s->user && *s->user;
    if (s->password) {
        fxi_redis_command(&link->out, user ? 3 : 2);
        fxi_redis_text(&link->out, "AUTH");
        if (user) {
            fxi_redis_text(&link->out, s->user);
        }
        fxi_redis_text(&link->out, s->password);
    }
    fxi_redis_command(&link->out, 2);
    fxi_redis_text(&link->out, "SELECT");
    fxi_redis_integer(&link->out, s->database);
    fxmon_result result = fxi_redis_link_send(link, error);
    if (result == FXMON_DONE && s->password) {
        result = expect_fine(link, "the password", error);
    }
    return result == FXMON_DONE ? expect_fine(link, "the database", error) : result;
}

fxmon_result fxi_redis_link_begin(fxi_redis_link *link, fxmon_error *error)
{
    link->until = now_of(link) + CALL_LIMIT;
    link->fresh = link->context == NULL;
    fxi_buf_clear(&link->out);
    fxmon_result result = FXMON_DONE;
    if (link->fresh) {
        result = connect_to(link, error);
        if (result == FXMON_DONE) {
            result = log_in(link, error);
        }
        fxi_buf_clear(&link->out);
    }
    return result;
}

/* ---- transactions ---- */

/* "LPUSH history:USD/EUR" of the command that was refused. */
static void name_of(const fxi_buf *commands, size_t index, char out[FXI_REDIS_NAME])
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t word = 0; word < 2; word++) {
        const char *text;
        size_t size;
        if (fxi_redis_find_word(commands->data, commands->length, index, word, &text, &size)) {
            size = size < 100 ? size : 100;
            if (word > 0) {
                out[used++] = ' ';
            }
            memcpy(out + used, text, size);
            used += size;
            out[used] = '\0';
        }
    }
}

/* The answers to MULTI and to each queued command. The first that is an error says why EXEC will have to refuse. */
static fxmon_result queued(fxi_redis_link *link, const fxi_buf *commands, size_t count, redisReply **refused, char name[FXI_REDIS_NAME], fxmon_error *error)
{
    for (size_t i = 0; i <= count; i++) {
        redisReply *reply;
        fxmon_result result = fxi_redis_link_reply(link, &reply, error);
        if (result != FXMON_DONE) {
            return result;
        }
        if (reply->type == REDIS_REPLY_ERROR && !*refused) {
            *refused = reply;
            if (i > 0) {
                name_of(commands, i - 1, name);
            } else {
                memcpy(name, "MULTI", 6);
            }
        } else {
            freeReplyObject(reply);
        }
    }
    return FXMON_DONE;
}

static fxmon_result executed(fxi_redis_link *link, const fxi_buf *commands, size_t count, redisReply *exec, fxmon_error *error)
{
    char name[FXI_REDIS_NAME];
    if (exec->type == REDIS_REPLY_NIL) {
        return FXMON_WAIT;
    }
    if (exec->type == REDIS_REPLY_ERROR) {
        return fxi_redis_refusal(link, exec, "EXEC", error);
    }
    if (exec->type != REDIS_REPLY_ARRAY || exec->elements != count) {
        return broken(link, FXMON_E_MALFORMED, "EXEC answered something else than its commands did", error);
    }
    for (size_t i = 0; i < count; i++) {
        if (exec->element[i]->type == REDIS_REPLY_ERROR) {
            name_of(commands, i, name);
            return fxi_redis_refusal(link, exec->element[i], name, error);
        }
    }
    return FXMON_DONE;
}

fxmon_result fxi_redis_link_transact(fxi_redis_link *link, fxi_buf *commands, size_t count, redisReply **reply, fxmon_error *error)
{
    char name[FXI_REDIS_NAME] = "";
    redisReply *refused = NULL, *exec = NULL;
    fxi_redis_command(&link->out, 1);
    fxi_redis_text(&link->out, "MULTI");
    fxi_buf_add(&link->out, commands->data, commands->length);
    fxi_redis_command(&link->out, 1);
    fxi_redis_text(&link->out, "EXEC");
    link->out.failed |= commands->failed;
    FXI_CRASH("redis.exec");
    fxmon_result result = fxi_redis_link_send(link, error);
    FXI_CRASH("redis.sent");
    if (result == FXMON_DONE) {
        result = queued(link, commands, count, &refused, name, error);
    }
    if (result == FXMON_DONE) {
        result = fxi_redis_link_reply(link, &exec, error);
    }
    if (result == FXMON_DONE) {
        result = refused ? fxi_redis_refusal(link, refused, name, error) : executed(link, commands, count, exec, error);
    }
    if (refused) {
        freeReplyObject(refused);
    }
    if (result == FXMON_DONE) {
        *reply = exec;
    } else if (exec) {
        freeReplyObject(exec);
    }
    return result;
}
