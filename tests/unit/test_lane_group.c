/*
 * tests/unit/test_lane_group.c - two lanes of one group and one SQLite store: partitions go from one to the other in peace (revoked, released) and by
 * force (the old owner goes on for a while and hears of it late), stores fail now and then, and at the end every partition has each of its rows once,
 * with the volatility of an undisturbed run, bit for bit.
 */
#include "../support/fake_lane.h"
#include "../support/host.h"
#include "../support/log_folder.h"
#include "../support/support.h"

#include "base/random.h"
#include "lane/lane.h"
#include "lane/store_stage.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PARTITIONS 5
#define RECORDS 160
#define TURNS 200000
#define NEWS 64

extern const fxmon_store_ops fxi_store_sqlite;

enum owned { NOT_OWNED, ASSIGNED, ACTIVE, REVOKING };
typedef struct member {
    fxmon_record news[NEWS];
    size_t news_count;
    enum owned owned[PARTITIONS];
    int64_t at[PARTITIONS];
    bool paused[PARTITIONS];
    char text[PARTITIONS * 7][128]; /* what was read last */
    int lost_in[PARTITIONS]; /* turns until it hears that the partition is gone; 0: no news */
} member;

static struct group {
    member members[2];
    int owner[PARTITIONS], next_owner[PARTITIONS];
    int opened;
    long revocations, losses, releases;
    fxi_random random;
    bool whole; /* the first member has everything, always */
} group;

static char line_text[128];

/* Prices that move and now and then stay; one pair a partition. */
static const char *line_of(int partition, int64_t offset)
{
    snprintf(line_text, sizeof line_text, "{\"timestamp\":\"2026-02-04T%02d:%02d:00Z\",\"base\":\"USD\",\"rates\":{\"USD/%s\":0.%d},\"source\":\"s\"}",
             (int)(offset / 60), (int)(offset % 60), (const char *[]){"EUR", "GBP", "JPY", "CHF", "AUD"}[partition],
             (int)(8000 + (offset * offset * 7 + partition * 131 + offset * 13) % 977));
    return line_text;
}

static void tell(member *m, int kind, int partition)
{
    ck_assert_uint_lt(m->news_count, NEWS);
    m->news[m->news_count++] = (fxmon_record){.kind = kind, .partition = partition};
}

static void assign(int to, int partition)
{
    member *m = &group.members[to];
    group.owner[partition] = to;
    m->owned[partition] = ASSIGNED;
    m->paused[partition] = false;
    m->lost_in[partition] = 0;
    tell(m, FXMON_ASSIGNED, partition);
}

/* One partition goes to the other member, in peace or by force. */
static void move_partition(void)
{
    int p = (int)fxi_random_below(&group.random, PARTITIONS), from = group.owner[p], to = 1 - from;
    member *m = &group.members[from];
    if (m->owned[p] == REVOKING || m->owned[p] == NOT_OWNED || m->lost_in[p] || group.members[to].lost_in[p] || group.members[to].owned[p] != NOT_OWNED)
        return;
    if (fxi_random_below(&group.random, 2)) {
        group.revocations++;
        m->owned[p] = REVOKING;
        group.next_owner[p] = to;
        tell(m, FXMON_REVOKED, p);
    } else {
        group.losses++;
        m->lost_in[p] = 1 + (int)fxi_random_below(&group.random, 40);
        assign(to, p);
    }
}

static fxmon_result group_open(const fxmon_env *env, const char *url, const char *name, void **state, fxmon_error *error)
{
    (void)env, (void)url, (void)error;
    ck_assert_str_eq(name, "g.sqlite");
    *state = &group.members[group.opened++];
    return FXMON_DONE;
}

static const char *group_identity(void *state)
{
    (void)state;
    return "group:1";
}

static void hear_of_losses(member *m)
{
    for (int p = 0; p < PARTITIONS; p++)
        if (m->lost_in[p] && --m->lost_in[p] == 0) {
            m->owned[p] = NOT_OWNED;
            tell(m, FXMON_LOST, p);
        }
}

