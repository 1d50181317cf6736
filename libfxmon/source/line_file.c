/*
 * source/line_file.c - lines of a file, forwards or backwards, in bounded memory.
 *
 * One buffer of at most the limit and a block holds the bytes [at, end) that were read but not handed out. Forwards it is refilled behind
 * `end`; backwards it is refilled in front of `at`, so the bytes sit at the buffer's end. A line over the limit is passed over without
 * being held: its rest is thrown away block by block, and it is reported once with its first (backwards: last) bytes.
 *
 * Backwards exists because central banks publish their history newest day first, and a log wants time to go forwards.
 */
#include "source/line_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

#define LINE_BLOCK 65536

struct fxi_line_file {
    int fd;
    bool seekable, backwards, ended, skipping;
    bool finished;      /* backwards: the first line of the file was handed out */
    bool last_tail;     /* backwards: nothing was handed out yet, so a final line end is no empty line */
    char *name;
    char *buffer;
    size_t size;        /* limit + 1 + LINE_BLOCK: a line end may lie just behind the limit */
    size_t limit;
    size_t at, end;
    size_t scanned;     /* forwards: bytes from `at` on that are known to hold no line end */
    off_t position;     /* backwards: file offset of buffer[at] */
    int64_t number;
};

fxi_line_file *fxi_line_file_adopt(int fd, const char *name, size_t limit, fxmon_error *error)
{
    struct stat status;
    fxi_line_file *f = fxi_calloc(1, sizeof *f);
    if (f) {
        f->fd = fd;
        f->limit = limit;
        f->size = limit + 1 + LINE_BLOCK;
        f->name = fxi_strdup(name);
        f->buffer = fxi_alloc(f->size);
    }
    if (!f || !f->name || !f->buffer) {
        if (f)
            fxi_line_file_close(f);
        else
            close(fd);
        (void)fxi_fail(error, FXMON_E_NOMEM, "from", "out of memory");
        return NULL;
    }
    f->seekable = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    return f;
}

fxi_line_file *fxi_line_file_open(const char *path, size_t limit, fxmon_error *error)
{
    const bool standard = strcmp(path, "-") == 0;
    int fd = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        (void)fxi_fail_errno(error, errno, "cannot open", standard ? "standard input" : path);
        return NULL;
    }
    struct stat status;
    if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        close(fd);
        (void)fxi_fail(error, FXMON_E_IO, "from", "cannot read %.200s: it is a folder", path);
        return NULL;
    }
    return fxi_line_file_adopt(fd, standard ? "standard input" : path, limit, error);
}

void fxi_line_file_close(fxi_line_file *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        close(f->fd);
    fxi_free(f->name);
    fxi_free(f->buffer);
    fxi_free(f);
}

int64_t fxi_line_file_number(const fxi_line_file *f)
{
    return f->number;
}

bool fxi_line_file_seekable(const fxi_line_file *f)
{
    return f->seekable;
}

int fxi_line_file_rewind(fxi_line_file *f, bool backwards, fxmon_error *error)
{
    off_t target = f->seekable ? lseek(f->fd, 0, backwards ? SEEK_END : SEEK_SET) : -1;
    if (target < 0)
        return fxi_fail(error, FXMON_E_UNSUPPORTED, "from", "%.200s cannot be read twice: it is no regular file", f->name);
    f->backwards = backwards;
    f->ended = f->skipping = f->finished = false;
    f->last_tail = backwards;
    f->at = f->end = backwards ? f->size : 0;
    f->scanned = 0;
    f->position = target;
    f->number = 0;
    return FXMON_OK;
}

/* ---- forwards ------------------------------------------------------------------------------------------------------------------ */

/* Is there input, or the end of it? Also for descriptors that block: the caller may not wait. */
static bool line_file_ready(const fxi_line_file *f)
{
    struct pollfd question = {.fd = f->fd, .events = POLLIN};
    return f->seekable || poll(&question, 1, 0) != 0;
}

static fxi_line_result line_file_fill(fxi_line_file *f, fxmon_error *error)
{
    if (f->at > 0) {
        memmove(f->buffer, f->buffer + f->at, f->end - f->at);
        f->end -= f->at;
        f->at = 0;
    }
    if (!line_file_ready(f))
        return FXI_LINE_NONE;
    ssize_t got;
    do
        got = read(f->fd, f->buffer + f->end, f->size - f->end);
    while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return FXI_LINE_NONE;
    if (got < 0) {
        (void)fxi_fail_errno(error, errno, "cannot read", f->name);
        return FXI_LINE_FAIL;
    }
    if (got == 0)
        f->ended = true;
    f->end += (size_t)got;
    return FXI_LINE;
}

