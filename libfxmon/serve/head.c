/*
 * serve/head.c - strict about framing, because whoever stands in front of us may not be: a request that two parsers can read in two
 * ways is how one client's request becomes part of another's. So everything ambiguous is refused, never repaired.
 *
 * libmicrohttpd 0.9 is lenient and does not tell: it takes bare line feeds, folded fields, several lengths, and hides NUL bytes. The first head of a
 * connection is therefore read here before the library gets the socket. For the following ones the library has read the socket already;
 * but it parses in place and leaves the bytes where they are: CR LF has become two NULs, a lone LF one NUL, the colon one NUL. The same scanner with other
 * separators finds all but one of the anomalies there (NUL LF looks like CR LF); whatever it does not understand is refused.
 */
#include "serve/head.h"

#include <string.h>
#include <strings.h>

typedef struct separators { char colon, cr, lf; } separators;
static const separators raw = {':', '\r', '\n'}, parsed = {'\0', '\0', '\0'};

static bool refuse(fxi_head *out, int status, const char *reason)
{
    out->status = status;
    out->reason = reason;
    return false;
}

static bool is_token(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_value(unsigned char c)
{
    return (c >= 0x20 && c != 0x7f) || c == '\t';
}

static bool span_is(fxi_span s, const char *text)
{
    return strlen(text) == s.length && strncasecmp(s.at, text, s.length) == 0;
}

static void keep(fxi_head *out, fxi_span name, fxi_span value)
{
    switch (name.length) {
    case 4:
        if (span_is(name, "host")) {
            out->host = value;
            out->hosts++;
        }
        break;
    case 6:
        if (span_is(name, "accept"))
            out->accept = value;
        else if (span_is(name, "origin"))
            out->origin = value;
        else if (span_is(name, "expect"))
            out->expect = value;
        break;
    case 12:
        if (span_is(name, "content-type"))
            out->content_type = value;
        break;
    case 13:
        if (span_is(name, "if-none-match"))
            out->if_none_match = value;
        break;
    case 14:
        if (span_is(name, "content-length")) {
            out->content_length = value;
            out->lengths++;
        }
        break;
    case 17:
        if (span_is(name, "transfer-encoding")) {
            out->transfer_encoding = value;
            out->encodings++;
        }
        break;
    default: break;
    }
}

/* One field line at p. The place after it; NULL: refused, or (status 0) incomplete. */
static const char *read_field(const char *p, const char *end, separators s, fxi_head *out)
{
    fxi_span name = {p, 0}, value;
    if (*p == ' ' || *p == '\t')
        return refuse(out, 400, "folded header fields are not accepted"), NULL;
    while (p < end && is_token((unsigned char)*p))
        p++;
    if (p == end)
        return NULL;
    name.length = (size_t)(p - name.at);
    if (*p != s.colon)
        return refuse(out, 400, *p == ' ' || *p == '\t' ? "white space in or after the name of a header field" : "malformed header field"), NULL;
    if (name.length == 0)
        return refuse(out, 400, "header field without a name"), NULL;
    for (p++; p < end && (*p == ' ' || *p == '\t'); p++)
        ;
    for (value.at = p; p < end && *p != s.cr; p++) {
        if (!is_value((unsigned char)*p))
            return refuse(out, 400, *p == '\n' ? "line feed without carriage return" : "control character in a header field"), NULL;
    }
    if (end - p < 2)
        return NULL;
    if (p[1] != s.lf)
        return refuse(out, 400, "header line that does not end in CR LF"), NULL;
    value.length = (size_t)(p - value.at);
    while (value.length > 0 && (value.at[value.length - 1] == ' ' || value.at[value.length - 1] == '\t'))
        value.length--;
    if (++out->fields > FXI_HEAD_FIELDS)
        return refuse(out, 431, "too many header fields: at most 64"), NULL;
    keep(out, name, value);
    return p + 2;
}

/* The fields and the blank line. NULL: refused or incomplete. */
static const char *read_fields(const char *p, const char *end, separators s, fxi_head *out)
{
    const char *start = p;
    while (p && p < end) {
        if (*p == s.cr) {
            if (end - p < 2)
                return (size_t)(p - start) > FXI_HEAD_BYTES ? refuse(out, 431, "header fields too large: at most 8192 bytes"), NULL : NULL;
            if (p[1] != s.lf)
                return refuse(out, 400, "carriage return without line feed"), NULL;
            if ((size_t)(p - start) > FXI_HEAD_BYTES)
                return refuse(out, 431, "header fields too large: at most 8192 bytes"), NULL;
            return p + 2;
        }
        p = read_field(p, end, s, out);
    }
    if (!out->status && (size_t)(end - start) > FXI_HEAD_BYTES + 2)
        refuse(out, 431, "header fields too large: at most 8192 bytes");
    return NULL;
}

static bool digits_only(fxi_span s)
{
    for (size_t i = 0; i < s.length; i++)
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
    return s.length > 0 && s.length <= 18;
}

static bool host_is_plain(fxi_span s)
{
    for (size_t i = 0; i < s.length; i++)
        if (!is_token((unsigned char)s.at[i]) && !strchr(":[]", s.at[i]))
            return false;
    return s.length > 0;
}

static bool same_text(fxi_span a, const char *b, size_t length)
{
    return a.length == length && strncasecmp(a.at, b, length) == 0;
}

/* http://HOST/path is accepted for our own host only. */
static bool target_is_ours(const fxi_head *h)
{
    const char *at, *slash;
    if (h->target.length < 7 || strncasecmp(h->target.at, "http://", 7) != 0)
        return true; /* the other forms are judged by the router */
    at = h->target.at + 7;
    slash = memchr(at, '/', h->target.length - 7);
    return slash && h->hosts == 1 && same_text(h->host, at, (size_t)(slash - at));
}

static bool judge(fxi_head *h)
{
    if (h->hosts > 1 || (h->hosts == 0 && h->minor > 0))
        return refuse(h, 400, h->hosts ? "more than one Host" : "no Host");
    if (h->hosts == 1 && !host_is_plain(h->host))
        return refuse(h, 400, "malformed Host");
    if (h->lengths > 1)
        return refuse(h, 400, "more than one Content-Length");
    if (h->encodings > 1)
        return refuse(h, 400, "more than one Transfer-Encoding");
    if (h->lengths && h->encodings)
        return refuse(h, 400, "Content-Length together with Transfer-Encoding");
    if (h->lengths && !digits_only(h->content_length))
        return refuse(h, 400, "Content-Length is not a number");
    if (h->encodings && h->minor == 0)
        return refuse(h, 400, "Transfer-Encoding in HTTP/1.0");
    if (h->encodings && !span_is(h->transfer_encoding, "chunked"))
        return refuse(h, 400, "Transfer-Encoding other than chunked");
    if (!target_is_ours(h))
        return refuse(h, 400, "the request target names another host");
    if (h->expect.length && !span_is(h->expect, "100-continue"))
        return refuse(h, 417, "Expect other than 100-continue");
    return true;
}

static bool method_is_known(fxi_span m)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == m.length && memcmp(names[i], m.at, m.length) == 0)
            return true;
    return false;
}

