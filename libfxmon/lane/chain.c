/*
 * lane/chain.c - see chain.h.
 *
 * Every call begins at the preferred source, so coming back to it needs no rule of its own: it is simply asked again when its backoff is over. A source
 * that says "nothing new yet" is healthy and ends the search; only failure moves on to the next. "the" rate of a pair is thus chosen in one place.
 */
#include "lane/chain.h"

#include <string.h>

#include "base/env.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/url.h"
#include "base/utf8.h"
#include "lane/breaker.h"
#include "lane/retry.h"
#include "lane/verdict.h"

#define LINKS_MAXIMUM FXI_CHAIN_SOURCES
#define PROBE_TIMEOUT (120 * FXMON_SECOND) /* longer than any fetch */
#define NAME_TEXT 256

struct link {
    const fxmon_source_ops *ops;
    char *url;
    void *state;
    fxi_breaker breaker;
    fxi_retry retry;
    int64_t blocked_until; /* ns UTC: not asked before */
    bool dead, ended, failing;
    fxmon_error error;
    fxmon_source_health health; /* what the chain knows; the rest is asked of the driver */
};

struct fxi_chain {
    const fxmon_env *env;
    struct link links[LINKS_MAXIMUM];
    size_t count;
    char name[NAME_TEXT];
    char first[FXMON_SOURCE_TEXT]; /* "" with one source */
};

static int add_link(fxi_chain *chain, const fxi_registry *registry, const char *url, size_t length, fxmon_error *error)
{
    if (chain->count == LINKS_MAXIMUM)
        return fxi_fail(error, FXMON_E_RANGE, "from", "from: more than %d sources", LINKS_MAXIMUM);
    struct link *link = &chain->links[chain->count];
    link->url = fxi_strndup(url, length);
    if (!link->url)
        return fxi_fail(error, FXMON_E_NOMEM, "from", "out of memory");
    fxmon_error problem;
    fxi_error_clear(&problem);
    link->ops = fxi_registry_find(registry, FXI_KIND_SOURCE, link->url, "from", &problem);
    if (!link->ops) {
        if (error)
            *error = problem;
        fxi_free(link->url);
        return problem.code;
    }
    const fxmon_env *env = chain->env;
    fxi_breaker_settings settings = {.threshold = (int)fxi_env_integer(env, "breaker-threshold", 5),
                                     .cooldown = fxi_env_duration(env, "breaker-cooldown", 30 * FXMON_SECOND),
                                     .factor = 1, .probe_timeout = PROBE_TIMEOUT};
    fxi_breaker_init(&link->breaker, &settings);
    fxi_retry_init(&link->retry, fxi_env_duration(env, "retry-base", FXMON_SECOND / 10), fxi_env_duration(env, "retry-cap", 10 * FXMON_SECOND),
                   (uint64_t)env->now(env->user) + chain->count);
    chain->count++;
    return FXMON_OK;
}

/* A comma separates sources only where the next word begins like one: URLs may have commas in their queries (sim:?pairs=EUR,GBP). */
static size_t link_length(const fxi_registry *registry, const char *text)
{
    size_t length = 0;
    for (;;) {
        length += strcspn(text + length, ",");
        const char *next = text + length;
        if (!*next || fxi_registry_lookup(registry, FXI_KIND_SOURCE, next + 1) || !strchr(text, ':') || strchr(text, ':') > next)
            return length;
        char word[64];
        size_t end = strcspn(next + 1, ",");
        if (end < sizeof word) {
            memcpy(word, next + 1, end);
            word[end] = '\0';
            if (fxi_registry_lookup(registry, FXI_KIND_SOURCE, word))
                return length;
        }
        length++;
    }
}

/* What does not change when another source of the chain steps in. */
static int name_first(fxi_chain *chain, fxmon_error *error)
{
    fxi_url url;
    if (chain->count < 2)
        return FXMON_OK;
    int code = fxi_url_parse(chain->links[0].url, &url, error);
    if (code != FXMON_OK)
        return code;
    const char *name = url.host && *url.host ? url.host : url.scheme;
    size_t length = strnlen(name, sizeof chain->first - 1);
    memcpy(chain->first, name, length);
    chain->first[length] = '\0';
    fxi_url_free(&url);
    return FXMON_OK;
}

