/*
 * source/http.h - one bounded GET. Everything that libcurl needs to be told is in http.c, its only user among the sources.
 */
#ifndef FXI_HTTP_H
#define FXI_HTTP_H
#include <fxmon/plugin.h>
#define FXI_HTTP_BODY (1024 * 1024)          /* longest answer of a provider */
#define FXI_HTTP_HISTORY (16 * 1024 * 1024)  /* of those that send many years; the ECB's is about 8 MB */
typedef struct fxi_http fxi_http;
typedef struct fxi_http_request {
    const char *url;
    const char *shown;          /* what texts may call it: without keys */
    const char *header;         /* one more header line, "Authorization: Bearer ..."; NULL: none */
    const char *etag;           /* "" or NULL: not conditional */
    const char *last_modified;
    size_t maximum;             /* longest body */
    bool plain;                 /* http: is allowed */
} fxi_http_request;
typedef struct fxi_http_answer {
    int status;
    const char *body;           /* NUL-terminated; valid until the next get */
    size_t length;
    char content_type[64];
    char etag[160], last_modified[64];
    int64_t retry_after;        /* ns UTC, from Retry-After in either form; 0: none */
    int64_t max_age;            /* ns, from Cache-Control; -1: none */
} fxi_http_answer;
fxi_http *fxi_http_new(const fxmon_env *env, fxmon_error *error);
void fxi_http_free(fxi_http *h);
/**
 * FXMON_OK with an answer of whatever status, or NETWORK, TLS, TIMEOUT, TOO_LARGE, MALFORMED (not HTTP, bad encoding), STOPPED, NOMEM, BAD_REQUEST (the URL).
 * Returns within 10 s, and about a second after env->stopping().
 */
int fxi_http_get(fxi_http *h, const fxi_http_request *request, int64_t now, fxi_http_answer *answer, fxmon_error *error);
/** Parts that are tested alone. */
int64_t fxi_http_retry_after(const char *value, int64_t now);  /* seconds or an HTTP date; 0: neither */
int64_t fxi_http_max_age(const char *cache_control);           /* ns; -1: none */
#endif
