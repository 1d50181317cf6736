/*
 * The reader is a state machine of six states over a byte range, so a document of a hundred thousand brackets costs thirty-three steps and no
 * stack. Strings are checked (control characters, UTF-8, escapes, surrogate pairs) when they are passed, and unescaped only when somebody asks
 * for the text; numbers stay text, because a price must keep its digits.
 */
#include "codec/json.h"

#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "codec/excerpt.h"

enum state {
    WANT_VALUE,          /* at the start, after ':' and after ',' in an array */
    WANT_VALUE_OR_CLOSE, /* after '[' */
    WANT_NAME_OR_CLOSE,  /* after '{' */
    WANT_COMMA_OR_CLOSE, /* after a value in a container */
    WANT_END,            /* after the outermost value */
    FAILED
};

/* 0: plain, 1: ends or interrupts a plain run of a string (quote, backslash, control character, not ASCII) */
static inline bool is_special(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\' || c >= 0x80;
}

void fxi_json_init(fxi_json *j, const char *data, size_t length)
{
    static const char nothing[1] = "";

    if (data == NULL) {
        data = nothing;
        length = 0;
    }
    memset(j, 0, sizeof *j);
    j->start = j->at = data;
    j->end = data + length;
    j->text = data;
    j->state = WANT_VALUE;
}

static int fail(fxi_json *j, const char *at, const char *problem)
{
    j->at = at;
    j->problem = problem;
    j->state = FAILED;
    return FXI_JSON_ERROR;
}

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
        p++;
    }
    return p;
}

/* Four hexadecimal digits at p as a number, -1 if they are not. */
static int32_t hex4(const char *p, const char *end)
{
    int32_t value = 0;

    if (end - p < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)p[i];
        int digit;

        if (c >= '0' && c <= '9') {
            digit = c - '0';
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            digit = (c | 0x20) - 'a' + 10;
        } else {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* The escape behind a backslash at p[-1]; returns what follows it, NULL (with *problem) if it is none. */
static const char *pass_escape(const char *p, const char *end, const char **problem)
{
    int32_t unit;

    if (p == end) {
        *problem = "the text ends within a string";
        return NULL;
    }
    if (*p != 'u') {
        if (memchr("\"\\/bfnrt", *p, 8) == NULL) {
            *problem = "no such escape in a string";
            return NULL;
        }
        return p + 1;
    }
    unit = hex4(p + 1, end);
    if (unit < 0) {
        *problem = "\\u needs four hexadecimal digits";
        return NULL;
    }
    p += 5;
    if (unit >= 0xDC00 && unit <= 0xDFFF) {
        *problem = "lone surrogate in a string";
        return NULL;
    }
    if (unit >= 0xD800 && unit <= 0xDBFF) {
        int32_t second = end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2, end) : -1;

        if (second < 0xDC00 || second > 0xDFFF) {
            *problem = "lone surrogate in a string";
            return NULL;
        }
        p += 6;
    }
    return p;
}

/* p is behind the opening quote. Sets text, length, escaped; returns what follows the closing quote or NULL (failed). */
static const char *pass_string(fxi_json *j, const char *p)
{
    const char *end = j->end;

    j->text = p;
    j->escaped = false;
    for (;;) {
        unsigned char c;

        while (p < end && !is_special((unsigned char)*p)) {
            p++;
        }
        if (p == end) {
            fail(j, p, "the text ends within a string");
            return NULL;
        }
        c = (unsigned char)*p;
        if (c == '"') {
            j->length = (size_t)(p - j->text);
            return p + 1;
        }
        if (c == '\\') {
            const char *problem = NULL;
            const char *next = pass_escape(p + 1, end, &problem);

            if (next == NULL) {
                fail(j, p, problem);
                return NULL;
            }
            j->escaped = true;
            p = next;
        } else if (c < 0x20) {
            fail(j, p, "control character in a string");
            return NULL;
        } else {
            size_t length = fxi_utf8_character(p, (size_t)(end - p));

            if (length == 0) {
                fail(j, p, "not UTF-8");
                return NULL;
            }
            p += length;
        }
    }
}

static const char *pass_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9') {
        p++;
    }
    return p;
}

static int read_number(fxi_json *j, const char *p)
{
    const char *end = j->end, *digits;

    j->text = p;
    if (*p == '-') {
        p++;
    }
    digits = p;
    p = pass_digits(p, end);
    if (p == digits) {
        return fail(j, p, "a number needs a digit here (NaN and Infinity are no JSON)");
    }
    if (*digits == '0' && p - digits > 1) {
        return fail(j, digits, "a number must not begin with 0 and another digit");
    }
    if (p < end && *p == '.') {
        digits = ++p;
        p = pass_digits(p, end);
        if (p == digits) {
            return fail(j, p, "a number needs a digit after its point");
        }
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-')) {
            p++;
        }
        digits = p;
        p = pass_digits(p, end);
        if (p == digits) {
            return fail(j, p, "a number needs a digit in its exponent");
        }
    }
    j->length = (size_t)(p - j->text);
    j->escaped = false;
    j->at = p;
    j->state = j->depth == 0 ? WANT_END : WANT_COMMA_OR_CLOSE;
    return FXI_JSON_NUMBER;
}

static int read_word(fxi_json *j, const char *p, const char *word, size_t length, int type)
{
    if ((size_t)(j->end - p) < length || memcmp(p, word, length) != 0) {
        return fail(j, p, "expected a value");
    }
    j->text = p;
    j->length = length;
    j->escaped = false;
    j->at = p + length;
    j->state = j->depth == 0 ? WANT_END : WANT_COMMA_OR_CLOSE;
    return type;
}

