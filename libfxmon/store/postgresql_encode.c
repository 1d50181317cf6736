/*
 * store/postgresql_encode.c - see postgresql_encode.h.
 *
 * Rows go to the server in COPY's binary format: no text is made here and none is read there. A price becomes a numeric with the digits it was
 * given with, trailing zeros included, because that is what numeric's display scale is for.
 */
#include "store/postgresql_encode.h"

#include "base/decimal.h"

#include <math.h>

#define EPOCH_2000 INT64_C(946684800000000) /* microseconds from 1970 to 2000 */
#define SIGN_NEGATIVE 0x4000
#define SIGN_SPECIAL 0xC000
#define NULL_LENGTH UINT32_MAX

/* ---- time --------------------------------------------------------------------------------------------------- */

fxi_postgresql_time fxi_postgresql_time_of(int64_t ns)
{
    int64_t microseconds = ns / 1000, rest = ns % 1000;
    if (rest < 0) {
        rest += 1000;
        microseconds--;
    }
    return (fxi_postgresql_time){microseconds - EPOCH_2000, (int16_t)rest};
}

int64_t fxi_postgresql_time_ns(int64_t microseconds, int nanoseconds)
{
    int64_t out;
    if (__builtin_add_overflow(microseconds, EPOCH_2000, &out)) {
        return INT64_MAX;
    }
    int64_t low = nanoseconds < 0 || nanoseconds > 999 ? 0 : nanoseconds;
    if (out < 0) { /* so that the product of the first microsecond of all does not overflow on its way */
        out++;
        low -= 1000;
    }
    if (__builtin_mul_overflow(out, INT64_C(1000), &out) || __builtin_add_overflow(out, low, &out)) {
        return microseconds < 0 ? INT64_MIN : INT64_MAX;
    }
    return out;
}

/* ---- numeric -------------------------------------------------------------------------------------------------- */

/* magnitude / 10^scale; the scale may be negative. Digits of base 10000 are counted from the point, so the scale is first made a multiple of four. */
static size_t numeric_of(bool negative, uint64_t magnitude, int scale, char *out)
{
    static const uint32_t power[4] = {1, 10, 100, 1000};
    int padding = (4 - scale % 4) % 4, count = 0, zeros = 0;
    uint16_t digits[8]; /* least first: 2^64 * 1000 has 23 decimal digits, six of these */
    unsigned __int128 rest = (unsigned __int128)magnitude * power[padding];
    while (rest > UINT64_MAX) {
        digits[count++] = (uint16_t)(rest % 10000);
        rest /= 10000;
    }
    for (uint64_t low = (uint64_t)rest; low != 0; low /= 10000) {
        digits[count++] = (uint16_t)(low % 10000);
    }
    while (zeros < count && digits[zeros] == 0) {
        zeros++;
    }
    int weight = count == 0 ? 0 : count - 1 - (scale + padding) / 4;
    fxi_postgresql_store16(out, (uint16_t)(count - zeros));
    fxi_postgresql_store16(out + 2, (uint16_t)weight);
    fxi_postgresql_store16(out + 4, negative ? SIGN_NEGATIVE : 0);
    fxi_postgresql_store16(out + 6, (uint16_t)(scale < 0 ? 0 : scale));
    char *to = out + 8;
    for (int i = count - 1; i >= zeros; i--, to += 2) {
        fxi_postgresql_store16(to, digits[i]);
    }
    return (size_t)(to - out);
}

size_t fxi_postgresql_numeric(fxmon_decimal value, char *out)
{
    bool negative = value.mantissa < 0;
    return numeric_of(negative, negative ? 0 - (uint64_t)value.mantissa : (uint64_t)value.mantissa, value.scale, out);
}

size_t fxi_postgresql_numeric_double(double value, char *out)
{
    char text[FXMON_DOUBLE_TEXT];
    size_t length = fxmon_double_format(value, text);
    uint64_t magnitude = 0;
    int scale = 0, exponent = 0;
    bool fraction = false;
    const char *p = text, *end = text + length;
    bool negative = *p == '-';
    for (p += negative; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            fraction = true;
        } else {
            magnitude = magnitude * 10 + (uint64_t)(*p - '0'); /* 17 digits, or a whole number below 10^19 */
            scale += fraction;
        }
    }
    if (p < end) {
        p++;
        bool minus = p < end && *p == '-';
        for (p += p < end && (*p == '-' || *p == '+'); p < end; p++) {
            exponent = exponent * 10 + (*p - '0');
        }
        scale += minus ? exponent : -exponent;
    }
    while (magnitude != 0 && magnitude % 10 == 0 && scale < 0 && magnitude > UINT64_C(1000000000000000)) {
        magnitude /= 10; /* room for the padding */
        scale--;
    }
    return numeric_of(negative, magnitude, scale, out);
}

typedef struct numeric_head {
    int count, weight, sign, scale;
} numeric_head;

