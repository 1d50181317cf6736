/* cli/alert_manage.c - fxmon-alert add, list, show, rm, lint: alerts of a store, rules of files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert.h"

#define RULE_TEXT 512  /* a rule as text */
#define LINE_MAXIMUM 4096

static const char *const repeats[] = {"episode", "every", "once"};
static const char *const severities[] = {"warning", "critical"};
static const char *const phases[] = {"armed", "pending", "firing", "cooldown"};

fxmon_store *alert_store(cli *c, bool read_only, int *status)
{
    fxmon_error error;
    fxmon_store *store = fxmon_store_open(cli_value(c, "store"), read_only, &error);
    if (!store)
        *status = cli_status(c, &error);
    return store;
}

const char *alert_phase_name(const fxmon_alert *alert, const fxmon_alert_state *state)
{
    if (!alert->active)
        return "inactive";
    if (!state || state->version != alert->version || state->phase < 0 || state->phase > FXMON_PHASE_COOLDOWN)
        return "armed";
    return phases[state->phase];
}

/* ---- printing ------------------------------------------------------------------------------------------ */

static void print_decimal(const char *name, fxmon_decimal value)
{
    char text[FXMON_DECIMAL_TEXT];
    fxmon_decimal_format(value, text);
    printf(",\"%s\":%s", name, text);
}

static void print_time(const char *name, int64_t time)
{
    char text[FXMON_TIME_TEXT];
    fxmon_time_format(time, text);
    printf(",\"%s\":\"%s\"", name, text);
}

/* Nanoseconds as seconds with the digits they need. */
static void print_seconds(const char *name, int64_t ns)
{
    fxmon_decimal seconds = {ns, 9};
    while (seconds.scale > 0 && seconds.mantissa % 10 == 0) {
        seconds.mantissa /= 10;
        seconds.scale--;
    }
    print_decimal(name, seconds);
}

void alert_print_json(const fxmon_alert *alert, const fxmon_alert_state *state)
{
    printf("{\"id\":%lld,\"pair\":\"%.16s\",\"condition\":\"%s\"", (long long)alert->id, alert->pair.text,
           fxmon_condition_name(alert->condition));
    print_decimal("threshold", alert->threshold);
    printf(",\"active\":%s", alert->active ? "true" : "false");
    if (alert->created != 0)
        print_time("created_at", alert->created);
    if (alert->clear.mantissa != 0)
        print_decimal("clear", alert->clear);
    if (alert->hold != 0)
        print_seconds("for", alert->hold);
    print_seconds("cooldown", alert->cooldown);
    printf(",\"repeat\":\"%s\",\"severity\":\"%s\",\"version\":%d", repeats[alert->repeat], severities[alert->severity],
           (int)alert->version);
    printf(",\"phase\":\"%s\"", alert_phase_name(alert, state));
    if (state && state->version == alert->version) {
        printf(",\"fired_count\":%lld,\"suppressed\":%lld", (long long)state->fired_count, (long long)state->suppressed);
        if (state->fired_count > 0)
            print_time("fired", state->fired);
        if (state->side == 1 || state->side == -1)
            print_time("since", state->since);
        if (state->worst.mantissa != 0)
            print_decimal("worst", state->worst);
    }
    printf("}");
}

static void print_line(const fxmon_alert *alert, const fxmon_alert_state *state)
{
    char rule[RULE_TEXT];
    fxmon_alert_format(alert, rule, sizeof rule);
    printf("%lld\t%s\t%s\n", (long long)alert->id, alert_phase_name(alert, state), rule);
}

/* ---- rules from files --------------------------------------------------------------------------------------- */

int alert_rules(cli *c, const char *path, int (*fn)(void *user, const fxmon_alert *alert, const char *text), void *user, int *bad)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "r");
    char line[LINE_MAXIMUM], text[LINE_MAXIMUM + 400];
    int status = 0;
    if (!file) {
        snprintf(text, sizeof text, "%s: %s", path, strerror(errno));
        cli_say(c, FXMON_LOG_ERROR, NULL, text);
        return 4;
    }
    for (int number = 1; status == 0 && fgets(line, sizeof line, file); number++) {
        size_t length = strcspn(line, "\n");
        bool whole = line[length] == '\n' || feof(file);
        length = strcspn(line, "#\n");
        line[length] = '\0';
        if (length == strspn(line, " \t\r"))
            continue;
        fxmon_alert alert;
        fxmon_error error = {.text = "the line is too long"};
        if (whole && fxmon_alert_parse(line, length, &alert, &error) == FXMON_OK) {
            status = fn(user, &alert, line);
            continue;
        }
        (*bad)++;
        snprintf(text, sizeof text, "%s:%d: %s", standard ? "standard input" : path, number, error.text);
        cli_say(c, FXMON_LOG_ERROR, NULL, text);
        for (int ch = 0; !whole && ch != '\n' && ch != EOF;)
            ch = fgetc(file);
    }
    if (!standard)
        fclose(file);
    return status;
}

static int count_rule(void *user, const fxmon_alert *alert, const char *text)
{
    (void)alert;
    (void)text;
    (*(int *)user)++;
    return 0;
}

