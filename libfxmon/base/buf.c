/*
 * base/buf.c - the growing buffer that everything is written into.
 *
 * One byte more than the maximum may be allocated, for the NUL. Numbers are formatted straight into the buffer when there is
 * room for the longest of them, and over a small copy near the maximum, so that a buffer can be filled to its last byte.
 */
#include "base/buf.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SMALLEST_CAPACITY 64

void fxi_buf_init(fxi_buf *b, size_t maximum)
{
    *b = (fxi_buf){.maximum = maximum < SIZE_MAX / 4 ? maximum : SIZE_MAX / 4};
}

void fxi_buf_free(fxi_buf *b)
{
    fxi_free(b->data);
    fxi_buf_init(b, b->maximum);
}

void fxi_buf_clear(fxi_buf *b)
{
    b->length = 0;
    b->failed = false;
    if (b->data != NULL) {
        b->data[0] = '\0';
    }
}

char *fxi_buf_grow(fxi_buf *b, size_t extra)
{
    if (b->failed || extra > b->maximum - b->length) {
        b->failed = true;
        return NULL;
    }
    size_t wanted = b->capacity * 2;
    if (wanted < SMALLEST_CAPACITY) {
        wanted = SMALLEST_CAPACITY;
    }
    if (wanted < b->length + extra + 1) {
        wanted = b->length + extra + 1;
    }
    if (wanted > b->maximum + 1) {
        wanted = b->maximum + 1;
    }
    char *grown = fxi_realloc(b->data, wanted);
    if (grown == NULL) {
        b->failed = true;
        return NULL;
    }
    b->data = grown;
    b->capacity = wanted;
    b->data[b->length] = '\0';
    return b->data + b->length;
}

/* Is there room for `extra` bytes without failing at the maximum? */
static char *roomy(fxi_buf *b, size_t extra)
{
    return b->failed || extra > b->maximum - b->length ? NULL : fxi_buf_reserve(b, extra);
}

bool fxi_buf_pair(fxi_buf *b, const fxmon_pair *pair)
{
    char *to = roomy(b, sizeof(pair->text));
    size_t length = strnlen(pair->text, sizeof(pair->text));
    if (to == NULL) {
        return fxi_buf_add(b, pair->text, length);
    }
    memcpy(to, pair->text, sizeof(pair->text)); /* all of it, because that is one move */
    fxi_buf_commit(b, length);
    return true;
}

bool fxi_buf_int(fxi_buf *b, int64_t value)
{
    return fxi_buf_decimal(b, (fxmon_decimal){value, 0});
}

bool fxi_buf_decimal(fxi_buf *b, fxmon_decimal value)
{
    char *to = roomy(b, FXMON_DECIMAL_TEXT);
    if (to != NULL) {
        b->length += fxmon_decimal_format(value, to);
        return true;
    }
    char text[FXMON_DECIMAL_TEXT];
    return fxi_buf_add(b, text, fxmon_decimal_format(value, text));
}

bool fxi_buf_double(fxi_buf *b, double value)
{
    char text[FXMON_DOUBLE_TEXT];
    return fxi_buf_add(b, text, fxmon_double_format(value, text));
}

bool fxi_buf_time(fxi_buf *b, int64_t time)
{
    char *to = roomy(b, FXMON_TIME_TEXT);
    if (to != NULL) {
        b->length += fxmon_time_format(time, to);
        return true;
    }
    char text[FXMON_TIME_TEXT];
    return fxi_buf_add(b, text, fxmon_time_format(time, text));
}

static bool add_escaped(fxi_buf *b, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', (char)c, '0', '0', '0', '0'};
    size_t length = 2;
    switch (c) {
    case '"':
    case '\\':
        break;
    case '\n':
        text[1] = 'n';
        break;
    case '\r':
        text[1] = 'r';
        break;
    case '\t':
        text[1] = 't';
        break;
    case '\b':
        text[1] = 'b';
        break;
    case '\f':
        text[1] = 'f';
        break;
    default:
        text[1] = 'u';
        text[4] = hex[c >> 4];
        text[5] = hex[c & 15];
        length = 6;
    }
    return fxi_buf_add(b, text, length);
}

#define EACH(byte) ((byte) * UINT64_C(0x0101010101010101))

/* The next eight bytes are ASCII that needs no escape: the top bit of no byte is set, neither in it nor in the three differences. */
static bool eight_plain(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    uint64_t quote = word ^ EACH('"'), slash = word ^ EACH('\\');
    uint64_t special = ((word - EACH(0x20)) & ~word) | ((quote - EACH(1)) & ~quote) | ((slash - EACH(1)) & ~slash) | word;
    return (special & EACH(0x80)) == 0;
}

bool fxi_buf_json(fxi_buf *b, const char *text, size_t length)
{
    fxi_buf_putc(b, '"');
    size_t at = 0, plain = 0; /* [plain, at) can be copied as it is */
    while (at < length) {
        if (length - at >= 8 && eight_plain(text + at)) {
            at += 8;
            continue;
        }
        unsigned char c = (unsigned char)text[at];
        size_t used = c < 0x80 ? 1 : fxi_utf8_character(text + at, length - at);
        if (used == 1 && c >= 0x20 && c != '"' && c != '\\') {
            at++;
            continue;
        }
        if (used > 1) {
            at += used;
            continue;
        }
        fxi_buf_add(b, text + plain, at - plain);
        if (used == 0) {
            fxi_buf_add(b, "\xEF\xBF\xBD", 3);
        } else {
            add_escaped(b, c);
        }
        plain = ++at;
    }
    fxi_buf_add(b, text + plain, at - plain);
    return fxi_buf_putc(b, '"');
}

bool fxi_buf_jsonz(fxi_buf *b, const char *text)
{
    return text == NULL ? fxi_buf_puts(b, "null") : fxi_buf_json(b, text, strlen(text));
}

bool fxi_buf_printf(fxi_buf *b, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *to = length < 0 ? NULL : fxi_buf_reserve(b, (size_t)length);
    if (to == NULL) {
        b->failed = true;
        return false;
    }
    va_start(arguments, format);
    vsnprintf(to, (size_t)length + 1, format, arguments);
    va_end(arguments);
    fxi_buf_commit(b, (size_t)length);
    return true;
}

char *fxi_buf_take(fxi_buf *b)
{
    char *text = fxi_buf_reserve(b, 0) == NULL ? NULL : b->data;
    if (text == NULL) {
        fxi_free(b->data);
    }
    fxi_buf_init(b, b->maximum);
    return text;
}
