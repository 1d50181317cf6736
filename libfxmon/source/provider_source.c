/*
 * source/provider_source.c - rate providers over HTTP as a source: fetch when it is time, hand out what is new.
 *
 * One fetch may bring several publications (histories); they wait in the answer and go out one a call, oldest first. A publication that was
 * handed out before (same time, same digits) or is older than the last one (a stale copy of a delivery network) is not handed out
 * again: a new poll is no new quote. A failure is remembered until it makes sense to ask again; called before that, the source
 * repeats the failure without asking, so a fail-over chain above sees it as failed and the provider is left alone.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/value.h"
#include "source/http.h"
#include "source/provider_site.h"
#include "source/schedule.h"
#include "source/source.h"

#define PROVIDER_SCHEMES                                                                                               \
    "http https exchangerate-api exchangerate-api-v4 open-er-api frankfurter frankfurter-v1 ecb ecb-90d ecb-hist "     \
    "openexchangerates fixer currencylayer currencyapi currencybeacon fawazahmed0"

#if FXI_WITH_CURL

#define QUOTA_SPOKEN 80 /* percent of the plan from which on it is said */

typedef struct provider_source {
    const fxmon_env *env;
    fxi_provider_site site;
    char *key;
    char asked_base[8];  /* in the request; "" when the URL decides */
    char base[8];        /* of the messages; "" as published */
    bool dedupe;
    fxi_track track;
    fxi_http *http;
    fxi_schedule schedule;
    fxi_buf url;
    bool second;         /* the second URL is in turn */
    char etag[160], last_modified[64];
    fxi_answer *answer;
    size_t at, count;    /* publications of the answer not handed out yet */
    fxi_publication publication;
    bool delivered;      /* last_time and digest hold */
    int64_t last_time;
    uint8_t digest[16];
    fxmon_error failure; /* code FXMON_OK: none */
    bool quota_said, missing_said, dropped_said, end_said;
} provider_source;

/* ---- opening ------------------------------------------------------------------------------------------------------------------ */

static int provider_open_base(provider_source *p, const fxi_settings *settings, fxmon_error *error)
{
    bool rebase = true;
    const char *fixed = p->site.provider->fixed_base;
    int code = fxi_settings_currency(settings, "base", "base", p->base, error);
    if (!code)
        code = fxi_settings_bool(settings, "rebase", "rebase", &rebase, error);
    if (code)
        return code;
    const char *asked = fixed ? fixed : p->base[0] ? p->base : "USD";
    if (p->site.any_base || fixed)
        memcpy(p->asked_base, asked, strlen(asked) + 1);
    if (fixed && p->base[0] && strcmp(fixed, p->base) != 0 && !rebase)
        return fxi_fail(error, FXMON_E_CONFIG, "base", "%s publishes on %s only: ask for --base %s, or allow --rebase",
                        p->site.provider->name, fixed, fixed);
    return FXMON_OK;
}

static int provider_open_schedule(provider_source *p, const fxi_settings *settings, fxmon_error *error)
{
    fxi_schedule *s = &p->schedule;
    const fxi_provider *row = p->site.provider;
    int64_t now = p->env->now ? p->env->now(p->env->user) : 0;
    fxi_schedule_init(s, (uint64_t)now);
    s->interval = 30 * FXMON_SECOND;
    s->gap = p->site.own ? row->gap * FXMON_SECOND : 0;
    s->cadence = row->cadence * FXMON_SECOND;
    s->spread = row->spread;
    int code = fxi_settings_duration(settings, "interval", "interval", FXMON_SECOND / 1000, 366 * INT64_C(86400) * FXMON_SECOND,
                                     &s->interval, error);
    if (!code)
        code = fxi_settings_integer(settings, "quota", "quota", 1, 1000000000, &s->quota, error);
    if (!code && s->quota) {
        char text[32];
        fxi_duration_format(FXI_SCHEDULE_MONTH / s->quota / FXMON_SECOND * FXMON_SECOND, text, sizeof text);
        fxi_log(p->env, FXMON_LOG_INFO, "source", "%s: a quota of %lld requests a month allows one every %s", row->name,
                (long long)s->quota, text);
    }
    return code;
}

