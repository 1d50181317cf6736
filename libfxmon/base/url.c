/*
 * base/url.c - taking URLs apart, and making them fit for a log.
 *
 * Parts are cut first and decoded afterwards, each exactly once, so that an escaped '/' or '@' can never move a border. All parts
 * live in one block that is as long as the text and a few NULs: decoding only ever shortens.
 */
#include "base/url.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "base/value.h"

#include <string.h>

#define URL_MAXIMUM 8192
#define PARAMETER_NAME_MAXIMUM 128
#define PARAMETER_VALUE_MAXIMUM 2048

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static bool is_letter(char c)
{
    return (unsigned char)((c | 0x20) - 'a') < 26;
}

static int hex_value(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

long fxi_percent_decode(const char *text, size_t length, char *out, size_t size)
{
    size_t used = 0;
    if (size == 0) {
        return -FXMON_E_TOO_LARGE;
    }
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < length ? hex_value(text[i + 1]) : -1;
            int low = i + 2 < length ? hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return -FXMON_E_SYNTAX;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0') {
            return -FXMON_E_SYNTAX;
        }
        if (used + 1 >= size) {
            return -FXMON_E_TOO_LARGE;
        }
        out[used++] = c;
    }
    out[used] = '\0';
    return fxi_utf8_valid(out, used) ? (long)used : -FXMON_E_SYNTAX;
}

bool fxi_scheme_in(const char *schemes, const char *scheme)
{
    size_t length = strlen(scheme);
    for (const char *p = schemes; length != 0 && *p != '\0';) {
        size_t word = strcspn(p, " ");
        if (word == length && memcmp(p, scheme, length) == 0) {
            return true;
        }
        p += word;
        p += strspn(p, " ");
    }
    return false;
}

/* ---- taking apart ---------------------------------------------------------------------------------------- */

/* The block that the parts are copied into, and how much of it is used. */
typedef struct parts {
    char *block;
    size_t used, size;
} parts;

static char *copy_part(parts *p, const char *text, size_t length)
{
    char *to = p->block + p->used;
    memcpy(to, text, length);
    to[length] = '\0';
    p->used += length + 1;
    return to;
}

static char *decode_part(parts *p, const char *text, size_t length, const char *what, fxmon_error *error)
{
    char *to = p->block + p->used;
    long used = fxi_percent_decode(text, length, to, p->size - p->used);
    if (used < 0) {
        fxi_fail(error, FXMON_E_SYNTAX, what, "the %s of the URL holds a bad escape: expected %%XX of valid UTF-8 other than %%00",
                 what);
        return NULL;
    }
    p->used += (size_t)used + 1;
    return to;
}

static int parse_port(const char *text, size_t length, int *port, fxmon_error *error)
{
    int64_t value;
    if (fxi_integer_parse(text, length, &value) != FXMON_OK || value < 1 || value > 65535) {
        return fxi_fail(error, FXMON_E_SYNTAX, "port", "\"%.*s\" is not a port: expected 1 to 65535", (int)(length < 40 ? length : 40),
                        text);
    }
    *port = (int)value;
    return FXMON_OK;
}

/* "user:password@" */
static int parse_login(parts *p, const char *text, size_t length, fxi_url *url, fxmon_error *error)
{
    const char *colon = memchr(text, ':', length);
    size_t user = colon == NULL ? length : (size_t)(colon - text);
    url->user = decode_part(p, text, user, "user", error);
    if (url->user == NULL) {
        return FXMON_E_SYNTAX;
    }
    if (colon != NULL) {
        url->password = decode_part(p, colon + 1, length - user - 1, "password", error);
        if (url->password == NULL) {
            return FXMON_E_SYNTAX;
        }
    }
    return FXMON_OK;
}