static bool read_head(const char *bytes, size_t length, numeric_head *head)
{
    if (length < 8) {
        return false;
    }
    head->count = (int)(uint16_t)fxi_postgresql_load(bytes, 2);
    head->weight = (int)(int64_t)fxi_postgresql_load(bytes + 2, 2);
    head->sign = (int)(uint16_t)fxi_postgresql_load(bytes + 4, 2);
    head->scale = (int)(uint16_t)fxi_postgresql_load(bytes + 6, 2);
    return length == 8 + 2 * (size_t)head->count && (head->sign & SIGN_SPECIAL) != SIGN_SPECIAL;
}

/* The digits as one number of up to 19 decimal digits, rounded half up; *dropped decimal digits did not fit. */
static uint64_t collect_digits(const char *bytes, int count, int *dropped, bool *exact)
{
    uint64_t magnitude = 0;
    bool full = false;
    *dropped = 0;
    *exact = true;
    for (int i = 0; i < count; i++) {
        int group = (int)(uint16_t)fxi_postgresql_load(bytes + 8 + 2 * i, 2);
        for (int unit = 1000; unit > 0; unit /= 10) {
            int digit = group / unit % 10;
            uint64_t next;
            if (!full && !__builtin_mul_overflow(magnitude, UINT64_C(10), &next) && next <= (uint64_t)INT64_MAX - (uint64_t)digit) {
                magnitude = next + (uint64_t)digit;
                continue;
            }
            magnitude += !full && digit >= 5;
            full = true;
            ++*dropped;
            *exact = *exact && digit == 0;
        }
    }
    return magnitude;
}

bool fxi_postgresql_decimal(const char *bytes, size_t length, fxmon_decimal *out)
{
    numeric_head head;
    int dropped;
    bool exact;
    *out = (fxmon_decimal){0, 0};
    if (!read_head(bytes, length, &head)) {
        return false;
    }
    uint64_t magnitude = collect_digits(bytes, head.count, &dropped, &exact);
    int scale = 4 * (head.count - 1 - head.weight) - dropped; /* magnitude / 10^scale */
    while (magnitude != 0 && (scale > 18 || (scale > head.scale && magnitude % 10 == 0))) {
        exact = exact && magnitude % 10 == 0;
        magnitude = magnitude / 10 + (magnitude % 10 >= 5 ? 1 : 0);
        scale--;
    }
    int wanted = head.scale > 18 ? 18 : head.scale;
    while (magnitude != 0 && scale < wanted && magnitude <= (uint64_t)INT64_MAX / 10) {
        magnitude *= 10; /* zeros at the end that were written */
        scale++;
    }
    if (magnitude == 0 || scale < 0) {
        *out = (fxmon_decimal){0, magnitude == 0 && head.scale <= 18 ? head.scale : 0};
        return magnitude == 0 && head.count == 0;
    }
    *out = (fxmon_decimal){head.sign == SIGN_NEGATIVE ? -(int64_t)magnitude : (int64_t)magnitude, scale};
    return exact;
}

