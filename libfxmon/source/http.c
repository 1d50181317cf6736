/*
 * source/http.c - one bounded GET over libcurl. The only file among the sources that includes curl.h.
 *
 * What a provider sends is hostile input: the size limit is enforced as bytes arrive, after decompression too (a small gzip body can be
 * a large one); redirects are not followed, so a key never travels to a host that the user did not name; only https, and http where the
 * request says so; no netrc, no cookies. A proxy from the environment is used for https only, where it can neither read nor alter.
 * One easy handle is kept, so that a second request reuses the connection.
 */
#include "source/http.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"

#define HTTP_CONNECT_MS 3000L
#define HTTP_TOTAL_MS 10000L
#define HTTP_SLOW_BYTES 10L  /* fewer bytes a second than this ... */
#define HTTP_SLOW_SECONDS 6L /* ... for so long is a dead connection */
#define HTTP_HEADERS 65536   /* bytes of all response headers together */

struct fxi_http {
    const fxmon_env *env;
    CURL *curl;
    fxi_buf body;
    fxi_http_answer *answer; /* while a request runs */
    int64_t now;
    size_t headers;
    bool too_large;
    char text[CURL_ERROR_SIZE];
};

/* ---- callbacks of libcurl ---------------------------------------------------------------------------------------------------- */

static size_t http_body(char *data, size_t size, size_t count, void *user)
{
    fxi_http *h = user;
    size_t length = size * count;
    if (length > h->body.maximum - h->body.length) {
        h->too_large = true;
        return 0;
    }
    return fxi_buf_add(&h->body, data, length) ? length : 0;
}

/* The value of `name` in the header line, trimmed, into out; false if the line is another header or the value is too long. */
static bool http_value(const char *line, size_t length, const char *name, char *out, size_t size)
{
    size_t skip = strlen(name);
    if (length <= skip || line[skip] != ':' || strncasecmp(line, name, skip) != 0)
        return false;
    const char *at = line + skip + 1, *end = line + length;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (end > at && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\t'))
        end--;
    if ((size_t)(end - at) >= size)
        return false;
    memcpy(out, at, (size_t)(end - at));
    out[end - at] = '\0';
    return true;
}

static size_t http_header(char *data, size_t size, size_t count, void *user)
{
    fxi_http *h = user;
    fxi_http_answer *a = h->answer;
    size_t length = size * count;
    char value[160];
    h->headers += length;
    if (h->headers > HTTP_HEADERS) {
        h->too_large = true;
        return 0;
    }
    if (length > 5 && memcmp(data, "HTTP/", 5) == 0) { /* 100 Continue and the like come before the real one */
        memset(a, 0, sizeof *a);
        a->max_age = -1;
    } else if (http_value(data, length, "Content-Type", a->content_type, sizeof a->content_type) ||
               http_value(data, length, "ETag", a->etag, sizeof a->etag) ||
               http_value(data, length, "Last-Modified", a->last_modified, sizeof a->last_modified)) {
        /* kept */
    } else if (http_value(data, length, "Retry-After", value, sizeof value)) {
        a->retry_after = fxi_http_retry_after(value, h->now);
    } else if (http_value(data, length, "Cache-Control", value, sizeof value)) {
        a->max_age = fxi_http_max_age(value);
    }
    return length;
}

static int http_progress(void *user, curl_off_t total, curl_off_t now, curl_off_t upload_total, curl_off_t upload_now)
{
    const fxi_http *h = user;
    (void)total, (void)now, (void)upload_total, (void)upload_now;
    return h->env->stopping && h->env->stopping(h->env->user);
}

/* ---- the handle ---------------------------------------------------------------------------------------------------------------- */

fxi_http *fxi_http_new(const fxmon_env *env, fxmon_error *error)
{
    fxi_http *h = fxi_calloc(1, sizeof *h);
    if (!h) {
        (void)fxi_fail(error, FXMON_E_NOMEM, "from", "out of memory");
        return NULL;
    }
    h->env = env;
    fxi_buf_init(&h->body, FXI_HTTP_BODY);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
        h->curl = curl_easy_init();
        if (!h->curl)
            curl_global_cleanup();
    }
    if (!h->curl) {
        fxi_http_free(h);
        (void)fxi_fail(error, FXMON_E_NOMEM, "from", "libcurl could not be started");
        return NULL;
    }
    return h;
}