static bool read_version(const char *p, fxi_head *out)
{
    if (memcmp(p, "HTTP/", 5) != 0 || p[5] < '0' || p[5] > '9' || p[6] != '.' || p[7] < '0' || p[7] > '9')
        return refuse(out, 400, "malformed HTTP version");
    if (p[5] != '1' || p[7] > '1')
        return refuse(out, 505, "HTTP/1.0 and HTTP/1.1 only");
    out->minor = p[7] - '0';
    return true;
}

/* METHOD SP TARGET SP VERSION CR LF. The place after it; NULL: refused or incomplete. */
static const char *read_request_line(const char *p, const char *end, fxi_head *out)
{
    for (out->method.at = p; p < end && is_token((unsigned char)*p); p++)
        if (p - out->method.at >= 32)
            return refuse(out, 501, "unknown method"), NULL;
    if (p == end)
        return NULL;
    out->method.length = (size_t)(p - out->method.at);
    if (*p != ' ' || out->method.length == 0)
        return refuse(out, 400, "malformed request line"), NULL;
    for (out->target.at = ++p; p < end && (unsigned char)*p > 0x20 && (unsigned char)*p < 0x7f; p++)
        if (p - out->target.at >= FXI_HEAD_TARGET)
            return refuse(out, 414, "request target too long: at most 4096 bytes"), NULL;
    if (p == end)
        return NULL;
    out->target.length = (size_t)(p - out->target.at);
    if (*p != ' ' || out->target.length == 0)
        return refuse(out, 400, "malformed request target"), NULL;
    if (end - ++p < 10) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        return lf ? (refuse(out, 400, "malformed request line"), NULL) : NULL;
    }
    if (!read_version(p, out))
        return NULL;
    if (p[8] != '\r' || p[9] != '\n')
        return refuse(out, 400, "request line that does not end in CR LF"), NULL;
    if (!method_is_known(out->method))
        return refuse(out, 501, "unknown method"), NULL;
    return p + 10;
}

void fxi_head_read(const char *data, size_t size, fxi_head *out)
{
    const char *p, *end = data + size;
    memset(out, 0, sizeof *out);
    p = read_request_line(data, end, out);
    if (p)
        p = read_fields(p, end, raw, out);
    if (p && judge(out))
        out->length = (size_t)(p - data);
    if (!p && !out->status && size >= FXI_HEAD_PEEK)
        refuse(out, 431, "header too large");
}

void fxi_head_reread(const char *at, const char *end, fxi_head *out)
{
    if (end - at < 12 || at[8] != '\0' || at[9] != '\0')
        refuse(out, 400, "request line that does not end in CR LF");
    else if (read_version(at, out)) {
        const char *p = read_fields(at + 10, end, parsed, out);
        if (p == end && judge(out))
            out->length = (size_t)(end - out->method.at);
        else if (!out->status)
            refuse(out, 400, "malformed header");
    }
    if (!out->status && !method_is_known(out->method))
        refuse(out, 501, "unknown method");
}

bool fxi_head_lists(fxi_span list, const char *token)
{
    const char *p = list.at, *end = p ? p + list.length : p;
    size_t length = strlen(token);
    while (p < end) {
        const char *comma = memchr(p, ',', (size_t)(end - p)), *next = comma ? comma : end, *stop = next, *semicolon;
        while (p < stop && (*p == ' ' || *p == '\t'))
            p++;
        if ((semicolon = memchr(p, ';', (size_t)(stop - p))))
            stop = semicolon;
        while (stop > p && (stop[-1] == ' ' || stop[-1] == '\t'))
            stop--;
        if (stop - p > 2 && p[0] == 'W' && p[1] == '/')
            p += 2;
        if ((size_t)(stop - p) == length && strncasecmp(p, token, length) == 0)
            return true;
        p = comma ? comma + 1 : end;
    }
    return false;
}