/* "host", "host:80", "[::1]:80"; a list "a:1,b:2" is left to the driver. */
static int parse_host(parts *p, const char *text, size_t length, fxi_url *url, fxmon_error *error)
{
    const char *end = text + length, *host = text, *after = end;
    if (length == 0) {
        return fxi_fail(error, FXMON_E_SYNTAX, "host", "the URL has no host behind //");
    }
    for (const char *c = text; c < end; c++) {
        if ((unsigned char)*c <= 0x20 || *c == 0x7F || *c == '\\' || *c == '%' || *c == '<' || *c == '>' || *c == '"') {
            return fxi_fail(error, FXMON_E_SYNTAX, "host", "the host of the URL holds a character that no host name has");
        }
    }
    if (memchr(text, ',', length) == NULL) {
        if (*text == '[') {
            const char *close = memchr(text, ']', length);
            if (close == NULL || (close + 1 < end && close[1] != ':')) {
                return fxi_fail(error, FXMON_E_SYNTAX, "host", "the IPv6 address of the URL is not closed: expected [address]:port");
            }
            host = text + 1;
            after = close;
        } else if (memchr(text, ':', length) != NULL) {
            after = memchr(text, ':', length);
        }
        const char *colon = after < end && *after == ']' ? after + 1 : after;
        if (colon < end) {
            int code = parse_port(colon + 1, (size_t)(end - colon - 1), &url->port, error);
            if (code != FXMON_OK) {
                return code;
            }
        }
        if (after == host) {
            return fxi_fail(error, FXMON_E_SYNTAX, "host", "the URL has no host behind //");
        }
    }
    url->host = copy_part(p, host, (size_t)(after - host));
    return FXMON_OK;
}

static int parse_authority(parts *p, const char *text, size_t length, fxi_url *url, fxmon_error *error)
{
    const char *at = memrchr(text, '@', length);
    if (at != NULL) {
        int code = parse_login(p, text, (size_t)(at - text), url, error);
        if (code != FXMON_OK) {
            return code;
        }
        length -= (size_t)(at + 1 - text);
        text = at + 1;
    }
    return parse_host(p, text, length, url, error);
}

static bool count_parameter(void *user, const char *name, const char *value)
{
    (void)name;
    (void)value;
    ++*(size_t *)user;
    return true;
}

/* Decode every parameter once, so that the readers of parameters cannot meet a bad one later. */
static int check_query(const fxi_url *url, fxmon_error *error)
{
    size_t expected = 0, seen = 0;
    if (url->query == NULL) {
        return FXMON_OK;
    }
    for (const char *p = url->query; *p != '\0';) {
        size_t length = strcspn(p, "&");
        expected += length > 0;
        p += length;
        p += *p == '&';
    }
    fxi_url_each_param(url, count_parameter, &seen);
    if (seen != expected) {
        return fxi_fail(error, FXMON_E_SYNTAX, "query", "a parameter behind ? in the URL is longer than %d bytes or holds a bad escape",
                        PARAMETER_VALUE_MAXIMUM - 1);
    }
    return FXMON_OK;
}

/* Schemes of this machine: the path is a file name, so it is decoded, and there is no host but this one. */
static bool is_local(const char *scheme)
{
    return fxi_scheme_in("file sqlite replay", scheme);
}

static int parse_rest(parts *p, const char *rest, fxi_url *url, fxmon_error *error)
{
    if (strcmp(url->scheme, "exec") == 0) { /* a command line is taken as it is written: its ? and % belong to it */
        url->path = copy_part(p, rest, strlen(rest));
        return FXMON_OK;
    }
    size_t length = strcspn(rest, "?");
    const char *query = rest[length] == '?' ? rest + length + 1 : NULL;
    int code = FXMON_OK;
    if (length >= 2 && rest[0] == '/' && rest[1] == '/') {
        rest += 2;
        length -= 2;
        const char *slash = memchr(rest, '/', length);
        size_t authority = slash == NULL ? length : (size_t)(slash - rest);
        if (!is_local(url->scheme)) {
            code = parse_authority(p, rest, authority, url, error);
        } else if (authority != 0 && (authority != 9 || memcmp(rest, "localhost", 9) != 0)) {
            code = fxi_fail(error, FXMON_E_SYNTAX, "host", "a %s: URL names a file of this machine: expected %s:PATH or %s:///PATH",
                            url->scheme, url->scheme, url->scheme);
        }
        if (code != FXMON_OK) {
            return code;
        }
        rest += authority;
        length -= authority;
    }
    url->path = is_local(url->scheme) ? decode_part(p, rest, length, "path", error) : copy_part(p, rest, length);
    if (url->path == NULL) {
        return FXMON_E_SYNTAX;
    }
    if (query != NULL) {
        url->query = copy_part(p, query, strlen(query));
    }
    return check_query(url, error);
}

