/*
 * stream/writer.c - appending to a file log.
 *
 * A batch is one write() in O_APPEND mode under the lock, so that batches of several writers neither interleave nor tear. Foreign programs append without the lock;
 * where the write landed is checked against where the last line ended, and a batch that was glued to an unfinished foreign line is not acknowledged.
 *
 * What a failed append left behind is never cut off again: a reader may hold those bytes, and a foreign append behind them would go with them. The next
 * writer closes the torn line with a newline, which makes it a dead letter. Space is set aside before the write instead (fallocate), so that a full disk says so
 * before the first byte.
 *
 * fdatasync runs after the lock is released: several writers then share the disk's time. After a failed one the kernel may count the pages as clean and a
 * second try would prove nothing, so the segment is given up and the next append begins a new one.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/error.h"
#include "base/mem.h"
#include "stream/log.h"

#define BATCH_MAXIMUM ((size_t)1024 * 1024 * 1024)
#define RESERVE_STEP ((int64_t)256 * 1024)
#define SWEEP_INTERVAL (60 * FXMON_SECOND)

static fxmon_result result_of(int code)
{
    return code == FXMON_OK ? FXMON_DONE : fxmon_retriable(code) ? FXMON_RETRY : FXMON_FATAL;
}

fxmon_result fxi_log_open_writer(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    fxi_log_writer *w = fxi_calloc(1, sizeof *w);
    *state = NULL;
    if (!w) {
        return result_of(fxi_fail(error, FXMON_E_NOMEM, "", "out of memory opening a file log"));
    }
    w->env = env;
    w->folder = w->lock = w->segment = w->previous = -1;
    w->failed = -1;
    w->reserves = true;
    char identity[FXI_FOLDER_IDENTITY];
    int code = fxi_folder_settings_read(env, url, &w->settings, error);
    if (code == FXMON_OK && (w->folder = fxi_folder_open(w->settings.path, true)) < 0) {
        code = fxi_fail_errno(error, errno, "cannot open the log's folder", w->settings.path);
    }
    if (code == FXMON_OK) {
        code = fxi_folder_identity(w->folder, identity, error);
    }
    if (code == FXMON_OK && (w->lock = fxi_folder_lock_open(w->folder, error)) < 0) {
        code = error ? error->code : FXMON_E_IO;
    }
    fxmon_result result = result_of(code);
    if (result == FXMON_DONE) {
        result = fxi_folder_lock(env, w->lock, error);
        if (result == FXMON_DONE) {
            result = result_of(fxi_writer_attach(w, error));
            fxi_folder_unlock(w->lock);
        }
    }
    if (result != FXMON_DONE) {
        fxi_log_close_writer(w);
        return result;
    }
    *state = w;
    return FXMON_DONE;
}

void fxi_log_close_writer(void *state)
{
    fxi_log_writer *w = state;
    if (!w) {
        return;
    }
    if (w->previous >= 0 && w->segment >= 0 && fxi_folder_lock(w->env, w->lock, NULL) == FXMON_DONE) {
        if (fxi_folder_active(w->lock) == w->first) {
            fxi_writer_carry(w, NULL); /* best effort: nobody waits for an answer */
        }
        fxi_folder_unlock(w->lock);
    }
    fxi_writer_detach(w);
    if (w->previous >= 0) {
        close(w->previous);
    }
    if (w->lock >= 0) {
        close(w->lock);
    }
    if (w->folder >= 0) {
        close(w->folder);
    }
    fxi_folder_settings_free(&w->settings);
    fxi_free(w->batch);
    fxi_free(w);
}

