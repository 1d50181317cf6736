/*
 * sink/redis.c - the newest rates, their history, volatility, crosses and movers in Redis.
 *
 * A flush is two round trips. The first watches what is about to be written and reads what is there: the place this lane left behind, and the newest
 * position of each pair. The second is one transaction of all commands of the batch and the new place. EXEC does nothing when something watched has changed
 * in between, so a flush counts as a whole or not at all, and it counts only while the place is the one this process wrote:
 *
 *   the place is gone (FLUSHALL, a restart without persistence, a fail-over that lost it)  FENCED: the lane claims anew, is told that there is nothing,
 *                                                                                          and replays the log; that makes every key again
 *   another process wrote the place                                                        FENCED: it owns the partition now
 *   another writer has a newer quote of a pair                                             what is older than that is left out
 *   the connection broke and nobody knows whether EXEC came through                        the next flush reads it from the place
 *
 * Commands are few because the batch is: of a pair that had a hundred quotes one value is set, the last twenty are pushed with one command, trimmed once.
 * No script runs per message; a transaction gives the same atomicity for less.
 */
#include "sink/redis.h"

#include <string.h>
#include <sys/random.h>

#include "base/env.h"
#include "base/error.h"
#include "base/mem.h"
#include "sink/redis_batch.h"
#include "sink/redis_place.h"

#define COMMANDS_MAXIMUM ((size_t)256 * 1024 * 1024)
#define LOOKS 5 /* attempts of a flush while others write the same pairs */
#define TTL_DEFAULT (3600 * FXMON_SECOND)

extern const fxmon_sink_ops fxi_sink_redis;

typedef struct redis_sink {
    const fxmon_env *env;
    fxi_redis_link link;
    fxi_redis_batch batch;
    fxi_redis_places places;
    fxi_buf commands;
    char *prefix, *channel;
} redis_sink;

static void sink_close(void *state)
{
    redis_sink *s = state;
    if (s) {
        fxi_redis_link_close(&s->link);
        fxi_redis_settings_free(&s->link.settings);
        fxi_redis_batch_free(&s->batch);
        fxi_redis_places_free(&s->places);
        fxi_buf_free(&s->link.out);
        fxi_buf_free(&s->commands);
        fxi_free(s->prefix);
        fxi_free(s->channel);
        fxi_free(s);
    }
}

static int read_options(redis_sink *s, fxmon_error *error)
{
    const char *ttl = fxi_env_text(s->env, "redis-ttl", NULL);
    int64_t ttl_ns = TTL_DEFAULT;
    if (ttl && fxmon_duration_parse(ttl, strlen(ttl), &ttl_ns) != FXMON_OK) {
        return fxi_fail(error, FXMON_E_RANGE, "redis-ttl", "\"%.40s\" is no duration such as 3600s or 2d", ttl);
    }
    s->prefix = fxi_strdup(fxi_env_text(s->env, "redis-prefix", ""));
    const char *channel = fxi_env_text(s->env, "redis-channel", "fx-rates");
    s->channel = fxi_strdup(strcmp(channel, "-") == 0 ? "" : channel);
    if (!s->prefix || !s->channel) {
        return fxi_fail(error, FXMON_E_NOMEM, "", "out of memory opening a sink");
    }
    fxi_redis_shape shape = {.prefix = s->prefix, .channel = s->channel, .ttl_ms = ttl_ns / 1000000,
                             .history = (size_t)fxi_env_integer(s->env, "redis-history", 20),
                             .series = (size_t)fxi_env_integer(s->env, "redis-series", 1000)};
    return fxi_redis_batch_open(&s->batch, &shape, error);
}

static fxmon_result sink_open(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    uint64_t random = 0;
    redis_sink *s = fxi_calloc(1, sizeof *s);
    *state = NULL;
    if (!s) {
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory opening a sink");
        return FXMON_FATAL;
    }
    s->env = s->link.env = env;
    fxi_buf_init(&s->link.out, COMMANDS_MAXIMUM);
    fxi_buf_init(&s->commands, COMMANDS_MAXIMUM);
    fxmon_result result = FXMON_FATAL;
    if (getrandom(&random, sizeof random, 0) != sizeof random) {
        random = (uint64_t)env->now(env->user) ^ (uint64_t)(uintptr_t)s;
    }
    fxi_redis_places_open(&s->places, random);
    if (fxi_redis_settings_read(&s->link.settings, env, url, error) == FXMON_OK && read_options(s, error) == FXMON_OK) {
        result = fxi_redis_link_begin(&s->link, error);
    }
    if (result != FXMON_DONE) {
        sink_close(s);
        return result;
    }
    *state = s;
    return FXMON_DONE;
}

static fxmon_result sink_write(void *state, const fxmon_row *rows, size_t count, fxmon_error *error)
{
    redis_sink *s = state;
    for (size_t i = 0; i < count; i++) {
        if (fxi_redis_batch_add(&s->batch, &rows[i], error) != FXMON_OK) {
            return FXMON_FATAL;
        }
    }
    return FXMON_DONE;
}