static int provider_open_parts(provider_source *p, const char *from, fxmon_error *error)
{
    const fxi_settings settings = {.env = p->env, .driver = "from"};
    char track[FXI_SETTING_TEXT * 8] = FXI_TRACK_DEFAULT;
    int code = fxi_provider_key_read(p->env, &p->key, error);
    if (!code)
        code = fxi_provider_site_parse(&p->site, p->env, from, p->key != NULL, error);
    if (!code)
        code = provider_open_base(p, &settings, error);
    if (!code)
        code = provider_open_schedule(p, &settings, error);
    p->dedupe = true;
    if (!code)
        code = fxi_settings_bool(&settings, "dedupe", "dedupe", &p->dedupe, error);
    (void)fxi_settings_text(&settings, "track", "track", track, sizeof track);
    if (!code)
        code = fxi_track_parse(&p->track, track, error);
    if (code)
        return code;
    fxi_buf_init(&p->url, FXI_SITE_URL);
    p->answer = fxi_answer_new();
    p->http = fxi_http_new(p->env, error);
    if (!p->answer || !p->http)
        return fxi_fail(error, FXMON_E_NOMEM, "from", "out of memory");
    return FXMON_OK;
}

static void provider_close(void *state)
{
    provider_source *p = state;
    if (!p)
        return;
    if (p->url.data)
        explicit_bzero(p->url.data, p->url.capacity); /* may hold the key */
    fxi_buf_free(&p->url);
    fxi_provider_key_free(p->key);
    fxi_provider_site_free(&p->site);
    fxi_track_free(&p->track);
    fxi_http_free(p->http);
    fxi_answer_free(p->answer);
    fxi_publication_free(&p->publication);
    fxi_free(p);
}

static fxmon_result provider_open(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    provider_source *p = fxi_calloc(1, sizeof *p);
    if (!p) {
        (void)fxi_fail(error, FXMON_E_NOMEM, "from", "out of memory");
        return FXMON_FATAL;
    }
    p->env = env;
    if (provider_open_parts(p, url, error)) {
        provider_close(p);
        return FXMON_FATAL;
    }
    const fxi_provider *row = p->site.provider;
    fxi_log(env, FXMON_LOG_INFO, "source", "%s: %s. Terms: %s", p->site.shown, row->note, row->terms);
    *state = p;
    return FXMON_DONE;
}

/* ---- fetching ------------------------------------------------------------------------------------------------------------------ */

static int provider_get(provider_source *p, int64_t now, fxi_http_answer *answer, fxmon_error *error)
{
    const fxi_provider *row = p->site.provider;
    char header[600] = "";
    int64_t until;
    if (!fxi_schedule_spend(&p->schedule, now, &until)) {
        int code = fxi_fail(error, FXMON_E_QUOTA, "quota", "%s: the quota of %lld requests a month is used up", row->name,
                            (long long)p->schedule.quota);
        answer->retry_after = until;
        return code;
    }
    if (!p->quota_said && p->schedule.quota && p->schedule.used * 100 >= p->schedule.quota * QUOTA_SPOKEN) {
        p->quota_said = true;
        fxi_log(p->env, FXMON_LOG_WARNING, "source", "%s: %lld of %lld requests of this month are used", row->name,
                (long long)p->schedule.used, (long long)p->schedule.quota);
    }
    int code = fxi_provider_site_url(&p->site, p->asked_base, p->key, now, p->second, &p->url, error);
    if (code)
        return code;
    if (p->key && row->key == FXI_KEY_BEARER)
        snprintf(header, sizeof header, "Authorization: Bearer %s", p->key);
    else if (p->key && row->key == FXI_KEY_HEADER)
        snprintf(header, sizeof header, "apikey: %s", p->key);
    const fxi_http_request request = {
        .url = p->url.data,
        .shown = p->site.shown,
        .header = header[0] ? header : NULL,
        .etag = p->dedupe ? p->etag : NULL, /* who wants every answer published wants every answer */
        .last_modified = p->dedupe ? p->last_modified : NULL,
        .maximum = row->history ? FXI_HTTP_HISTORY : FXI_HTTP_BODY,
        .plain = p->site.plain,
    };
    code = fxi_http_get(p->http, &request, now, answer, error);
    explicit_bzero(header, sizeof header);
    return code;
}

