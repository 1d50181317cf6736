/*
 * base/decimal.c - exact decimals: read, write, compare, convert.
 *
 * Reading is the hottest code of the library. A price has few digits, so both runs of digits are taken eight bytes at a time
 * while eight bytes are there: one subtraction finds the digits, three multiplications add them up, and nothing depends on how
 * many there are, which keeps the branch predictor out of it. Long numbers and the last bytes of a text go through the plain
 * loop, which also knows about exponents and zeros that may be dropped.
 *
 * The conversion to double is correctly rounded for every decimal: mantissas below 2^53 by one exact IEEE division (10^18 is
 * below 2^60 but a product of 5^18 < 2^53 and a power of two, so it is exact as a double), longer ones in integers.
 */
#include "base/decimal.h"

#include <stdbool.h>
#include <string.h>

#define SCALE_MAX 18
#define EXPONENT_CAP 100000 /* exponents are counted up to here; far beyond what any mantissa can take */

const int64_t fxi_pow10[19] = {1,
                               10,
                               100,
                               1000,
                               10000,
                               100000,
                               1000000,
                               10000000,
                               100000000,
                               1000000000,
                               10000000000,
                               100000000000,
                               1000000000000,
                               10000000000000,
                               100000000000000,
                               1000000000000000,
                               10000000000000000,
                               100000000000000000,
                               1000000000000000000};

static const char digit_pairs[200] = "0001020304050607080910111213141516171819"
                                     "2021222324252627282930313233343536373839"
                                     "4041424344454647484950515253545556575859"
                                     "6061626364656667686970717273747576777879"
                                     "8081828384858687888990919293949596979899";

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* A decimal made by hand may carry any scale: keep table accesses inside. */
static int scale_of(fxmon_decimal value)
{
    return value.scale < 0 ? 0 : value.scale > SCALE_MAX ? SCALE_MAX : value.scale;
}

