/*
 * tests/unit/test_lane.c - a lane between a log and a store in memory: where it begins, what it replays, gaps, dead letters, limits of a batch; and
 * every call of both drivers failing once in every way, after which the store must hold what an undisturbed run gives: 0 lost, 0 duplicated, bit for bit.
 */
#include "../support/fake_lane.h"
#include "../support/support.h"

#include "lane/lane.h"
#include "lane/store_stage.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TURNS 100000 /* bound of every run */

static const char *const to_the_end[] = {"until-end", "yes", "batch", "10", "checkpoint", "1s", NULL, NULL};
static const char *const onwards[] = {"batch", "10", NULL, NULL};

static fxi_lane *open_lane(fxt_env *env, const fxi_stop *stop)
{
    void *stage;
    fxmon_error error;
    ck_assert_int_eq(fxi_store_stage_new(&fxt_store_ops, "memstore:", &stage, &error), FXMON_OK);
    fxi_lane_config config = {.env = &env->env, .stop = stop, .stream = &fxt_log_ops, .from = "memlog:", .group = "g", .stage = &fxi_store_stage,
                              .stage_state = stage, .name = "memstore"};
    fxi_lane *lane = fxi_lane_new(&config, &error);
    ck_assert_ptr_nonnull(lane);
    return lane;
}

/* Turns until the lane ends; the clock makes the waits. */
static int drive(fxi_lane *lane, fxt_env *env, fxmon_error *error)
{
    for (int i = 0; i < TURNS; i++) {
        int64_t wait;
        fxi_turn turn = {.deadline = env->now};
        int code = fxi_lane_worker.turn(lane, &turn, &wait, error);
        if (code != FXMON_OK)
            return code;
        env->now += wait;
    }
    ck_abort_msg("the lane did not end in %d turns", TURNS);
    return 0;
}

static int run_lane(const char *const *options, fxmon_error *error, fxmon_status *status)
{
    fxt_env env;
    fxmon_status ignored;
    fxt_env_init(&env, options);
    fxi_lane *lane = open_lane(&env, NULL);
    int code = drive(lane, &env, error);
    fxi_lane_worker.status(lane, status ? status : &ignored);
    fxi_lane_worker.close(lane);
    ck_assert_int_eq(fxt_store_now->open, 0);
    ck_assert_int_eq(fxt_log_now->open, 0);
    return code;
}

static void fill(fxt_log *log, int count)
{
    for (int i = (int)log->count, end = i + count; i < end; i++) {
        if (i % 23 == 11)
            fxt_log_add(log, "{\"timestamp\":\"no time\"}");
        else if (i % 23 == 17)
            fxt_log_add(log, "not even JSON");
        else
            fxt_log_rate(log, i % 23 == 5 ? i - 1 : i); /* now and then a publication read twice */
    }
}

START_TEST(reads_to_the_end_once)
{
    fxt_log log = {0};
    fxt_store store = {0};
    fxmon_error error;
    fxmon_status status;
    fxt_log_now = &log;
    fxt_store_now = &store;
    fill(&log, 46);
    ck_assert_int_eq(run_lane(to_the_end, &error, &status), FXMON_E_STOPPED);
    ck_assert_int_eq(store.next_offset, 46);
    ck_assert_uint_eq(store.committed_deads, 4);
    ck_assert_uint_eq(store.committed_rows, (46 - 4 - 2) * 2);
    ck_assert_str_eq(store.dead[0].reason, "malformed");
    ck_assert_int_eq(store.dead[0].offset, 11);
    ck_assert_str_eq(store.dead[1].reason, "syntax");
    ck_assert_str_eq(store.dead[1].data, "not even JSON");
    ck_assert(isnan(store.row[0].volatility));
    ck_assert(store.row[2].volatility > 0);
    ck_assert_int_eq(status.messages, 46);
    ck_assert_int_eq(status.dead_letters, 4);
    ck_assert_int_eq(status.rows, 80);
    ck_assert_int_eq(status.repeats, 4);
    ck_assert_int_ge(status.commits, 5);
    ck_assert_str_eq(status.state, "ended");
    ck_assert_int_eq(run_lane(to_the_end, &error, &status), FXMON_E_STOPPED); /* nothing is new */
    ck_assert_uint_eq(store.committed_rows, 80);
    ck_assert_int_eq(status.messages, 0);
    fxt_log_free(&log);
    fxt_store_free(&store);
}
END_TEST

