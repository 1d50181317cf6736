/*
 * sink/elasticsearch_http.c - requests to the server over libcurl, one connection kept open.
 *
 * No request is repeated here. libcurl itself sends a request again when a kept connection turns out to be dead; that is harmless, because every write of this
 * sink names what it writes. Answers are bounded as they arrive, redirects are not followed (credentials stay with the host that was named), there is no netrc,
 * and a proxy of the environment is used for https only. Several hosts in the URL are several doors to one cluster: after a failure the next one is tried.
 */
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/env.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"
#include "sink/elasticsearch.h"

#define CONNECT_MS 3000L
#define REQUEST_MS 10000L            /* one request at most, whatever is left of the time */
#define SHORTEST_MS 50L              /* with less left no request is begun */
#define STOPPING FXMON_SECOND       /* once the host is stopping, from the beginning of the call */
#define HOSTS 16
#define HEADER_BYTES 65536           /* of all headers of an answer */
#define RETRY_AFTER_MOST INT64_C(3600) /* seconds */

struct fxi_elastic_http {
    const fxmon_env *env;
    CURL *curl;
    struct curl_slist *headers;
    char *base[HOSTS];               /* http://host:port/prefix */
    size_t hosts, host;
    char *user, *password;
    const char *ca;                  /* of the environment, NULL: the system's */
    fxi_buf body, path;
    fxi_elastic_answer *answer;
    size_t header_bytes;
    bool too_large;
    int64_t began, until;            /* monotonic */
    char text[CURL_ERROR_SIZE];
};

/* ---- callbacks of libcurl ---- */

static size_t take_body(char *data, size_t size, size_t count, void *user)
{
    fxi_elastic_http *h = user;
    size_t length = size * count;
    if (length > h->body.maximum - h->body.length) {
        h->too_large = true;
        return 0;
    }
    return fxi_buf_add(&h->body, data, length) ? length : 0;
}

static size_t take_header(char *data, size_t size, size_t count, void *user)
{
    static const char name[] = "retry-after:";
    fxi_elastic_http *h = user;
    size_t length = size * count, skip = sizeof name - 1;
    h->header_bytes += length;
    if (h->header_bytes > HEADER_BYTES) {
        h->too_large = true;
        return 0;
    }
    if (length > skip && strncasecmp(data, name, skip) == 0) {
        const char *at = data + skip, *end = data + length;
        int64_t seconds;
        while (at < end && (*at == ' ' || *at == '\t'))
            at++;
        while (end > at && (unsigned char)end[-1] <= ' ')
            end--;
        if (fxi_integer_parse(at, (size_t)(end - at), &seconds) == FXMON_OK && seconds >= 0) /* the date form is of no use to a lane that tries again in seconds */
            h->answer->retry_at = h->env->now(h->env->user) + (seconds < RETRY_AFTER_MOST ? seconds : RETRY_AFTER_MOST) * FXMON_SECOND;
    }
    return length;
}

static int64_t monotonic(const fxi_elastic_http *h)
{
    return h->env->monotonic(h->env->user);
}

static int look(void *user, curl_off_t total, curl_off_t now, curl_off_t upload_total, curl_off_t upload_now)
{
    const fxi_elastic_http *h = user;
    (void)total, (void)now, (void)upload_total, (void)upload_now;
    return h->env->stopping && h->env->stopping(h->env->user) && monotonic(h) - h->began > STOPPING;
}

/* ---- the handle ---- */

static bool add_host(fxi_elastic_http *h, const fxi_url *url, const char *host, size_t length)
{
    bool tls = strchr(url->scheme, '+') && strcmp(strchr(url->scheme, '+'), "+https") == 0;
    bool ported = memchr(host, ':', length) != NULL;
    fxi_buf b;
    fxi_buf_init(&b, 4096);
    fxi_buf_puts(&b, tls ? "https://" : "http://");
    if (strchr(url->host, ',') == NULL && ported && host[0] != '[') {
        fxi_buf_putc(&b, '['); /* an IPv6 address, which the URL holds without its brackets */
        fxi_buf_add(&b, host, length);
        fxi_buf_putc(&b, ']');
        ported = false;
    } else {
        fxi_buf_add(&b, host, length);
    }
    if (!ported) {
        fxi_buf_putc(&b, ':');
        fxi_buf_int(&b, url->port > 0 ? url->port : 9200);
    }
    size_t end = strlen(url->path);
    while (end > 0 && url->path[end - 1] == '/')
        end--;
    fxi_buf_add(&b, url->path, end);
    h->base[h->hosts] = fxi_buf_take(&b);
    fxi_buf_free(&b);
    return h->base[h->hosts] && ++h->hosts;
}