static int parse_scheme(parts *p, const char *text, size_t length, fxi_url *url, fxmon_error *error)
{
    bool fine = length > 0 && length < 40;
    url->scheme = copy_part(p, text, length);
    for (char *c = url->scheme; *c != '\0'; c++) {
        if (is_letter(*c)) {
            *c = (char)(*c | 0x20);
        } else if (!is_digit(*c) && *c != '+' && *c != '-' && *c != '.' && *c != '_') {
            fine = false;
        }
    }
    if (!fine) {
        return fxi_fail(error, FXMON_E_SYNTAX, "url", "\"%.40s\" is no URL: expected SCHEME:REST or a name", url->scheme);
    }
    return FXMON_OK;
}

int fxi_url_parse(const char *text, fxi_url *out, fxmon_error *error)
{
    *out = (fxi_url){.port = -1};
    if (text == NULL || *text == '\0') {
        return fxi_fail(error, FXMON_E_ARGUMENT, "url", "the URL is empty");
    }
    size_t length = strlen(text);
    if (length > URL_MAXIMUM) {
        return fxi_fail(error, FXMON_E_TOO_LARGE, "url", "the URL has %zu bytes, at most %d are allowed", length, URL_MAXIMUM);
    }
    parts p = {.size = length + 8};
    p.block = fxi_alloc(p.size);
    if (p.block == NULL) {
        return fxi_fail(error, FXMON_E_NOMEM, NULL, "out of memory");
    }
    out->text = p.block;
    size_t scheme = strcspn(text, ":?");
    const char *rest = text[scheme] == ':' ? text + scheme + 1 : text + scheme;
    int code = parse_scheme(&p, text, scheme, out, error);
    if (code == FXMON_OK) {
        code = parse_rest(&p, rest, out, error);
    }
    if (code != FXMON_OK) {
        fxi_url_free(out);
    }
    return code;
}

void fxi_url_free(fxi_url *url)
{
    if (url->password != NULL) {
        explicit_bzero(url->password, strlen(url->password));
    }
    fxi_free(url->text);
    *url = (fxi_url){.port = -1};
}

bool fxi_url_each_param(const fxi_url *url, bool (*fn)(void *user, const char *name, const char *value), void *user)
{
    char name[PARAMETER_NAME_MAXIMUM], value[PARAMETER_VALUE_MAXIMUM];
    for (const char *p = url->query; p != NULL && *p != '\0';) {
        size_t length = strcspn(p, "&");
        const char *equals = memchr(p, '=', length);
        size_t name_length = equals == NULL ? length : (size_t)(equals - p);
        size_t skipped = equals == NULL ? length : name_length + 1;
        if (length > 0) {
            if (fxi_percent_decode(p, name_length, name, sizeof(name)) < 0 ||
                fxi_percent_decode(p + skipped, length - skipped, value, sizeof(value)) < 0 || !fn(user, name, value)) {
                return false;
            }
        }
        p += length;
        p += *p == '&';
    }
    return true;
}

typedef struct wanted_param {
    const char *name;
    char *out;
    size_t size;
    bool found;
} wanted_param;

static bool match_param(void *user, const char *name, const char *value)
{
    wanted_param *wanted = user;
    size_t length = strlen(value);
    if (strcmp(name, wanted->name) != 0) {
        return true;
    }
    if (length < wanted->size) {
        memcpy(wanted->out, value, length + 1);
        wanted->found = true;
    }
    return false;
}

bool fxi_url_param(const fxi_url *url, const char *name, char *out, size_t size)
{
    wanted_param wanted = {name, out, size, false};
    fxi_url_each_param(url, match_param, &wanted);
    return wanted.found;
}