/* In pieces, with a restart between them, equal to one run; the restart replays from the checkpoint only. */
START_TEST(restarts_are_invisible)
{
    fxt_log log = {0}, whole = {0};
    fxt_store pieces = {0}, once = {0};
    fxmon_error error;
    fxmon_status status;
    fill(&whole, 200);
    fxt_log_now = &whole;
    fxt_store_now = &once;
    ck_assert_int_eq(run_lane(to_the_end, &error, NULL), FXMON_E_STOPPED);
    fxt_log_now = &log;
    fxt_store_now = &pieces;
    for (int i = 0; i < 20; i++) {
        fill(&log, 10);
        ck_assert_int_eq(run_lane(to_the_end, &error, &status), FXMON_E_STOPPED);
        ck_assert_int_eq(status.replayed, 0); /* a graceful end leaves a checkpoint at its place */
    }
    ck_assert(fxt_store_same(&pieces, &once));
    free(pieces.checkpoint); /* and without a checkpoint all is replayed */
    pieces.checkpoint = NULL;
    pieces.checkpoint_offset = -1;
    fill(&log, 10);
    fill(&whole, 10);
    ck_assert_int_eq(run_lane(to_the_end, &error, &status), FXMON_E_STOPPED);
    ck_assert_int_eq(status.replayed, 200);
    fxt_log_now = &whole;
    fxt_store_now = &once;
    ck_assert_int_eq(run_lane(to_the_end, &error, NULL), FXMON_E_STOPPED);
    ck_assert(fxt_store_same(&pieces, &once));
    fxt_log_free(&log);
    fxt_log_free(&whole);
    fxt_store_free(&pieces);
    fxt_store_free(&once);
}
END_TEST

/* A lane that runs on leaves a checkpoint every so often, so that after a kill it is replayed from there and not from the log's beginning. */
START_TEST(checkpoints_are_taken_in_time)
{
    static const char *const often[] = {"batch", "10", "checkpoint", "5s", NULL, NULL};
    static const char *const never[] = {"batch", "10", "checkpoint", "1h", NULL, NULL};
    static const struct {
        const char *const *options;
        int64_t longest; /* records that a kill costs */
        long most;       /* checkpoints of 200 batches, one a second */
    } cases[] = {{often, 60, 45}, {never, 2000, 2}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        fxt_log log = {0};
        fxt_store store = {0}, once = {0};
        fxt_env env;
        fxmon_error error;
        fxmon_status status;
        int64_t wait, last = -1;
        long taken = 0;
        fxt_log_now = &log;
        fxt_store_now = &store;
        fxt_env_init(&env, cases[c].options);
        fxi_lane *lane = open_lane(&env, NULL);
        for (int i = 0; i < 200; i++) {
            fill(&log, 10);
            for (int turns = 0; store.next_offset < (int64_t)log.count && turns < 100; turns++) {
                fxi_turn turn = {.deadline = env.now + 1};
                ck_assert_int_eq(fxi_lane_worker.turn(lane, &turn, &wait, &error), FXMON_OK);
            }
            ck_assert_int_eq(store.next_offset, (int64_t)log.count);
            taken += store.checkpoint_offset != last;
            last = store.checkpoint_offset;
            ck_assert_msg(last >= 0 && store.next_offset - last <= cases[c].longest, "after %d s the checkpoint is %lld of %lld", i, (long long)last,
                          (long long)store.next_offset);
            env.now += FXMON_SECOND;
        }
        ck_assert_msg(taken <= cases[c].most && taken >= 1, "%ld checkpoints in 200 s", taken);
        fxi_lane_worker.close(lane); /* as a kill would: it has not ended */
        fill(&log, 10);
        ck_assert_int_eq(run_lane(to_the_end, &error, &status), FXMON_E_STOPPED);
        ck_assert_int_eq(status.replayed, 2000 - last);
        fxt_store_now = &once;
        ck_assert_int_eq(run_lane(to_the_end, &error, NULL), FXMON_E_STOPPED);
        ck_assert(fxt_store_same(&store, &once));
        fxt_log_free(&log);
        fxt_store_free(&store);
        fxt_store_free(&once);
    }
}
END_TEST