static fxmon_result group_read(void *state, fxmon_record *records, size_t max, size_t *count, int timeout_ms, fxmon_error *error)
{
    member *m = state;
    (void)timeout_ms, (void)error, (void)max;
    *count = 0;
    hear_of_losses(m);
    if (m->news_count) {
        memcpy(records, m->news, m->news_count * sizeof *records);
        *count = m->news_count;
        m->news_count = 0;
        return FXMON_DONE;
    }
    for (int p = 0; p < PARTITIONS; p++)
        for (int i = 0; i < 7 && m->owned[p] == ACTIVE && !m->paused[p] && m->at[p] < RECORDS; i++) {
            memcpy(m->text[*count], line_of(p, m->at[p]), sizeof line_text);
            records[*count] = (fxmon_record){.partition = p, .offset = m->at[p]++, .data = m->text[*count]};
            records[*count].length = strlen(records[*count].data);
            (*count)++;
        }
    return FXMON_DONE;
}

static fxmon_result group_seek(void *state, int32_t p, int64_t offset, fxmon_error *error)
{
    member *m = state;
    (void)error;
    if (m->owned[p] == ASSIGNED)
        m->owned[p] = ACTIVE;
    m->at[p] = offset;
    return FXMON_DONE;
}

static fxmon_result group_pause(void *state, int32_t p, bool paused)
{
    ((member *)state)->paused[p] = paused;
    return FXMON_DONE;
}

static fxmon_result group_bounds(void *state, int32_t p, int64_t *first, int64_t *end, fxmon_error *error)
{
    (void)state, (void)p, (void)error;
    *first = 0;
    *end = RECORDS;
    return FXMON_DONE;
}

static void group_release(void *state, int32_t p)
{
    member *m = state;
    ck_assert_int_eq(m->owned[p], REVOKING);
    m->owned[p] = NOT_OWNED;
    group.releases++;
    assign(group.next_owner[p], p);
}

static bool group_member(void *state, fxmon_member *out)
{
    snprintf(out->id, sizeof out->id, "member-%d", (int)((member *)state - group.members));
    return true;
}

static void group_close(void *state)
{
    (void)state;
}

static const fxmon_stream_ops group_ops = {.size = sizeof(fxmon_stream_ops), .schemes = "group", .open_reader = group_open, .identity = group_identity,
                                           .read = group_read, .seek = group_seek, .pause = group_pause, .bounds = group_bounds,
                                           .release = group_release, .member = group_member, .close_reader = group_close};

/* ---- a store that fails now and then ------------------------------------------------------------------------------------- */

static uint32_t trouble; /* one call of this many fails; 0: none */

static bool fails(fxmon_error *error)
{
    if (!trouble || fxi_random_below(&group.random, trouble))
        return false;
    error->code = FXMON_E_BUSY;
    snprintf(error->text, sizeof error->text, "busy for the test");
    return true;
}

static fxmon_result flaky_claim(void *state, fxmon_progress *progress, fxmon_error *error)
{
    return fails(error) ? FXMON_RETRY : fxi_store_sqlite.claim(state, progress, error);
}

static fxmon_result flaky_commit(void *state, const fxmon_progress *before, int64_t next_offset, fxmon_error *error)
{
    return fails(error) ? FXMON_RETRY : fxi_store_sqlite.commit(state, before, next_offset, error);
}

typedef struct rows {
    double volatility[PARTITIONS][RECORDS];
    int seen[PARTITIONS][RECORDS];
    int total;
} rows;

static bool take_row(void *user, const fxmon_stored_rate *rate)
{
    rows *r = user;
    r->seen[rate->partition][rate->offset]++;
    r->volatility[rate->partition][rate->offset] = rate->volatility;
    r->total++;
    return true;
}

static void read_rows(void *store, rows *out)
{
    static const char *const pairs[] = {"USD/EUR", "USD/GBP", "USD/JPY", "USD/CHF", "USD/AUD"};
    memset(out, 0, sizeof *out);
    for (int p = 0; p < PARTITIONS; p++) {
        fxmon_history_query query = {.from = INT64_MIN, .to = INT64_MAX, .limit = 10 * RECORDS};
        fxmon_pair_parse(pairs[p], strlen(pairs[p]), &query.pair);
        ck_assert_int_eq(fxi_store_sqlite.history(store, &query, take_row, out, NULL), FXMON_DONE);
    }
}

static bool count_ready(void *user, const fxmon_place *place)
{
    *(int *)user += place->next_offset == RECORDS;
    return true;
}

