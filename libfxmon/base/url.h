/*
 * base/url.h - URLs of sources, logs, stores and sinks: scheme:rest?query with optional //authority. Also percent decoding and redaction.
 *   sim:?seed=1   file:/var/lib/fx   sqlite:fx.db   -   open-er-api   https://u:p@host:8443/path?x=1   kafka://a:1,b:2/topic
 */
#ifndef FXI_URL_H
#define FXI_URL_H
#include <fxmon/core.h>
typedef struct fxi_url {
    char *text;      /* one allocation that the other members point into */
    char *scheme;    /* lower case; a bare word ("open-er-api", "-") is its own scheme with an empty path */
    char *user, *password; /* decoded; NULL if absent */
    char *host;      /* "a:1,b:2" for lists; without brackets for IPv6; NULL without // */
    int port;        /* -1 if absent */
    char *path;      /* a file name, decoded, for file:, sqlite: and replay:; the whole command line as written for exec:; as written otherwise; never NULL */
    char *query;     /* as written, without '?'; NULL if absent */
} fxi_url;
int fxi_url_parse(const char *text, fxi_url *out, fxmon_error *error);
void fxi_url_free(fxi_url *url);
/** A query parameter, decoded into out; false if absent or longer. '+' stays '+'. */
bool fxi_url_param(const fxi_url *url, const char *name, char *out, size_t size);
/** Call fn for each parameter in order; stops at false. For "unknown parameter" checks. */
bool fxi_url_each_param(const fxi_url *url, bool (*fn)(void *user, const char *name, const char *value), void *user);
/** The URL without password, key-like query values and key-like path parts, for logs. snprintf rules. */
size_t fxi_url_redact(const char *text, char *out, size_t size);
/** Percent-decode exactly once. FXMON_E_SYNTAX for bad escapes, %00, overlong or other bad UTF-8; FXMON_E_TOO_LARGE when it
 *  does not fit with its NUL. Returns the length or the negative code. out may be text. */
long fxi_percent_decode(const char *text, size_t length, char *out, size_t size);
/** does "http https foo" contain scheme? */
bool fxi_scheme_in(const char *schemes, const char *scheme);
#endif
