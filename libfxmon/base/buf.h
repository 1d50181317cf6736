/*
 * base/buf.h - a growing byte buffer with a mandatory maximum. Appends never fail visibly: after the first failure
 * (memory or maximum) `failed` is set and further appends do nothing, so callers check once at the end.
 * data is always NUL-terminated when not NULL.
 */
#ifndef FXI_BUF_H
#define FXI_BUF_H
#include <fxmon/core.h>
#include <string.h>
typedef struct fxi_buf {
    char *data;
    size_t length, capacity, maximum;
    bool failed;
} fxi_buf;
void fxi_buf_init(fxi_buf *b, size_t maximum);
void fxi_buf_free(fxi_buf *b);
void fxi_buf_clear(fxi_buf *b);                        /* keeps the memory, resets failed */
char *fxi_buf_grow(fxi_buf *b, size_t extra);          /* what fxi_buf_reserve does when there is no room yet */

/* These few are here so that a constant text costs one comparison and a store: encoders consist of little else. */
/* Room to write at the end, NULL on failure; then fxi_buf_commit. */
static inline char *fxi_buf_reserve(fxi_buf *b, size_t extra)
{
    return !b->failed && extra < b->capacity - b->length ? b->data + b->length : fxi_buf_grow(b, extra);
}
static inline void fxi_buf_commit(fxi_buf *b, size_t written)
{
    b->length += written;
    b->data[b->length] = '\0';
}
static inline bool fxi_buf_add(fxi_buf *b, const void *bytes, size_t length)
{
    char *to = fxi_buf_reserve(b, length);
    if (to == NULL) {
        return false;
    }
    if (length > 0) {
        memcpy(to, bytes, length);
    }
    fxi_buf_commit(b, length);
    return true;
}
static inline bool fxi_buf_puts(fxi_buf *b, const char *text)
{
    return fxi_buf_add(b, text, strlen(text));
}
static inline bool fxi_buf_putc(fxi_buf *b, char c)
{
    return fxi_buf_add(b, &c, 1);
}
bool fxi_buf_pair(fxi_buf *b, const fxmon_pair *pair); /* BASE/QUOTE, without quotes */
bool fxi_buf_int(fxi_buf *b, int64_t value);
bool fxi_buf_decimal(fxi_buf *b, fxmon_decimal value);
bool fxi_buf_double(fxi_buf *b, double value);         /* shortest; null for NaN */
bool fxi_buf_time(fxi_buf *b, int64_t time);           /* RFC 3339 without quotes */
bool fxi_buf_json(fxi_buf *b, const char *text, size_t length); /* quoted and escaped; invalid UTF-8 becomes U+FFFD */
bool fxi_buf_jsonz(fxi_buf *b, const char *text);      /* the same for NUL-terminated text; NULL gives null */
bool fxi_buf_printf(fxi_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3))); /* %s %d %lld only: no floating point */
char *fxi_buf_take(fxi_buf *b);                        /* the text, now the caller's (fxi_free); NULL if failed */
#endif