START_TEST(a_pipe_ends_with_its_writer)
{
    fxt_log log = {.pipe = true, .closed = true};
    fxt_store store = {0};
    fxmon_error error;
    fxt_log_now = &log;
    fxt_store_now = &store;
    fill(&log, 33);
    ck_assert_int_eq(run_lane(onwards, &error, NULL), FXMON_E_STOPPED);
    ck_assert_int_eq(store.next_offset, 33);
    ck_assert_ptr_null(store.checkpoint);
    fxt_log_free(&log);
    fxt_store_free(&store);
}
END_TEST

START_TEST(a_gap_halts_or_is_recorded)
{
    static const char *const going_on[] = {"until-end", "yes", "batch", "10", "on-gap", "earliest", NULL, NULL};
    fxt_log log = {0};
    fxt_store store = {0};
    fxmon_error error;
    fxt_log_now = &log;
    fxt_store_now = &store;
    fill(&log, 20);
    ck_assert_int_eq(run_lane(to_the_end, &error, NULL), FXMON_E_STOPPED);
    size_t before = store.committed_deads;
    fill(&log, 40);
    log.first = 35; /* 20..34 were never read */
    ck_assert_int_eq(run_lane(to_the_end, &error, NULL), FXMON_E_GAP);
    ck_assert_ptr_nonnull(strstr(error.text, "records 20 to 34"));
    ck_assert_int_eq(store.next_offset, 20);
    ck_assert_int_eq(run_lane(going_on, &error, NULL), FXMON_E_STOPPED);
    ck_assert_int_eq(store.next_offset, 60);
    ck_assert_str_eq(store.dead[before].reason, "gap");
    ck_assert_int_eq(store.dead[before].offset, 20);
    size_t gaps = 0;
    for (size_t i = 0; i < store.committed_deads; i++)
        gaps += strcmp(store.dead[i].reason, "gap") == 0;
    ck_assert_uint_eq(gaps, 1);
    ck_assert_int_eq(run_lane(going_on, &error, NULL), FXMON_E_STOPPED);
    log.first = 0;
    for (int i = 0; i < 30; i++) /* cut below what was read: a person has to look */
        free(log.line[--log.count]);
    ck_assert_int_eq(run_lane(going_on, &error, NULL), FXMON_E_GAP);
    fxt_log_free(&log);
    fxt_store_free(&store);
}
END_TEST

START_TEST(start_at_the_end_stays_there)
{
    static const char *const at_end[] = {"start", "end", "until-end", "yes", NULL, NULL};
    fxt_log log = {0};
    fxt_store store = {0};
    fxmon_error error;
    fxt_log_now = &log;
    fxt_store_now = &store;
    fill(&log, 30);
    ck_assert_int_eq(run_lane(at_end, &error, NULL), FXMON_E_STOPPED);
    ck_assert_int_eq(store.next_offset, 30);
    fxt_log_rate(&log, 31);
    ck_assert_int_eq(run_lane(at_end, &error, NULL), FXMON_E_STOPPED);
    ck_assert_uint_eq(store.committed_rows, 2);
    fxt_log_free(&log);
    fxt_store_free(&store);
}
END_TEST

START_TEST(time_fills_a_batch_too)
{
    static const char *const slow[] = {"batch", "1000", "batch-time", "200ms", NULL, NULL};
    fxt_log log = {0};
    fxt_store store = {0};
    fxt_env env;
    fxmon_error error;
    fxi_stop stop;
    int64_t wait = 0;
    fxt_log_now = &log;
    fxt_store_now = &store;
    ck_assert_int_eq(fxi_stop_open(&stop, &error), FXMON_OK);
    fxt_env_init(&env, slow);
    fxi_lane *lane = open_lane(&env, &stop);
    fxt_log_rate(&log, 1);
    fxi_turn turn = {.deadline = env.now + FXMON_SECOND};
    ck_assert_int_eq(fxi_lane_worker.turn(lane, &turn, &wait, &error), FXMON_OK);
    ck_assert_uint_eq(store.committed_rows, 0);
    ck_assert_int_eq(wait, FXMON_SECOND / 5);
    env.now += wait;
    turn.deadline = env.now + FXMON_SECOND;
    ck_assert_int_eq(fxi_lane_worker.turn(lane, &turn, &wait, &error), FXMON_OK);
    ck_assert_uint_eq(store.committed_rows, 2);
    fxt_log_rate(&log, 2);
    turn.deadline = env.now + FXMON_SECOND;
    ck_assert_int_eq(fxi_lane_worker.turn(lane, &turn, &wait, &error), FXMON_OK);
    fxi_stop_request(&stop); /* what is held goes out at once, with a checkpoint */
    ck_assert_int_eq(drive(lane, &env, &error), FXMON_E_STOPPED);
    ck_assert_uint_eq(store.committed_rows, 4);
    ck_assert_int_eq(store.checkpoint_offset, 2);
    fxi_lane_worker.close(lane);
    fxi_stop_close(&stop);
    fxt_log_free(&log);
    fxt_store_free(&store);
}
END_TEST