static size_t trimmed(const char *line, size_t length)
{
    return length && line[length - 1] == '\r' ? length - 1 : length;
}

static fxi_line_result line_file_forwards(fxi_line_file *f, const char **line, size_t *length, fxmon_error *error)
{
    for (;;) {
        const size_t held = f->end - f->at;
        const char *start = f->buffer + f->at;
        const char *stop = held > f->scanned ? memchr(start + f->scanned, '\n', held - f->scanned) : NULL;
        if (stop || (f->ended && held)) {
            size_t whole = stop ? (size_t)(stop - start) : held;
            f->at += whole + (stop != NULL);
            f->scanned = 0;
            if (f->skipping) {
                f->skipping = false; /* the rest of a line that was reported already */
                continue;
            }
            f->number++;
            *line = start;
            *length = trimmed(start, whole);
            return whole > f->limit ? FXI_LINE_LONG : FXI_LINE;
        }
        if (f->ended)
            return FXI_LINE_END;
        f->scanned = held;
        if (held > f->limit || f->skipping) {
            const bool first = !f->skipping;
            f->skipping = true;
            f->at = f->end;
            f->scanned = 0;
            if (first) {
                f->number++;
                *line = start;
                *length = f->limit;
                return FXI_LINE_LONG;
            }
        }
        fxi_line_result result = line_file_fill(f, error);
        if (result != FXI_LINE)
            return result;
    }
}

/* ---- backwards ----------------------------------------------------------------------------------------------------------------- */

static fxi_line_result line_file_fill_front(fxi_line_file *f, fxmon_error *error)
{
    size_t want = LINE_BLOCK;
    if ((off_t)want > f->position)
        want = (size_t)f->position;
    if (f->at < want) {
        size_t held = f->end - f->at;
        memmove(f->buffer + f->size - held, f->buffer + f->at, held);
        f->at = f->size - held;
        f->end = f->size;
    }
    for (size_t done = 0; done < want;) {
        ssize_t got = pread(f->fd, f->buffer + f->at - want + done, want - done, f->position - (off_t)(want - done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            if (got < 0)
                (void)fxi_fail_errno(error, errno, "cannot read", f->name);
            else
                (void)fxi_fail(error, FXMON_E_IO, "from", "cannot read %.200s: it became shorter meanwhile", f->name);
            return FXI_LINE_FAIL;
        }
        done += (size_t)got;
    }
    f->at -= want;
    f->position -= (off_t)want;
    f->ended = f->position == 0;
    return FXI_LINE;
}

static fxi_line_result line_file_backwards(fxi_line_file *f, const char **line, size_t *length, fxmon_error *error)
{
    size_t searched = 0; /* bytes from `end` back that hold no line end */
    while (!f->finished) {
        const size_t held = f->end - f->at;
        const char *start = f->buffer + f->at;
        const char *stop = held > searched ? memrchr(start, '\n', held - searched) : NULL;
        if (f->last_tail && held) {
            f->last_tail = false;
            if (start[held - 1] == '\n') {
                f->end--;
                continue;
            }
        }
        if (stop || f->ended) {
            if (!stop && held == 0 && f->number == 0)
                return FXI_LINE_END; /* an empty file has no line */
            const char *first = stop ? stop + 1 : start;
            size_t whole = (size_t)(f->buffer + f->end - first);
            if (stop)
                f->end = (size_t)(stop - f->buffer);
            else
                f->finished = true;
            if (f->skipping) {
                f->skipping = false;
                searched = 0;
                continue;
            }
            f->number--;
            *line = first;
            *length = trimmed(first, whole);
            return whole > f->limit ? FXI_LINE_LONG : FXI_LINE;
        }
        searched = held;
        if (held > f->limit || f->skipping) {
            const bool first = !f->skipping;
            f->skipping = true;
            f->end = f->at;
            searched = 0;
            if (first) {
                f->number--;
                *line = start;
                *length = f->limit;
                return FXI_LINE_LONG;
            }
        }
        if (f->position == 0)
            f->ended = true;
        else if (line_file_fill_front(f, error) != FXI_LINE)
            return FXI_LINE_FAIL;
    }
    return FXI_LINE_END;
}

fxi_line_result fxi_line_file_next(fxi_line_file *f, const char **line, size_t *length, fxmon_error *error)
{
    *line = NULL;
    *length = 0;
    return f->backwards ? line_file_backwards(f, line, length, error) : line_file_forwards(f, line, length, error);
}

const char *fxi_line_words(const char *text)
{
    if (strncmp(text, "line ", 5) != 0)
        return text;
    const char *behind = text + 5 + strspn(text + 5, "0123456789");
    return strncmp(behind, ": ", 2) == 0 ? behind + 2 : text;
}
