/*
 * stream/index.c - the sparse index beside a segment: where every 1024th line starts.
 *
 * A pure cache. It covers a prefix of the segment (segments only grow), and it is believed only when the segment is at least that long, the 4 KiB that
 * end the prefix are those it was made from, and its own checksum fits. Anything else is as good as no index: the reader counts lines instead.
 * Text, so that people can look at it:
 *   fxmon-index 1 BYTES RECORDS STEP SHA256-OF-THE-PREFIX'S-END
 *   POSITION                       one a line
 *   sum SHA256-OF-ALL-ABOVE
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "stream/segment.h"

#define INDEX_MAXIMUM ((size_t)32 * 1024 * 1024)
#define INDEX_TAIL 4096
#define HEX_TEXT 65

static void hex_of(const void *data, size_t length, char out[HEX_TEXT])
{
    uint8_t sum[32];
    fxi_sha256(data, length, sum);
    for (int i = 0; i < 32; i++) {
        snprintf(out + 2 * i, 3, "%02x", (unsigned)sum[i]);
    }
}

static bool read_all(int fd, char *out, size_t length, int64_t at)
{
    size_t done = 0;
    while (done < length) {
        ssize_t got = pread(fd, out + done, length - done, at + (int64_t)done);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        done += (size_t)got;
    }
    return true;
}

/* Checksum of what ends the first `bytes` of the segment; false if they are not there or do not end with a line. */
static bool tail_sum(int fd, int64_t bytes, char out[HEX_TEXT])
{
    char tail[INDEX_TAIL];
    size_t length = bytes < INDEX_TAIL ? (size_t)bytes : INDEX_TAIL;
    if (length == 0 || !read_all(fd, tail, length, bytes - (int64_t)length) || tail[length - 1] != '\n') {
        return false;
    }
    hex_of(tail, length, out);
    return true;
}

static const char *number_at(const char *p, const char *end, int64_t *out)
{
    int64_t number = 0;
    const char *start = p;
    while (p < end && *p >= '0' && *p <= '9' && number <= (INT64_MAX - 9) / 10) {
        number = number * 10 + (*p++ - '0');
    }
    *out = number;
    return p > start && p < end && (*p == ' ' || *p == '\n') ? p + 1 : NULL;
}

static bool parse(const char *text, size_t length, int fd, int64_t target, fxi_walk *walk)
{
    static const char magic[] = "fxmon-index 1 ";
    const size_t sum_length = 4 + HEX_TEXT; /* "sum ", 64 digits, newline */
    char sum[HEX_TEXT];
    if (length < sizeof magic + sum_length || memcmp(text, magic, sizeof magic - 1) != 0) {
        return false;
    }
    const char *end = text + length - sum_length;
    hex_of(text, (size_t)(end - text), sum);
    if (memcmp(end, "sum ", 4) != 0 || memcmp(end + 4, sum, 64) != 0) {
        return false;
    }
    int64_t bytes, records, step;
    const char *p = text + sizeof magic - 1;
    if (!(p = number_at(p, end, &bytes)) || !(p = number_at(p, end, &records)) || !(p = number_at(p, end, &step)) ||
        step != FXI_SEGMENT_STEP || end - p < HEX_TEXT || !tail_sum(fd, bytes, sum) || memcmp(p, sum, 64) != 0) {
        return false;
    }
    p += HEX_TEXT;
    int64_t last = -1, position;
    while (p < end) {
        if (!(p = number_at(p, end, &position)) || position <= last || position > bytes) {
            return false;
        }
        if (walk->mark_count == walk->mark_capacity) {
            int64_t *grown = fxi_grow(walk->marks, &walk->mark_capacity, walk->mark_count + 1, sizeof *grown);
            if (!grown) {
                return false;
            }
            walk->marks = grown;
        }
        walk->marks[walk->mark_count++] = last = position;
    }
    if (walk->mark_count == 0 || walk->marks[0] != 0 ||
        (int64_t)walk->mark_count > records / FXI_SEGMENT_STEP + 1) {
        return false;
    }
    size_t near = (size_t)(target / FXI_SEGMENT_STEP);
    if (near >= walk->mark_count) {
        near = walk->mark_count - 1;
    }
    if (target >= records) {
        walk->bytes = bytes;
        walk->records = records;
    } else {
        walk->bytes = walk->marks[near];
        walk->records = (int64_t)near * FXI_SEGMENT_STEP;
        walk->mark_count = near + 1; /* the walk adds those behind again */
    }
    return true;
}

void fxi_index_load(int folder, int64_t first, int fd, int64_t target, fxi_walk *walk)
{
    char name[FXI_SEGMENT_NAME];
    fxi_segment_name(first, ".index", name);
    int index = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    char *text = NULL;
    if (index >= 0 && fstat(index, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && (size_t)st.st_size <= INDEX_MAXIMUM &&
        (text = fxi_alloc((size_t)st.st_size)) && read_all(index, text, (size_t)st.st_size, 0) &&
        !parse(text, (size_t)st.st_size, fd, target, walk)) {
        walk->bytes = walk->records = 0;
        walk->mark_count = 0;
    }
    fxi_free(text);
    if (index >= 0) {
        close(index);
    }
}

static bool write_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t wrote = write(fd, data, length);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return false;
        }
        data += wrote;
        length -= (size_t)wrote;
    }
    return true;
}

void fxi_index_save(int folder, int64_t first, int fd, const fxi_walk *walk)
{
    char name[FXI_SEGMENT_NAME], temporary[FXI_SEGMENT_NAME + 32], sum[HEX_TEXT];
    fxi_buf text;
    fxi_buf_init(&text, INDEX_MAXIMUM);
    /* a mark may stand at the end of the prefix, where no line starts yet: it is left out, the next walk finds it again */
    size_t marks = walk->mark_count;
    while (marks > 0 && (int64_t)(marks - 1) * FXI_SEGMENT_STEP >= walk->records) {
        marks--;
    }
    if (marks == 0 || !tail_sum(fd, walk->bytes, sum)) {
        return;
    }
    fxi_buf_printf(&text, "fxmon-index 1 %lld %lld %d %s\n", (long long)walk->bytes, (long long)walk->records,
                   FXI_SEGMENT_STEP, sum);
    for (size_t i = 0; i < marks; i++) {
        fxi_buf_int(&text, walk->marks[i]);
        fxi_buf_putc(&text, '\n');
    }
    if (!text.failed) {
        hex_of(text.data, text.length, sum);
        fxi_buf_printf(&text, "sum %s\n", sum);
    }
    fxi_segment_name(first, ".index", name);
    snprintf(temporary, sizeof temporary, ".%s.%ld", name, (long)getpid());
    int out = text.failed ? -1 : openat(folder, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (out >= 0) {
        bool good = write_all(out, text.data, text.length);
        good = close(out) == 0 && good;
        if (!good || renameat(folder, temporary, folder, name) != 0) {
            unlinkat(folder, temporary, 0);
        }
    }
    fxi_buf_free(&text);
}
