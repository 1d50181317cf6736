/*
 * tests/support/source_env.h - a host for a source under test: options from a list, a clock that jumps to wherever the source says nothing will
 * happen before (or the machine's own clock for sources with a child process), and all that was logged.
 */
#ifndef FXMON_TEST_SOURCE_ENV_H
#define FXMON_TEST_SOURCE_ENV_H
#include <fxmon/plugin.h>
typedef struct source_env {
    fxmon_env env;
    bool real;                  /* the machine's clock, with short waits */
    bool stopping;
    int64_t now;
    const char *const *options; /* name, value, ..., NULL */
    int logged[4];              /* by level */
    char log[16384];            /* all texts, one a line; full: the rest is only counted */
    size_t log_length;
} source_env;
#define SOURCE_ENV_START (INT64_C(1770201000) * FXMON_SECOND) /* 2026-02-04T10:30:00Z */
void source_env_init(source_env *e, const char *const *options);
/** Call next until something happens that is no WAIT, or only after `horizon` ns; at most 10 s of real time. */
fxmon_result source_env_turn(source_env *e, const fxmon_source_ops *ops, void *state, int64_t horizon, fxmon_message *message, int64_t *due,
                             fxmon_error *error);
/** The checks that hold for every message of every source; fails the test otherwise. */
void source_env_check_message(const fxmon_message *message);
#endif
