/* The alert stage on a real store: commits that fail, owners that change, alerts that come and go, and destinations that are down. */
#include "../support/host.h"
#include "../support/log_folder.h"
#include "../support/support.h"
#include "lane/alert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const fxmon_store_ops fxi_store_sqlite;

#define MESSAGES 120

typedef struct bench {
    store_host host;
    char folder[128], url[200];
    fxmon_store_ops ops; /* SQLite's, with a commit that may fail */
    fxi_alert_stage *stage;
    fxmon_progress progress;
    void *place;
} bench;

static int failing_commits; /* the next commits answer RETRY without reaching the store */
static fxmon_result flaky_commit(void *state, const fxmon_progress *before, int64_t next_offset, fxmon_error *error)
{
    if (failing_commits == 0)
        return fxi_store_sqlite.commit(state, before, next_offset, error);
    failing_commits--;
    error->code = FXMON_E_BUSY;
    snprintf(error->text, sizeof error->text, "busy for the test");
    return FXMON_RETRY;
}

static void bench_begin(bench *b)
{
    memset(b, 0, sizeof *b);
    store_host_init(&b->host);
    test_folder_make(b->folder);
    snprintf(b->url, sizeof b->url, "sqlite:%s/fx.db", b->folder);
    b->ops = fxi_store_sqlite;
    b->ops.commit = flaky_commit;
}

static void stage_new(bench *b)
{
    ck_assert_int_eq(fxi_alert_stage_new(&b->ops, b->url, &b->stage, NULL), FXMON_OK);
}

static void stage_claim(bench *b)
{
    fxmon_error error;
    if (!b->place)
        b->place = fxi_alert_stage_ops.place_new(b->stage);
    ck_assert_ptr_nonnull(b->place);
    b->progress = (fxmon_progress){.lane = "test/alert", .stream = "file:test", .next_offset = -1, .checkpoint_offset = -1};
    ck_assert_msg(fxi_alert_stage_ops.claim(b->place, &b->progress, &error) == FXMON_DONE, "%s", error.text);
    if (b->progress.next_offset < 0)
        b->progress.next_offset = 0;
}

static void stage_open(bench *b)
{
    fxmon_error error;
    ck_assert_msg(fxi_alert_stage_ops.open(b->stage, &b->host.env, &error) == FXMON_DONE, "%s", error.text);
    stage_claim(b);
}

static void stage_close(bench *b)
{
    if (b->place)
        fxi_alert_stage_ops.place_free(b->place);
    fxi_alert_stage_ops.close(b->stage);
    b->place = NULL;
    b->stage = NULL;
}

static void *store_open(bench *b)
{
    void *store;
    fxmon_error error;
    ck_assert_msg(fxi_store_sqlite.open(&b->host.env, b->url, false, &store, &error) == FXMON_DONE, "%s", error.text);
    return store;
}

static int64_t add_alert(bench *b, const char *rule)
{
    fxmon_alert alert;
    void *store = store_open(b);
    ck_assert_int_eq(fxmon_alert_parse(rule, strlen(rule), &alert, NULL), FXMON_OK);
    ck_assert_int_eq(fxi_store_sqlite.alert_add(store, &alert, NULL), FXMON_DONE);
    fxi_store_sqlite.close(store);
    return alert.id;
}

/* 0.90 up and down by thousandths: every phase of the alerts below is passed through many times. */
static int64_t price_of(int64_t offset)
{
    static const int64_t pattern[] = {895, 899, 900, 901, 903, 900, 902, 905, 898, 897, 901, 901, 902, 893, 900, 901, 899, 896, 910, 900, 880};
    return pattern[offset % (int64_t)(sizeof pattern / sizeof pattern[0])];
}

static fxmon_result apply(bench *b, int64_t offset)
{
    fxmon_rate rate = {.mid = {price_of(offset), 3}};
    fxmon_pair_make("USD", "EUR", &rate.pair);
    fxmon_message message = {.time = (offset + 1) * FXMON_SECOND, .base = "USD", .source = "test", .count = 1, .rates = &rate};
    fxmon_record record = {.offset = offset};
    fxmon_error error;
    return fxi_alert_stage_ops.apply(b->place, &message, &record, &error);
}

static fxmon_result commit(bench *b, int64_t next)
{
    fxmon_error error;
    fxmon_result result = fxi_alert_stage_ops.commit(b->place, &b->progress, next, &error);
    if (result == FXMON_DONE)
        b->progress.next_offset = next;
    return result;
}

static void add_alerts(bench *b)
{
    static const char *const rules[] = {"USD/EUR above 0.9", "USD/EUR above 0.9 clear 0.895 for 3s", "USD/EUR cross_up 0.9 cooldown 7s",
                                        "USD/EUR below 0.9 repeat every cooldown 2s", "USD/EUR above 0.902 cooldown 9s",
                                        "USD/EUR cross 0.9 for 2s", "USD/EUR above 0.904 repeat once", "USD/EUR cross_down 0.898 clear 0.902"};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        add_alert(b, rules[i]);
}

