/* cli/alert_test.c - alerts over a log without a store: fxmon-alert test, and --dry-run of the lane. */
#include <stdio.h>
#include <string.h>

#include "alert.h"

struct trial {
    cli *c;
    fxmon_alerts *alerts;
    long long events, quotes;
};

static void print_event(const struct trial *t, const fxmon_event *event)
{
    static const char *const kinds[] = {"", "fired", "repeated", "resolved"};
    char message[192], time[FXMON_TIME_TEXT], rate[FXMON_DECIMAL_TEXT];
    fxmon_event_message(event, message, sizeof message);
    fxmon_time_format(event->time, time);
    fxmon_decimal_format(event->rate, rate);
    if (cli_flag(t->c, "json"))
        printf("{\"alert_id\":%lld,\"kind\":\"%s\",\"pair\":\"%.16s\",\"time\":\"%s\",\"rate\":%s,\"message\":\"%s\"}\n",
               (long long)event->alert_id, kinds[event->kind], event->pair.text, time, rate, message);
    else
        printf("%s\t%lld\t%s\t%s\n", time, (long long)event->alert_id, kinds[event->kind], message);
}

static fxmon_result try_rows(void *user, const fxmon_row *rows, size_t count, fxmon_error *error)
{
    struct trial *t = user;
    (void)error;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].kind != FXMON_ROW_QUOTE)
            continue;
        fxmon_quote quote = {.pair = rows[i].pair, .time = rows[i].time, .mid = rows[i].rate, .bid = rows[i].bid, .ask = rows[i].ask};
        snprintf(quote.source, sizeof quote.source, "%s", rows[i].source ? rows[i].source : "");
        t->quotes++;
        fxmon_event event;
        for (fxmon_alert_iter it = fxmon_alerts_check(t->alerts, &quote); fxmon_alert_next(&it, &event); t->events++)
            print_event(t, &event);
    }
    return FXMON_DONE;
}

static int run_trial(struct trial *t)
{
    static const fxmon_custom_sink sink = {.size = sizeof sink, .write = try_rows};
    fxmon_error error;
    fxmon *m = cli_handle(t->c);
    if (!m)
        return 3;
    int status = 0;
    if (fxmon_set(m, "until-end", "yes", &error) != FXMON_OK || fxmon_set(m, "dlq", "none", &error) != FXMON_OK ||
        fxmon_sink_custom(m, &sink, t, &error) != FXMON_OK ||
        fxmon_run(m, &error) != FXMON_OK)
        status = cli_status(t->c, &error);
    fxmon_free(m);
    if (status == 0) {
        char text[120];
        snprintf(text, sizeof text, "%lld events in %lld quotes; nothing was stored", t->events, t->quotes);
        cli_say(t->c, FXMON_LOG_INFO, NULL, text);
    }
    return status;
}

static int add_rule(void *user, const fxmon_alert *alert, const char *text)
{
    struct trial *t = user;
    fxmon_error error;
    (void)alert;
    return fxmon_alerts_add(t->alerts, text, &error) == FXMON_OK ? 0 : cli_status(t->c, &error);
}

int alert_test(cli *c, int count, char **rules)
{
    struct trial t = {.c = c};
    int status = 0, bad = 0;
    if (count == 0 && !cli_value(c, "file"))
        return cli_usage(c, "test: expected a rule such as 'USD/EUR above 0.9', or --file FILE");
    if (!cli_value(c, "from"))
        return cli_usage(c, "test: --from is missing: a log such as file:DIR, or - for standard input");
    t.alerts = fxmon_alerts_new();
    if (!t.alerts)
        return 1;
    for (int i = 0; status == 0 && i < count; i++)
        status = add_rule(&t, NULL, rules[i]);
    if (status == 0 && cli_value(c, "file"))
        status = alert_rules(c, cli_value(c, "file"), add_rule, &t, &bad);
    if (status == 0)
        status = bad > 0 ? 2 : run_trial(&t);
    fxmon_alerts_free(t.alerts);
    return status;
}

static bool take_alert(void *user, const fxmon_alert *alert, const fxmon_alert_state *state)
{
    struct trial *t = user;
    fxmon_error error;
    bool same = state && state->version == alert->version;
    if (alert->active && fxmon_alerts_insert(t->alerts, alert, same ? state : NULL, &error) != FXMON_OK)
        cli_status(t->c, &error);
    return true;
}

int alert_dry_run(cli *c)
{
    struct trial t = {.c = c, .alerts = fxmon_alerts_new()};
    int status = t.alerts ? 0 : 1;
    fxmon_error error;
    fxmon_store *store = status == 0 ? alert_store(c, true, &status) : NULL;
    if (store && fxmon_store_alert_each(store, take_alert, &t, &error) != FXMON_OK)
        status = cli_status(c, &error);
    fxmon_store_close(store);
    if (status == 0)
        status = run_trial(&t);
    fxmon_alerts_free(t.alerts);
    return status;
}
