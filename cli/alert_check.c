/*
 * cli/alert_check.c - fxmon-alert --check: one line and a status as monitoring plugins give them.
 *
 * Firing alerts decide. But "nothing is firing" is worth something only while somebody looks: when the alert lane ran as a service and has stopped
 * giving signs of life without saying goodbye, the answer is unknown. A lane that ended as asked (--until-end from cron) is no reason for that.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "alert.h"

struct check {
    int alerts, warnings, criticals;
    char first[192];      /* the gravest rule that fires */
    bool first_critical;
    int64_t heartbeat;    /* newest of a running alert lane */
    bool running;

};

enum { CHECK_OK = 0, CHECK_WARNING = 1, CHECK_CRITICAL = 2, CHECK_UNKNOWN = 3 };

static bool count_alert(void *user, const fxmon_alert *alert, const fxmon_alert_state *state)
{
    struct check *k = user;
    if (!alert->active)
        return true;
    k->alerts++;
    if (!state || state->version != alert->version || state->phase != FXMON_PHASE_FIRING)
        return true;
    bool critical = alert->severity == FXMON_CRITICAL;
    k->criticals += critical;
    k->warnings += !critical;
    if (k->first[0] == '\0' || (critical && !k->first_critical)) {
        fxmon_alert_format(alert, k->first, sizeof k->first);
        k->first_critical = critical;
    }
    return true;
}

static bool see_health(void *user, const fxmon_health *health)
{
    struct check *k = user;
    if (strcmp(health->component, "alert") == 0 && health->heartbeat > k->heartbeat) {
        k->heartbeat = health->heartbeat;
        k->running = health->silent || (strcmp(health->status, "stopped") != 0 && strcmp(health->status, "failed") != 0);
    }
    return true;
}

static int answer(int status, const char *text, const struct check *k)
{
    static const char *const names[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
    printf("FXMON %s - %s", names[status], text);
    if (k)
        printf("|critical=%d;;0 warning=%d;0 alerts=%d", k->criticals, k->warnings, k->alerts);
    printf("\n");
    return status;
}

static int64_t check_age(const cli *c)
{
    const char *text = cli_value(c, "check-age"); /* was checked against the table of options */
    int64_t age;
    return fxmon_duration_parse(text, strlen(text), &age) == FXMON_OK ? age : 300 * FXMON_SECOND;
}

int alert_check(cli *c)
{
    struct check k = {.alerts = 0};
    fxmon_error error;
    char text[320];
    if (!cli_value(c, "store"))
        return answer(CHECK_UNKNOWN, "--store is missing", NULL);
    fxmon_store *store = fxmon_store_open(cli_value(c, "store"), true, &error);
    if (!store)
        return answer(CHECK_UNKNOWN, error.text, NULL);
    int code = fxmon_store_alert_each(store, count_alert, &k, &error);
    if (code == FXMON_OK)
        code = fxmon_store_health_each(store, see_health, &k, &error);
    fxmon_store_close(store);
    if (code != FXMON_OK)
        return answer(CHECK_UNKNOWN, error.text, NULL);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t age = (int64_t)now.tv_sec * FXMON_SECOND + now.tv_nsec - k.heartbeat;
    if (k.criticals + k.warnings > 0) {
        snprintf(text, sizeof text, "%d critical, %d warning firing: %s%s", k.criticals, k.warnings, k.first,
                 k.criticals + k.warnings > 1 ? ", ..." : "");
        return answer(k.criticals > 0 ? CHECK_CRITICAL : CHECK_WARNING, text, &k);
    }
    if (k.running && age > check_age(c)) {
        snprintf(text, sizeof text, "the alert lane gave no sign of life for %lld s", (long long)(age / FXMON_SECOND));
        return answer(CHECK_UNKNOWN, text, &k);
    }
    snprintf(text, sizeof text, "%d alerts, none firing", k.alerts);
    return answer(CHECK_OK, text, &k);
}