static uint64_t magnitude_of(fxmon_decimal value)
{
    return value.mantissa < 0 ? 0 - (uint64_t)value.mantissa : (uint64_t)value.mantissa;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

/* What the plain scanner collects: the digits without the zeros that do not matter, and where the point belongs. */
typedef struct digits {
    uint64_t magnitude;
    int64_t exponent; /* value = magnitude * 10^exponent */
    int64_t zeros;    /* zeros seen after the last digit that counts, not yet in magnitude */
    bool overflow;
} digits;

static bool append_digit(uint64_t *magnitude, unsigned digit)
{
    uint64_t next;
    if (__builtin_mul_overflow(*magnitude, UINT64_C(10), &next) || __builtin_add_overflow(next, digit, &next)) {
        return false;
    }
    *magnitude = next;
    return true;
}

/* Zeros wait in `zeros` until a digit follows them, so that zeros at the end can be dropped when they do not fit. */
static void take_digit(digits *d, unsigned digit, bool fraction)
{
    if (fraction) {
        d->exponent--;
    }
    if (digit == 0) {
        d->zeros++;
        return;
    }
    if (d->magnitude == 0) {
        d->zeros = 0;
    }
    for (; d->zeros > 0 && !d->overflow; d->zeros--) {
        d->overflow = !append_digit(&d->magnitude, 0);
    }
    d->overflow = d->overflow || !append_digit(&d->magnitude, digit);
}

static const char *scan_exponent(const char *p, const char *end, int64_t *exponent)
{
    bool negative = false;
    if (p < end && (*p == '+' || *p == '-')) {
        negative = *p++ == '-';
    }
    if (p >= end || !is_digit(*p)) {
        return NULL;
    }
    int64_t value = 0;
    for (; p < end && is_digit(*p); p++) {
        if (value < EXPONENT_CAP) {
            value = value * 10 + (*p - '0');
        }
    }
    *exponent = negative ? -value : value;
    return p;
}

/* Turn what was collected into a mantissa and a scale, keeping zeros at the end as written where they fit. */
static bool settle(digits *d, bool negative, fxmon_decimal *out)
{
    uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    if (d->overflow || d->magnitude > limit) {
        return false;
    }
    if (d->magnitude == 0) {
        int64_t scale = -d->exponent;
        *out = (fxmon_decimal){0, (int32_t)(scale < 0 ? 0 : scale > SCALE_MAX ? SCALE_MAX : scale)};
        return true;
    }
    int64_t exponent = d->exponent + d->zeros; /* of magnitude as it stands */
    int64_t zeros = d->zeros;
    while (exponent > 0 || (zeros > 0 && exponent > -SCALE_MAX)) {
        uint64_t next;
        if (__builtin_mul_overflow(d->magnitude, UINT64_C(10), &next) || next > limit) {
            break;
        }
        d->magnitude = next;
        exponent--;
        zeros--;
    }
    if (exponent > 0 || exponent < -SCALE_MAX) {
        return false;
    }
    out->mantissa = (int64_t)(negative ? 0 - d->magnitude : d->magnitude);
    out->scale = (int32_t)-exponent;
    return true;
}

static const char *scan_plain(const char *p, const char *end, fxmon_decimal *out, int *code)
{
    digits d = {0};
    bool negative = p < end && *p == '-';
    p += negative;
    *code = FXMON_E_SYNTAX;
    if (p >= end || !is_digit(*p)) {
        return NULL;
    }
    if (*p == '0') {
        p++;
        if (p < end && is_digit(*p)) {
            return NULL;
        }
    } else {
        for (; p < end && is_digit(*p); p++) {
            take_digit(&d, (unsigned)(*p - '0'), false);
        }
    }
    if (p < end && *p == '.') {
        p++;
        if (p >= end || !is_digit(*p)) {
            return NULL;
        }
        for (; p < end && is_digit(*p); p++) {
            take_digit(&d, (unsigned)(*p - '0'), true);
        }
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        int64_t exponent;
        p = scan_exponent(p + 1, end, &exponent);
        if (p == NULL) {
            return NULL;
        }
        d.exponent += exponent;
    }
    if (!settle(&d, negative, out)) {
        *code = FXMON_E_RANGE;
        return NULL;
    }
    *code = FXMON_OK;
    return p;
}

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define EIGHT_AT_ONCE 1
#define ZEROS UINT64_C(0x3030303030303030)

/* The top bit of the first byte that is more than 9; bytes behind it may be marked wrongly, those in front of it never. */
static inline uint64_t not_digits(uint64_t word)
{
    return ((word + UINT64_C(0x7676767676767676)) | word) & UINT64_C(0x8080808080808080);
}

/* The number whose digits are the eight bytes, the first in the lowest: pairs, then fours, then all. */
static inline uint64_t eight_digits(uint64_t word)
{
    word = word * 10 + (word >> 8);
    return (((word & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x000F424000000064)) +
            (((word >> 16) & UINT64_C(0x000000FF000000FF)) * UINT64_C(0x0000271000000001))) >>
           32;
}

/* How many of the eight bytes, from the first on, are digits; *value is their number. Zero digits give zero. */
static inline unsigned take_eight(const char *p, uint64_t *value)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    word ^= ZEROS; /* digits are now 0..9, everything else is more than 9 */
    uint64_t others = not_digits(word);
    unsigned count = others == 0 ? 8 : (unsigned)__builtin_ctzll(others) / 8;
    if (count == 0) {
        *value = 0;
        return 0;
    }
    *value = eight_digits(word << (64 - 8 * count)); /* right-aligned: the missing digits in front become zeros */
    return count;
}

/*
 * A text of 4 to 8 bytes that is nothing but digits with at most one point between them. Two reads of four bytes overlap, so that nothing
 * outside the text is touched; they are right-aligned, and what stands before the point moves up by one byte over it.
 */