/* The batch as text: batch[0] is a newline that closes a torn line when there is one, the records follow. */
static fxmon_result batch_fill(fxi_log_writer *w, const fxmon_blob *records, size_t count, size_t *length, fxmon_error *error)
{
    size_t total = 1;
    for (size_t i = 0; i < count; i++) {
        const fxmon_blob *r = &records[i];
        const char *newline = r->length ? memchr(r->data, '\n', r->length) : NULL;
        if (r->length == 0) {
            fxi_fail(error, FXMON_E_ARGUMENT, "record", "record %lld of the batch is empty: a log takes lines with text", (long long)i);
            return FXMON_REFUSED;
        }
        if (newline) {
            fxi_fail(error, FXMON_E_ARGUMENT, "record", "record %lld of the batch has a newline at byte %lld: a record is one line",
                     (long long)i, (long long)(newline - r->data));
            return FXMON_REFUSED;
        }
        if (r->length > (size_t)w->settings.max_record) {
            fxi_fail(error, FXMON_E_TOO_LARGE, "record", "record %lld of the batch has %lld bytes: max-record is %lld", (long long)i,
                     (long long)r->length, (long long)w->settings.max_record);
            return FXMON_REFUSED;
        }
        total += r->length + 1;
        if (total > BATCH_MAXIMUM) {
            return result_of(fxi_fail(error, FXMON_E_TOO_LARGE, "batch", "a batch of more than %lld bytes", (long long)BATCH_MAXIMUM));
        }
    }
    if (total > w->capacity) {
        char *grown = fxi_grow(w->batch, &w->capacity, total, 1);
        if (!grown) {
            return result_of(fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a batch of %lld bytes", (long long)total));
        }
        w->batch = grown;
    }
    char *p = w->batch;
    *p++ = '\n';
    for (size_t i = 0; i < count; i++) {
        memcpy(p, records[i].data, records[i].length);
        p += records[i].length;
        *p++ = '\n';
    }
    *length = total - 1;
    return FXMON_DONE;
}

/*
 * Write all of it in O_APPEND mode, in one piece unless the system makes it several; *start is where it landed. Pieces between which somebody else
 * wrote are a failure: a record is torn.
 */
int fxi_writer_put(int fd, const char *data, size_t length, int64_t *start, const char *what, fxmon_error *error)
{
    size_t done = 0;
    int64_t end = -1;
    while (done < length) {
        ssize_t wrote = write(fd, data + done, length - done);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote < 0) {
            return fxi_fail_errno(error, errno, "cannot append to", what);
        }
        if (wrote == 0) {
            return fxi_fail(error, FXMON_E_IO, "", "cannot append to %s: nothing was written", what);
        }
        int64_t at = lseek(fd, 0, SEEK_CUR); /* behind what was just written */
        if (done == 0) {
            *start = at - wrote;
        } else if (at - wrote != end) {
            return fxi_fail(error, FXMON_E_BUSY, "", "cannot append to %s: another program wrote into the middle of a batch", what);
        }
        end = at;
        done += (size_t)wrote;
    }
    return FXMON_OK;
}

/* Set disk space aside for `length` more bytes, a step at a time; only a full disk is an error. */
static int reserve(fxi_log_writer *w, int64_t size, int64_t length, fxmon_error *error)
{
    if (!w->reserves || size + length <= w->reserved) {
        return FXMON_OK;
    }
    int64_t step = w->settings.segment_bytes < RESERVE_STEP ? w->settings.segment_bytes : RESERVE_STEP;
    int64_t wish = length > step ? length : step;
    if (fallocate(w->segment, FALLOC_FL_KEEP_SIZE, size, wish) == 0) {
        w->reserved = size + wish;
        return FXMON_OK;
    }
    if (wish > length && fallocate(w->segment, FALLOC_FL_KEEP_SIZE, size, length) == 0) {
        w->reserved = size + length;
        return FXMON_OK;
    }
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) {
        return fxi_fail_errno(error, errno, "cannot append to", "a segment of the log");
    }
    if (errno != EINTR) {
        w->reserves = false;
    }
    return FXMON_OK;
}

/* The right segment for `length` more bytes, and its size. */
static int segment_for(fxi_log_writer *w, int64_t length, int64_t *size, fxmon_error *error)
{
    struct stat st;
    int code = FXMON_OK;
    if (w->segment < 0 || fxi_folder_active(w->lock) != w->first || fstat(w->segment, &st) != 0 || st.st_nlink == 0) {
        code = fxi_writer_attach(w, error);
    }
    if (code == FXMON_OK && fstat(w->segment, &st) != 0) {
        code = fxi_fail_errno(error, errno, "cannot look at", "a segment of the log");
    }
    if (code != FXMON_OK) {
        return code;
    }
    int64_t age = fxi_folder_now(w->env) - w->born;
    if (st.st_size > 0 && (w->failed == w->first || st.st_size + length > w->settings.segment_bytes || age > w->settings.segment_age)) {
        code = fxi_writer_rotate(w, error);
        if (code == FXMON_OK && fstat(w->segment, &st) != 0) {
            code = fxi_fail_errno(error, errno, "cannot look at", "a segment of the log");
        }
    }
    *size = st.st_size;
    return code;
}