static int provider_parse(provider_source *p, int64_t now, const fxi_http_answer *answer, fxmon_error *error)
{
    if (answer->status == 200 && strncasecmp(answer->content_type, "text/html", 9) == 0)
        return fxi_fail(error, FXMON_E_MALFORMED, "from", "%s answered a web page (text/html) where rates should be", p->site.shown);
    if (answer->status == 304)
        return fxi_fail(error, FXMON_E_PROVIDER, "from", "%s answered 304 to a request that was not conditional", p->site.shown);
    if (answer->status >= 300 && answer->status < 400)
        return fxi_fail(error, FXMON_E_PROVIDER, "from", "%s answered %d and sends elsewhere; redirects are not followed", p->site.shown,
                        answer->status);
    const fxi_answer_request request = {
        .format = p->site.provider->format,
        .http_status = answer->status,
        .base = p->asked_base[0] ? p->asked_base : NULL,
        .source = p->site.source,
        .now = now,
    };
    int code = fxi_answer_parse(p->answer, &request, answer->body, answer->length, error);
    if (code == FXMON_OK && fxi_answer_count(p->answer) == 0)
        return fxi_fail(error, FXMON_E_NO_DATA, "from", "%s answered without rates", p->site.shown);
    return code;
}

static fxmon_result provider_failed(provider_source *p, int64_t now, const fxi_http_answer *answer, int code, fxmon_error *error)
{
    fxmon_error own = {0};
    fxmon_error *said = error ? error : &own;
    if (code == FXMON_E_STOPPED)
        return FXMON_WAIT;
    int64_t hint = answer->retry_after > said->retry_at ? answer->retry_after : said->retry_at;
    said->code = code;
    said->retry_at = fxi_schedule_failed(&p->schedule, now, code, hint);
    p->failure = *said;
    if (p->site.provider->second_url && !p->site.root)
        p->second = !p->second;
    /* an oversized or garbled answer may be a passing fault of a proxy; a refused key is not */
    return fxmon_retriable(code) || code == FXMON_E_TOO_LARGE || code == FXMON_E_NOMEM ? FXMON_RETRY : FXMON_FATAL;
}

static void provider_remarks(provider_source *p)
{
    char reason[160] = "";
    size_t dropped = fxi_answer_dropped(p->answer, reason, sizeof reason);
    if (dropped && !p->dropped_said) {
        p->dropped_said = true;
        fxi_log(p->env, FXMON_LOG_INFO, "source", "%s: %lld rates were refused; the first: %s", p->site.shown, (long long)dropped, reason);
    }
    int64_t end = fxi_answer_end_of_life(p->answer);
    if (end && !p->end_said) {
        char date[FXMON_TIME_TEXT];
        p->end_said = true;
        fxmon_time_format(end, date);
        fxi_log(p->env, FXMON_LOG_WARNING, "source", "%s announces its end for %s", p->site.shown, date);
    }
}

static fxmon_result provider_fetch(provider_source *p, int64_t now, fxmon_error *error)
{
    fxi_http_answer answer;
    memset(&answer, 0, sizeof answer);
    p->failure.code = FXMON_OK;
    int code = provider_get(p, now, &answer, error);
    if (!code && answer.status == 304 && (p->etag[0] || p->last_modified[0])) {
        (void)fxi_schedule_after(&p->schedule, now, 0, answer.max_age);
        (void)fxi_fail(error, FXMON_E_NOT_MODIFIED, "from", "%s has nothing new", p->site.shown);
        return FXMON_WAIT;
    }
    if (!code)
        code = provider_parse(p, now, &answer, error);
    if (code)
        return provider_failed(p, now, &answer, code, error);
    memcpy(p->etag, answer.etag, sizeof p->etag);
    memcpy(p->last_modified, answer.last_modified, sizeof p->last_modified);
    p->at = 0;
    p->count = fxi_answer_count(p->answer);
    (void)fxi_schedule_after(&p->schedule, now, fxi_answer_at(p->answer, p->count - 1)->next_update, answer.max_age);
    provider_remarks(p);
    return FXMON_DONE;
}

