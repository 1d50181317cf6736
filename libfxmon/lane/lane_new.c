/* lane/lane_new.c - making a lane from its options, and its end. Nothing is opened here. */
#include "base/buf.h"
#include "base/env.h"
#include "base/error.h"
#include "base/mem.h"
#include "lane/lane_private.h"

#define PROBE_TIMEOUT (30 * FXMON_SECOND) /* longer than any driver's call */
#define NAME_MAXIMUM 512
#define BATCH 1000

static void read_options(fxi_lane *lane)
{
    const fxmon_env *env = lane->env;
    lane->batch_maximum = fxi_env_integer(env, "batch", lane->config.stage->batch ? lane->config.stage->batch : BATCH);
    lane->batch_bytes_maximum = fxi_env_size(env, "batch-bytes", 8 << 20);
    lane->batch_time = fxi_env_duration(env, "batch-time", FXMON_SECOND / 5);
    lane->checkpoint_every = fxi_env_duration(env, "checkpoint", 10 * FXMON_SECOND);
    lane->give_up_after = fxi_env_bool(env, "until-end", false) && !lane->config.follow ? (int)fxi_env_integer(env, "breaker-threshold", 5) : 0;
    lane->until_end = !lane->config.follow && fxi_env_bool(env, "until-end", false);
    lane->start_end = !lane->config.follow && fxi_env_is(env, "start", "end");
    lane->gap_halts = !fxi_env_is(env, "on-gap", "earliest");
    fxi_breaker_settings settings = {.threshold = (int)fxi_env_integer(env, "breaker-threshold", 5),
                                     .cooldown = fxi_env_duration(env, "breaker-cooldown", 30 * FXMON_SECOND),
                                     .factor = 1, .probe_timeout = PROBE_TIMEOUT};
    fxi_breaker_init(&lane->breaker, &settings);
    int64_t base = fxi_env_duration(env, "retry-base", FXMON_SECOND / 10), cap = fxi_env_duration(env, "retry-cap", 10 * FXMON_SECOND);
    lane->seed = (uint64_t)env->now(env->user) ^ (uint64_t)(uintptr_t)lane;
    lane->retry_base = base;
    lane->retry_cap = cap;
    fxi_retry_init(&lane->retry, base, cap, lane->seed);
    fxi_retry_init(&lane->stream_retry, base, cap, lane->seed + 1);
}

void fxi_lane_free(fxi_lane *lane)
{
    fxi_breaker_destroy(&lane->breaker);
    pthread_mutex_destroy(&lane->mutex);
    fxi_decoder_free(lane->decoder);
    fxi_free(lane->from);
    fxi_free(lane->group);
    fxi_free(lane->name);
    fxi_free(lane->destination);
    fxi_free(lane->key);
    fxi_free(lane->stream_name);
    fxi_free(lane->places);
    fxi_dead_log_free(lane->config.dead_log);
    fxi_free(lane);
}

static char *join(const char *group, char between, const char *name)
{
    fxi_buf text;
    fxi_buf_init(&text, NAME_MAXIMUM);
    fxi_buf_puts(&text, group);
    fxi_buf_putc(&text, between);
    fxi_buf_puts(&text, name);
    char *joined = fxi_buf_take(&text);
    fxi_buf_free(&text);
    return joined;
}

fxi_lane *fxi_lane_new(const fxi_lane_config *config, fxmon_error *error)
{
    fxi_lane *lane = fxi_calloc(1, sizeof *lane);
    if (!lane) {
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a lane");
        return NULL;
    }
    pthread_mutex_init(&lane->mutex, NULL);
    lane->config = *config;
    lane->env = config->env;
    read_options(lane);
    lane->decoder = fxi_decoder_new();
    lane->from = fxi_strdup(config->from);
    lane->group = join(config->group ? config->group : "fxmon", '.', config->name);
    lane->name = fxi_strdup(config->name);
    lane->destination = fxi_strdup(config->destination ? config->destination : "");
    if (lane->group && config->twin && *config->twin) {
        char *longer = join(lane->group, '.', config->twin);
        fxi_free(lane->group);
        lane->group = longer;
    }
    lane->key = join(config->group ? config->group : "fxmon", '/', config->name);
    if (!lane->decoder || !lane->from || !lane->group || !lane->name || !lane->destination || !lane->key) {
        lane->config.dead_log = NULL; /* still the caller's */
        fxi_lane_free(lane);
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a lane");
        return NULL;
    }
    fxi_lane_show(lane, "waiting");
    return lane;
}
