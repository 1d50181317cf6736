#include "source_env.h"

#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "codec/message.h"

static int64_t env_now(void *user)
{
    const source_env *e = user;
    return e->real ? fxi_clock_wall() : e->now;
}

static int64_t env_monotonic(void *user)
{
    const source_env *e = user;
    return e->real ? fxi_clock_monotonic() : e->now - SOURCE_ENV_START;
}

static bool env_stopping(void *user)
{
    return ((const source_env *)user)->stopping;
}

static void env_log(void *user, int level, const char *component, const char *text)
{
    source_env *e = user;
    ck_assert_int_ge(level, 0);
    ck_assert_int_lt(level, 4);
    ck_assert_ptr_nonnull(component);
    e->logged[level]++;
    int wrote = snprintf(e->log + e->log_length, sizeof e->log - e->log_length, "%s\n", text);
    if (wrote > 0 && (size_t)wrote < sizeof e->log - e->log_length)
        e->log_length += (size_t)wrote;
}

static const char *env_option(void *user, const char *name)
{
    const source_env *e = user;
    for (size_t i = 0; e->options && e->options[i]; i += 2)
        if (strcmp(e->options[i], name) == 0)
            return e->options[i + 1];
    return NULL;
}

void source_env_init(source_env *e, const char *const *options)
{
    memset(e, 0, sizeof *e);
    e->env = (fxmon_env){.size = sizeof e->env,
                         .user = e,
                         .now = env_now,
                         .monotonic = env_monotonic,
                         .stopping = env_stopping,
                         .log = env_log,
                         .option = env_option};
    e->now = SOURCE_ENV_START;
    e->options = options;
}

fxmon_result source_env_turn(source_env *e, const fxmon_source_ops *ops, void *state, int64_t horizon, fxmon_message *message, int64_t *due,
                             fxmon_error *error)
{
    const int64_t first = env_now(e), limit = fxi_clock_monotonic() + 10 * FXMON_SECOND;
    for (;;) {
        int64_t when = INT64_MIN;
        memset(error, 0, sizeof *error);
        fxmon_result result = ops->next(state, env_now(e), message, &when, error);
        *due = when;
        if (result != FXMON_WAIT)
            return result;
        ck_assert_msg(when >= first, "a source that says WAIT says until when");
        if (when - first > horizon)
            return result;
        if (e->real)
            poll(NULL, 0, 2);
        else if (when > e->now)
            e->now = when;
        ck_assert_msg(fxi_clock_monotonic() < limit, "the source says WAIT for 10 s");
    }
}

void source_env_check_message(const fxmon_message *message)
{
    fxi_buf text;
    fxmon_error error = {0};
    fxi_decoder *decoder = fxi_decoder_new();
    fxi_buf_init(&text, 1024 * 1024);
    ck_assert_uint_gt(message->count, 0);
    ck_assert(fxi_message_encode(message, &text));
    const fxmon_message *again = fxi_message_decode(decoder, text.data, text.length, &error);
    ck_assert_msg(again != NULL, "a message that the log would refuse: %s: %s", error.text, text.data);
    ck_assert_uint_eq(again->count, message->count);
    ck_assert_int_eq(again->time, message->time);
    ck_assert_str_eq(again->source, message->source);
    for (uint32_t i = 0; i < message->count; i++) {
        char base[8];
        fxmon_pair_base(&message->rates[i].pair, base);
        ck_assert_str_eq(base, message->base);
        ck_assert_int_eq(again->rates[i].mid.mantissa, message->rates[i].mid.mantissa);
        ck_assert_int_eq(again->rates[i].mid.scale, message->rates[i].mid.scale);
    }
    fxi_decoder_free(decoder);
    fxi_buf_free(&text);
}