int alert_lint(cli *c, int count, char **files)
{
    int rules = 0, bad = 0, status = 0;
    if (count == 0)
        return cli_usage(c, "lint: expected a file of rules, or - for standard input");
    for (int i = 0; status == 0 && i < count; i++)
        status = alert_rules(c, files[i], count_rule, &rules, &bad);
    if (status != 0)
        return status;
    if (cli_flag(c, "json"))
        printf("{\"rules\":%d,\"errors\":%d}\n", rules, bad);
    else
        printf("%d rules, %d errors\n", rules, bad);
    return bad > 0 ? 2 : 0;
}

/* ---- add, rm --------------------------------------------------------------------------------------------------- */

struct rules {
    fxmon_alert *alert;
    size_t count, capacity;
};

static int collect_rule(void *user, const fxmon_alert *alert, const char *text)
{
    struct rules *r = user;
    (void)text;
    if (r->count == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 16;
        fxmon_alert *grown = realloc(r->alert, capacity * sizeof *grown);
        if (!grown)
            return 1;
        r->alert = grown;
        r->capacity = capacity;
    }
    r->alert[r->count++] = *alert;
    return 0;
}

/* All rules are read before the first is added: a mistake in one adds none. */
static int collect_rules(cli *c, int count, char **words, struct rules *rules)
{
    fxmon_error error;
    fxmon_alert alert;
    for (int i = 0; i < count; i++) {
        if (fxmon_alert_parse(words[i], strlen(words[i]), &alert, &error) != FXMON_OK)
            return cli_status(c, &error);
        if (collect_rule(rules, &alert, words[i]) != 0)
            return 1;
    }
    int bad = 0, status = 0;
    if (cli_value(c, "file"))
        status = alert_rules(c, cli_value(c, "file"), collect_rule, rules, &bad);
    return status != 0 ? status : bad > 0 ? 2 : 0;
}

int alert_add(cli *c, int count, char **words)
{
    struct rules rules = {.count = 0};
    fxmon_store *store = NULL;
    if (count == 0 && !cli_value(c, "file"))
        return cli_usage(c, "add: expected a rule such as 'USD/EUR above 0.9', or --file FILE");
    int status = collect_rules(c, count, words, &rules);
    if (status == 0 && !cli_flag(c, "dry-run"))
        store = alert_store(c, false, &status);
    for (size_t i = 0; store && status == 0 && i < rules.count; i++) {
        fxmon_error error;
        if (fxmon_store_alert_add(store, &rules.alert[i], &error) != FXMON_OK) {
            status = cli_status(c, &error);
        } else if (cli_flag(c, "json")) {
            alert_print_json(&rules.alert[i], NULL);
            printf("\n");
        } else {
            printf("%lld\n", (long long)rules.alert[i].id);
        }
    }
    fxmon_store_close(store);
    free(rules.alert);
    return status;
}

static bool parse_id(const char *text, int64_t *id)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *id = value;
    return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' && value > 0;
}

int alert_remove(cli *c, int count, char **ids)
{
    int status = 0;
    int64_t id;
    if (count == 0)
        return cli_usage(c, "rm: expected the number of an alert, see fxmon-alert list");
    for (int i = 0; i < count; i++)
        if (!parse_id(ids[i], &id))
            return cli_usage(c, "rm: \"%s\" is not the number of an alert, see fxmon-alert list", ids[i]);
    fxmon_store *store = alert_store(c, false, &status);
    for (int i = 0; store && i < count; i++) {
        fxmon_error error;
        if (parse_id(ids[i], &id) && !cli_flag(c, "dry-run") && fxmon_store_alert_remove(store, id, &error) != FXMON_OK)
            status = cli_status(c, &error), status = error.code == FXMON_E_NOT_FOUND ? 1 : status;
    }
    fxmon_store_close(store);
    return status;
}

/* ---- list, show --------------------------------------------------------------------------------------------------- */

struct listing {
    bool json, found;
    int64_t only; /* 0: all */
    int printed;
};

static bool list_alert(void *user, const fxmon_alert *alert, const fxmon_alert_state *state)
{
    struct listing *l = user;
    if (l->only != 0 && alert->id != l->only)
        return true;
    l->found = true;
    if (l->json) {
        printf("%s", l->only == 0 && l->printed > 0 ? ",\n " : "");
        alert_print_json(alert, state);
    } else {
        print_line(alert, state);
    }
    l->printed++;
    return true;
}

static int list_alerts(cli *c, struct listing *l)
{
    int status = 0;
    fxmon_error error;
    fxmon_store *store = alert_store(c, true, &status);
    if (!store)
        return status;
    l->json = cli_flag(c, "json");
    if (l->json && l->only == 0)
        printf("[");
    if (fxmon_store_alert_each(store, list_alert, l, &error) != FXMON_OK)
        status = cli_status(c, &error);
    if (l->json)
        printf(l->only == 0 ? "]\n" : l->found ? "\n" : "");
    fxmon_store_close(store);
    return status;
}

int alert_list(cli *c)
{
    struct listing l = {.only = 0};
    return list_alerts(c, &l);
}

int alert_show(cli *c, const char *text)
{
    struct listing l = {.only = 0};
    if (!parse_id(text, &l.only))
        return cli_usage(c, "show: \"%s\" is not the number of an alert, see fxmon-alert list", text);
    int status = list_alerts(c, &l);
    if (status == 0 && !l.found) {
        char message[80];
        snprintf(message, sizeof message, "there is no alert %lld", (long long)l.only);
        cli_say(c, FXMON_LOG_ERROR, NULL, message);
        status = 1;
    }
    return status;
}