static inline bool parse_eight(const char *text, size_t length, fxmon_decimal *out)
{
    uint32_t head, tail;
    memcpy(&head, text, sizeof(head));
    memcpy(&tail, text + length - sizeof(tail), sizeof(tail));
    unsigned first = 64 - 8 * (unsigned)length; /* the bit where the text begins; below it are zeros */
    uint64_t word = ((uint64_t)tail << 32 | (uint64_t)head << first) ^ (ZEROS << first);
    uint64_t others = not_digits(word);
    unsigned point = 64; /* the bit where it stands */
    int32_t scale = 0;
    if (others != 0) {
        point = (unsigned)__builtin_ctzll(others) & 56;
        if (((word >> point) & 0xFF) != ('.' ^ '0') || point == first || point == 56) {
            return false;
        }
        uint64_t whole = word & ((UINT64_C(1) << point) - 1);
        word = (word >> point >> 8 << 8 << point) | whole << 8;
        scale = (int32_t)(7 - point / 8);
        if (not_digits(word) != 0) {
            return false;
        }
    }
    if (text[0] == '0' && point > first + 8) {
        return false;
    }
    *out = (fxmon_decimal){(int64_t)eight_digits(word), scale};
    return true;
}
#endif

const char *fxi_decimal_scan(const char *p, const char *end, fxmon_decimal *out, int *code)
{
#ifdef EIGHT_AT_ONCE
    if (end - p >= 18) { /* 8 + '.' + 8 and one byte to look at behind them */
        uint64_t whole, fraction;
        unsigned count = take_eight(p, &whole);
        const char *at = p + count;
        if (*at == '.' && count != 0 && (*p != '0' || count == 1)) {
            unsigned decimals = take_eight(at + 1, &fraction);
            const char *after = at + 1 + decimals;
            if (decimals != 0 && !is_digit(*after) && (*after | 0x20) != 'e') {
                out->mantissa = (int64_t)(whole * (uint64_t)fxi_pow10[decimals] + fraction);
                out->scale = (int32_t)decimals;
                *code = FXMON_OK;
                return after;
            }
        }
    }
#endif
    return scan_plain(p, end, out, code);
}

/* A short text of digits and at most one point: a loop, because eight bytes must not be read where there are fewer. */
static bool parse_short(const char *text, size_t length, fxmon_decimal *out)
{
    int64_t mantissa = 0; /* at most 18 digits: no overflow */
    size_t point = length;
    for (size_t i = 0; i < length; i++) {
        unsigned digit = (unsigned char)(text[i] - '0');
        if (digit < 10) {
            mantissa = mantissa * 10 + digit;
        } else if (text[i] == '.' && point == length) {
            point = i;
        } else {
            return false;
        }
    }
    if (point == 0 || point + 1 == length || (text[0] == '0' && point > 1)) {
        return false;
    }
    *out = (fxmon_decimal){mantissa, (int32_t)(point == length ? 0 : length - point - 1)};
    return true;
}

