/*
 * tests/unit/test_store_api.c - the store as a program opens it beside running lanes, drivers of the host for logs, stores and notifiers, and the server's port.
 */
#include "../support/support.h"

#include <fxmon/fxmon.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a log of the host: RECORDS messages of one pair, the third one broken ---------------------------------- */

#define RECORDS 6
#define BROKEN 2

struct tape {
    int64_t next;
    bool told;
    char line[RECORDS][160];
};

static fxmon_result tape_open(const fxmon_env *env, const char *url, const char *group, void **state, fxmon_error *error)
{
    (void)env;
    (void)url;
    (void)group;
    (void)error;
    static const char *const rates[RECORDS] = {"0.88", "0.91", "?", "0.92", "0.87", "0.93"};
    struct tape *t = calloc(1, sizeof *t);
    ck_assert_ptr_nonnull(t);
    for (int i = 0; i < RECORDS; i++)
        snprintf(t->line[i], sizeof t->line[i], "{\"timestamp\":\"2026-02-0%dT10:30:00Z\",\"base\":\"USD\",\"rates\":{\"USD/EUR\":%s},\"source\":\"tape\"}",
                 i + 1, rates[i]);
    *state = t;
    return FXMON_DONE;
}

static const char *tape_identity(void *state)
{
    (void)state;
    return "tape:1";
}

static fxmon_result tape_read(void *state, fxmon_record *records, size_t max, size_t *count, int timeout_ms, fxmon_error *error)
{
    struct tape *t = state;
    (void)timeout_ms;
    (void)error;
    *count = 0;
    if (!t->told) {
        t->told = true;
        records[(*count)++] = (fxmon_record){.kind = FXMON_ASSIGNED};
        return FXMON_DONE;
    }
    for (; *count < max && t->next < RECORDS; t->next++)
        records[(*count)++] = (fxmon_record){.kind = FXMON_RECORD, .offset = t->next, .data = t->line[t->next], .length = strlen(t->line[t->next])};
    return FXMON_DONE;
}

static fxmon_result tape_seek(void *state, int32_t partition, int64_t offset, fxmon_error *error)
{
    (void)partition;
    (void)error;
    ((struct tape *)state)->next = offset;
    return FXMON_DONE;
}

static fxmon_result tape_bounds(void *state, int32_t partition, int64_t *first, int64_t *end, fxmon_error *error)
{
    (void)state;
    (void)partition;
    (void)error;
    *first = 0;
    *end = RECORDS;
    return FXMON_DONE;
}

static const fxmon_stream_ops tape = {.size = sizeof tape, .schemes = "tape", .open_reader = tape_open, .identity = tape_identity, .read = tape_read,
                                      .seek = tape_seek, .bounds = tape_bounds, .close_reader = free};

/* ---- a notifier of the host ------------------------------------------------------------------------------------ */

static int sent;
static char last_id[33];

static fxmon_result bell_open(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    (void)env;
    (void)url;
    (void)error;
    *state = &sent;
    return FXMON_DONE;
}

static fxmon_result bell_send(void *state, const fxmon_event *event, const char *json, size_t length, fxmon_error *error)
{
    (void)error;
    ck_assert_uint_eq(strlen(json), length);
    memcpy(last_id, event->id, sizeof last_id);
    ++*(int *)state;
    return FXMON_DONE;
}

static void bell_close(void *state)
{
    (void)state;
}

static const fxmon_notify_ops bell = {.size = sizeof bell, .schemes = "bell", .open = bell_open, .send = bell_send, .close = bell_close};

/* ---- what a store says ------------------------------------------------------------------------------------------- */

struct seen {
    int rows, limit;
    fxmon_stored_rate rate;
    fxmon_stored_event event;
    char reason[32];
    int64_t offset;
    char component[64];
};

static bool see_rate(void *user, const fxmon_stored_rate *rate)
{
    struct seen *s = user;
    s->rate = *rate;
    return ++s->rows != s->limit;
}