uint64_t fxi_postgresql_load(const char *bytes, size_t length)
{
    uint64_t value = 0;
    if (length != 1 && length != 2 && length != 4 && length != 8) {
        return 0;
    }
    if (((unsigned char)bytes[0] & 0x80) != 0 && length > 1) {
        value = UINT64_MAX;
    }
    for (size_t i = 0; i < length; i++) {
        value = value << 8 | (unsigned char)bytes[i];
    }
    return value;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

#define COLUMNS 17

static char *put16(char *to, int16_t value)
{
    fxi_postgresql_store32(to, 2);
    fxi_postgresql_store16(to + 4, (uint16_t)value);
    return to + 6;
}

static char *put32(char *to, int32_t value)
{
    fxi_postgresql_store32(to, 4);
    fxi_postgresql_store32(to + 4, (uint32_t)value);
    return to + 8;
}

static char *put64(char *to, int64_t value)
{
    fxi_postgresql_store32(to, 8);
    fxi_postgresql_store64(to + 4, (uint64_t)value);
    return to + 12;
}

static char *put_null(char *to)
{
    fxi_postgresql_store32(to, NULL_LENGTH);
    return to + 4;
}

static char *put_text(char *to, const char *text, size_t maximum)
{
    size_t length = strnlen(text, maximum);
    fxi_postgresql_store32(to, (uint32_t)length);
    memcpy(to + 4, text, length);
    return to + 4 + length;
}

static char *put_double(char *to, double value)
{
    uint64_t bits;
    if (isnan(value)) {
        return put_null(to);
    }
    memcpy(&bits, &value, sizeof(bits));
    return put64(to, (int64_t)bits);
}

static char *put_numeric(char *to, fxmon_decimal value)
{
    if (value.mantissa == 0) {
        return put_null(to);
    }
    size_t length = fxi_postgresql_numeric(value, to + 4);
    fxi_postgresql_store32(to, (uint32_t)length);
    return to + 4 + length;
}

static char *put_rate(char *to, const fxmon_row *row)
{
    if (row->kind != FXMON_ROW_CROSS) {
        return put_numeric(to, row->rate);
    }
    size_t length = fxi_postgresql_numeric_double(row->cross, to + 4);
    fxi_postgresql_store32(to, (uint32_t)length);
    return to + 4 + length;
}

bool fxi_postgresql_copy_begin(fxi_buf *out)
{
    static const char head[19] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"; /* signature, no flags, no extension */
    return fxi_buf_add(out, head, sizeof(head));
}

bool fxi_postgresql_copy_row(fxi_buf *out, const fxi_postgresql_row_frame *frame, const fxmon_row *row)
{
    char *begin = fxi_buf_reserve(out, FXI_POSTGRESQL_ROW), *to = begin;
    if (begin == NULL) {
        return false;
    }
    fxi_postgresql_time observed = fxi_postgresql_time_of(row->time), ingested = fxi_postgresql_time_of(row->ingested);
    fxi_postgresql_store16(to, COLUMNS);
    to = put64(to + 2, observed.microseconds);
    to = row->ingested == 0 ? put_null(to) : put64(to, ingested.microseconds);
    to = put64(to, fxi_postgresql_time_of(frame->written).microseconds);
    to = put64(to, row->offset);
    to = put_double(to, row->volatility);
    to = put32(to, row->partition);
    to = put32(to, (int32_t)row->samples);
    to = put16(to, observed.nanoseconds);
    to = put16(to, row->ingested == 0 ? 0 : ingested.nanoseconds);
    to = put16(to, frame->stream);
    to = put16(to, (int16_t)row->kind);
    to = put_text(to, row->pair.text, sizeof(row->pair.text));
    to = put_text(to, row->source, FXMON_SOURCE_TEXT);
    to = put_rate(to, row);
    to = put_numeric(to, row->bid);
    to = put_numeric(to, row->ask);
    to = put_text(to, frame->consumer, 63);
    fxi_buf_commit(out, (size_t)(to - begin));
    return true;
}

bool fxi_postgresql_copy_end(fxi_buf *out)
{
    return fxi_buf_add(out, "\377\377", 2);
}

/* ---- arrays -------------------------------------------------------------------------------------------------------- */

#define ARRAY_HEAD 20 /* dimensions, has NULLs, type, length, first index */

void fxi_postgresql_array_begin(fxi_postgresql_array *a, uint32_t type, size_t maximum)
{
    char head[ARRAY_HEAD] = {0};
    if (a->bytes.maximum == 0) {
        fxi_buf_init(&a->bytes, maximum);
    }
    fxi_buf_clear(&a->bytes);
    a->count = 0;
    a->type = type;
    fxi_postgresql_store32(head, 1);
    fxi_postgresql_store32(head + 4, 1);
    fxi_postgresql_store32(head + 8, type);
    fxi_postgresql_store32(head + 16, 1);
    fxi_buf_add(&a->bytes, head, sizeof(head));
}

static bool add_element(fxi_postgresql_array *a, const char *bytes, size_t length)
{
    char size[4];
    fxi_postgresql_store32(size, (uint32_t)length);
    a->count++;
    return fxi_buf_add(&a->bytes, size, sizeof(size)) && fxi_buf_add(&a->bytes, bytes, length);
}

bool fxi_postgresql_array_null(fxi_postgresql_array *a)
{
    char size[4];
    fxi_postgresql_store32(size, NULL_LENGTH);
    a->count++;
    return fxi_buf_add(&a->bytes, size, sizeof(size));
}

bool fxi_postgresql_array_integer(fxi_postgresql_array *a, int64_t value)
{
    char bytes[8];
    fxi_postgresql_store64(bytes, (uint64_t)value);
    return add_element(a, bytes, sizeof(bytes));
}

bool fxi_postgresql_array_text(fxi_postgresql_array *a, const char *text)
{
    return add_element(a, text, strlen(text));
}

bool fxi_postgresql_array_double(fxi_postgresql_array *a, double value)
{
    int64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return isnan(value) ? fxi_postgresql_array_null(a) : fxi_postgresql_array_integer(a, bits);
}

bool fxi_postgresql_array_decimal(fxi_postgresql_array *a, fxmon_decimal value)
{
    char bytes[FXI_POSTGRESQL_NUMERIC];
    return value.mantissa == 0 ? fxi_postgresql_array_null(a) : add_element(a, bytes, fxi_postgresql_numeric(value, bytes));
}

bool fxi_postgresql_array_rate(fxi_postgresql_array *a, const fxmon_row *row)
{
    char bytes[FXI_POSTGRESQL_NUMERIC];
    return row->kind == FXMON_ROW_CROSS ? add_element(a, bytes, fxi_postgresql_numeric_double(row->cross, bytes))
                                        : fxi_postgresql_array_decimal(a, row->rate);
}

bool fxi_postgresql_array_end(fxi_postgresql_array *a)
{
    if (a->bytes.failed) {
        return false;
    }
    if (a->count == 0) {
        fxi_postgresql_store32(a->bytes.data, 0); /* no elements: no dimension */
        a->bytes.length = 12;
    } else {
        fxi_postgresql_store32(a->bytes.data + 12, a->count);
    }
    return true;
}

void fxi_postgresql_array_free(fxi_postgresql_array *a)
{
    fxi_buf_free(&a->bytes);
}