typedef struct events {
    fxmon_event event[2000];
    size_t count;
} events;

static bool keep_event(void *user, const fxmon_stored_event *event)
{
    events *e = user;
    e->event[e->count++] = event->event;
    return e->count < 2000;
}

static events *stored_events(bench *b)
{
    events *e = calloc(1, sizeof *e);
    void *store = store_open(b);
    ck_assert_int_eq(fxi_store_sqlite.events(store, 2000, 0, keep_event, e, NULL), FXMON_DONE);
    fxi_store_sqlite.close(store);
    return e;
}

static events *undisturbed(void)
{
    bench b;
    bench_begin(&b);
    add_alerts(&b);
    stage_new(&b);
    stage_open(&b);
    for (int64_t offset = 0; offset < MESSAGES; offset++)
        ck_assert_int_eq(apply(&b, offset), FXMON_DONE);
    ck_assert_int_eq(commit(&b, MESSAGES), FXMON_DONE);
    stage_close(&b);
    events *e = stored_events(&b);
    ck_assert_uint_gt(e->count, 50);
    test_folder_remove(b.folder);
    return e;
}

static void same_events(bench *b, const events *want)
{
    events *got = stored_events(b);
    ck_assert_uint_eq(got->count, want->count);
    for (size_t i = 0; i < want->count; i++) {
        const fxmon_event *g = &got->event[i], *w = &want->event[i];
        ck_assert_str_eq(g->id, w->id);
        ck_assert_int_eq(g->time, w->time);
        ck_assert_int_eq(g->kind, w->kind);
        ck_assert_int_eq(g->duration, w->duration);
        ck_assert_int_eq(g->suppressed, w->suppressed);
        ck_assert_int_eq(g->worst.mantissa, w->worst.mantissa);
    }
    free(got);
}

/* At every message: a restart before it, so in every phase that the alerts go through; commits that have to be repeated; a batch lost with its process. */
START_TEST(restarts_change_nothing)
{
    events *want = undisturbed();
    bench b;
    bench_begin(&b);
    add_alerts(&b);
    for (int64_t offset = 0; offset < MESSAGES; offset++) {
        stage_new(&b);
        stage_open(&b);
        ck_assert_int_eq(b.progress.next_offset, offset);
        ck_assert_int_eq(apply(&b, offset), FXMON_DONE);
        if (offset % 3 == 0) { /* dies before the commit: another does it again */
            stage_close(&b);
            stage_new(&b);
            stage_open(&b);
            ck_assert_int_eq(apply(&b, offset), FXMON_DONE);
        }
        failing_commits = (int)(offset % 4);
        while (failing_commits > 0)
            ck_assert_int_eq(commit(&b, offset + 1), FXMON_RETRY);
        ck_assert_int_eq(commit(&b, offset + 1), FXMON_DONE);
        stage_close(&b);
    }
    same_events(&b, want);
    test_folder_remove(b.folder);
    free(want);
}
END_TEST

START_TEST(fenced_owner_leaves_no_trace)
{
    events *want = undisturbed();
    bench b, other;
    bench_begin(&b);
    add_alerts(&b);
    other = b;
    stage_new(&b);
    stage_open(&b);
    stage_new(&other);
    fxmon_error error;
    other.host.env.user = &other.host;
    ck_assert_int_eq(fxi_alert_stage_ops.open(other.stage, &other.host.env, &error), FXMON_DONE);
    bench *owner = &b, *idle = &other;
    for (int64_t offset = 0; offset < MESSAGES; offset += 5) {
        for (int64_t i = offset; i < offset + 5; i++)
            ck_assert_int_eq(apply(owner, i), FXMON_DONE);
        stage_claim(idle); /* takes over: what the owner holds must not count */
        ck_assert_int_eq(commit(owner, offset + 5), FXMON_FENCED);
        fxi_alert_stage_ops.drop(owner->place);
        ck_assert_int_eq(idle->progress.next_offset, offset);
        for (int64_t i = offset; i < offset + 5; i++)
            ck_assert_int_eq(apply(idle, i), FXMON_DONE);
        ck_assert_int_eq(commit(idle, offset + 5), FXMON_DONE);
        bench *swap = owner;
        owner = idle;
        idle = swap;
    }
    stage_close(&b);
    stage_close(&other);
    same_events(&b, want);
    test_folder_remove(b.folder);
    free(want);
}
END_TEST

