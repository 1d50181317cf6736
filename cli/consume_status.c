/*
 * cli/consume_status.c - fxmon-consume status: what lanes and producers last told the store, as a table for people or JSON, with an exit status for cron.
 *
 * A process that ended as asked is no trouble, one that went silent is; but not for ever: as soon as another of its component and group has started
 * after its last sign of life, it counts as replaced.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "consume.h"

enum { STATUS_WELL = 0, STATUS_TROUBLE = 1, STATUS_UNKNOWN = 3 };
enum { REBALANCES_SHOWN = 10 };

struct rows {
    fxmon_health *row;
    size_t count, capacity;
    bool failed;
};

struct events {
    fxmon_rebalance event[REBALANCES_SHOWN];
    size_t count;
};

enum { SOURCES_SHOWN = 64, MISSED_MANY = 2 }; /* one missed publication may be a holiday */

struct sources {
    fxmon_source_health source[SOURCES_SHOWN];
    size_t count;
};

static bool keep_source(void *user, const fxmon_source_health *source)
{
    struct sources *s = user;
    s->source[s->count++] = *source;
    return s->count < SOURCES_SHOWN;
}

static bool keep_row(void *user, const fxmon_health *health)
{
    struct rows *r = user;
    if (r->count == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 16;
        fxmon_health *grown = realloc(r->row, capacity * sizeof *grown);
        r->failed = !grown;
        if (!grown)
            return false;
        r->row = grown;
        r->capacity = capacity;
    }
    r->row[r->count++] = *health;
    return true;
}

static bool keep_event(void *user, const fxmon_rebalance *event, int64_t id)
{
    struct events *e = user;
    (void)id;
    e->event[e->count++] = *event;
    return e->count < REBALANCES_SHOWN;
}

/* ---- judging --------------------------------------------------------------------------------------------------- */

static bool gone(const fxmon_health *h)
{
    return strcmp(h->status, "stopped") == 0 || strcmp(h->status, "failed") == 0;
}

static bool replaced(const struct rows *r, const fxmon_health *h)
{
    for (size_t i = 0; i < r->count; i++) {
        const fxmon_health *other = &r->row[i];
        if (other != h && strcmp(other->component, h->component) == 0 && strcmp(other->group, h->group) == 0 && other->started >= h->heartbeat)
            return true;
    }
    return false;
}

static bool in_trouble(const struct rows *r, const fxmon_health *h)
{
    static const char *const bad[] = {"slow", "stalled", "retrying", "failed"};
    bool trouble = h->silent;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        trouble |= strcmp(h->status, bad[i]) == 0;
    return trouble && !(gone(h) && replaced(r, h));
}

static bool source_in_trouble(const fxmon_source_health *s)
{
    return strcmp(s->status, "failing") == 0 || strcmp(s->status, "failed") == 0 || (strcmp(s->status, "late") == 0 && s->missed >= MISSED_MANY);
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * FXMON_SECOND + now.tv_nsec;
}

/* 0 to 99 s, 2 to 99 min, hours up to two days, days. */
static void age_text(int64_t ns, char out[32])
{
    long long seconds = ns > 0 ? (long long)(ns / FXMON_SECOND) : 0;
    if (seconds < 100)
        snprintf(out, 32, "%llds", seconds);
    else if (seconds < 100 * 60)
        snprintf(out, 32, "%lldm", seconds / 60);
    else if (seconds < 48 * 3600)
        snprintf(out, 32, "%lldh", seconds / 3600);
    else
        snprintf(out, 32, "%lldd", seconds / 86400);
}

static void print_table(const struct rows *r, int64_t now)
{
    int component = 9, instance = 8, partitions = 10;
    for (size_t i = 0; i < r->count; i++) {
        int n = (int)strlen(r->row[i].component), k = (int)strlen(r->row[i].instance), l = (int)strlen(r->row[i].partitions);
        component = n > component ? n : component;
        instance = k > instance ? k : instance;
        partitions = l > partitions ? l : partitions;
    }
    printf("%-*s  %-*s  %-11s  %-*s  %10s  %10s  %7s  %9s\n", component, "COMPONENT", instance, "INSTANCE", "STATUS", partitions, "PARTITIONS", "PER MINUTE", "LAG",
           "BEHIND", "HEARTBEAT");
    for (size_t i = 0; i < r->count; i++) {
        const fxmon_health *h = &r->row[i];
        char behind[32], heartbeat[32];
        age_text(h->lag_ns, behind);
        age_text(now - h->heartbeat, heartbeat);
        printf("%-*s  %-*s  %-11s  %-*s  %10lld  %10lld  %7s  %9s%s%s%s\n", component, h->component, instance, h->instance, h->silent ? "stopped (!)" : h->status,
               partitions, h->partitions[0] ? h->partitions : "-", (long long)(gone(h) ? 0 : h->messages_last_minute), (long long)h->lag, behind, heartbeat,
               h->detail[0] ? "  " : "", h->detail, in_trouble(r, h) ? "  <" : "");
    }
}

