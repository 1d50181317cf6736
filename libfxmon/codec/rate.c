/*
 * The usual price goes through fxi_decimal_scan and is done. The long way is for numbers such as 0.0066611978177894126: a program that divides in
 * doubles prints seventeen digits whatever the size, and to call its message poison for the nineteenth decimal would serve nobody.
 */
#include "codec/rate.h"

#include "base/decimal.h"

#define SIGNIFICANT 18 /* digits that an int64_t holds whatever they are */
#define MOST INT64_C(1000000000000000000)

/* A number taken apart: value = 0.DIGITS * 10^point, without leading zeros. */
typedef struct parts {
    int64_t digits;  /* the first SIGNIFICANT */
    int count;       /* of digits kept */
    int64_t point;
    int next;        /* the first digit that was not kept, -1 none */
    bool rest;       /* a digit other than 0 follows that one */
    bool negative;
} parts;

static void add_digit(parts *n, int digit)
{
    if (n->count < SIGNIFICANT) {
        n->digits = n->digits * 10 + digit;
        n->count++;
    } else if (n->next < 0) {
        n->next = digit;
    } else if (digit != 0) {
        n->rest = true;
    }
}

/* The JSON number at p; what follows it, NULL if there is none. */
static const char *take_apart(const char *p, const char *end, parts *n)
{
    const char *first;
    bool behind = false;

    *n = (parts){.next = -1};
    if (p < end && *p == '-') {
        n->negative = true;
        p++;
    }
    first = p;
    for (; p < end && ((*p >= '0' && *p <= '9') || (*p == '.' && !behind && p > first)); p++) {
        if (*p == '.') {
            behind = true;
        } else if (n->count > 0 || *p != '0') {
            add_digit(n, *p - '0');
            n->point += !behind;
        } else {
            n->point -= behind;
        }
    }
    if (p == first || p[-1] == '.' || (*first == '0' && p - first > 1 && first[1] != '.')) {
        return NULL;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        bool down = false;
        int64_t exponent = 0;

        p++;
        if (p < end && (*p == '+' || *p == '-')) {
            down = *p++ == '-';
        }
        first = p;
        for (; p < end && *p >= '0' && *p <= '9'; p++) {
            exponent = exponent > 1000000 ? exponent : exponent * 10 + (*p - '0');
        }
        if (p == first) {
            return NULL;
        }
        n->point += down ? -exponent : exponent;
    }
    return p;
}

/* Drop the last digit of n->digits into next/rest. */
static void drop_digit(parts *n)
{
    n->rest = n->rest || n->next > 0;
    n->next = (int)(n->digits % 10);
    n->digits /= 10;
    n->count--;
}

static int round_parts(parts *n, fxmon_decimal *out)
{
    int64_t scale;

    if (n->negative || n->digits == 0 || n->point > 19 || n->point < -17) {
        return FXMON_E_RANGE;
    }
    while (n->count > 0 && n->count - n->point > 18) {
        drop_digit(n);
    }
    if (n->next > 5 || (n->next == 5 && (n->rest || n->digits % 2 == 1))) {
        n->digits++; /* at most 10^18 */
    }
    scale = n->count - n->point;
    while (scale > 0 && n->digits % 10 == 0) {
        n->digits /= 10; /* zeros that rounding left say nothing */
        scale--;
    }
    for (; scale < 0; scale++) {
        if (n->digits > MOST / 10) {
            return FXMON_E_RANGE;
        }
        n->digits *= 10;
    }
    if (scale == 0 && (n->digits > MOST || (n->digits == MOST && (n->next > 0 || n->rest)))) {
        return FXMON_E_RANGE;
    }
    out->mantissa = n->digits;
    out->scale = (int32_t)scale;
    return FXMON_OK;
}

const char *fxi_rate_scan(const char *p, const char *end, fxmon_decimal *out, int *code)
{
    const char *after = fxi_decimal_scan(p, end, out, code);
    parts n;

    if (after != NULL) {
        if (out->mantissa <= 0 || (out->scale == 0 && out->mantissa > MOST)) {
            *code = FXMON_E_RANGE;
            return NULL;
        }
        return after;
    }
    if (*code != FXMON_E_RANGE) {
        return NULL;
    }
    after = take_apart(p, end, &n);
    if (after == NULL) {
        *code = FXMON_E_SYNTAX;
        return NULL;
    }
    *code = round_parts(&n, out);
    return *code == FXMON_OK ? after : NULL;
}

int fxi_rate_parse(const char *text, size_t length, fxmon_decimal *out)
{
    int code = FXMON_OK;
    const char *after = fxi_rate_scan(text, text + length, out, &code);

    if (after == NULL) {
        return code;
    }
    return after == text + length ? FXMON_OK : FXMON_E_SYNTAX;
}

int fxi_rate_middle(fxmon_decimal bid, fxmon_decimal ask, fxmon_decimal *out)
{
    int32_t scale = bid.scale > ask.scale ? bid.scale : ask.scale;
    int64_t sum;

    if (fxmon_decimal_rescale(bid, scale, &bid) != FXMON_OK || fxmon_decimal_rescale(ask, scale, &ask) != FXMON_OK ||
        __builtin_add_overflow(bid.mantissa, ask.mantissa, &sum)) {
        return FXMON_E_RANGE;
    }
    if (sum % 2 == 0) {
        *out = (fxmon_decimal){sum / 2, scale};
        return FXMON_OK;
    }
    if (scale == 18 || __builtin_mul_overflow(sum, 5, &sum)) {
        return FXMON_E_RANGE;
    }
    *out = (fxmon_decimal){sum, scale + 1};
    return FXMON_OK;
}
