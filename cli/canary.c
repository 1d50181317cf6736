/*
 * cli/canary.c - fxmon-consume canary: a quote of our own through log, consumer and store, and how long it took.
 *
 * Lag and heartbeats are what the parts say of themselves. This is one number from outside: a quote of the pair XTS/XXX (ISO 4217's codes for tests and for
 * no currency) is appended to the log and looked for in the store, where only a lane that works can have put it. It is a quote like others in every
 * destination, told by its source "canary".
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "consume.h"

#define PAIR "XTS/XXX"
#define SOURCE "canary"
#define FIRST_LOOKS 50                    /* looks at the store before they become rarer */
#define LOOK_SOON (2 * FXMON_SECOND / 1000)
#define LOOK_LATER (20 * FXMON_SECOND / 1000)

enum { ARRIVED = 0, LOST = 1 };

struct canary {
    cli *c;
    fxmon *handle;
    fxmon_store *store;
    const char *log;
    int64_t within, every; /* every 0: one quote */
    long long sent, lost;
};

static volatile sig_atomic_t asked_to_stop;

static void stop(int number)
{
    (void)number;
    asked_to_stop = 1;
}

static int64_t wall(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * FXMON_SECOND + now.tv_nsec;
}

/* A signal ends it early. */
static void sleep_for(int64_t ns)
{
    struct timespec time = {.tv_sec = ns / FXMON_SECOND, .tv_nsec = ns - ns / FXMON_SECOND * FXMON_SECOND};
    if (ns > 0)
        (void)nanosleep(&time, NULL);
}

/* ---- one quote -------------------------------------------------------------------------------------------------- */

static int send_quote(const struct canary *k, int64_t time, fxmon_error *error)
{
    char text[FXMON_TIME_TEXT], message[256];
    fxmon_time_format(time, text);
    int length = snprintf(message, sizeof message, "{\"timestamp\":\"%s\",\"base\":\"XTS\",\"rates\":{\"" PAIR "\":1},\"source\":\"" SOURCE "\",\"ingested_at\":\"%s\"}", text, text);
    fxmon_blob record = {.key = SOURCE "/XTS", .data = message, .length = (size_t)length};
    return fxmon_append(k->handle, k->log, &record, 1, error);
}

static bool seen(void *user, const fxmon_stored_rate *rate)
{
    (void)rate;
    *(bool *)user = true;
    return false;
}

/* Until it is there, or `until` (monotonic) is over, or somebody wants to stop. */
static int look_for_quote(const struct canary *k, int64_t time, int64_t until, bool *found, fxmon_error *error)
{
    fxmon_history_query query = {.from = time, .to = INT64_MAX, .limit = 1, .source = SOURCE};
    *found = false;
    int code = fxmon_pair_parse(PAIR, strlen(PAIR), &query.pair);
    for (long looks = 0; code == FXMON_OK; looks++) {
        code = fxmon_store_history(k->store, &query, seen, found, error);
        if (code != FXMON_OK && fxmon_retriable(code) && cli_monotonic() < until)
            code = FXMON_OK; /* the store may come back in time */
        if (*found || cli_monotonic() >= until || asked_to_stop)
            break;
        sleep_for(looks < FIRST_LOOKS ? LOOK_SOON : LOOK_LATER);
    }
    return code;
}

/* Nanoseconds as milliseconds with microseconds behind the point. */
static void milliseconds(int64_t ns, char out[FXMON_DECIMAL_TEXT])
{
    fxmon_decimal_format((fxmon_decimal){ns / 1000, 3}, out);
}

static void print_quote(const struct canary *k, int64_t time, int64_t acknowledged, int64_t stored)
{
    char text[FXMON_TIME_TEXT], append[FXMON_DECIMAL_TEXT], store[FXMON_DECIMAL_TEXT];
    fxmon_time_format(time, text);
    milliseconds(acknowledged, append);
    milliseconds(stored, store);
    if (cli_flag(k->c, "json"))
        printf("{\"timestamp\":\"%s\",\"status\":\"%s\",\"acknowledged_ms\":%s,\"stored_ms\":%s}\n", text, stored < 0 ? "lost" : "stored", append, stored < 0 ? "null" : store);
    else if (stored < 0)
        printf("%s  acknowledged by the log after %s ms, not in the store within %s\n", text, append, cli_value(k->c, "within"));
    else
        printf("%s  acknowledged by the log after %s ms, in the store %s ms later\n", text, append, store);
    fflush(stdout);
}

/* The exit status of a failure, or -1. */
static int probe(struct canary *k)
{
    fxmon_error error = {0};
    bool found = false;
    int64_t time = wall(), begun = cli_monotonic();
    int code = send_quote(k, time, &error);
    if (code != FXMON_OK)
        return cli_status(k->c, &error);
    int64_t acknowledged = cli_monotonic();
    code = look_for_quote(k, time, acknowledged + k->within, &found, &error);
    if (code != FXMON_OK)
        return cli_status(k->c, &error);
    if (!found && asked_to_stop)
        return -1;
    k->sent++;
    k->lost += !found;
    print_quote(k, time, acknowledged - begun, found ? cli_monotonic() - acknowledged : -1);
    return -1;
}

/* ---- the command -------------------------------------------------------------------------------------------------- */

/* With --every a failure is no end: what watches must outlive what it watches. */
static int watch(struct canary *k)
{
    for (int64_t next = cli_monotonic(); !asked_to_stop; next += k->every) {
        int status = probe(k);
        if (status >= 0)
            k->lost++;
        if (k->every == 0)
            return status >= 0 ? status : k->lost ? LOST : ARRIVED;
        for (int64_t now = cli_monotonic(); now < next + k->every && !asked_to_stop; now = cli_monotonic())
            sleep_for(next + k->every - now);
        if (cli_monotonic() > next + 2 * k->every)
            next = cli_monotonic() - k->every; /* slower than asked for: no burst afterwards */
    }
    return k->lost ? LOST : ARRIVED;
}

static bool duration(const cli *c, const char *name, int64_t *out)
{
    const char *text = cli_value(c, name);
    *out = 0;
    return !text || fxmon_duration_parse(text, strlen(text), out) == FXMON_OK;
}

int consume_canary(cli *c)
{
    struct canary k = {.c = c, .log = cli_value(c, "to")};
    fxmon_error error;
    int status = 3;
    if (!k.log || !cli_value(c, "store"))
        return cli_usage(c, "canary: --%s is missing", k.log ? "store" : "to");
    if (strcmp(k.log, "-") == 0)
        return cli_usage(c, "canary: --to has to be a log that a consumer reads");
    if (!duration(c, "every", &k.every) || !duration(c, "within", &k.within))
        return cli_usage(c, "canary: --every and --within are durations, such as 10s");
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    if (!(k.handle = cli_handle(c)))
        return 3;
    k.store = fxmon_store_open(cli_value(c, "store"), true, &error);
    status = k.store ? watch(&k) : cli_status(c, &error);
    fxmon_store_close(k.store);
    fxmon_free(k.handle);
    return status;
}