void fxi_http_free(fxi_http *h)
{
    if (!h)
        return;
    if (h->curl) {
        curl_easy_cleanup(h->curl);
        curl_global_cleanup(); /* counted by libcurl: one for each init */
    }
    fxi_buf_free(&h->body);
    fxi_free(h);
}

static bool http_append(struct curl_slist **list, const char *prefix, const char *value)
{
    char line[512];
    size_t a = strlen(prefix), b = strlen(value);
    if (a + b >= sizeof line || strpbrk(value, "\r\n"))
        return false;
    memcpy(line, prefix, a);
    memcpy(line + a, value, b + 1);
    struct curl_slist *grown = curl_slist_append(*list, line);
    if (grown)
        *list = grown;
    return grown != NULL;
}

static bool http_set(fxi_http *h, const fxi_http_request *r, struct curl_slist *headers)
{
    CURL *c = h->curl;
    const char *schemes = r->plain ? "http,https" : "https";
    curl_easy_reset(c); /* settings only: the connection stays */
    CURLcode rc = curl_easy_setopt(c, CURLOPT_URL, r->url);
#define HTTP_OPTION(name, value)                                                                                       \
    if (rc == CURLE_OK)                                                                                                \
    rc = curl_easy_setopt(c, name, value)
#if LIBCURL_VERSION_NUM >= 0x075500
    HTTP_OPTION(CURLOPT_PROTOCOLS_STR, schemes);
#else
    HTTP_OPTION(CURLOPT_PROTOCOLS, (long)(strlen(schemes) > 5 ? CURLPROTO_HTTP | CURLPROTO_HTTPS : CURLPROTO_HTTPS));
#endif
    HTTP_OPTION(CURLOPT_HTTPHEADER, headers);
    HTTP_OPTION(CURLOPT_USERAGENT, "fxmon/" FXMON_VERSION_STRING);
    HTTP_OPTION(CURLOPT_ACCEPT_ENCODING, "");
    HTTP_OPTION(CURLOPT_FOLLOWLOCATION, 0L);
    HTTP_OPTION(CURLOPT_NOSIGNAL, 1L);
    HTTP_OPTION(CURLOPT_CONNECTTIMEOUT_MS, HTTP_CONNECT_MS);
    HTTP_OPTION(CURLOPT_TIMEOUT_MS, HTTP_TOTAL_MS);
    HTTP_OPTION(CURLOPT_LOW_SPEED_LIMIT, HTTP_SLOW_BYTES);
    HTTP_OPTION(CURLOPT_LOW_SPEED_TIME, HTTP_SLOW_SECONDS);
    HTTP_OPTION(CURLOPT_SSL_VERIFYPEER, 1L);
    HTTP_OPTION(CURLOPT_SSL_VERIFYHOST, 2L);
    HTTP_OPTION(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    HTTP_OPTION(CURLOPT_ERRORBUFFER, h->text);
    HTTP_OPTION(CURLOPT_WRITEFUNCTION, http_body);
    HTTP_OPTION(CURLOPT_WRITEDATA, h);
    HTTP_OPTION(CURLOPT_HEADERFUNCTION, http_header);
    HTTP_OPTION(CURLOPT_HEADERDATA, h);
    HTTP_OPTION(CURLOPT_NOPROGRESS, 0L);
    HTTP_OPTION(CURLOPT_XFERINFOFUNCTION, http_progress);
    HTTP_OPTION(CURLOPT_XFERINFODATA, h);
    if (strncasecmp(r->url, "http:", 5) == 0)
        HTTP_OPTION(CURLOPT_PROXY, "");
#undef HTTP_OPTION
    return rc == CURLE_OK;
}

/* libcurl's words without what may hold a key: it quotes host names and numbers, never paths; cut at the first URL all the same. */
static const char *http_words(fxi_http *h, CURLcode rc)
{
    if (!h->text[0] || strstr(h->text, "://"))
        return curl_easy_strerror(rc);
    return h->text;
}

static int http_fail(fxi_http *h, CURLcode rc, const fxi_http_request *r, fxmon_error *error)
{
    const char *words = http_words(h, rc);
    if (h->too_large)
        return fxi_fail(error, FXMON_E_TOO_LARGE, "from", "%.120s sent more than %lld bytes", r->shown, (long long)r->maximum);
    switch (rc) {
    case CURLE_OPERATION_TIMEDOUT:
        return fxi_fail(error, FXMON_E_TIMEOUT, "from", "%.120s: %.160s", r->shown, words);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_USE_SSL_FAILED:
        return fxi_fail(error, FXMON_E_TLS, "from", "%.120s: %.160s", r->shown, words);
    case CURLE_ABORTED_BY_CALLBACK:
        return fxi_fail(error, FXMON_E_STOPPED, "from", "%.120s: the request was given up on stopping", r->shown);
    case CURLE_OUT_OF_MEMORY:
        return fxi_fail(error, FXMON_E_NOMEM, "from", "out of memory");
    case CURLE_WRITE_ERROR:
        if (h->body.failed)
            return fxi_fail(error, FXMON_E_NOMEM, "from", "out of memory for the answer of %.120s", r->shown);
        __attribute__((fallthrough));
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_UNSUPPORTED_PROTOCOL: /* "Received HTTP/0.9 when not allowed" and strange schemes */
        if (rc == CURLE_UNSUPPORTED_PROTOCOL && strncasecmp(r->url, "http", 4) == 0 && !r->plain && r->url[4] == ':')
            return fxi_fail(error, FXMON_E_BAD_REQUEST, "from", "%.120s: plain http is not allowed here", r->shown);
        return fxi_fail(error, FXMON_E_MALFORMED, "from", "%.120s: %.160s", r->shown, words);
    case CURLE_WEIRD_SERVER_REPLY:
        return fxi_fail(error, FXMON_E_MALFORMED, "from", "%.120s did not answer in HTTP: %.140s", r->shown, words);
    case CURLE_URL_MALFORMAT:
        return fxi_fail(error, FXMON_E_BAD_REQUEST, "from", "%.120s is no URL that can be asked", r->shown);
    default: /* resolving, connecting, resets, an answer shorter than announced */
        return fxi_fail(error, FXMON_E_NETWORK, "from", "%.120s: %.160s", r->shown, words);
    }
}

int fxi_http_get(fxi_http *h, const fxi_http_request *request, int64_t now, fxi_http_answer *answer, fxmon_error *error)
{
    struct curl_slist *headers = NULL;
    bool ready = http_append(&headers, "Accept: ", "application/json, application/xml, text/xml, text/csv;q=0.9, */*;q=0.1");
    memset(answer, 0, sizeof *answer);
    answer->max_age = -1;
    fxi_buf_clear(&h->body);
    h->body.maximum = request->maximum;
    h->answer = answer;
    h->now = now;
    h->headers = 0;
    h->too_large = false;
    h->text[0] = '\0';
    if (ready && request->etag && request->etag[0])
        ready = http_append(&headers, "If-None-Match: ", request->etag);
    if (ready && request->last_modified && request->last_modified[0])
        ready = http_append(&headers, "If-Modified-Since: ", request->last_modified);
    if (ready && request->header)
        ready = http_append(&headers, "", request->header);
    int code = FXMON_OK;
    if (!ready || !http_set(h, request, headers)) {
        code = fxi_fail(error, FXMON_E_BAD_REQUEST, "api-key", "%.120s: the request could not be built (a key with a line end, or too long?)",
                        request->shown);
    } else {
        CURLcode rc = curl_easy_perform(h->curl);
        long status = 0;
        if (rc == CURLE_OK)
            rc = curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
        answer->status = (int)status;
        if (rc != CURLE_OK)
            code = http_fail(h, rc, request, error);
    }
    curl_slist_free_all(headers);
    h->answer = NULL;
    answer->body = h->body.data ? h->body.data : "";
    answer->length = h->body.length;
    return code;
}