static fxi_lane *open_lane(const fxmon_store_ops *ops, const char *url, fxt_env *env)
{
    void *stage;
    ck_assert_int_eq(fxi_store_stage_new(ops, url, &stage, NULL), FXMON_OK);
    fxi_lane_config config = {.env = &env->env, .stream = &group_ops, .from = "group:", .group = "g", .stage = &fxi_store_stage, .stage_state = stage,
                              .name = "sqlite"};
    fxi_lane *lane = fxi_lane_new(&config, NULL);
    ck_assert_ptr_nonnull(lane);
    return lane;
}

static const char *const options[] = {"batch", "9", "checkpoint", "1s", "sqlite-synchronous", "normal", "retry-base", "5ms", "retry-cap", "50ms",
                                      "breaker-threshold", "1000", NULL, NULL};

/* Turns of the lanes and moves of partitions until the store has everything. */
static void drive(fxi_lane **lanes, int count, fxt_env *env, void *store)
{
    for (int turn = 0, ready = 0; ready < PARTITIONS; turn++) {
        ck_assert_int_lt(turn, TURNS);
        int64_t wait;
        fxmon_error error;
        fxi_turn budget = {.deadline = env->now};
        int code = fxi_lane_worker.turn(lanes[turn % count], &budget, &wait, &error);
        ck_assert_msg(code == FXMON_OK, "%s", error.text);
        env->now += FXMON_SECOND / 1000;
        if (!group.whole && fxi_random_below(&group.random, 12) == 0)
            move_partition();
        if (turn % 50 == 0) {
            ready = 0;
            ck_assert_int_eq(fxi_store_sqlite.place_each(store, count_ready, &ready, NULL), FXMON_DONE);
        }
    }
}

static void run_group(bool whole, uint64_t seed, uint32_t store_trouble, rows *out)
{
    char folder[128], url[200];
    fxt_env env;
    store_host host;
    void *store;
    memset(&group, 0, sizeof group);
    fxi_random_seed(&group.random, seed);
    group.whole = whole;
    trouble = store_trouble;
    test_folder_make(folder);
    snprintf(url, sizeof url, "sqlite:%s/fx.db", folder);
    store_host_init(&host);
    ck_assert_int_eq(fxi_store_sqlite.open(&host.env, url, false, &store, NULL), FXMON_DONE);
    fxt_env_init(&env, options);
    fxmon_store_ops ops = fxi_store_sqlite;
    ops.claim = flaky_claim;
    ops.commit = flaky_commit;
    fxi_lane *lanes[2] = {open_lane(&ops, url, &env), whole ? NULL : open_lane(&ops, url, &env)};
    for (int p = 0; p < PARTITIONS; p++)
        assign(0, p);
    drive(lanes, whole ? 1 : 2, &env, store);
    fxmon_status status;
    fxi_lane_worker.status(lanes[0], &status);
    ck_assert_str_eq(status.member, "member-0");
    for (int i = 0; i < (whole ? 1 : 2); i++)
        fxi_lane_worker.close(lanes[i]);
    read_rows(store, out);
    fxi_store_sqlite.close(store);
    test_folder_remove(folder);
}

START_TEST(partitions_move_and_nothing_is_lost)
{
    static rows want, got;
    uint64_t seed = (uint64_t)time(NULL) * 1000 + (uint64_t)_i;
    run_group(true, 1, 0, &want);
    ck_assert_int_eq(want.total, PARTITIONS * RECORDS);
    run_group(false, seed, 20, &got);
    printf("seed %llu: %ld revoked, %ld lost\n", (unsigned long long)seed, group.revocations, group.losses);
    ck_assert_int_gt(group.revocations, 0);
    ck_assert_int_gt(group.releases, 0);
    ck_assert_int_gt(group.losses, 0);
    for (int p = 0; p < PARTITIONS; p++)
        for (int i = 0; i < RECORDS; i++) {
            ck_assert_msg(got.seen[p][i] == 1, "seed %llu: partition %d, record %d is there %d times", (unsigned long long)seed, p, i, got.seen[p][i]);
            ck_assert_msg(memcmp(&got.volatility[p][i], &want.volatility[p][i], sizeof(double)) == 0 || (isnan(got.volatility[p][i]) && isnan(want.volatility[p][i])),
                          "seed %llu: partition %d, record %d: volatility %g, not %g", (unsigned long long)seed, p, i, got.volatility[p][i], want.volatility[p][i]);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lane_group");
    TCase *tests = tcase_create("group");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, partitions_move_and_nothing_is_lost, 0, 8);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