/* Is the byte before `at` a newline (or is there none)? 1 yes, 0 no, -1 cannot be read. */
static int line_starts_at(int fd, int64_t at)
{
    char last;
    ssize_t got;
    if (at == 0) {
        return 1;
    }
    do {
        got = pread(fd, &last, 1, at - 1);
    } while (got < 0 && errno == EINTR);
    return got == 1 ? last == '\n' : -1;
}

/*
 * Kernels show the size of a file in the middle of somebody's write, page by page. fallocate waits for the inode's lock, so after it that write is over, and what is
 * unfinished then is so for good.
 */
int fxi_writer_whole(int fd, int64_t *size)
{
    struct stat st;
    int whole = line_starts_at(fd, *size);
    if (whole != 0) {
        return whole;
    }
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, *size, 1) != 0 && errno == EINTR) {
        errno = 0; /* nothing was waited for; at worst an empty line comes of it */
    }
    if (fstat(fd, &st) != 0) {
        return -1;
    }
    *size = st.st_size;
    return line_starts_at(fd, *size);
}

static int append_locked(fxi_log_writer *w, size_t length, fxmon_error *error)
{
    int64_t size, start = 0;
    int code = segment_for(w, (int64_t)length, &size, error);
    if (code == FXMON_OK && w->previous >= 0) {
        code = fxi_writer_carry(w, error);
        if (code == FXMON_OK && w->clean < 0) {
            size = lseek(w->segment, 0, SEEK_END);
        }
    }
    if (code != FXMON_OK) {
        return code;
    }
    int whole = size == w->clean ? 1 : fxi_writer_whole(w->segment, &size);
    if (whole < 0) {
        return fxi_fail(error, FXMON_E_IO, "", "cannot read the end of a segment of the log");
    }
    const char *text = whole ? w->batch + 1 : w->batch;
    length += whole ? 0 : 1;
    code = reserve(w, size, (int64_t)length, error);
    if (code != FXMON_OK) {
        return code;
    }
    w->clean = -1;
    code = fxi_writer_put(w->segment, text, length, &start, "a segment of the log", error);
    if (code != FXMON_OK) {
        return code;
    }
    if (start != size && *text != '\n' && line_starts_at(w->segment, start) != 1) {
        return fxi_fail(error, FXMON_E_BUSY, "", "another program left an unfinished line in front of a batch");
    }
    w->clean = start + (int64_t)length;
    return FXMON_OK;
}

fxmon_result fxi_log_append(void *state, const fxmon_blob *records, size_t count, fxmon_error *error)
{
    fxi_log_writer *w = state;
    size_t length = 0;
    if (count == 0) {
        return FXMON_DONE;
    }
    fxmon_result result = batch_fill(w, records, count, &length, error);
    if (result == FXMON_DONE) {
        result = fxi_folder_lock(w->env, w->lock, error);
    }
    if (result != FXMON_DONE) {
        return result;
    }
    int code = append_locked(w, length, error);
    FXI_CRASH("log.written");
    int64_t now = fxi_folder_monotonic(w->env);
    if (code == FXMON_OK && (w->swept == 0 || now - w->swept > SWEEP_INTERVAL)) {
        w->swept = now ? now : 1;
        fxi_writer_sweep(w);
    }
    fxi_folder_unlock(w->lock);
    if (code == FXMON_OK && w->settings.sync) {
        int failed;
        do {
            failed = fdatasync(w->segment);
        } while (failed != 0 && errno == EINTR);
        if (failed != 0) {
            w->failed = w->first;
            code = fxi_fail_errno(error, errno, "cannot make durable", "a segment of the log");
        }
    }
    FXI_CRASH("log.synced");
    return result_of(code);
}