START_TEST(alerts_come_and_go_between_batches)
{
    bench b;
    bench_begin(&b);
    int64_t first = add_alert(&b, "USD/EUR above 0.9 repeat every");
    stage_new(&b);
    stage_open(&b);
    int64_t second = 0;
    for (int64_t offset = 0; offset < 12; offset++) {
        ck_assert_int_eq(apply(&b, offset), FXMON_DONE);
        ck_assert_int_eq(commit(&b, offset + 1), FXMON_DONE);
        if (offset == 4)
            second = add_alert(&b, "USD/EUR above 0.9 repeat once");
        if (offset == 6) {
            void *store = store_open(&b);
            ck_assert_int_eq(fxi_store_sqlite.alert_remove(store, first, NULL), FXMON_DONE);
            fxi_store_sqlite.close(store);
        }
    }
    stage_close(&b);
    events *e = stored_events(&b);
    /* the newest first: the second fires once, with the first message after it was there that is above; the first is gone after offset 6 */
    static const struct { int first; int64_t offset; } want[] = {{0, 6}, {1, 6}, {1, 4}, {1, 3}};
    ck_assert_uint_eq(e->count, 4);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(e->event[i].offset, want[i].offset);
    ck_assert_int_eq(e->event[0].alert_id, second);
    ck_assert_int_eq(e->event[1].alert_id, first);
    free(e);
    test_folder_remove(b.folder);
}
END_TEST

/* ---- destinations -------------------------------------------------------------------------------------------- */

typedef struct inbox {
    char ids[400][33];
    int count, failures; /* failures: the next sends that do not work */
} inbox;
static inbox boxes[2];

static fxmon_result box_open(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    (void)env;
    (void)error;
    *state = &boxes[url[strlen(url) - 1] == '1'];
    return FXMON_DONE;
}

static fxmon_result box_send(void *state, const fxmon_event *event, const char *json, size_t length, fxmon_error *error)
{
    inbox *box = state;
    if (box->failures > 0) {
        box->failures--;
        error->code = FXMON_E_NETWORK;
        snprintf(error->text, sizeof error->text, "down for the test");
        return FXMON_RETRY;
    }
    ck_assert(length > 2 && json[0] == '{' && strstr(json, event->id) != NULL);
    memcpy(box->ids[box->count++], event->id, 33);
    return FXMON_DONE;
}

static void box_close(void *state)
{
    (void)state;
}

static const fxmon_notify_ops box_ops = {.size = sizeof box_ops, .schemes = "box", .open = box_open, .send = box_send, .close = box_close};

START_TEST(destinations_get_everything_in_order)
{
    bench b;
    bench_begin(&b);
    b.host.time = FXMON_SECOND;
    add_alerts(&b);
    memset(boxes, 0, sizeof boxes);
    stage_new(&b);
    ck_assert_int_eq(fxi_alert_stage_notify(b.stage, NULL, &box_ops, "box:0", NULL), FXMON_OK);
    ck_assert_int_eq(fxi_alert_stage_notify(b.stage, NULL, &box_ops, "box:0", NULL), FXMON_E_EXISTS);
    stage_open(&b);
    for (int64_t offset = 0; offset < 60; offset++) {
        boxes[0].failures = offset % 7 == 3 ? 2 : 0;
        ck_assert_int_eq(apply(&b, offset), FXMON_DONE);
        ck_assert_int_eq(commit(&b, offset + 1), FXMON_DONE);
        b.host.time += 30 * FXMON_SECOND;
    }
    stage_close(&b);
    events *before = stored_events(&b);
    /* a second destination: from now on; the first goes on where it stood, and its being down holds nobody up */
    stage_new(&b);
    ck_assert_int_eq(fxi_alert_stage_notify(b.stage, NULL, &box_ops, "box:0", NULL), FXMON_OK);
    ck_assert_int_eq(fxi_alert_stage_notify(b.stage, NULL, &box_ops, "box:1", NULL), FXMON_OK);
    stage_open(&b);
    boxes[0].failures = 1000;
    for (int64_t offset = 60; offset < 80; offset++) {
        ck_assert_int_eq(apply(&b, offset), FXMON_DONE);
        ck_assert_int_eq(commit(&b, offset + 1), FXMON_DONE);
        b.host.time += 30 * FXMON_SECOND;
    }
    events *all = stored_events(&b);
    ck_assert_int_eq(boxes[1].count, (int)(all->count - before->count));
    ck_assert_int_lt(boxes[0].count, (int)all->count);
    boxes[0].failures = 0;
    fxmon_status status = {.state = "ended"};
    fxi_alert_stage_ops.idle(b.stage, b.host.time, &status);
    stage_close(&b);
    ck_assert_int_eq(boxes[0].count, (int)all->count);
    for (size_t i = 0; i < all->count; i++)
        ck_assert_str_eq(boxes[0].ids[i], all->event[all->count - 1 - i].id);
    free(before);
    free(all);
    test_folder_remove(b.folder);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("alert_stage");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, restarts_change_nothing);
    tcase_add_test(tests, fenced_owner_leaves_no_trace);
    tcase_add_test(tests, alerts_come_and_go_between_batches);
    tcase_add_test(tests, destinations_get_everything_in_order);
    return support_run("alert_stage", tests);
}