fxi_chain *fxi_chain_new(const fxmon_env *env, const fxi_registry *registry, const char *sources, fxmon_error *error)
{
    fxi_chain *chain = fxi_calloc(1, sizeof *chain);
    if (!chain) {
        fxi_fail(error, FXMON_E_NOMEM, "from", "out of memory");
        return NULL;
    }
    chain->env = env;
    fxi_url_redact(sources, chain->name, sizeof chain->name);
    for (const char *at = sources; *at;) {
        size_t length = link_length(registry, at);
        if (length && add_link(chain, registry, at, length, error) != FXMON_OK) {
            fxi_chain_free(chain);
            return NULL;
        }
        at += length;
        at += *at == ',';
    }
    if (chain->count == 0) {
        fxi_fail(error, FXMON_E_CONFIG, "from", "from: names no source");
        fxi_chain_free(chain);
        return NULL;
    }
    if (name_first(chain, error) != FXMON_OK) {
        fxi_chain_free(chain);
        return NULL;
    }
    return chain;
}

void fxi_chain_free(fxi_chain *chain)
{
    if (!chain)
        return;
    for (size_t i = 0; i < chain->count; i++) {
        struct link *link = &chain->links[i];
        if (link->state)
            link->ops->close(link->state);
        fxi_breaker_destroy(&link->breaker);
        fxi_free(link->url);
    }
    fxi_free(chain);
}

/* Those behind one that answers are not asked. */
static const char *why_not_asked(const fxi_chain *chain, const struct link *link)
{
    if (link->dead)
        return "failed";
    if (link->ended)
        return "ended";
    for (const struct link *before = chain->links; before < link; before++)
        if (!before->dead && !before->ended && before->health.failures == 0 && before->health.answered >= link->health.answered && before->health.answered)
            return "standby";
    return "";
}

size_t fxi_chain_sources(const fxi_chain *chain, int64_t now, fxmon_source_health out[FXI_CHAIN_SOURCES])
{
    size_t count = 0;
    for (size_t i = 0; i < chain->count; i++) {
        const struct link *link = &chain->links[i];
        if (link->ops->recorded)
            continue;
        fxmon_source_health *health = &out[count++];
        *health = link->health;
        fxi_url_redact(link->url, health->source, sizeof health->source);
        if (link->state && link->ops->health)
            link->ops->health(link->state, health);
        health->heartbeat = now;
        const char *word = why_not_asked(chain, link);
        memcpy(health->status, word, strlen(word) + 1);
        fxi_verdict_source(health);
    }
    return count;
}

bool fxi_chain_recorded(const fxi_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++)
        if (!chain->links[i].ops->recorded)
            return false;
    return true;
}

const char *fxi_chain_name(const fxi_chain *chain)
{
    return chain->name;
}

const char *fxi_chain_first(const fxi_chain *chain)
{
    return chain->first[0] ? chain->first : NULL;
}

static void link_failed(fxi_chain *chain, struct link *link, int64_t now, fxmon_result result, uint64_t ticket)
{
    char shown[160];
    fxi_url_redact(link->url, shown, sizeof shown);
    if (link->error.code == FXMON_OK)
        fxi_fail(&link->error, FXMON_E_PROVIDER, "", "%s failed and did not say why", shown);
    int64_t clock = chain->env->monotonic(chain->env->user);
    fxi_breaker_result(&link->breaker, ticket, false, clock);
    if (result == FXMON_FATAL || result == FXMON_FENCED)
        link->dead = true;
    link->blocked_until = now + fxi_retry_delay(&link->retry, now, link->error.retry_at);
    if (!link->failing || link->dead)
        fxi_log(chain->env, FXMON_LOG_WARNING, "produce", "%s: %s", shown, link->error.text);
    link->failing = true;
    link->health.failed = now;
    link->health.failures++;
    memset(link->health.error, 0, sizeof link->health.error);
    memcpy(link->health.error, link->error.text, strnlen(link->error.text, sizeof link->health.error - 1));
    fxi_utf8_tidy(link->health.error);
}