static int open_container(fxi_json *j, const char *p)
{
    if (j->depth == FXI_JSON_DEPTH) {
        return fail(j, p, "nested deeper than 32 levels");
    }
    j->kind[j->depth++] = *p;
    j->text = p;
    j->length = 1;
    j->escaped = false;
    j->at = p + 1;
    j->state = *p == '{' ? WANT_NAME_OR_CLOSE : WANT_VALUE_OR_CLOSE;
    return *p == '{' ? FXI_JSON_OBJECT : FXI_JSON_ARRAY;
}

static int close_container(fxi_json *j, const char *p)
{
    j->depth--;
    j->text = p;
    j->length = 1;
    j->escaped = false;
    j->at = p + 1;
    j->state = j->depth == 0 ? WANT_END : WANT_COMMA_OR_CLOSE;
    return *p == '}' ? FXI_JSON_OBJECT_END : FXI_JSON_ARRAY_END;
}

static int read_value(fxi_json *j, const char *p)
{
    if (p == j->end) {
        return fail(j, p, "the text ends where a value was expected");
    }
    switch (*p) {
    case '{':
    case '[':
        return open_container(j, p);
    case '"':
        p = pass_string(j, p + 1);
        if (p == NULL) {
            return FXI_JSON_ERROR;
        }
        j->at = p;
        j->state = j->depth == 0 ? WANT_END : WANT_COMMA_OR_CLOSE;
        return FXI_JSON_STRING;
    case 't':
        return read_word(j, p, "true", 4, FXI_JSON_TRUE);
    case 'f':
        return read_word(j, p, "false", 5, FXI_JSON_FALSE);
    case 'n':
        return read_word(j, p, "null", 4, FXI_JSON_NULL);
    case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
        return read_number(j, p);
    case 'N':
        return fail(j, p, "expected a value (NaN is no JSON)");
    default:
        return fail(j, p, "expected a value");
    }
}

/* A name with the colon behind it. */
static int read_name(fxi_json *j, const char *p)
{
    if (p == j->end) {
        return fail(j, p, "the text ends within an object");
    }
    if (*p != '"') {
        return fail(j, p, "expected a member name in double quotes");
    }
    p = pass_string(j, p + 1);
    if (p == NULL) {
        return FXI_JSON_ERROR;
    }
    p = skip_space(p, j->end);
    if (p == j->end || *p != ':') {
        return fail(j, p, "expected a colon after the member name");
    }
    j->at = p + 1;
    j->state = WANT_VALUE;
    return FXI_JSON_NAME;
}

int fxi_json_next(fxi_json *j)
{
    const char *p = skip_space(j->at, j->end);

    switch (j->state) {
    case WANT_VALUE:
        return read_value(j, p);
    case WANT_VALUE_OR_CLOSE:
        return p < j->end && *p == ']' ? close_container(j, p) : read_value(j, p);
    case WANT_NAME_OR_CLOSE:
        return p < j->end && *p == '}' ? close_container(j, p) : read_name(j, p);
    case WANT_COMMA_OR_CLOSE: {
        bool object = j->kind[j->depth - 1] == '{';

        if (p == j->end) {
            return fail(j, p, object ? "the text ends within an object" : "the text ends within an array");
        }
        if (*p == (object ? '}' : ']')) {
            return close_container(j, p);
        }
        if (*p != ',') {
            return fail(j, p, object ? "expected a comma or } in an object" : "expected a comma or ] in an array");
        }
        p = skip_space(p + 1, j->end);
        return object ? read_name(j, p) : read_value(j, p);
    }
    case WANT_END:
        if (p < j->end) {
            return fail(j, p, "something follows the value");
        }
        j->at = p;
        return FXI_JSON_END;
    default:
        return FXI_JSON_ERROR;
    }
}

int fxi_json_skip(fxi_json *j)
{
    int target, token;

    if (j->state == WANT_VALUE_OR_CLOSE || j->state == WANT_NAME_OR_CLOSE) {
        target = j->depth - 1;
    } else {
        token = fxi_json_next(j);
        if (token == FXI_JSON_ERROR) {
            return FXI_JSON_ERROR;
        }
        if (token != FXI_JSON_OBJECT && token != FXI_JSON_ARRAY) {
            return 0;
        }
        target = j->depth - 1;
    }
    while (j->depth > target) {
        if (fxi_json_next(j) == FXI_JSON_ERROR) {
            return FXI_JSON_ERROR;
        }
    }
    return 0;
}

int fxi_json_value(fxi_json *j, fxi_json_span *out)
{
    int token = fxi_json_next(j);

    out->type = token;
    out->text = j->text;
    out->length = j->length;
    out->escaped = j->escaped;
    if (token == FXI_JSON_OBJECT || token == FXI_JSON_ARRAY) {
        if (fxi_json_skip(j) != 0) {
            out->type = FXI_JSON_ERROR;
            return FXI_JSON_ERROR;
        }
        out->length = (size_t)(j->at - out->text);
    }
    return token;
}

int fxi_json_fail(const fxi_json *j, int code, fxmon_error *error)
{
    char near[FXI_EXCERPT];

    fxi_excerpt(j->at, (size_t)(j->end - j->at), near);
    return fxi_fail(error, code, "", "not JSON at byte %lld: %s, found %s", (long long)(j->at - j->start),
                    j->problem != NULL ? j->problem : "unexpected token", j->at == j->end ? "the end" : near);
}