/* ---- handing out ----------------------------------------------------------------------------------------------------------------- */

static bool provider_is_repeat(const provider_source *p)
{
    const fxmon_message *m = &p->publication.message;
    if (!p->dedupe || !p->delivered || m->time > p->last_time)
        return false;
    return m->time < p->last_time || memcmp(p->digest, p->publication.digest, sizeof p->digest) == 0;
}

/* The next publication of the answer that is new. WAIT: none is left. */
static fxmon_result provider_hand_out(provider_source *p, int64_t now, fxmon_message *message, fxmon_error *error)
{
    fxmon_error why = {0};
    size_t empty = 0, asked = p->count - p->at;
    while (p->at < p->count) {
        int code = fxi_publication_make(&p->publication, fxi_answer_at(p->answer, p->at), &p->track, p->base, &why);
        if (code == FXMON_E_NOMEM) {
            if (error)
                *error = why;
            return FXMON_RETRY; /* the same publication again */
        }
        p->at++;
        if (code) {
            empty++;
            continue;
        }
        if (provider_is_repeat(p))
            continue;
        if (p->publication.missing && !p->missing_said) {
            p->missing_said = true;
            fxi_log(p->env, FXMON_LOG_WARNING, "source", "%s has no rate of %s (and %u more of the tracked currencies)", p->site.shown,
                    p->publication.missed, p->publication.missing - 1);
        }
        p->delivered = true;
        p->last_time = p->publication.message.time;
        memcpy(p->digest, p->publication.digest, sizeof p->digest);
        p->publication.message.ingested = now;
        *message = p->publication.message;
        return FXMON_DONE;
    }
    if (empty == asked) {
        const fxi_http_answer none = {.max_age = -1};
        if (error)
            *error = why;
        return provider_failed(p, now, &none, why.code, error);
    }
    (void)fxi_fail(error, FXMON_E_NOT_MODIFIED, "from", "%s has nothing new", p->site.shown);
    return FXMON_WAIT;
}

static fxmon_result provider_next(void *state, int64_t now, fxmon_message *message, int64_t *due, fxmon_error *error)
{
    provider_source *p = state;
    fxmon_result result = FXMON_DONE;
    if (p->at >= p->count) {
        if (p->schedule.not_before > now) {
            *due = p->schedule.not_before;
            if (p->failure.code == FXMON_OK)
                return FXMON_WAIT;
            if (error)
                *error = p->failure;
            return fxmon_retriable(p->failure.code) || p->failure.code == FXMON_E_TOO_LARGE ? FXMON_RETRY : FXMON_FATAL;
        }
        result = provider_fetch(p, now, error);
    }
    if (result == FXMON_DONE)
        result = provider_hand_out(p, now, message, error);
    *due = result == FXMON_DONE && p->at < p->count ? now : p->schedule.not_before;
    return result;
}

static void provider_health(void *state, fxmon_source_health *health)
{
    const provider_source *p = state;
    const fxi_provider *row = p->site.provider;
    int64_t asked = fxi_schedule_gap(&p->schedule);
    health->cadence = asked > p->schedule.cadence && p->schedule.cadence ? asked : p->schedule.cadence; /* who asks less often cannot see each one */
    health->delay = row->delay * FXMON_SECOND;
    health->weekdays = row->weekdays;
    health->quota = p->schedule.quota;
    health->quota_used = p->schedule.used;
}

const fxmon_source_ops fxi_source_http = {
    .size = sizeof(fxmon_source_ops),
    .schemes = PROVIDER_SCHEMES,
    .open = provider_open,
    .next = provider_next,
    .close = provider_close,
    .health = provider_health,
};

#else

const fxmon_source_ops fxi_source_http = {
    .size = sizeof(fxmon_source_ops),
    .schemes = PROVIDER_SCHEMES,
    .unsupported = "built without libcurl",
};

#endif