static void print_sources(const struct sources *sources, int64_t now)
{
    int width = 6;
    for (size_t i = 0; i < sources->count; i++)
        width = (int)strlen(sources->source[i].source) > width ? (int)strlen(sources->source[i].source) : width;
    if (sources->count)
        printf("\n%-*s  %-8s  %-20s  %6s  %10s  %8s\n", width, "SOURCE", "STATUS", "PUBLISHED", "MISSED", "QUOTA LEFT", "ANSWERED");
    for (size_t i = 0; i < sources->count; i++) {
        const fxmon_source_health *s = &sources->source[i];
        char published[FXMON_TIME_TEXT] = "never", answered[32] = "never", missed[24] = "-", left[24] = "-";
        if (s->published)
            fxmon_time_format(s->published / FXMON_SECOND * FXMON_SECOND, published);
        if (s->answered)
            age_text(now - s->answered, answered);
        if (s->missed >= 0)
            snprintf(missed, sizeof missed, "%lld", (long long)s->missed);
        if (s->quota)
            snprintf(left, sizeof left, "%lld", (long long)(s->quota > s->quota_used ? s->quota - s->quota_used : 0));
        bool failing = strcmp(s->status, "failing") == 0 || strcmp(s->status, "failed") == 0;
        printf("%-*s  %-8s  %-20s  %6s  %10s  %8s%s%s%s\n", width, s->source, s->status, published, missed, left, answered, failing ? "  " : "", failing ? s->error : "",
               source_in_trouble(s) ? "  <" : "");
    }
}

static void print_events(const struct events *e)
{
    if (e->count)
        printf("\nRebalances, newest first:\n");
    for (size_t i = 0; i < e->count; i++) {
        const fxmon_rebalance *event = &e->event[i];
        char time[FXMON_TIME_TEXT];
        fxmon_time_format(event->time, time);
        printf("%s  %s  %s  %s %s; has %s%s%s\n", time, event->component, event->member[0] ? event->member : event->instance, event->kind,
               event->partitions[0] ? event->partitions : "none", event->assigned[0] ? event->assigned : "none", event->reason[0] ? "; " : "", event->reason);
    }
}

static void json_text(const char *name, const char *text)
{
    printf(",\"%s\":", name);
    cli_json(stdout, text);
}

static void json_time(const char *name, int64_t time)
{
    char text[FXMON_TIME_TEXT];
    fxmon_time_format(time, text);
    printf(",\"%s\":\"%s\"", name, text);
}

/* Nanoseconds as seconds with the digits they need. */
static void json_seconds(const char *name, int64_t ns)
{
    char text[FXMON_DECIMAL_TEXT];
    fxmon_decimal seconds = {ns, 9};
    for (; seconds.scale > 0 && seconds.mantissa % 10 == 0; seconds.scale--)
        seconds.mantissa /= 10;
    if (ns < 0)
        printf(",\"%s\":null", name);
    else if (ns == 0)
        printf(",\"%s\":0", name);
    else if (fxmon_decimal_format(seconds, text) > 0)
        printf(",\"%s\":%s", name, text);
}

/* "0,2,..." as [0,2] */
static void json_list(const char *name, const char *list)
{
    size_t length = strspn(list, "0123456789,");
    while (length && list[length - 1] == ',')
        length--;
    printf(",\"%s\":[%.*s]", name, (int)length, list);
}

static void json_row(const struct rows *r, const fxmon_health *h, int64_t now)
{
    printf("{\"component\":");
    cli_json(stdout, h->component);
    json_text("instance", h->instance);
    json_text("status", h->status);
    printf(",\"trouble\":%s,\"silent\":%s,\"producer\":%s", in_trouble(r, h) ? "true" : "false", h->silent ? "true" : "false", h->producer ? "true" : "false");
    json_text("group", h->group);
    json_text("member", h->member);
    json_list("assigned_partitions", h->partitions);
    printf(",\"messages_last_minute\":%lld,\"messages\":%lld,\"rows\":%lld,\"dead_letters\":%lld,\"lag\":%lld", (long long)h->messages_last_minute,
           (long long)h->messages, (long long)h->rows, (long long)h->dead_letters, (long long)h->lag);
    json_seconds("lag_seconds", h->lag_ns);
    json_time("last_heartbeat", h->heartbeat);
    json_seconds("heartbeat_age_seconds", now > h->heartbeat ? now - h->heartbeat : 0);
    json_time("started_at", h->started);
    json_text("version", h->version);
    json_text("detail", h->detail);
    putchar('}');
}