static int set_hosts(fxi_elastic_http *h, const fxi_url *url, fxmon_error *error)
{
    if (!url->host || !url->host[0])
        return fxi_fail(error, FXMON_E_ARGUMENT, "sink", "%.20s: expected a host, as in elasticsearch+http://localhost:9200", url->scheme);
    for (const char *at = url->host; *at;) {
        size_t length = strcspn(at, ",");
        if (h->hosts == HOSTS)
            return fxi_fail(error, FXMON_E_RANGE, "sink", "more than %d hosts", HOSTS);
        if (length > 0 && !add_host(h, url, at, length))
            return fxi_fail(error, FXMON_E_NOMEM, "sink", "out of memory");
        at += length;
        at += *at == ',';
    }
    return FXMON_OK;
}

static bool add_header(fxi_elastic_http *h, const char *line)
{
    struct curl_slist *grown = curl_slist_append(h->headers, line);
    if (grown)
        h->headers = grown;
    return grown != NULL;
}

/* An API key is given as the server shows it: encoded, or as id:key. */
static int set_key(fxi_elastic_http *h, const char *key, fxmon_error *error)
{
    fxi_buf line;
    fxi_buf_init(&line, 2048);
    fxi_buf_puts(&line, "Authorization: ApiKey ");
    if (strchr(key, ':'))
        fxi_base64_put(&line, key, strlen(key));
    else
        fxi_buf_puts(&line, key);
    bool good = !line.failed && !strpbrk(line.data, "\r\n") && add_header(h, line.data);
    if (line.data)
        memset(line.data, 0, line.length);
    fxi_buf_free(&line);
    return good ? FXMON_OK : fxi_fail(error, FXMON_E_ARGUMENT, "elasticsearch-api-key", "the key has a line end, or is too long");
}

static int set_up(fxi_elastic_http *h, const fxi_url *url, fxmon_error *error)
{
    const char *key = fxi_env_text(h->env, "elasticsearch-api-key", NULL);
    h->ca = fxi_env_text(h->env, "elasticsearch-ca-file", NULL);
    int code = set_hosts(h, url, error);
    if (code == FXMON_OK && curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK && !(h->curl = curl_easy_init()))
        curl_global_cleanup();
    if (code == FXMON_OK && (!h->curl || !add_header(h, "Content-Type: application/json") || !add_header(h, "Expect:") || !add_header(h, "Accept: application/json")))
        code = fxi_fail(error, FXMON_E_NOMEM, "sink", "libcurl could not be started");
    if (code == FXMON_OK && key && key[0])
        code = set_key(h, key, error);
    else if (code == FXMON_OK && url->user) {
        h->user = fxi_strdup(url->user);
        h->password = fxi_strdup(url->password ? url->password : "");
        if (!h->user || !h->password)
            code = fxi_fail(error, FXMON_E_NOMEM, "sink", "out of memory");
    }
    return code;
}

fxi_elastic_http *fxi_elastic_http_new(const fxmon_env *env, const fxi_url *url, fxmon_error *error)
{
    fxi_elastic_http *h = fxi_calloc(1, sizeof *h);
    if (!h) {
        fxi_fail(error, FXMON_E_NOMEM, "sink", "out of memory");
        return NULL;
    }
    h->env = env;
    fxi_buf_init(&h->body, 0);
    fxi_buf_init(&h->path, 8192);
    if (set_up(h, url, error) != FXMON_OK) {
        fxi_elastic_http_free(h);
        return NULL;
    }
    return h;
}

