/* base/env.c - see env.h. */
#include "base/env.h"

#include <string.h>

#include "base/value.h"

const char *fxi_env_text(const fxmon_env *env, const char *name, const char *fallback)
{
    const char *text = env && env->option ? env->option(env->user, name) : NULL;
    return text ? text : fallback;
}

int64_t fxi_env_integer(const fxmon_env *env, const char *name, int64_t fallback)
{
    const char *text = fxi_env_text(env, name, NULL);
    int64_t value;
    return text && fxi_integer_parse(text, strlen(text), &value) == FXMON_OK ? value : fallback;
}

int64_t fxi_env_duration(const fxmon_env *env, const char *name, int64_t fallback)
{
    const char *text = fxi_env_text(env, name, NULL);
    int64_t value;
    return text && fxmon_duration_parse(text, strlen(text), &value) == FXMON_OK ? value : fallback;
}

int64_t fxi_env_size(const fxmon_env *env, const char *name, int64_t fallback)
{
    const char *text = fxi_env_text(env, name, NULL);
    int64_t value;
    return text && fxi_size_parse(text, strlen(text), &value) == FXMON_OK ? value : fallback;
}

bool fxi_env_bool(const fxmon_env *env, const char *name, bool fallback)
{
    const char *text = fxi_env_text(env, name, NULL);
    bool value;
    return text && fxi_bool_parse(text, strlen(text), &value) == FXMON_OK ? value : fallback;
}

bool fxi_env_is(const fxmon_env *env, const char *name, const char *value)
{
    const char *text = fxi_env_text(env, name, NULL);
    return text && strcmp(text, value) == 0;
}