static bool see_event(void *user, const fxmon_stored_event *event)
{
    struct seen *s = user;
    s->event = *event;
    return ++s->rows != s->limit;
}

static bool see_dead(void *user, const fxmon_dead_letter *letter, int64_t id)
{
    struct seen *s = user;
    ck_assert_int_gt(id, 0);
    snprintf(s->reason, sizeof s->reason, "%s", letter->reason);
    s->offset = letter->offset;
    return ++s->rows != s->limit;
}

static bool see_health(void *user, const fxmon_health *health)
{
    struct seen *s = user;
    if (strcmp(health->component, "alert") == 0)
        snprintf(s->component, sizeof s->component, "%s", health->component);
    return ++s->rows != s->limit;
}

static bool see_alert(void *user, const fxmon_alert *alert, const fxmon_alert_state *state)
{
    struct seen *s = user;
    ck_assert_int_eq(state ? state->alert_id : alert->id, alert->id);
    return ++s->rows != s->limit;
}

static char url[100], path[64];

static void make_folder(void)
{
    snprintf(path, sizeof path, "/tmp/fxmon-store-api.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
    snprintf(url, sizeof url, "sqlite:%s/fx.db", path);
}

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    ck_assert_int_eq(system(command), 0);
}

static int64_t add_rule(const char *rule)
{
    fxmon_error error;
    fxmon_alert alert;
    ck_assert_int_eq(fxmon_alert_parse(rule, strlen(rule), &alert, &error), FXMON_OK);
    fxmon_store *store = fxmon_store_open(url, false, &error);
    ck_assert_msg(store != NULL, "%s", error.text);
    ck_assert_int_eq(fxmon_store_alert_add(store, &alert, &error), FXMON_OK);
    fxmon_store_close(store);
    ck_assert_int_eq(alert.version, 1);
    ck_assert_int_ne(alert.created, 0);
    return alert.id;
}

/* The tape into the store, through the alerts, to the bell. */
static void run_lanes(void)
{
    fxmon_error error;
    fxmon *m = fxmon_new(NULL, &error);
    ck_assert_ptr_nonnull(m);
    ck_assert_int_eq(fxmon_register_stream(m, &tape, &error), FXMON_OK);
    ck_assert_int_eq(fxmon_register_stream(m, &tape, &error), FXMON_E_EXISTS);
    ck_assert_int_eq(fxmon_register_notify(m, &bell, &error), FXMON_OK);
    ck_assert_int_eq(fxmon_set(m, "from", "tape:", &error), FXMON_OK);
    ck_assert_int_eq(fxmon_set(m, "until-end", "yes", &error), FXMON_OK);
    ck_assert_int_eq(fxmon_sink(m, url, &error), FXMON_OK);
    ck_assert_int_eq(fxmon_alerting(m, url, &error), FXMON_OK);
    ck_assert_int_eq(fxmon_notify(m, "bell:", &error), FXMON_OK);
    int code = fxmon_run(m, &error);
    ck_assert_msg(code == FXMON_OK, "%s", error.text);
    fxmon_free(m);
}

