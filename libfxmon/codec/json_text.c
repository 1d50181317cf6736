/*
 * What is done with passed tokens: unescaping, the check of a whole document, looking up members.
 *
 * Duplicate names: the names of every open object lie on one stack; when an object closes, its names are sorted by a hash and then by their
 * bytes and neighbours are compared. That is n log n for any input, which a hash table is not for names that were chosen to collide.
 */
#include "codec/json.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "codec/excerpt.h"

#define NAME_MOST 256 /* longest name that is looked for, with its NUL */

typedef struct name {
    uint64_t hash;
    const char *text;
    uint32_t length;
    bool escaped;
} name;

typedef struct names {
    name *items;
    size_t count, capacity;
    size_t first[FXI_JSON_DEPTH + 1]; /* of each level */
    name own[64];                     /* enough for most documents without an allocation */
} names;

static int hex_digit(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

static uint32_t unit_at(const char *p)
{
    return (uint32_t)(hex_digit(p[0]) << 12 | hex_digit(p[1]) << 8 | hex_digit(p[2]) << 4 | hex_digit(p[3]));
}

/* The next character of a passed string as 1 to 4 bytes; *p moves on. */
static size_t next_character(const char **p, char out[4])
{
    const char *at = *p;
    uint32_t code;

    if (*at != '\\') {
        out[0] = *at;
        *p = at + 1;
        return 1;
    }
    *p = at + 2;
    switch (at[1]) {
    case 'b': out[0] = '\b'; return 1;
    case 'f': out[0] = '\f'; return 1;
    case 'n': out[0] = '\n'; return 1;
    case 'r': out[0] = '\r'; return 1;
    case 't': out[0] = '\t'; return 1;
    case 'u': break;
    default: out[0] = at[1]; return 1;
    }
    code = unit_at(at + 2);
    *p = at + 6;
    if (code >= 0xD800 && code <= 0xDBFF) {
        code = 0x10000 + ((code - 0xD800) << 10) + (unit_at(at + 8) - 0xDC00);
        *p = at + 12;
    }
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

static long unescape(const char *text, size_t length, bool escaped, char *out, size_t size)
{
    const char *p = text, *end = text + length;
    size_t at = 0;

    if (size == 0) {
        return -1;
    }
    if (!escaped) {
        if (length >= size) {
            return -1;
        }
        memcpy(out, text, length);
        out[length] = '\0';
        return (long)length;
    }
    while (p < end) {
        char bytes[4];
        size_t count = next_character(&p, bytes);

        if (at + count >= size) {
            return -1;
        }
        memcpy(out + at, bytes, count);
        at += count;
    }
    out[at] = '\0';
    return (long)at;
}

static bool equals(const char *text, size_t length, bool escaped, const char *other)
{
    size_t wanted = strlen(other);
    char plain[NAME_MOST];
    long got;

    if (!escaped) {
        return wanted == length && memcmp(text, other, wanted) == 0;
    }
    got = unescape(text, length, true, plain, sizeof plain);
    return got >= 0 && (size_t)got == wanted && memcmp(plain, other, wanted) == 0;
}

long fxi_json_string(const fxi_json *j, char *out, size_t size)
{
    return unescape(j->text, j->length, j->escaped, out, size);
}

bool fxi_json_is(const fxi_json *j, const char *text)
{
    return equals(j->text, j->length, j->escaped, text);
}

long fxi_json_span_string(const fxi_json_span *span, char *out, size_t size)
{
    return span->type == FXI_JSON_STRING ? unescape(span->text, span->length, span->escaped, out, size) : -1;
}

bool fxi_json_span_is(const fxi_json_span *span, const char *text)
{
    return span->type == FXI_JSON_STRING && equals(span->text, span->length, span->escaped, text);
}

bool fxi_json_find(const fxi_json_span *object, const char *wanted, fxi_json_span *out)
{
    fxi_json j;

    memset(out, 0, sizeof *out);
    if (object->type != FXI_JSON_OBJECT) {
        return false;
    }
    fxi_json_init(&j, object->text, object->length);
    if (fxi_json_next(&j) != FXI_JSON_OBJECT) {
        return false;
    }
    while (fxi_json_next(&j) == FXI_JSON_NAME) {
        bool here = fxi_json_is(&j, wanted);

        if (fxi_json_value(&j, out) == FXI_JSON_ERROR) {
            break;
        }
        if (here) {
            return true;
        }
    }
    memset(out, 0, sizeof *out);
    return false;
}

const char *fxi_json_type_name(int type)
{
    switch (type) {
    case FXI_JSON_NULL: return "null";
    case FXI_JSON_TRUE: return "true";
    case FXI_JSON_FALSE: return "false";
    case FXI_JSON_NUMBER: return "a number";
    case FXI_JSON_STRING: return "a string";
    case FXI_JSON_OBJECT: return "an object";
    case FXI_JSON_ARRAY: return "an array";
    default: return "nothing";
    }
}

/* Walks the bytes of a name, escapes resolved. */
typedef struct cursor {
    const char *at, *end;
    char bytes[4];
    size_t count, used;
} cursor;

static int next_byte(cursor *c)
{
    if (c->used == c->count) {
        if (c->at == c->end) {
            return -1;
        }
        c->count = next_character(&c->at, c->bytes);
        c->used = 0;
    }
    return (unsigned char)c->bytes[c->used++];
}

static int compare_names(const name *a, const name *b)
{
    cursor left = {.at = a->text, .end = a->text + a->length}, right = {.at = b->text, .end = b->text + b->length};
    int x, y;

    if (a->hash != b->hash) {
        return a->hash < b->hash ? -1 : 1;
    }
    if (!a->escaped && !b->escaped) {
        int order = memcmp(a->text, b->text, a->length < b->length ? a->length : b->length);

        return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
    }
    do {
        x = next_byte(&left);
        y = next_byte(&right);
    } while (x == y && x >= 0);
    return x - y;
}

static uint64_t hash_name(const name *n)
{
    const char *p = n->text, *end = n->text + n->length;
    uint64_t hash = UINT64_C(0xCBF29CE484222325);

    while (p < end) {
        char bytes[4];
        size_t count = next_character(&p, bytes);

        for (size_t i = 0; i < count; i++) {
            hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001B3);
        }
    }
    return hash;
}

static bool push_name(names *n, const fxi_json *j)
{
    name *item;

    if (n->count == n->capacity) {
        if (n->items == n->own) {
            size_t capacity = 0;
            name *grown = fxi_grow(NULL, &capacity, n->count * 2, sizeof *grown);

            if (grown == NULL) {
                return false;
            }
            memcpy(grown, n->own, sizeof n->own);
            n->items = grown;
            n->capacity = capacity;
        } else {
            name *grown = fxi_grow(n->items, &n->capacity, n->count + 1, sizeof *grown);

            if (grown == NULL) {
                return false;
            }
            n->items = grown;
        }
    }
    item = &n->items[n->count++];
    item->text = j->text;
    item->length = (uint32_t)j->length;
    item->escaped = j->escaped;
    item->hash = hash_name(item);
    return true;
}

static void sift_down(name *items, size_t root, size_t count)
{
    for (;;) {
        size_t child = 2 * root + 1;
        name swap;

        if (child >= count) {
            return;
        }
        if (child + 1 < count && compare_names(&items[child], &items[child + 1]) < 0) {
            child++;
        }
        if (compare_names(&items[root], &items[child]) >= 0) {
            return;
        }
        swap = items[root];
        items[root] = items[child];
        items[child] = swap;
        root = child;
    }
}

/* A name that occurs twice among these, NULL if there is none. The items are left in another order. */
static const name *find_duplicate(name *items, size_t count)
{
    if (count <= 12) {
        for (size_t i = 1; i < count; i++) {
            for (size_t k = 0; k < i; k++) {
                if (items[i].hash == items[k].hash && compare_names(&items[i], &items[k]) == 0) {
                    return &items[i];
                }
            }
        }
        return NULL;
    }
    for (size_t i = count / 2; i-- > 0;) {
        sift_down(items, i, count);
    }
    for (size_t left = count; left-- > 1;) {
        name swap = items[0];

        items[0] = items[left];
        items[left] = swap;
        sift_down(items, 0, left);
    }
    for (size_t i = 1; i < count; i++) {
        if (compare_names(&items[i - 1], &items[i]) == 0) {
            return &items[i];
        }
    }
    return NULL;
}

static int fail_duplicate(const name *twice, fxmon_error *error)
{
    char field[64], shown[FXI_EXCERPT];

    fxi_excerpt_name(twice->text, twice->length, field, sizeof field);
    return fxi_fail(error, FXMON_E_MALFORMED, field, "member %s stands twice in one object",
                    fxi_excerpt(twice->text, twice->length, shown));
}

bool fxi_json_valid(const char *data, size_t length, fxmon_error *error)
{
    fxi_json j;
    names n;
    int token, code = FXMON_OK;

    if (length > UINT32_MAX) {
        fxi_fail(error, FXMON_E_TOO_LARGE, "", "a JSON text of more than 4 GiB");
        return false;
    }
    n.items = n.own;
    n.count = 0;
    n.capacity = sizeof n.own / sizeof n.own[0];
    fxi_json_init(&j, data, length);
    do {
        token = fxi_json_next(&j);
        if (token == FXI_JSON_ERROR) {
            code = fxi_json_fail(&j, FXMON_E_SYNTAX, error);
        } else if (token == FXI_JSON_OBJECT) {
            n.first[j.depth] = n.count;
        } else if (token == FXI_JSON_NAME) {
            if (!push_name(&n, &j)) {
                code = fxi_fail(error, FXMON_E_NOMEM, "", "out of memory while checking %lld bytes of JSON", (long long)length);
            }
        } else if (token == FXI_JSON_OBJECT_END) {
            size_t first = n.first[j.depth + 1];
            const name *twice = find_duplicate(n.items + first, n.count - first);

            if (twice != NULL) {
                code = fail_duplicate(twice, error);
            }
            n.count = first;
        }
    } while (code == FXMON_OK && token != FXI_JSON_END);
    if (n.items != n.own) {
        fxi_free(n.items);
    }
    return code == FXMON_OK;
}