static void sink_discard(void *state)
{
    redis_sink *s = state;
    fxi_redis_batch_clear(&s->batch);
}

/* ---- looking ---- */

/* A new connection may be to another server, or to one that somebody has worked on. */
static void forget_checks(redis_sink *s)
{
    for (size_t i = 0; i < s->batch.count; i++) {
        s->batch.entries[i]->checked = false;
    }
}

static void ask_type(redis_sink *s, const char *name, const fxmon_pair *pair)
{
    fxi_redis_command(&s->link.out, 2);
    fxi_redis_text(&s->link.out, "TYPE");
    fxi_redis_key(&s->link.out, s->prefix, name, pair);
}

static void ask(redis_sink *s, const fxi_redis_place *place)
{
    fxi_buf *out = &s->link.out;
    size_t keys = s->batch.touched_count + (place != NULL);
    if (keys > 0) {
        fxi_redis_command(out, 1 + (int)keys);
        fxi_redis_text(out, "WATCH");
        if (place) {
            fxi_redis_key(out, s->prefix, place->key, NULL);
        }
        for (size_t i = 0; i < s->batch.touched_count; i++) {
            const fxi_redis_entry *e = s->batch.touched[i];
            fxi_redis_key(out, s->prefix, fxi_redis_entry_hash(e), &e->pair);
        }
    }
    if (place) {
        fxi_redis_place_ask(place, s->prefix, out);
    }
    for (size_t i = 0; i < s->batch.touched_count; i++) {
        const fxi_redis_entry *e = s->batch.touched[i];
        fxi_redis_entry_ask(&s->batch, e, out);
        if (!e->checked && !e->cross) {
            ask_type(s, "history:", &e->pair);
            ask_type(s, "series:", &e->pair);
            ask_type(s, "movers", NULL);
        }
    }
}

/* A reply that is no error. `name` and `pair` make the key that it is about. */
static fxmon_result answer(redis_sink *s, const char *name, const fxmon_pair *pair, redisReply **reply, fxmon_error *error)
{
    fxmon_result result = fxi_redis_link_reply(&s->link, reply, error);
    if (result == FXMON_DONE && (*reply)->type == REDIS_REPLY_ERROR) {
        fxi_buf key;
        fxi_buf_init(&key, FXI_REDIS_NAME);
        fxi_buf_puts(&key, s->prefix);
        fxi_buf_puts(&key, name);
        if (pair) {
            fxi_buf_pair(&key, pair);
        }
        result = fxi_redis_refusal(&s->link, *reply, key.failed ? name : key.data, error);
        fxi_buf_free(&key);
        freeReplyObject(*reply);
        *reply = NULL;
    }
    return result;
}

static fxmon_result check_type(redis_sink *s, const char *name, const fxmon_pair *pair, const char *wanted, fxmon_error *error)
{
    redisReply *reply = NULL;
    fxmon_result result = answer(s, name, pair, &reply, error);
    if (result == FXMON_DONE && reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "none") != 0 && strcmp(reply->str, wanted) != 0) {
        fxi_fail(error, FXMON_E_CONFIG, "redis", "%.80s: the key %.60s%s%.16s is a %.20s, expected a %s; remove it, or choose a redis-prefix",
                 s->link.settings.shown, s->prefix, name, pair ? pair->text : "", reply->str, wanted);
        fxi_redis_link_close(&s->link);
        result = FXMON_FATAL;
    }
    if (reply) {
        freeReplyObject(reply);
    }
    return result;
}

static fxmon_result see_entry(redis_sink *s, fxi_redis_entry *e, fxmon_error *error)
{
    const char *fields[FXI_REDIS_FIELDS] = {NULL};
    size_t lengths[FXI_REDIS_FIELDS] = {0};
    redisReply *reply = NULL;
    fxmon_result result = answer(s, fxi_redis_entry_hash(e), &e->pair, &reply, error);
    if (result != FXMON_DONE) {
        return result;
    }
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements && i < FXI_REDIS_FIELDS; i++) {
        fields[i] = reply->element[i]->type == REDIS_REPLY_STRING ? reply->element[i]->str : NULL;
        lengths[i] = fields[i] ? reply->element[i]->len : 0;
    }
    fxi_redis_entry_saw(e, fields, lengths);
    freeReplyObject(reply);
    if (!e->checked && !e->cross) {
        result = check_type(s, "history:", &e->pair, "list", error);
        result = result == FXMON_DONE ? check_type(s, "series:", &e->pair, "zset", error) : result;
        result = result == FXMON_DONE ? check_type(s, "movers", NULL, "zset", error) : result;
    }
    e->checked = result == FXMON_DONE;
    return result;
}