START_TEST(answers_what_the_lanes_wrote)
{
    fxmon_error error;
    struct seen s;
    make_folder();
    sent = 0;
    int64_t id = add_rule("USD/EUR above 0.9");
    run_lanes();
    fxmon_store *store = fxmon_store_open(url, true, &error);
    ck_assert_msg(store != NULL, "%s", error.text);

    fxmon_history_query query = {.from = INT64_MIN, .to = INT64_MAX, .limit = 100};
    ck_assert_int_eq(fxmon_pair_parse("usd-eur", 7, &query.pair), FXMON_OK);
    s = (struct seen){0};
    ck_assert_int_eq(fxmon_store_history(store, &query, see_rate, &s, &error), FXMON_OK);
    ck_assert_int_eq(s.rows, RECORDS - 1);
    ck_assert_int_eq(s.rate.rate.mantissa, 88); /* newest first: the last one is the oldest */
    query.ascending = true;
    query.limit = 2;
    query.offset = 1;
    s = (struct seen){0};
    ck_assert_int_eq(fxmon_store_history(store, &query, see_rate, &s, &error), FXMON_OK);
    ck_assert_int_eq(s.rows, 2);
    ck_assert_int_eq(s.rate.rate.mantissa, 92);
    int64_t to = s.rate.time;
    query = (fxmon_history_query){.pair = query.pair, .from = INT64_MIN, .to = to, .limit = 100};
    s = (struct seen){0};
    ck_assert_int_eq(fxmon_store_history(store, &query, see_rate, &s, &error), FXMON_OK);
    ck_assert_int_eq(s.rows, 2); /* `to` itself is out */
    query.source = "nobody";
    s = (struct seen){0};
    ck_assert_int_eq(fxmon_store_history(store, &query, see_rate, &s, &error), FXMON_OK);
    ck_assert_int_eq(s.rows, 0);

    s = (struct seen){0};
    ck_assert_int_eq(fxmon_store_latest(store, see_rate, &s, &error), FXMON_OK);
    ck_assert_int_eq(s.rows, 1);
    ck_assert_int_eq(s.rate.rate.mantissa, 93);
    ck_assert_str_eq(s.rate.source, "tape");

    s = (struct seen){0};
    ck_assert_int_eq(fxmon_store_events(store, 100, 0, see_event, &s, &error), FXMON_OK);
    ck_assert_int_eq(s.rows, 3); /* fired, resolved, fired */
    ck_assert_int_eq(s.event.event.kind, FXMON_FIRED);
    ck_assert_int_eq(s.event.event.alert_id, id);
    ck_assert_int_eq(s.event.event.offset, 1);
    ck_assert_str_eq(s.event.message, "USD/EUR went above 0.9 (current: 0.91)");
    ck_assert_int_eq(sent, 3);
    s = (struct seen){.limit = 1};
    ck_assert_int_eq(fxmon_store_events(store, 100, 0, see_event, &s, &error), FXMON_OK);
    ck_assert_int_eq(s.rows, 1);
    ck_assert_str_eq(s.event.event.id, last_id); /* the newest is the one that was sent last */

    s = (struct seen){0};
    ck_assert_int_eq(fxmon_store_dead_each(store, 100, 0, see_dead, &s, &error), FXMON_OK);
    ck_assert_int_eq(s.rows, 2); /* of either lane */
    ck_assert_str_eq(s.reason, "syntax");
    ck_assert_int_eq(s.offset, BROKEN);

    s = (struct seen){0};
    ck_assert_int_eq(fxmon_store_health_each(store, see_health, &s, &error), FXMON_OK);
    ck_assert_int_eq(s.rows, 2);
    ck_assert_str_eq(s.component, "alert");
    s = (struct seen){0};
    ck_assert_int_eq(fxmon_store_alert_each(store, see_alert, &s, &error), FXMON_OK);
    ck_assert_int_eq(s.rows, 1);
    fxmon_store_close(store);
    remove_folder();
}
END_TEST