void fxi_elastic_http_free(fxi_elastic_http *h)
{
    if (!h)
        return;
    if (h->curl) {
        curl_easy_cleanup(h->curl);
        curl_slist_free_all(h->headers);
        curl_global_cleanup();
    }
    for (size_t i = 0; i < h->hosts; i++)
        fxi_free(h->base[i]);
    if (h->password)
        memset(h->password, 0, strlen(h->password));
    fxi_free(h->user);
    fxi_free(h->password);
    fxi_buf_free(&h->body);
    fxi_buf_free(&h->path);
    fxi_free(h);
}

void fxi_elastic_http_begin(fxi_elastic_http *h, int64_t limit)
{
    h->began = monotonic(h);
    h->until = h->began + limit;
}

static bool set_request(fxi_elastic_http *h, const char *method, const char *body, size_t length, long limit)
{
    CURL *c = h->curl;
    bool plain = strncmp(h->path.data, "http:", 5) == 0;
    curl_easy_reset(c); /* settings only: the connection stays */
    CURLcode rc = curl_easy_setopt(c, CURLOPT_URL, h->path.data);
#define SET(name, value)                                                                                               \
    if (rc == CURLE_OK)                                                                                                \
    rc = curl_easy_setopt(c, name, value)
    SET(CURLOPT_CUSTOMREQUEST, method);
    if (body) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
        SET(CURLOPT_POSTFIELDS, body);
    }
    SET(CURLOPT_HTTPHEADER, h->headers);
    SET(CURLOPT_USERAGENT, "fxmon/" FXMON_VERSION_STRING);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, limit < CONNECT_MS ? limit : CONNECT_MS);
    SET(CURLOPT_TIMEOUT_MS, limit);
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_ERRORBUFFER, h->text);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, h);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, h);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, look);
    SET(CURLOPT_XFERINFODATA, h);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (plain) {
        SET(CURLOPT_PROXY, "");
    }
    if (h->ca && h->ca[0]) {
        SET(CURLOPT_CAINFO, h->ca);
    }
    if (h->user) {
        SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        SET(CURLOPT_USERNAME, h->user);
        SET(CURLOPT_PASSWORD, h->password);
    }
#undef SET
    return rc == CURLE_OK;
}

/* The server could not be shown to be the one that was named, so it was sent nothing: no credentials, no documents. */
static void fail_trust(const fxi_elastic_http *h, const char *host, const char *words, fxmon_error *error)
{
    if (h->ca && h->ca[0])
        fxi_fail(error, FXMON_E_TLS, "elasticsearch-ca-file", "%.80s: %.110s (certificates are trusted that %.80s has signed)", host, words, h->ca);
    else
        fxi_fail(error, FXMON_E_TLS, "elasticsearch-ca-file", "%.80s: %.110s (the system's certificates are trusted; --elasticsearch-ca-file names others)",
                 host, words);
}

static fxmon_result fail(fxi_elastic_http *h, CURLcode rc, fxmon_error *error)
{
    const char *host = h->base[h->host], *words = h->text[0] ? h->text : curl_easy_strerror(rc);
    h->host = (h->host + 1) % h->hosts;
    switch (rc) {
    case CURLE_OUT_OF_MEMORY:
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a request");
        return FXMON_FATAL;
    case CURLE_SSL_CACERT_BADFILE:
        if (h->ca && h->ca[0])
            fxi_fail(error, FXMON_E_CONFIG, "elasticsearch-ca-file", "--elasticsearch-ca-file: '%.200s' cannot be read, or has no certificates in PEM", h->ca);
        else
            fxi_fail(error, FXMON_E_CONFIG, "elasticsearch-ca-file", "the system's certificates cannot be used: %.160s", words);
        return FXMON_FATAL;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        fxi_fail(error, FXMON_E_ARGUMENT, "sink", "%.120s: %.160s", host, words);
        return FXMON_FATAL;
    case CURLE_OPERATION_TIMEDOUT:
        fxi_fail(error, FXMON_E_TIMEOUT, "", "%.120s: %.160s", host, words);
        return FXMON_RETRY;
    case CURLE_ABORTED_BY_CALLBACK:
        fxi_fail(error, FXMON_E_STOPPED, "", "%.120s: the request was given up on stopping", host);
        return FXMON_RETRY;
    case CURLE_PEER_FAILED_VERIFICATION:
        fail_trust(h, host, words, error);
        return FXMON_RETRY;
    case CURLE_SSL_CONNECT_ERROR:
        fxi_fail(error, FXMON_E_TLS, "", "%.120s: %.160s", host, words);
        return FXMON_RETRY;
    case CURLE_GOT_NOTHING:
        fxi_fail(error, FXMON_E_NETWORK, "", "%.120s: %.120s%s", host, words, strncmp(host, "http:", 5) == 0 ? "; is it a server that wants +https?" : "");
        return FXMON_RETRY;
    default:
        fxi_fail(error, h->too_large ? FXMON_E_MALFORMED : FXMON_E_NETWORK, "", "%.120s: %.160s", host,
                 h->too_large ? "the answer is longer than any that was expected" : words);
        return FXMON_RETRY;
    }
}

