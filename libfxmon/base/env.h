/*
 * base/env.h - options of an env as values, for whoever reads them: drivers, lanes, the server.
 * Values were checked against the option table when they were set; `fallback` answers where an env has no such option (host and test envs). env may be NULL.
 */
#ifndef FXI_BASE_ENV_H
#define FXI_BASE_ENV_H
#include <fxmon/plugin.h>
const char *fxi_env_text(const fxmon_env *env, const char *name, const char *fallback);
int64_t fxi_env_integer(const fxmon_env *env, const char *name, int64_t fallback);
int64_t fxi_env_duration(const fxmon_env *env, const char *name, int64_t fallback); /* ns */
int64_t fxi_env_size(const fxmon_env *env, const char *name, int64_t fallback);     /* bytes */
bool fxi_env_bool(const fxmon_env *env, const char *name, bool fallback);
bool fxi_env_is(const fxmon_env *env, const char *name, const char *value);         /* set to exactly this */
#endif