static void json_instant(const char *name, int64_t time)
{
    if (time)
        json_time(name, time);
    else
        printf(",\"%s\":null", name);
}

static void json_source(const fxmon_source_health *s)
{
    printf("{\"source\":");
    cli_json(stdout, s->source);
    json_text("status", s->status);
    printf(",\"trouble\":%s,\"silent\":%s", source_in_trouble(s) ? "true" : "false", s->silent ? "true" : "false");
    json_instant("last_published_at", s->published);
    json_instant("next_expected_at", s->expected);
    if (s->missed >= 0)
        printf(",\"publications_missed\":%lld", (long long)s->missed);
    else
        printf(",\"publications_missed\":null");
    json_seconds("cadence_seconds", s->cadence ? s->cadence : -1);
    json_instant("last_answer_at", s->answered);
    printf(",\"failures_in_a_row\":%lld", (long long)s->failures);
    json_instant("last_error_at", s->failed);
    json_text("last_error", s->error);
    printf(",\"publications\":%lld", (long long)s->publications);
    if (s->quota)
        printf(",\"quota\":%lld,\"quota_left\":%lld", (long long)s->quota, (long long)(s->quota > s->quota_used ? s->quota - s->quota_used : 0));
    else
        printf(",\"quota\":null,\"quota_left\":null");
    json_text("log", s->log);
    json_text("component", s->component);
    json_text("instance", s->instance);
    json_time("last_heartbeat", s->heartbeat);
    putchar('}');
}

static void print_json(const struct rows *r, const struct sources *s, const struct events *e, int64_t now, bool trouble)
{
    printf("{\"status\":\"%s\",\"lanes\":[", r->count == 0 ? "unknown" : trouble ? "trouble" : "well");
    for (size_t i = 0; i < r->count; i++) {
        fputs(i ? ",\n " : "", stdout);
        json_row(r, &r->row[i], now);
    }
    printf("],\"sources\":[");
    for (size_t i = 0; i < s->count; i++) {
        fputs(i ? ",\n " : "", stdout);
        json_source(&s->source[i]);
    }
    printf("],\"rebalances\":[");
    for (size_t i = 0; i < e->count; i++) {
        const fxmon_rebalance *event = &e->event[i];
        printf("%s{\"component\":", i ? ",\n " : "");
        cli_json(stdout, event->component);
        json_text("instance", event->instance);
        json_text("member", event->member);
        json_text("group", event->group);
        json_text("event_type", event->kind);
        json_list("partitions", event->partitions);
        json_list("assigned_partitions", event->assigned);
        json_time("timestamp", event->time);
        json_seconds("duration_seconds", event->duration);
        json_text("reason", event->reason);
        putchar('}');
    }
    printf("]}\n");
}

int consume_status(cli *c)
{
    struct rows rows = {.count = 0};
    struct events events = {.count = 0};
    static struct sources sources;
    fxmon_error error;
    bool trouble = false;
    if (!cli_value(c, "store"))
        return cli_usage(c, "status: --store is missing");
    fxmon_store *store = fxmon_store_open(cli_value(c, "store"), true, &error);
    int code = store ? fxmon_store_health_each(store, keep_row, &rows, &error) : error.code;
    if (code == FXMON_OK && !rows.failed && (code = fxmon_store_rebalance_each(store, REBALANCES_SHOWN, 0, keep_event, &events, &error)) == FXMON_E_UNSUPPORTED)
        code = FXMON_OK; /* a store without them */
    if (code == FXMON_OK && !rows.failed && (code = fxmon_store_source_each(store, keep_source, &sources, &error)) == FXMON_E_UNSUPPORTED)
        code = FXMON_OK;
    fxmon_store_close(store);
    if (code != FXMON_OK || rows.failed) {
        cli_say(c, FXMON_LOG_ERROR, NULL, code != FXMON_OK ? error.text : "out of memory");
        free(rows.row);
        return STATUS_UNKNOWN;
    }
    for (size_t i = 0; i < rows.count; i++)
        trouble |= in_trouble(&rows, &rows.row[i]);
    for (size_t i = 0; i < sources.count; i++)
        trouble |= source_in_trouble(&sources.source[i]);
    if (cli_flag(c, "json")) {
        print_json(&rows, &sources, &events, now_ns(), trouble);
    } else if (rows.count) {
        print_table(&rows, now_ns());
        print_sources(&sources, now_ns());
        print_events(&events);
    } else {
        printf("no lane and no producer has told this store how it is doing\n");
    }
    int status = rows.count == 0 ? STATUS_UNKNOWN : trouble ? STATUS_TROUBLE : STATUS_WELL;
    free(rows.row);
    return status;
}
