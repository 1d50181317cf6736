/* base/log.c - lines for the host's log, and outages that are told once instead of a thousand times. */
#include "base/log.h"

#include "base/utf8.h"
#include "base/value.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAXIMUM 512
#define REMIND_AFTER (60 * FXMON_SECOND)
#define OTHER_AFTER (5 * FXMON_SECOND) /* another cause is said sooner, though two that take turns should not fill the log */

static void say(const fxmon_env *env, int level, const char *component, char *text)
{
    fxi_utf8_tidy(text);
    env->log(env->user, level, component == NULL ? "" : component, text);
}

void fxi_log(const fxmon_env *env, int level, const char *component, const char *format, ...)
{
    if (env == NULL || env->log == NULL) {
        return;
    }
    char text[LINE_MAXIMUM];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (length >= 0) {
        say(env, level, component, text);
    }
}

static int64_t now_of(const fxmon_env *env)
{
    return env != NULL && env->monotonic != NULL ? env->monotonic(env->user) : 0;
}

/* Told apart by what is no digit: offsets, ports and durations change with each attempt. */
static uint32_t words_of(const char *text)
{
    uint32_t hash = 2166136261U;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') {
            hash = (hash ^ (unsigned char)*text) * 16777619U;
        }
    }
    return hash;
}

void fxi_complain(fxi_complaint *c, const fxmon_env *env, const char *component, const char *format, ...)
{
    int64_t now = now_of(env);
    char text[LINE_MAXIMUM];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (length < 0) {
        return;
    }
    uint32_t words = words_of(text);
    c->count++;
    if (c->count == 1) {
        c->since = now;
    } else if (now - c->last_said < (words == c->words ? REMIND_AFTER : OTHER_AFTER)) {
        return;
    }
    c->last_said = now;
    c->words = words;
    if (env == NULL || env->log == NULL) {
        return;
    }
    if (c->count > 1 && (size_t)length < sizeof(text) - 1) {
        char duration[32];
        fxi_duration_format((now - c->since) / FXMON_SECOND * FXMON_SECOND, duration, sizeof(duration));
        snprintf(text + length, sizeof(text) - (size_t)length, " (for %s, %lld times)", duration, (long long)c->count);
    }
    say(env, FXMON_LOG_WARNING, component, text);
}

void fxi_relieve(fxi_complaint *c, const fxmon_env *env, const char *component, const char *what)
{
    if (c->count == 0) {
        return;
    }
    char duration[32];
    fxi_duration_format((now_of(env) - c->since) / 1000000 * 1000000, duration, sizeof(duration));
    fxi_log(env, FXMON_LOG_INFO, component, "%s again after %s (%lld failures)", what, duration, (long long)c->count);
    *c = (fxi_complaint){0};
}