START_TEST(refuses_what_cannot_be)
{
    fxmon_error error;
    struct seen s = {0};
    make_folder();
    ck_assert_ptr_null(fxmon_store_open(url, true, &error)); /* nothing there to read */
    ck_assert_int_eq(error.code, FXMON_E_NOT_FOUND);
    ck_assert_ptr_null(fxmon_store_open("", false, &error));
    ck_assert_int_eq(error.code, FXMON_E_ARGUMENT);
    ck_assert_ptr_null(fxmon_store_open("sqlit:x", false, &error));
    ck_assert_int_eq(error.code, FXMON_E_CONFIG);
    int64_t id = add_rule("USD/EUR above 0.9");
    fxmon_store *store = fxmon_store_open(url, true, &error);
    ck_assert_ptr_nonnull(store);
    fxmon_alert alert = {.id = 0};
    ck_assert_int_eq(fxmon_store_alert_add(store, &alert, &error), FXMON_E_STATE);
    ck_assert_int_eq(fxmon_store_alert_remove(store, id, &error), FXMON_E_STATE);
    ck_assert_int_eq(fxmon_store_events(store, -1, 0, see_event, &s, &error), FXMON_E_ARGUMENT);
    ck_assert_int_eq(fxmon_store_dead_each(store, 1, -1, see_dead, &s, &error), FXMON_E_ARGUMENT);
    ck_assert_int_eq(fxmon_store_history(store, NULL, see_rate, &s, &error), FXMON_E_ARGUMENT);
    ck_assert_int_eq(fxmon_store_latest(store, NULL, &s, &error), FXMON_E_ARGUMENT);
    ck_assert_int_eq(fxmon_store_latest(NULL, see_rate, &s, &error), FXMON_E_ARGUMENT);
    fxmon_store_close(store);
    fxmon_store_close(NULL);
    store = fxmon_store_open(url, false, &error);
    ck_assert_ptr_nonnull(store);
    ck_assert_int_eq(fxmon_store_alert_remove(store, id, &error), FXMON_OK);
    ck_assert_int_eq(fxmon_store_alert_remove(store, id, &error), FXMON_E_NOT_FOUND);
    fxmon_store_close(store);
    remove_folder();
}
END_TEST

START_TEST(options_and_drivers_of_a_handle)
{
    fxmon_error error;
    fxmon *m = fxmon_new(NULL, &error);
    ck_assert_ptr_nonnull(m);
    ck_assert_ptr_null(fxmon_get(m, "from"));
    ck_assert_ptr_null(fxmon_get(m, "no-such-option"));
    ck_assert_str_eq(fxmon_get(m, "window"), "20");
    ck_assert_int_eq(fxmon_set(m, "window", "30", &error), FXMON_OK);
    ck_assert_str_eq(fxmon_get(m, "window"), "30");
    ck_assert_int_eq(fxmon_set(m, "window", NULL, &error), FXMON_OK);
    ck_assert_str_eq(fxmon_get(m, "window"), "20");
    static const fxmon_store_ops half = {.size = sizeof half, .schemes = "half"};
    ck_assert_int_eq(fxmon_register_store(m, &half, &error), FXMON_E_ARGUMENT);
    static const fxmon_stream_ops writes_only = {.size = sizeof writes_only, .schemes = "out", .open_reader = tape_open};
    ck_assert_int_eq(fxmon_register_stream(m, &writes_only, &error), FXMON_E_ARGUMENT);
    ck_assert_int_eq(fxmon_register_notify(m, NULL, &error), FXMON_E_ARGUMENT);
    ck_assert_int_eq(fxmon_listen_port(m), 0);
    fxmon_free(m);
}
END_TEST

START_TEST(the_port_is_known_once_it_is_taken)
{
    fxmon_error error;
    make_folder();
    add_rule("USD/EUR above 0.9");
    fxmon *m = fxmon_new(NULL, &error);
    ck_assert_ptr_nonnull(m);
    int code = fxmon_serve(m, "127.0.0.1:0", url, &error);
    if (code == FXMON_OK) {
        ck_assert_int_eq(fxmon_listen_port(m), 0);
        ck_assert_int_eq(fxmon_step(m, 0, NULL, &error), FXMON_OK);
        ck_assert_int_gt(fxmon_listen_port(m), 0);
        fxmon_stop(m);
        ck_assert_int_eq(fxmon_step(m, 0, NULL, &error), FXMON_E_STOPPED);
    } else {
        ck_assert_int_eq(code, FXMON_E_UNSUPPORTED); /* built without HTTP */
    }
    fxmon_free(m);
    remove_folder();
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("store_api");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, options_and_drivers_of_a_handle);
    tcase_add_test(tests, answers_what_the_lanes_wrote);
    tcase_add_test(tests, refuses_what_cannot_be);
    tcase_add_test(tests, the_port_is_known_once_it_is_taken);
    return support_run("store_api", tests);
}