int fxmon_decimal_parse(const char *text, size_t length, fxmon_decimal *out)
{
    if (text == NULL || out == NULL) {
        return FXMON_E_ARGUMENT;
    }
#ifdef EIGHT_AT_ONCE
    if (length - 4 <= 4 && parse_eight(text, length, out)) {
        return FXMON_OK;
    }
#endif
    fxmon_decimal value;
    if (length <= 18 && parse_short(text, length, &value)) {
        *out = value;
        return FXMON_OK;
    }
    int code;
    const char *after = fxi_decimal_scan(text, text + length, &value, &code);
    if (after == NULL) {
        return code;
    }
    if (after != text + length) {
        return FXMON_E_SYNTAX;
    }
    *out = value;
    return FXMON_OK;
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static unsigned count_digits(uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    unsigned guess = bits * 1233 >> 12; /* floor(bits * log10 2) */
    if (guess > 18) {
        return value >= UINT64_C(10000000000000000000) ? 20 : 19;
    }
    return guess + (value >= (uint64_t)fxi_pow10[guess] || value == 0);
}

/* Exactly `count` digits, from the last one backwards. */
static void write_digits(char *to, uint64_t value, unsigned count)
{
    char *at = to + count;
    while (count >= 2) {
        unsigned pair = (unsigned)(value % 100);
        value /= 100;
        at -= 2;
        memcpy(at, digit_pairs + 2 * pair, 2);
        count -= 2;
    }
    if (count != 0) {
        *--at = (char)('0' + value);
    }
}

size_t fxmon_decimal_format(fxmon_decimal value, char *out)
{
    unsigned scale = (unsigned)scale_of(value);
    uint64_t magnitude = magnitude_of(value);
    char *at = out;
    if (value.mantissa < 0) {
        *at++ = '-';
    }
    unsigned count = count_digits(magnitude);
    if (scale == 0) {
        write_digits(at, magnitude, count);
        at += count;
    } else if (count <= scale) {
        *at++ = '0';
        *at++ = '.';
        write_digits(at, magnitude, scale);
        at += scale;
    } else {
        /* All digits one place to the right, then those before the point back by one: cheaper than a division by 10^scale. */
        unsigned whole = count - scale;
        write_digits(at + 1, magnitude, count);
        for (unsigned i = 0; i < whole; i++) {
            at[i] = at[i + 1];
        }
        at[whole] = '.';
        at += count + 1;
    }
    *at = '\0';
    return (size_t)(at - out);
}

/* ---- comparing and converting ---------------------------------------------------------------------------- */

int fxmon_decimal_compare(fxmon_decimal a, fxmon_decimal b)
{
    int scale_a = scale_of(a), scale_b = scale_of(b);
    if (scale_a == scale_b) {
        return (a.mantissa > b.mantissa) - (a.mantissa < b.mantissa);
    }
    __int128 left = a.mantissa, right = b.mantissa; /* 2^63 * 10^18 < 2^123 */
    if (scale_a < scale_b) {
        left *= fxi_pow10[scale_b - scale_a];
    } else {
        right *= fxi_pow10[scale_a - scale_b];
    }
    return (left > right) - (left < right);
}

/* magnitude / 10^scale for magnitudes of more than 53 bits: a quotient with 64 more bits than needed, rounded by hand. */
static double divide_exactly(uint64_t magnitude, int scale)
{
    unsigned __int128 numerator = (unsigned __int128)magnitude << 64;
    uint64_t divisor = (uint64_t)fxi_pow10[scale];
    unsigned __int128 quotient = numerator / divisor;
    bool sticky = quotient * divisor != numerator;
    uint64_t high = (uint64_t)(quotient >> 64);
    int bits = high != 0 ? 128 - __builtin_clzll(high) : 64 - __builtin_clzll((uint64_t)quotient);
    int shift = bits - 53; /* at least 4: the quotient has 57 bits or more */
    uint64_t kept = (uint64_t)(quotient >> shift);
    unsigned __int128 rest = quotient & (((unsigned __int128)1 << shift) - 1);
    unsigned __int128 half = (unsigned __int128)1 << (shift - 1);
    if (rest > half || (rest == half && (sticky || (kept & 1) != 0))) {
        kept++;
    }
    double power = 1;
    uint64_t exponent_bits = (uint64_t)(1023 + shift - 64) << 52; /* 2^(shift-64) */
    memcpy(&power, &exponent_bits, sizeof(power));
    return (double)kept * power;
}

double fxmon_decimal_to_double(fxmon_decimal value)
{
    uint64_t magnitude = magnitude_of(value);
    int scale = scale_of(value);
    if (magnitude <= (UINT64_C(1) << 53)) {
        return (double)value.mantissa / (double)fxi_pow10[scale];
    }
    double result = divide_exactly(magnitude, scale);
    return value.mantissa < 0 ? -result : result;
}

int fxmon_decimal_rescale(fxmon_decimal value, int32_t scale, fxmon_decimal *out)
{
    if (out == NULL || value.scale < 0 || value.scale > SCALE_MAX) {
        return FXMON_E_ARGUMENT;
    }
    if (scale < 0 || scale > SCALE_MAX) {
        return FXMON_E_RANGE;
    }
    int64_t mantissa = value.mantissa;
    if (scale >= value.scale) {
        if (__builtin_mul_overflow(mantissa, fxi_pow10[scale - value.scale], &mantissa)) {
            return FXMON_E_RANGE;
        }
    } else {
        int64_t divisor = fxi_pow10[value.scale - scale];
        if (mantissa % divisor != 0) {
            return FXMON_E_RANGE;
        }
        mantissa /= divisor;
    }
    *out = (fxmon_decimal){mantissa, scale};
    return FXMON_OK;
}
