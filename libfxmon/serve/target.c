/*
 * serve/target.c - why decode after splitting: USD%2FEUR is one segment whose text has a slash. Decoding first, as most routers do, makes it two,
 * and the call that every client library produces for this pair then finds no route. Decoding twice would let %252F through a filter
 * that looked at the text before; so a percent sign that is still there after one decoding is refused.
 */
#include "serve/target.h"

#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/url.h"

static int decode_segment(const char *at, size_t length, char out[FXI_TARGET_SEGMENT], fxmon_error *error)
{
    long n;
    if (length == 0)
        return fxi_fail(error, FXMON_E_SYNTAX, "path", "empty path segment");
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)at[i] <= 0x20 || (unsigned char)at[i] >= 0x7f || at[i] == '\\' || at[i] == ';')
            return fxi_fail(error, FXMON_E_SYNTAX, "path", "character not allowed in a path");
    n = fxi_percent_decode(at, length, out, FXI_TARGET_SEGMENT);
    if (n == -FXMON_E_SYNTAX)
        return fxi_fail(error, FXMON_E_SYNTAX, "path", "malformed percent-encoding in the path");
    if (n < 0 || n >= FXI_TARGET_SEGMENT)
        return fxi_fail(error, FXMON_E_SYNTAX, "path", "path segment too long");
    out[n] = '\0';
    for (long i = 0; i < n; i++)
        if ((unsigned char)out[i] < 0x20 || out[i] == 0x7f || out[i] == '\\' || out[i] == ';' || out[i] == '%')
            return fxi_fail(error, FXMON_E_SYNTAX, "path", out[i] == '%' ? "doubly encoded path" : "character not allowed in a path");
    if (strcmp(out, ".") == 0 || strstr(out, ".."))
        return fxi_fail(error, FXMON_E_SYNTAX, "path", "dot segments are not accepted");
    return FXMON_OK;
}

static int decode_param(const char *at, size_t length, char *out, size_t size, const char *what, fxmon_error *error)
{
    char plain[3 * FXI_TARGET_VALUE];
    long n;
    if (length >= sizeof plain)
        return fxi_fail(error, FXMON_E_RANGE, what, "query parameter too long");
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)at[i] <= 0x20 || (unsigned char)at[i] >= 0x7f)
            return fxi_fail(error, FXMON_E_SYNTAX, "query", "character not allowed in a query");
        plain[i] = at[i] == '+' ? ' ' : at[i];
    }
    n = fxi_percent_decode(plain, length, out, size);
    if (n == -FXMON_E_SYNTAX)
        return fxi_fail(error, FXMON_E_SYNTAX, "query", "malformed percent-encoding in the query");
    if (n < 0 || (size_t)n >= size)
        return fxi_fail(error, FXMON_E_RANGE, what, "query parameter too long");
    out[n] = '\0';
    for (long i = 0; i < n; i++)
        if ((unsigned char)out[i] < 0x20 || out[i] == 0x7f)
            return fxi_fail(error, FXMON_E_SYNTAX, "query", "control character in the query");
    return FXMON_OK;
}

static int parse_query(const char *p, const char *end, fxi_target *out, fxmon_error *error)
{
    while (p < end) {
        const char *amp = memchr(p, '&', (size_t)(end - p)), *stop = amp ? amp : end;
        const char *equals = memchr(p, '=', (size_t)(stop - p)), *name_end = equals ? equals : stop;
        if (stop > p) {
            int code;
            if (out->params == FXI_TARGET_PARAMS)
                return fxi_fail(error, FXMON_E_RANGE, "query", "more than %d query parameters", FXI_TARGET_PARAMS);
            code = decode_param(p, (size_t)(name_end - p), out->param[out->params].name, FXI_TARGET_NAME, "query", error);
            if (code == FXMON_OK)
                code = decode_param(equals ? equals + 1 : stop, equals ? (size_t)(stop - equals - 1) : 0, out->param[out->params].value,
                                    FXI_TARGET_VALUE, out->param[out->params].name, error);
            if (code != FXMON_OK)
                return code;
            if (fxi_target_param(out, out->param[out->params].name))
                return fxi_fail(error, FXMON_E_RANGE, out->param[out->params].name, "query parameter given twice");
            out->params++;
        }
        p = amp ? amp + 1 : end;
    }
    return FXMON_OK;
}

int fxi_target_parse(const char *raw, size_t length, fxi_target *out, fxmon_error *error)
{
    const char *p = raw, *end = raw + length, *mark;
    out->segments = out->params = 0;
    if (length >= 7 && strncasecmp(p, "http://", 7) == 0) { /* absolute form; whose host it is was checked with the head */
        p = memchr(p + 7, '/', length - 7);
        if (!p)
            return fxi_fail(error, FXMON_E_SYNTAX, "path", "the request target has no path");
    }
    if (p == end || *p != '/')
        return fxi_fail(error, FXMON_E_SYNTAX, "path", "the request target does not begin with /");
    if (memchr(p, '#', (size_t)(end - p)))
        return fxi_fail(error, FXMON_E_SYNTAX, "path", "fragment in the request target");
    mark = memchr(p, '?', (size_t)(end - p));
    if (++p < (mark ? mark : end)) {
        const char *path_end = mark ? mark : end;
        for (;;) {
            const char *slash = memchr(p, '/', (size_t)(path_end - p));
            int code;
            if (out->segments == FXI_TARGET_SEGMENTS)
                return fxi_fail(error, FXMON_E_SYNTAX, "path", "more than %d path segments", FXI_TARGET_SEGMENTS);
            code = decode_segment(p, (size_t)((slash ? slash : path_end) - p), out->segment[out->segments], error);
            if (code != FXMON_OK)
                return code;
            out->segments++;
            if (!slash)
                break;
            p = slash + 1;
        }
    }
    return mark ? parse_query(mark + 1, end, out, error) : FXMON_OK;
}

const char *fxi_target_param(const fxi_target *target, const char *name)
{
    for (size_t i = 0; i < target->params; i++)
        if (strcmp(target->param[i].name, name) == 0)
            return target->param[i].value;
    return NULL;
}