fxmon_result fxi_elastic_http_send(fxi_elastic_http *h, const char *method, const char *path, const char *body, size_t length, size_t maximum,
                                   fxi_elastic_answer *answer, fxmon_error *error)
{
    long left = (long)((h->until - monotonic(h)) / (FXMON_SECOND / 1000));
    memset(answer, 0, sizeof *answer);
    if (left < SHORTEST_MS) {
        fxi_fail(error, FXMON_E_TIMEOUT, "", "%.120s is too slow: the time of this call is used up", h->base[h->host]);
        return FXMON_RETRY;
    }
    fxi_buf_clear(&h->path);
    fxi_buf_puts(&h->path, h->base[h->host]);
    fxi_buf_puts(&h->path, path);
    fxi_buf_clear(&h->body);
    h->body.maximum = maximum;
    h->answer = answer;
    h->header_bytes = 0;
    h->too_large = false;
    h->text[0] = '\0';
    if (h->path.failed || !set_request(h, method, body, length, left < REQUEST_MS ? left : REQUEST_MS)) {
        fxi_fail(error, FXMON_E_ARGUMENT, "sink", "a request to %.160s could not be built", h->base[h->host]);
        return FXMON_FATAL;
    }
    CURLcode rc = curl_easy_perform(h->curl);
    long status = 0;
    if (rc == CURLE_OK)
        rc = curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
    h->answer = NULL;
    if (rc != CURLE_OK)
        return fail(h, rc, error);
    answer->status = (int)status;
    answer->body = h->body.data ? h->body.data : "";
    answer->length = h->body.length;
    if (status >= 500)
        h->host = (h->host + 1) % h->hosts;
    return FXMON_DONE;
}

fxmon_result fxi_elastic_refusal(const fxi_elastic_answer *answer, const char *what, fxmon_error *error)
{
    fxi_elastic_result r = {.status = answer->status};
    fxi_elastic_reason(answer->body, answer->length, r.type, r.reason);
    const char *who = answer->status == 401 ? " (credentials are wrong or missing)" : "";
    const char *dash = r.type[0] || r.reason[0] ? ": " : "", *colon = r.type[0] && r.reason[0] ? ": " : "";
    int code = answer->status == 401 || answer->status == 403 ? FXMON_E_CREDENTIALS
               : answer->status == 429                        ? FXMON_E_RATE_LIMITED
               : answer->status >= 500                        ? FXMON_E_BUSY
                                                              : FXMON_E_BAD_REQUEST;
    bool again = answer->status == 408 || answer->status == 429 || answer->status >= 500;
    if (fxi_elastic_judge(&r) == FXI_ELASTIC_RETRY && answer->status == 403) { /* no room on its disk */
        code = FXMON_E_BUSY;
        again = true;
    }
    fxi_fail(error, code, "", "the server answers %d%s to %.60s%s%.60s%s%.110s", answer->status, who, what, dash, r.type, colon, r.reason);
    if (error)
        error->retry_at = answer->retry_at;
    return again ? FXMON_RETRY : FXMON_FATAL;
}
