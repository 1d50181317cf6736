/* tests/support/host.h - an fxmon_env for driver tests: a clock that only moves when told, options from a list, log lines kept. */
#ifndef FXMON_TEST_HOST_H
#define FXMON_TEST_HOST_H

#include <fxmon/plugin.h>

typedef struct store_host {
    fxmon_env env;           /* give &host.env to the driver */
    int64_t time;            /* 0: the real clocks */
    bool stopping;
    const char *options[16]; /* name, value, name, value, ..., NULL */
    int log_lines;
    char log_text[512];
} store_host;

void store_host_init(store_host *host);

#endif