static fxmon_result look(redis_sink *s, fxi_redis_place *place, const fxmon_progress *progress, fxmon_error *error)
{
    redisReply *reply = NULL;
    ask(s, place);
    bool asked = s->link.out.length > 0;
    fxmon_result result = fxi_redis_link_send(&s->link, error);
    if (result == FXMON_DONE && asked) {
        result = answer(s, "WATCH", NULL, &reply, error);
        if (reply) {
            freeReplyObject(reply);
        }
    }
    if (result == FXMON_DONE && place) {
        result = answer(s, place->key, NULL, &reply, error);
        if (result == FXMON_DONE) {
            result = fxi_redis_place_saw(&s->places, place, progress, reply, error);
            freeReplyObject(reply);
        }
    }
    for (size_t i = 0; result == FXMON_DONE && i < s->batch.touched_count; i++) {
        result = see_entry(s, s->batch.touched[i], error);
    }
    if (result == FXMON_FENCED) {
        fxi_redis_link_close(&s->link); /* what is watched goes with it */
    }
    return result;
}

/* ---- flush and load ---- */

static fxmon_result write_batch(redis_sink *s, fxi_redis_place *place, const fxmon_progress *progress, fxmon_error *error)
{
    redisReply *reply;
    fxi_buf_clear(&s->commands);
    size_t count = fxi_redis_batch_encode(&s->batch, &s->commands);
    if (place) {
        count += fxi_redis_place_encode(&s->places, place, progress, s->prefix, &s->commands);
    }
    if (count == 0) {
        return FXMON_DONE;
    }
    if (place) {
        place->in_doubt = true;
    }
    fxmon_result result = fxi_redis_link_transact(&s->link, &s->commands, count, &reply, error);
    if (result == FXMON_DONE) {
        freeReplyObject(reply);
    }
    return result;
}

static fxmon_result sink_flush(void *state, const fxmon_progress *progress, fxmon_error *error)
{
    redis_sink *s = state;
    fxi_redis_place *place = progress ? fxi_redis_places_find(&s->places, progress, error) : NULL;
    if (progress && !place) {
        return FXMON_FATAL;
    }
    if (!place && s->batch.touched_count == 0) {
        return FXMON_DONE;
    }
    fxmon_result result = fxi_redis_link_begin(&s->link, error);
    if (result == FXMON_DONE && s->link.fresh) {
        forget_checks(s);
    }
    for (int i = 0; result == FXMON_DONE; i++) {
        if (i == LOOKS) {
            fxi_redis_link_close(&s->link);
            fxi_fail(error, FXMON_E_BUSY, "redis", "%.150s: others keep writing the same pairs", s->link.settings.shown);
            return FXMON_RETRY;
        }
        result = look(s, place, progress, error);
        if (result == FXMON_DONE) {
            result = write_batch(s, place, progress, error);
            if (result != FXMON_WAIT) {
                break;
            }
            result = FXMON_DONE;
        }
    }
    if (result == FXMON_DONE) {
        if (place) {
            fxi_redis_place_wrote(place, progress);
        }
        fxi_redis_batch_done(&s->batch);
    }
    return result;
}

static fxmon_result sink_load(void *state, fxmon_progress *progress, fxmon_error *error)
{
    redis_sink *s = state;
    redisReply *reply = NULL;
    progress->next_offset = progress->checkpoint_offset = -1;
    progress->checkpoint = NULL;
    progress->checkpoint_size = 0;
    fxi_redis_place *place = fxi_redis_places_find(&s->places, progress, error);
    if (!place) {
        return FXMON_FATAL;
    }
    fxmon_result result = fxi_redis_link_begin(&s->link, error);
    if (result != FXMON_DONE) {
        return result;
    }
    fxi_buf_clear(&s->commands);
    size_t count = fxi_redis_place_claim(&s->places, place, progress, s->prefix, &s->commands);
    result = fxi_redis_link_transact(&s->link, &s->commands, count, &reply, error);
    if (result == FXMON_DONE) {
        result = fxi_redis_place_loaded(place, progress, reply->element[count - 1], error);
        freeReplyObject(reply);
    } else if (result == FXMON_WAIT) {
        fxi_redis_link_close(&s->link);
        fxi_fail(error, FXMON_E_BUSY, "redis", "%.150s: somebody else wrote at the same moment", s->link.settings.shown);
        result = FXMON_RETRY;
    }
    return result;
}

static fxmon_result sink_check(void *state, const fxmon_progress *progress, fxmon_error *error)
{
    redis_sink *s = state;
    redisReply *reply = NULL;
    fxi_redis_place *place = fxi_redis_places_find(&s->places, progress, error);
    fxmon_result result = place ? fxi_redis_link_begin(&s->link, error) : FXMON_FATAL;
    if (result != FXMON_DONE) {
        return result;
    }
    fxi_redis_place_ask(place, s->prefix, &s->link.out);
    result = fxi_redis_link_send(&s->link, error);
    result = result == FXMON_DONE ? answer(s, place->key, NULL, &reply, error) : result;
    if (result == FXMON_DONE) {
        result = fxi_redis_place_saw(&s->places, place, progress, reply, error);
        freeReplyObject(reply);
    }
    return result;
}

const fxmon_sink_ops fxi_sink_redis = {
    .size = sizeof(fxmon_sink_ops),
    .schemes = "redis rediss unix",
    .open = sink_open,
    .write = sink_write,
    .flush = sink_flush,
    .close = sink_close,
    .load = sink_load,
    .discard = sink_discard,
    .check = sink_check,
    .crosses = true,
};