static void link_answered(fxi_chain *chain, struct link *link, uint64_t ticket)
{
    fxi_breaker_result(&link->breaker, ticket, true, chain->env->monotonic(chain->env->user));
    fxi_retry_reset(&link->retry);
    link->blocked_until = 0;
    if (link->failing) {
        char shown[160];
        fxi_url_redact(link->url, shown, sizeof shown);
        fxi_log(chain->env, FXMON_LOG_INFO, "produce", "%s answers again", shown);
    }
    link->failing = false;
    link->health.failures = 0;
}

/* A publication of the past that comes again, as the days of a history do, is none that is new. */
static void link_published(struct link *link, const fxmon_message *message)
{
    link->health.publications++;
    if (message->time < link->health.published)
        return;
    link->health.published = message->time;
    link->health.announced = message->next_update;
}

/* Ask one source. FXMON_RETRY: not this one now, *due lowered to when it may be asked again. */
static fxmon_result ask(fxi_chain *chain, struct link *link, int64_t now, fxmon_message *message, int64_t *due, fxmon_error *error)
{
    uint64_t ticket;
    int64_t later = 0, link_due = INT64_MAX;
    if (link->blocked_until > now || !fxi_breaker_admit(&link->breaker, chain->env->monotonic(chain->env->user), &ticket, &later)) {
        int64_t again = link->blocked_until > now ? link->blocked_until : now + later;
        *due = again < *due ? again : *due;
        return FXMON_RETRY;
    }
    fxi_error_clear(&link->error);
    fxmon_result result = FXMON_DONE;
    if (!link->state)
        result = link->ops->open(chain->env, link->url, &link->state, &link->error);
    if (result == FXMON_DONE)
        result = link->ops->next(link->state, now, message, &link_due, &link->error);
    else
        link->state = NULL;
    if (result == FXMON_DONE && message->count == 0) {
        fxi_fail(&link->error, FXMON_E_NO_DATA, "", "a publication without a usable rate");
        result = FXMON_RETRY;
    }
    if (result == FXMON_DONE || result == FXMON_WAIT || result == FXMON_END || result == FXMON_REFUSED) {
        link_answered(chain, link, ticket);
        link->health.answered = now;
        if (result == FXMON_DONE)
            link_published(link, message);
        link->ended = result == FXMON_END;
        if (result == FXMON_WAIT)
            *due = link_due < *due ? link_due : *due;
        if (result == FXMON_DONE)
            *due = link_due; /* now: there is more of the same fetch */
        if (result == FXMON_REFUSED && error)
            *error = link->error;
        return result;
    }
    link_failed(chain, link, now, result, ticket);
    if (!link->dead && link->blocked_until < *due)
        *due = link->blocked_until;
    return FXMON_RETRY;
}

fxmon_result fxi_chain_next(fxi_chain *chain, int64_t now, fxmon_message *message, int64_t *due, fxmon_error *error)
{
    const struct link *first = NULL;
    bool ended = true, dead = true;
    *due = INT64_MAX;
    for (size_t i = 0; i < chain->count; i++) {
        struct link *link = &chain->links[i];
        if (link->dead || link->ended) {
            if (link->dead && !first)
                first = link;
            ended = ended && link->ended;
            continue;
        }
        fxmon_result result = ask(chain, link, now, message, due, error);
        if (result == FXMON_DONE || result == FXMON_WAIT || result == FXMON_REFUSED)
            return result;
        if (result == FXMON_END)
            continue;
        ended = false;
        dead = dead && link->dead;
        if (!first)
            first = link;
    }
    if (ended || !first)
        return FXMON_END;
    if (error)
        *error = first->error;
    return dead ? FXMON_FATAL : FXMON_RETRY;
}
