/*
 * lane/spool.c - see spool.h.
 *
 * The spool is a file log in FOLDER/log: torn tails, full disks and fdatasync are solved there. Beside it lie FOLDER/place, the number of the next record to publish, written
 * anew after each acknowledgement, and FOLDER/lock, held by the one process that uses the folder. Everything goes in order: while the spool holds anything, new batches go behind it.
 * A batch that the log did not acknowledge in time may still be on its way inside the log's driver; it becomes the first batch that is published, with the same records at its
 * beginning, so that the driver recognises it. Between an acknowledgement and the place that says so a kill repeats one batch; nothing else does.
 *
 * A segment whose records are all published is deleted. When all of them are, the numbers begin at 0 again: "0 empty" is written first, so that a process which is
 * killed half way knows that what it finds is old.
 */
#include "lane/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crash.h"
#include "base/env.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/value.h"
#include "lane/retry.h"

#define PLACE "place"
#define LOCK "lock"
#define SEGMENT_FOLDER "log"
#define EMPTY "empty"
#define BATCH_RECORDS 1000          /* published at once */
#define BATCH_BYTES ((size_t)4 << 20)
#define LINE_MAXIMUM ((size_t)256 << 20)
#define RETRY_CAP (3 * FXMON_SECOND)
#define SEGMENTS 8                  /* of spool-bytes */
#define SEGMENT_MINIMUM INT64_C(4096)

typedef struct line {
    size_t key, data, length; /* in `text` of the batch; key SIZE_MAX: none */
} line;

struct fxi_spool {
    const fxmon_env *env;
    const fxmon_stream_ops *stream, *file;
    char *url, *folder, *file_url;
    int64_t maximum;
    bool drop_oldest;
    void *log, *writer, *reader;
    int directory, segments, lock;
    int64_t place, end;     /* records [place, end) wait */
    /* the batch that is being published, decoded */
    fxi_buf text;
    line *lines;
    fxmon_blob *blobs;
    size_t count, capacity, blob_capacity;
    size_t in_doubt;        /* records at the place that the log may have without having said so */
    fxi_buf encoded;        /* a batch on its way into the spool */
    fxi_retry retry;
    int64_t retry_at;
    fxi_complaint complaint;
};

static int64_t now_of(const fxi_spool *s)
{
    return s->env->monotonic(s->env->user);
}

/* ---- records as lines: the key, a tab, the data; what would end either is escaped ---------------------------- */

static void escape(fxi_buf *out, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        const char *special = memchr("\\\n\t", bytes[i], 3);
        if (special) {
            fxi_buf_putc(out, '\\');
            fxi_buf_putc(out, *special == '\n' ? 'n' : *special == '\t' ? 't' : '\\');
        } else {
            fxi_buf_putc(out, bytes[i]);
        }
    }
}

static void unescape(fxi_buf *out, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bool escaped = bytes[i] == '\\' && i + 1 < length;
        i += escaped;
        fxi_buf_putc(out, !escaped ? bytes[i] : bytes[i] == 'n' ? '\n' : bytes[i] == 't' ? '\t' : bytes[i]);
    }
}

/* A line of the spool behind the batch that is being put together. What is no such line (somebody wrote into the folder) is left out. */
static int decode(fxi_spool *s, const fxmon_record *record)
{
    const char *tab = memchr(record->data, '\t', record->length);
    if (!tab || record->oversize) {
        fxi_log(s->env, FXMON_LOG_ERROR, "spool", "%s: record %lld is none of the spool's and is left out", s->folder, (long long)record->offset);
        return FXMON_OK;
    }
    line *grown = fxi_grow(s->lines, &s->capacity, s->count + 1, sizeof *grown);
    if (!grown)
        return FXMON_E_NOMEM;
    s->lines = grown;
    line *l = &s->lines[s->count];
    l->key = s->text.length;
    unescape(&s->text, record->data, (size_t)(tab - record->data));
    if (s->text.length == l->key)
        l->key = SIZE_MAX;
    fxi_buf_putc(&s->text, '\0');
    l->data = s->text.length;
    unescape(&s->text, tab + 1, record->length - (size_t)(tab + 1 - record->data));
    l->length = s->text.length - l->data;
    if (s->text.failed)
        return FXMON_E_NOMEM;
    s->count += l->length > 0;
    return FXMON_OK;
}

/* ---- the folder ---------------------------------------------------------------------------------------------- */

