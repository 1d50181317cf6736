/*
 * sink/output.c - batches into a file, neither lost nor doubled by a crash.
 *
 * Order: the batch is written and made durable, then the note (PATH.progress) that says how long the file is and what comes next is replaced as a whole. A crash in between leaves
 * bytes behind the noted size; the next open cuts them off, and the lane reads those records again. After a failed write or fdatasync the file is opened anew, cut back and written again:
 * a second fdatasync on the same pages would prove nothing.
 */
#include "sink/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/error.h"
#include "base/mem.h"

static int open_file(fxi_output *out, bool exclusive, fxmon_error *error)
{
    do {
        out->fd = open(out->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    } while (out->fd < 0 && errno == EINTR);
    if (out->fd < 0) {
        return fxi_fail_errno(error, errno, "cannot open", out->path);
    }
    if (exclusive && flock(out->fd, LOCK_EX | LOCK_NB) != 0) {
        int code = errno == EWOULDBLOCK ? fxi_fail(error, FXMON_E_BUSY, "sink", "another process writes to %.200s", out->path)
                                        : fxi_fail_errno(error, errno, "cannot lock", out->path);
        fxi_output_close(out);
        return code;
    }
    return FXMON_OK;
}

int fxi_output_open(fxi_output *out, const char *path, int64_t good, bool exclusive, fxmon_error *error)
{
    struct stat st;
    if (!out->path && !(out->path = fxi_strdup(path))) {
        return fxi_fail(error, FXMON_E_NOMEM, "", "out of memory opening an output file");
    }
    int code = open_file(out, exclusive, error);
    if (code != FXMON_OK) {
        return code;
    }
    if (fstat(out->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        code = fxi_fail(error, FXMON_E_ARGUMENT, "sink", "%.200s is not a regular file", out->path);
    } else if (good > st.st_size) {
        code = fxi_fail(error, FXMON_E_CORRUPT, "sink",
                        "%.120s has %lld bytes, but %lld were written to it: restore it, or move it and its .progress file away to begin anew", out->path,
                        (long long)st.st_size, (long long)good);
    } else if (good >= 0 && good < st.st_size && ftruncate(out->fd, good) != 0) {
        code = fxi_fail_errno(error, errno, "cannot cut back", out->path);
    }
    if (code != FXMON_OK) {
        fxi_output_close(out);
        return code;
    }
    out->good = out->end = good >= 0 ? good : st.st_size;
    return FXMON_OK;
}

void fxi_output_close(fxi_output *out)
{
    if (out->fd >= 0) {
        close(out->fd);
        out->fd = -1;
    }
}

int fxi_output_write(fxi_output *out, const char *data, size_t length, fxmon_error *error)
{
    if (out->fd < 0) { /* after a failure */
        int code = fxi_output_open(out, out->path, out->good, true, error);
        if (code != FXMON_OK) {
            return code;
        }
    }
    if (out->end > out->good) { /* of a batch that was written but never noted */
        if (ftruncate(out->fd, out->good) != 0) {
            return fxi_fail_errno(error, errno, "cannot cut back", out->path);
        }
        out->end = out->good;
    }
    size_t done = 0;
    while (done < length) {
        ssize_t wrote = pwrite(out->fd, data + done, length - done, out->good + (int64_t)done);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            int code = fxi_fail_errno(error, wrote < 0 ? errno : EIO, "cannot write to", out->path);
            if (ftruncate(out->fd, out->good) == 0) { /* if not, the next open does it */
                out->end = out->good;
            }
            fxi_output_close(out);
            return code;
        }
        done += (size_t)wrote;
    }
    FXI_CRASH("output.written");
    int failed;
    do {
        failed = length > 0 ? fdatasync(out->fd) : 0;
    } while (failed != 0 && errno == EINTR);
    if (failed != 0) {
        int code = fxi_fail_errno(error, errno, "cannot make durable", out->path);
        fxi_output_close(out);
        return code;
    }
    FXI_CRASH("output.synced");
    out->end = out->good + (int64_t)length;
    return FXMON_OK;
}