/* Whatever the moment at which a batch becomes due, also between two looks at the clock of one turn: nobody is told to wait longer than for that. */
START_TEST(a_batch_never_waits_longer_than_its_time)
{
    static const char *const slow[] = {"batch", "1000", "batch-time", "200ms", NULL, NULL};
    for (int64_t pace = FXMON_SECOND / 1000; pace <= FXMON_SECOND / 5; pace += FXMON_SECOND / 1000) {
        fxt_log log = {0};
        fxt_store store = {0};
        fxt_env env;
        fxmon_error error;
        fxi_stop stop;
        int64_t wait = 0;
        fxt_log_now = &log;
        fxt_store_now = &store;
        ck_assert_int_eq(fxi_stop_open(&stop, &error), FXMON_OK);
        fxt_env_init(&env, slow);
        fxi_lane *lane = open_lane(&env, &stop);
        fxt_log_rate(&log, 1);
        env.pace = pace;
        for (int i = 0; i < TURNS && store.committed_rows == 0; i++) {
            fxi_turn turn = {.deadline = env.now};
            ck_assert_int_eq(fxi_lane_worker.turn(lane, &turn, &wait, &error), FXMON_OK);
            if (store.committed_rows == 0)
                ck_assert_msg(wait <= FXMON_SECOND / 5, "pace %lld: told to wait %lld", (long long)pace, (long long)wait);
            env.now += wait;
        }
        ck_assert_uint_eq(store.committed_rows, 2);
        fxi_lane_worker.close(lane);
        fxi_stop_close(&stop);
        fxt_log_free(&log);
        fxt_store_free(&store);
    }
}
END_TEST

START_TEST(a_dead_store_opens_the_breaker)
{
    fxt_log log = {0};
    fxt_store store = {.fault = FXT_RETRY, .fault_at = 3, .fault_count = 100000};
    fxt_env env;
    fxmon_error error;
    fxmon_status status;
    int64_t wait;
    fxt_log_now = &log;
    fxt_store_now = &store;
    fxt_env_init(&env, onwards);
    fxi_lane *lane = open_lane(&env, NULL);
    fill(&log, 30);
    int64_t end = env.now + 25 * FXMON_SECOND;
    while (env.now < end) {
        fxi_turn turn = {.deadline = env.now};
        ck_assert_int_eq(fxi_lane_worker.turn(lane, &turn, &wait, &error), FXMON_OK);
        env.now += wait > FXMON_SECOND / 100 ? wait : FXMON_SECOND / 100;
    }
    fxi_lane_worker.status(lane, &status);
    ck_assert_str_eq(status.state, "open");
    ck_assert_int_eq(store.calls - 2, 5); /* and not one more in the cooldown */
    ck_assert(log.paused);
    store.fault = FXT_NONE;
    env.now += 31 * FXMON_SECOND;
    for (int i = 0; i < 200; i++) {
        fxi_turn turn = {.deadline = env.now};
        ck_assert_int_eq(fxi_lane_worker.turn(lane, &turn, &wait, &error), FXMON_OK);
        env.now += wait;
    }
    ck_assert_int_eq(store.next_offset, 30);
    ck_assert(!log.paused);
    fxi_lane_worker.close(lane);
    fxt_log_free(&log);
    fxt_store_free(&store);
}
END_TEST

/* ---- every call fails once, in every way -------------------------------------------------------------------------------- */

static void undisturbed(fxt_log *log, fxt_store *expected)
{
    fxmon_error error;
    fill(log, 57);
    fxt_log_now = log;
    fxt_store_now = expected;
    ck_assert_int_eq(run_lane(to_the_end, &error, NULL), FXMON_E_STOPPED);
}