static int write_place(fxi_spool *s, bool empty, fxmon_error *error)
{
    fxi_buf text;
    fxi_buf_init(&text, 64);
    fxi_buf_int(&text, empty ? 0 : s->place);
    fxi_buf_puts(&text, empty ? " " EMPTY "\n" : "\n");
    int fd = openat(s->directory, PLACE ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = fd >= 0 && !text.failed && write(fd, text.data, text.length) == (ssize_t)text.length;
    int code = good ? FXMON_OK : fxi_fail_errno(error, errno, "cannot write", PLACE ".new");
    if (fd >= 0)
        close(fd);
    if (code == FXMON_OK && renameat(s->directory, PLACE ".new", s->directory, PLACE) != 0)
        code = fxi_fail_errno(error, errno, "cannot rename", PLACE ".new");
    fxi_buf_free(&text);
    return code;
}

/* *known: the folder says where it stands. */
static bool read_place(fxi_spool *s, bool *empty)
{
    char text[64] = "";
    int fd = openat(s->directory, PLACE, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    *empty = got > 0 && strstr(text, EMPTY);
    return got > 0 && fxi_integer_parse(text, strcspn(text, " \n"), &s->place) == FXMON_OK && s->place >= 0;
}

/* The first record's number of a segment, -1 for other files. */
static int64_t segment_number(const char *name)
{
    int64_t number;
    const char *dot = strchr(name, '.');
    if (!dot || strcmp(dot, ".ndjson") != 0 || dot - name != 20)
        return -1;
    const char *digits = name + strspn(name, "0");
    digits = digits == dot ? dot - 1 : digits;
    return fxi_integer_parse(digits, (size_t)(dot - digits), &number) == FXMON_OK ? number : -1;
}

typedef struct folder_view {
    int64_t bytes, first, second; /* numbers of the two oldest segments; -1 none */
} folder_view;

static folder_view look(const fxi_spool *s)
{
    folder_view view = {0, -1, -1};
    int fd = openat(s->segments, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    struct stat st;
    if (!directory && fd >= 0)
        close(fd);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        int64_t number = segment_number(entry->d_name);
        if (number < 0 || fstatat(s->segments, entry->d_name, &st, 0) != 0)
            continue;
        view.bytes += st.st_size;
        if (view.first < 0 || number < view.first) {
            view.second = view.first;
            view.first = number;
        } else if (view.second < 0 || number < view.second) {
            view.second = number;
        }
    }
    if (directory)
        closedir(directory);
    return view;
}

static void remove_segment(const fxi_spool *s, int64_t number)
{
    char name[48];
    static const char *const kinds[] = {"ndjson", "index"};
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%020lld.%s", (long long)number, kinds[i]);
        unlinkat(s->segments, name, 0);
    }
}

/* Segments that are published whole. */
static void trim(const fxi_spool *s)
{
    for (folder_view view = look(s); view.second >= 0 && view.second <= s->place; view = look(s))
        remove_segment(s, view.first);
}

static void close_files(fxi_spool *s)
{
    if (s->writer)
        s->file->close_writer(s->writer);
    if (s->reader)
        s->file->close_reader(s->reader);
    s->writer = s->reader = NULL;
}

/* Nothing waits: begin at 0 with an empty folder. */
static int start_over(fxi_spool *s, fxmon_error *error)
{
    close_files(s);
    int code = write_place(s, true, error);
    if (code != FXMON_OK)
        return code;
    FXI_CRASH("spool.empty");
    for (folder_view view = look(s); view.first >= 0; view = look(s))
        remove_segment(s, view.first);
    s->place = s->end = 0;
    return write_place(s, false, error);
}

static int open_directory(int at, const char *path, int *fd, fxmon_error *error)
{
    if (mkdirat(at, path, 0700) != 0 && errno != EEXIST)
        return fxi_fail_errno(error, errno, "cannot create", path);
    *fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *fd >= 0 ? FXMON_OK : fxi_fail_errno(error, errno, "cannot open", path);
}

static void close_folder(fxi_spool *s)
{
    int *const descriptors[] = {&s->lock, &s->segments, &s->directory};
    for (int i = 0; i < 3; i++) {
        if (*descriptors[i] >= 0)
            close(*descriptors[i]);
        *descriptors[i] = -1;
    }
}

static fxmon_result result_of(int code)
{
    return code == FXMON_OK ? FXMON_DONE : fxmon_retriable(code) ? FXMON_RETRY : FXMON_FATAL;
}

/* How far the file log in the folder goes. */
static fxmon_result find_end(fxi_spool *s, fxmon_error *error)
{
    int64_t first = 0, end = 0;
    fxmon_result result = s->file->open_reader(s->env, s->file_url, NULL, &s->reader, error);
    if (result == FXMON_DONE)
        result = s->file->bounds(s->reader, 0, &first, &end, error);
    if (s->place < first)
        s->place = first; /* older ones were dropped */
    s->end = end > s->place ? end : s->place;
    return result;
}

static fxmon_result open_folder(fxi_spool *s, fxmon_error *error)
{
    bool empty = false;
    if (s->directory >= 0)
        return FXMON_DONE;
    int code = open_directory(AT_FDCWD, s->folder, &s->directory, error);
    if (code == FXMON_OK)
        code = open_directory(s->directory, SEGMENT_FOLDER, &s->segments, error);
    s->lock = code == FXMON_OK ? openat(s->directory, LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (code == FXMON_OK && (s->lock < 0 || flock(s->lock, LOCK_EX | LOCK_NB) != 0))
        code = s->lock >= 0 && errno == EWOULDBLOCK ? fxi_fail(error, FXMON_E_CONFIG, "spool", "spool: another process uses %.150s", s->folder)
                                                    : fxi_fail_errno(error, errno, "cannot lock the spool", s->folder);
    bool known = code == FXMON_OK && read_place(s, &empty);
    if (code == FXMON_OK && (empty || (!known && look(s).first < 0)))
        code = start_over(s, error);
    fxmon_result result = result_of(code);
    if (result == FXMON_DONE)
        result = find_end(s, error);
    if (result == FXMON_DONE && s->end > s->place)
        fxi_log(s->env, FXMON_LOG_INFO, "spool", "%s: %lld records wait to be published", s->folder, (long long)(s->end - s->place));
    if (result == FXMON_DONE)
        return FXMON_DONE;
    close_files(s);
    close_folder(s);
    return result;
}

/* ---- into the spool --------------------------------------------------------------------------------------------- */

static bool encode(fxi_spool *s, const fxmon_blob *records, size_t count)
{
    line *grown = fxi_grow(s->lines, &s->capacity, count, sizeof *grown);
    fxmon_blob *blobs = fxi_grow(s->blobs, &s->blob_capacity, count, sizeof *blobs);
    s->lines = grown ? grown : s->lines;
    s->blobs = blobs ? blobs : s->blobs;
    s->count = 0; /* what was decoded lies in the same place */
    fxi_buf_clear(&s->encoded);
    if (!grown || !blobs)
        return false;
    for (size_t i = 0; i < count; i++) {
        s->lines[i].data = s->encoded.length;
        if (records[i].key)
            escape(&s->encoded, records[i].key, strlen(records[i].key));
        fxi_buf_putc(&s->encoded, '\t');
        escape(&s->encoded, records[i].data, records[i].length);
        s->lines[i].length = s->encoded.length - s->lines[i].data;
    }
    for (size_t i = 0; i < count && !s->encoded.failed; i++)
        s->blobs[i] = (fxmon_blob){.data = s->encoded.data + s->lines[i].data, .length = s->lines[i].length};
    return !s->encoded.failed;
}

/* Room for so many bytes. */
static fxmon_result make_room(fxi_spool *s, int64_t bytes, fxmon_error *error)
{
    folder_view view = look(s);
    while (view.bytes + bytes > s->maximum && s->drop_oldest && view.second >= 0) {
        if (view.second > s->place) {
            fxi_log(s->env, FXMON_LOG_ERROR, "spool", "%s is full: records [%lld, %lld) are given up", s->folder, (long long)s->place, (long long)view.second);
            s->place = view.second;
            s->in_doubt = 0;
            if (s->reader)
                s->file->close_reader(s->reader);
            s->reader = NULL;
        }
        int code = write_place(s, false, error);
        if (code != FXMON_OK)
            return result_of(code);
        remove_segment(s, view.first);
        view = look(s);
    }
    if (view.bytes + bytes <= s->maximum || (view.bytes == 0 && s->drop_oldest))
        return FXMON_DONE;
    fxi_fail(error, FXMON_E_DISK_FULL, "spool-bytes", "the spool %.120s is full", s->folder);
    return FXMON_RETRY;
}

static fxmon_result keep(fxi_spool *s, const fxmon_blob *records, size_t count, fxmon_error *error)
{
    if (!encode(s, records, count))
        return result_of(fxi_fail(error, FXMON_E_NOMEM, "spool", "out of memory for a batch"));
    fxmon_result result = make_room(s, (int64_t)s->encoded.length + (int64_t)count, error);
    if (result == FXMON_DONE && !s->writer)
        result = s->file->open_writer(s->env, s->file_url, &s->writer, error);
    if (result == FXMON_DONE)
        result = s->file->append(s->writer, s->blobs, count, error);
    if (result != FXMON_DONE && s->writer) {
        s->file->close_writer(s->writer); /* the next one begins behind what is whole */
        s->writer = NULL;
    }
    if (result == FXMON_DONE) {
        FXI_CRASH("spool.kept");
        s->end += (int64_t)count;
    }
    return result;
}

/* ---- out of it ------------------------------------------------------------------------------------------------------ */

static fxmon_result open_reader(fxi_spool *s, fxmon_error *error)
{
    fxmon_record record;
    size_t count = 0;
    fxmon_result result = s->reader ? FXMON_DONE : s->file->open_reader(s->env, s->file_url, NULL, &s->reader, error);
    if (result == FXMON_DONE)
        result = s->file->seek(s->reader, 0, s->place, error);
    if (result == FXMON_DONE)
        result = s->file->read(s->reader, &record, 1, &count, 0, error); /* the assignment, at first; a record is read again */
    return result == FXMON_DONE ? s->file->seek(s->reader, 0, s->place, error) : result;
}

/* The next batch, at least as long as what the log may have already. */
static fxmon_result load(fxi_spool *s, int64_t *next, fxmon_error *error)
{
    fxmon_record records[64];
    size_t wish = s->in_doubt > BATCH_RECORDS ? s->in_doubt : BATCH_RECORDS, got = 1;
    s->count = 0;
    fxi_buf_clear(&s->text);
    *next = s->place;
    fxmon_result result = open_reader(s, error);
    while (result == FXMON_DONE && got > 0 && s->count < wish && *next < s->end && (s->text.length < BATCH_BYTES || s->count < s->in_doubt)) {
        size_t most = wish - s->count < 64 ? wish - s->count : 64;
        result = s->file->read(s->reader, records, most, &got, 0, error);
        for (size_t i = 0; result == FXMON_DONE && i < got; i++) {
            if (records[i].kind == FXMON_RECORD && decode(s, &records[i]) != FXMON_OK)
                result = result_of(fxi_fail(error, FXMON_E_NOMEM, "spool", "out of memory for a batch"));
            *next = records[i].kind == FXMON_RECORD ? records[i].offset + 1 : *next;
        }
    }
    fxmon_blob *grown = result == FXMON_DONE ? fxi_grow(s->blobs, &s->blob_capacity, s->count + 1, sizeof *grown) : NULL;
    if (!grown)
        return result == FXMON_DONE ? result_of(fxi_fail(error, FXMON_E_NOMEM, "spool", "out of memory for a batch")) : result;
    s->blobs = grown;
    for (size_t i = 0; i < s->count; i++)
        s->blobs[i] = (fxmon_blob){.key = s->lines[i].key == SIZE_MAX ? NULL : s->text.data + s->lines[i].key, .data = s->text.data + s->lines[i].data,
                                   .length = s->lines[i].length};
    return FXMON_DONE;
}

static fxmon_result to_log(fxi_spool *s, const fxmon_blob *records, size_t count, fxmon_error *error)
{
    fxmon_result result = s->log ? FXMON_DONE : s->stream->open_writer(s->env, s->url, &s->log, error);
    if (result != FXMON_DONE)
        s->log = NULL;
    return result == FXMON_DONE && count ? s->stream->append(s->log, records, count, error) : result;
}

static void away(fxi_spool *s, const fxmon_error *error)
{
    s->retry_at = now_of(s) + fxi_retry_delay(&s->retry, s->env->now(s->env->user), error->retry_at);
    fxi_complain(&s->complaint, s->env, "spool", "the log does not answer, batches are kept in %s: %s", s->folder, error->text);
}

static void back(fxi_spool *s)
{
    fxi_retry_reset(&s->retry);
    s->retry_at = 0;
    if (s->end == s->place)
        fxi_relieve(&s->complaint, s->env, "spool", "the log");
}

fxmon_result fxi_spool_publish(fxi_spool *s, fxmon_error *error)
{
    int64_t next;
    fxmon_result result = open_folder(s, error);
    if (result != FXMON_DONE)
        return result;
    if (s->end == s->place || now_of(s) < s->retry_at)
        return FXMON_WAIT;
    result = load(s, &next, error);
    if (result != FXMON_DONE)
        return result;
    result = to_log(s, s->blobs, s->count, error);
    if (result == FXMON_RETRY || result == FXMON_WAIT) {
        s->in_doubt = s->count;
        away(s, error);
        return FXMON_WAIT;
    }
    if (result != FXMON_DONE)
        return result;
    FXI_CRASH("spool.published");
    s->in_doubt = 0;
    s->place = next;
    int code = s->place >= s->end ? start_over(s, error) : write_place(s, false, error);
    if (code != FXMON_OK)
        return result_of(code);
    trim(s);
    back(s);
    return s->end > s->place ? FXMON_DONE : FXMON_WAIT;
}

fxmon_result fxi_spool_append(fxi_spool *s, const fxmon_blob *records, size_t count, fxmon_error *error)
{
    fxmon_error problem;
    fxi_error_clear(&problem);
    fxmon_result result = open_folder(s, error);
    if (result != FXMON_DONE || count == 0)
        return result;
    if (s->end == s->place && now_of(s) >= s->retry_at) {
        result = to_log(s, records, count, &problem);
        if (result == FXMON_DONE) {
            back(s);
            return FXMON_DONE;
        }
        if (result != FXMON_RETRY && result != FXMON_WAIT) {
            *error = problem;
            return result;
        }
        away(s, &problem);
        result = keep(s, records, count, error);
        if (result == FXMON_DONE)
            s->in_doubt = s->log ? count : 0;
        return result;
    }
    return keep(s, records, count, error);
}

int64_t fxi_spool_kept(const fxi_spool *s)
{
    return s->end - s->place;
}

int64_t fxi_spool_next(const fxi_spool *s)
{
    return s->end == s->place ? INT64_MAX : s->retry_at;
}

/* ---- life --------------------------------------------------------------------------------------------------------------- */

/* file:FOLDER/log with its settings; what would end the path is escaped. */
static char *folder_url(const char *folder, int64_t segment)
{
    fxi_buf text;
    fxi_buf_init(&text, 8192);
    fxi_buf_puts(&text, "file:");
    for (const char *p = folder; *p; p++) {
        if (strchr("%?#", *p))
            fxi_buf_printf(&text, "%%%s", *p == '%' ? "25" : *p == '?' ? "3F" : "23");
        else
            fxi_buf_putc(&text, *p);
    }
    fxi_buf_puts(&text, "/" SEGMENT_FOLDER "?sync=batch&segment-age=3650d&retain=36500d&retain-bytes=1T&max-record=64MiB&segment=");
    fxi_buf_int(&text, segment);
    char *url = fxi_buf_take(&text);
    fxi_buf_free(&text);
    return url;
}

fxi_spool *fxi_spool_new(const fxmon_env *env, const fxi_registry *registry, const fxmon_stream_ops *stream, const char *url, fxmon_error *error)
{
    const char *folder = fxi_env_text(env, "spool", NULL);
    fxi_spool *s = fxi_calloc(1, sizeof *s);
    if (!s || !folder) {
        fxi_fail(error, s ? FXMON_E_CONFIG : FXMON_E_NOMEM, "spool", s ? "spool: not set" : "out of memory");
        fxi_free(s);
        return NULL;
    }
    s->env = env;
    s->stream = stream;
    s->directory = s->segments = s->lock = -1;
    s->maximum = fxi_env_size(env, "spool-bytes", INT64_C(64) << 20);
    s->drop_oldest = fxi_env_is(env, "spool-full", "drop-oldest");
    int64_t segment = s->maximum / SEGMENTS;
    s->url = fxi_strdup(url);
    s->folder = fxi_strdup(folder);
    s->file_url = folder_url(folder, segment > SEGMENT_MINIMUM ? segment : SEGMENT_MINIMUM);
    fxi_buf_init(&s->text, LINE_MAXIMUM);
    fxi_buf_init(&s->encoded, LINE_MAXIMUM);
    int64_t cap = fxi_env_duration(env, "retry-cap", RETRY_CAP);
    fxi_retry_init(&s->retry, fxi_env_duration(env, "retry-base", FXMON_SECOND / 10), cap < RETRY_CAP ? cap : RETRY_CAP,
                   (uint64_t)env->now(env->user) ^ (uint64_t)(uintptr_t)s);
    if (!s->url || !s->folder || !s->file_url) {
        fxi_fail(error, FXMON_E_NOMEM, "spool", "out of memory, or the name of the spool's folder is too long");
        fxi_spool_free(s);
        return NULL;
    }
    s->file = fxi_registry_find(registry, FXI_KIND_STREAM, s->file_url, "spool", error);
    if (!s->file) {
        fxi_spool_free(s);
        return NULL;
    }
    return s;
}

void fxi_spool_free(fxi_spool *s)
{
    if (!s)
        return;
    close_files(s);
    if (s->log)
        s->stream->close_writer(s->log);
    close_folder(s);
    fxi_buf_free(&s->text);
    fxi_buf_free(&s->encoded);
    fxi_free(s->lines);
    fxi_free(s->blobs);
    fxi_free(s->url);
    fxi_free(s->folder);
    fxi_free(s->file_url);
    fxi_free(s);
}
