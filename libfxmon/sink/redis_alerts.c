/*
 * sink/redis_alerts.c - alert events in Redis: the newest ones in the list `alerts`, and each one on the channel fx-alerts when it happens.
 *
 * It lives with the sink because both speak to Redis the same way. An event may come again when nobody knows whether it was taken; LPOS finds it in the list,
 * and it is neither listed nor published twice. The list is watched meanwhile, for several programs may write it.
 */
#include <string.h>

#include "base/env.h"
#include "base/error.h"
#include "base/mem.h"
#include "sink/redis.h"
#include "sink/redis_batch.h"

#define COMMANDS_MAXIMUM ((size_t)1024 * 1024)
#define CHANNEL "fx-alerts"
#define LIST "alerts"
#define LIST_DEFAULT 1000
#define LOOKS 5 /* attempts while others write the list */

extern const fxmon_notify_ops fxi_notify_redis;

typedef struct redis_alerts {
    fxi_redis_link link;
    fxi_buf commands;
    char *prefix;
    int64_t keep;
} redis_alerts;

static void alerts_close(void *state)
{
    redis_alerts *a = state;
    if (a) {
        fxi_redis_link_close(&a->link);
        fxi_redis_settings_free(&a->link.settings);
        fxi_buf_free(&a->link.out);
        fxi_buf_free(&a->commands);
        fxi_free(a->prefix);
        fxi_free(a);
    }
}

static fxmon_result alerts_open(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    const char *prefix = fxi_env_text(env, "redis-prefix", NULL);
    redis_alerts *a = fxi_calloc(1, sizeof *a);
    *state = NULL;
    if (a) {
        a->link.env = env;
        a->prefix = fxi_strdup(prefix ? prefix : "");
        a->keep = fxi_env_integer(env, "redis-alerts", LIST_DEFAULT);
        fxi_buf_init(&a->link.out, COMMANDS_MAXIMUM);
        fxi_buf_init(&a->commands, COMMANDS_MAXIMUM);
    }
    int code = a && a->prefix ? fxi_redis_settings_read(&a->link.settings, env, url, error)
                              : fxi_fail(error, FXMON_E_NOMEM, "", "out of memory opening a notifier");
    if (code != FXMON_OK) {
        alerts_close(a);
        return FXMON_FATAL;
    }
    *state = a; /* connected by the first event: a server that is away is no reason not to start */
    return FXMON_DONE;
}

static void begin(fxi_buf *out, int words, const char *name)
{
    fxi_redis_command(out, words);
    fxi_redis_text(out, name);
}

/* WATCH and LPOS. */
static fxmon_result look(redis_alerts *a, const char *json, size_t length, bool *there, fxmon_error *error)
{
    begin(&a->link.out, 2, "WATCH");
    fxi_redis_key(&a->link.out, a->prefix, LIST, NULL);
    begin(&a->link.out, 3, "LPOS");
    fxi_redis_key(&a->link.out, a->prefix, LIST, NULL);
    fxi_redis_word(&a->link.out, json, length);
    fxmon_result result = fxi_redis_link_send(&a->link, error);
    for (int i = 0; result == FXMON_DONE && i < 2; i++) {
        redisReply *reply;
        result = fxi_redis_link_reply(&a->link, &reply, error);
        if (result != FXMON_DONE) {
            break;
        }
        *there = reply->type == REDIS_REPLY_INTEGER;
        if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "ERR unknown command", 19) != 0) { /* LPOS came with Redis 6.0.6 */
            result = fxi_redis_refusal(&a->link, reply, LIST, error);
        }
        freeReplyObject(reply);
    }
    return result;
}

static fxmon_result alerts_send(void *state, const fxmon_event *event, const char *json, size_t length, fxmon_error *error)
{
    redis_alerts *a = state;
    redisReply *reply;
    (void)event;
    fxi_buf_clear(&a->commands);
    begin(&a->commands, 3, "LPUSH");
    fxi_redis_key(&a->commands, a->prefix, LIST, NULL);
    fxi_redis_word(&a->commands, json, length);
    begin(&a->commands, 4, "LTRIM");
    fxi_redis_key(&a->commands, a->prefix, LIST, NULL);
    fxi_redis_text(&a->commands, "0");
    fxi_redis_integer(&a->commands, a->keep - 1);
    begin(&a->commands, 3, "PUBLISH");
    fxi_redis_text(&a->commands, CHANNEL);
    fxi_redis_word(&a->commands, json, length);
    fxmon_result result = fxi_redis_link_begin(&a->link, error);
    for (int i = 0; result == FXMON_DONE && i < LOOKS; i++) {
        bool there = false;
        result = look(a, json, length, &there, error);
        if (result != FXMON_DONE || there) {
            return result;
        }
        result = fxi_redis_link_transact(&a->link, &a->commands, 3, &reply, error);
        if (result == FXMON_DONE) {
            freeReplyObject(reply);
            return FXMON_DONE;
        }
        result = result == FXMON_WAIT ? FXMON_DONE : result;
    }
    if (result == FXMON_DONE) {
        fxi_redis_link_close(&a->link);
        fxi_fail(error, FXMON_E_BUSY, "redis", "%.150s: others keep writing the list of alerts", a->link.settings.shown);
        result = FXMON_RETRY;
    }
    return result;
}

const fxmon_notify_ops fxi_notify_redis = {
    .size = sizeof(fxmon_notify_ops),
    .schemes = "redis rediss unix",
    .open = alerts_open,
    .send = alerts_send,
    .close = alerts_close,
};
