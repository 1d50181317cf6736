/* tests/support/host.c */
#include "host.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

static int64_t host_now(void *user)
{
    store_host *host = user;
    return host->time != 0 ? host->time : fxi_clock_wall();
}

static int64_t host_monotonic(void *user)
{
    store_host *host = user;
    return host->time != 0 ? host->time : fxi_clock_monotonic();
}

static bool host_stopping(void *user)
{
    return ((store_host *)user)->stopping;
}

static void host_log(void *user, int level, const char *component, const char *text)
{
    store_host *host = user;
    host->log_lines++;
    snprintf(host->log_text, sizeof(host->log_text), "%d %s: %s", level, component, text);
}

static const char *host_option(void *user, const char *name)
{
    store_host *host = user;
    for (size_t i = 0; i + 1 < sizeof(host->options) / sizeof(host->options[0]) && host->options[i] != NULL; i += 2) {
        if (strcmp(host->options[i], name) == 0) {
            return host->options[i + 1];
        }
    }
    return NULL;
}

void store_host_init(store_host *host)
{
    memset(host, 0, sizeof(*host));
    host->env = (fxmon_env){sizeof(fxmon_env), host, host_now, host_monotonic, host_stopping, host_log, host_option};
}
