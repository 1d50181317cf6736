/*
 * base/value.c - what people write as option values. Everything is exact integers: "1.5h" is a decimal times a unit, and a value that
 * would need rounding or does not fit is refused, not adjusted.
 */
#include "base/value.h"

#include "base/decimal.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAXIMUM 64 /* of words that are compared for nearness */

typedef struct unit {
    const char *name;
    int64_t factor;
} unit;

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool same_word(const char *text, size_t length, const char *word)
{
    if (strlen(word) != length) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (lower(text[i]) != word[i]) {
            return false;
        }
    }
    return true;
}

/* "1.5" and the letters behind it. Returns what is left, or NULL (*code says why). */
static const char *take_amount(const char *p, const char *end, fxmon_decimal *amount, const char **letters, size_t *count, int *code)
{
    *code = FXMON_E_SYNTAX;
    const char *number = p;
    while (p < end && (is_digit(*p) || *p == '.')) {
        p++;
    }
    while (number + 1 < p && number[0] == '0' && is_digit(number[1])) { /* "05m" is fine for people */
        number++;
    }
    int failure = fxmon_decimal_parse(number, (size_t)(p - number), amount);
    if (failure != FXMON_OK) {
        *code = failure;
        return NULL;
    }
    *letters = p;
    while (p < end && lower(*p) >= 'a' && lower(*p) <= 'z') {
        p++;
    }
    *count = (size_t)(p - *letters);
    *code = FXMON_OK;
    return p;
}

/* amount * factor as a whole number, added to *sum. */
static int add_product(fxmon_decimal amount, int64_t factor, int64_t *sum)
{
    __int128 product = (__int128)amount.mantissa * factor;
    int64_t divisor = fxi_pow10[amount.scale];
    if (product % divisor != 0 || product / divisor > INT64_MAX - *sum) {
        return FXMON_E_RANGE;
    }
    *sum += (int64_t)(product / divisor);
    return FXMON_OK;
}

int fxmon_duration_parse(const char *text, size_t length, int64_t *ns)
{
    static const unit units[] = {{"ns", 1},
                                 {"us", 1000},
                                 {"ms", 1000000},
                                 {"s", FXMON_SECOND},
                                 {"sec", FXMON_SECOND},
                                 {"m", 60 * FXMON_SECOND},
                                 {"min", 60 * FXMON_SECOND},
                                 {"h", 3600 * FXMON_SECOND},
                                 {"d", 86400 * FXMON_SECOND},
                                 {"w", 604800 * FXMON_SECOND}};
    const char *p = text, *end = text + length;
    int64_t sum = 0, smallest = INT64_MAX;
    if (length == 0) {
        return FXMON_E_SYNTAX;
    }
    while (p < end) {
        fxmon_decimal amount;
        const char *letters;
        size_t count;
        int code;
        bool first = p == text;
        p = take_amount(p, end, &amount, &letters, &count, &code);
        if (p == NULL) {
            return code;
        }
        int64_t factor = count == 0 && first && p == end ? FXMON_SECOND : 0;
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
            if (same_word(letters, count, units[i].name)) {
                factor = units[i].factor;
            }
        }
        if (factor == 0 || factor >= smallest) { /* 1h30m, but neither 30m1h nor 1m1m: more likely a mistake than a wish */
            return FXMON_E_SYNTAX;
        }
        smallest = factor;
        code = add_product(amount, factor, &sum);
        if (code != FXMON_OK) {
            return code;
        }
    }
    *ns = sum;
    return FXMON_OK;
}

size_t fxi_duration_format(int64_t ns, char *out, size_t size)
{
    static const unit units[] = {{"d", 86400 * FXMON_SECOND},  {"h", 3600 * FXMON_SECOND}, {"m", 60 * FXMON_SECOND},
                                 {"s", FXMON_SECOND}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}};
    char text[128];
    size_t used = 0;
    uint64_t rest = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    if (ns < 0) {
        text[used++] = '-';
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        uint64_t count = rest / (uint64_t)units[i].factor;
        rest %= (uint64_t)units[i].factor;
        if (count != 0) {
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%llu%s", (unsigned long long)count, units[i].name);
        }
    }
    if (ns == 0) {
        used = (size_t)snprintf(text, sizeof(text), "0s");
    }
    if (size > 0) {
        size_t copied = used < size ? used : size - 1;
        memcpy(out, text, copied);
        out[copied] = '\0';
    }
    return used;
}

int fxi_size_parse(const char *text, size_t length, int64_t *bytes)
{
    static const char letters_of_units[] = "kmgt";
    fxmon_decimal amount;
    const char *letters;
    size_t count;
    int code;
    const char *after = take_amount(text, text + length, &amount, &letters, &count, &code);
    if (after == NULL) {
        return code;
    }
    if (after != text + length) {
        return FXMON_E_SYNTAX;
    }
    int64_t factor = count == 0 || same_word(letters, count, "b") ? 1 : 0;
    for (size_t i = 0; factor == 0 && letters_of_units[i] != '\0'; i++) {
        if (lower(letters[0]) == letters_of_units[i] &&
            (count == 1 || same_word(letters + 1, count - 1, "b") || same_word(letters + 1, count - 1, "i") ||
             same_word(letters + 1, count - 1, "ib"))) {
            factor = INT64_C(1024) << (10 * i);
        }
    }
    int64_t sum = 0;
    code = factor == 0 ? FXMON_E_SYNTAX : add_product(amount, factor, &sum);
    if (code == FXMON_OK) {
        *bytes = sum;
    }
    return code;
}

int fxi_integer_parse(const char *text, size_t length, int64_t *out)
{
    fxmon_decimal value;
    for (size_t i = 0; i < length; i++) {
        if (!is_digit(text[i]) && (i > 0 || text[i] != '-')) {
            return FXMON_E_SYNTAX;
        }
    }
    int code = fxmon_decimal_parse(text, length, &value);
    if (code == FXMON_OK) {
        *out = value.mantissa;
    }
    return code;
}

int fxi_bool_parse(const char *text, size_t length, bool *out)
{
    static const char *const words[2][4] = {{"no", "false", "off", "0"}, {"yes", "true", "on", "1"}};
    for (size_t i = 0; i < 8; i++) {
        if (same_word(text, length, words[i / 4][i % 4])) {
            *out = i >= 4;
            return FXMON_OK;
        }
    }
    return FXMON_E_SYNTAX;
}

/* Insertions, removals, replacements and swaps of neighbours that turn one word into the other (no part edited twice). */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][NAME_MAXIMUM + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_length; j++) {
        above[j] = j;
        before[j] = 0;
    }
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            best = above[j] + 1 < best ? above[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best) {
                best = before[j - 2] + 1;
            }
            row[j] = best;
        }
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b_length];
}

const char *fxi_nearest(const char *word, const char *const *names)
{
    size_t length = strlen(word);
    const char *nearest = NULL;
    size_t smallest = length / 3 + 1; /* one more than what is near */
    if (length == 0 || length > NAME_MAXIMUM) {
        return NULL;
    }
    for (; *names != NULL; names++) {
        size_t name_length = strlen(*names);
        if (name_length > NAME_MAXIMUM) {
            continue;
        }
        size_t edits = distance(word, length, *names, name_length);
        if (edits < smallest) {
            smallest = edits;
            nearest = *names;
        }
    }
    return nearest;
}