static void walk(enum fxt_fault fault, long count, bool pause_kept)
{
    fxt_log log = {0};
    fxt_store expected = {0};
    undisturbed(&log, &expected);
    log.pause_kept = pause_kept; /* a stream that does not know pause: what it gives meanwhile is read again */
    for (long at = 1; at <= expected.calls + 5; at++) {
        fxt_store store = {.fault = fault, .fault_at = at, .fault_count = count};
        fxmon_error error;
        fxt_store_now = &store;
        int code = run_lane(to_the_end, &error, NULL);
        if (code == FXMON_E_CONFIG) {
            store.fault = FXT_NONE;
            code = run_lane(to_the_end, &error, NULL);
        }
        for (int again = 0; fault == FXT_RETRY && count > 5 && code != FXMON_E_STOPPED && again < 3; again++)
            code = run_lane(to_the_end, &error, NULL); /* it gave up after breaker-threshold failures in a row; the next run goes on */
        ck_assert_msg(code == FXMON_E_STOPPED, "fault %d at call %ld: %s", fault, at, error.text);
        ck_assert_msg(fxt_store_same(&store, &expected), "fault %d at call %ld: %zu rows, expected %zu", fault, at, store.committed_rows,
                      expected.committed_rows);
        fxt_store_free(&store);
    }
    fxt_log_free(&log);
    fxt_store_free(&expected);
}

START_TEST(every_retry)
{
    walk(FXT_RETRY, 1, false);
    walk(FXT_RETRY, 1, true);
    walk(FXT_RETRY, 12, false); /* over the breaker's threshold */
}
END_TEST

START_TEST(until_the_end_gives_up)
{
    fxt_log log = {0};
    fxt_store expected = {0}, store = {.fault = FXT_RETRY, .fault_at = 3, .fault_count = 100000};
    fxmon_error error;
    undisturbed(&log, &expected);
    fxt_store_now = &store;
    int code = run_lane(to_the_end, &error, NULL);
    ck_assert(fxmon_retriable(code));
    ck_assert_int_eq(fxmon_exit_status(code), 4);
    ck_assert_int_eq(store.calls - 2, 5);
    store.fault = FXT_NONE;
    ck_assert_int_eq(run_lane(to_the_end, &error, NULL), FXMON_E_STOPPED);
    ck_assert(fxt_store_same(&store, &expected));
    fxt_store_free(&store);
    fxt_store_free(&expected);
    fxt_log_free(&log);
}
END_TEST

START_TEST(every_failure_and_restart)
{
    walk(FXT_FATAL, 1, false);
}
END_TEST

START_TEST(every_takeover)
{
    walk(FXT_FENCED, 1, false);
    walk(FXT_FENCED, 3, false);
    walk(FXT_DONE_BUT_FENCED, 1, false); /* the commit was there although the lane heard otherwise */
    walk(FXT_DONE_BUT_FENCED, 3, false);
}
END_TEST

START_TEST(every_stream_failure)
{
    fxt_log log = {0};
    fxt_store expected = {0};
    undisturbed(&log, &expected);
    for (long at = 1; at <= expected.stream_calls + 3; at++) {
        fxt_store store = {.stream_fault_at = at};
        fxmon_error error;
        fxt_store_now = &store;
        ck_assert_int_eq(run_lane(to_the_end, &error, NULL), FXMON_E_STOPPED);
        ck_assert_msg(fxt_store_same(&store, &expected), "stream call %ld", at);
        fxt_store_free(&store);
    }
    fxt_log_free(&log);
    fxt_store_free(&expected);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("lane");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, reads_to_the_end_once);
    tcase_add_test(tests, restarts_are_invisible);
    tcase_add_test(tests, checkpoints_are_taken_in_time);
    tcase_add_test(tests, a_pipe_ends_with_its_writer);
    tcase_add_test(tests, a_gap_halts_or_is_recorded);
    tcase_add_test(tests, start_at_the_end_stays_there);
    tcase_add_test(tests, a_batch_never_waits_longer_than_its_time);
    tcase_add_test(tests, time_fills_a_batch_too);
    tcase_add_test(tests, a_dead_store_opens_the_breaker);
    tcase_add_test(tests, every_retry);
    tcase_add_test(tests, until_the_end_gives_up);
    tcase_add_test(tests, every_failure_and_restart);
    tcase_add_test(tests, every_takeover);
    tcase_add_test(tests, every_stream_failure);
    return support_run("lane", tests);
}
