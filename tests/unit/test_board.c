/*
 * tests/unit/test_board.c - the board over a real SQLite store, with a clock that only moves when told: when rows are written, what the last ones say, and
 * rebalances that wait for a store that is away, in order and bounded.
 */
#include "../support/host.h"
#include "../support/support.h"

#include "lane/board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define T0 INT64_C(1700000000000000000)
#define S FXMON_SECOND

extern const fxmon_store_ops fxi_store_sqlite;

static store_host host;
static fxmon_status status[2];
static bool alone;
static char folder[64], url[100];
static fxmon_error error;

static void each(void *user, fxi_board_fn fn, void *fn_user)
{
    (void)user;
    if (fn(fn_user, FXI_PULSE_CONSUMER, "consume/sqlite", "fxmon", &status[0]))
        fn(fn_user, FXI_PULSE_PRODUCER, "produce", "file:log", &status[1]);
}

static fxmon_source_health source = {.source = "ecb", .component = "produce", .instance = "host:1", .log = "file:log", .status = "fresh", .heartbeat = T0, .missed = 0};

static void sources(void *user, fxmon_source_fn fn, void *fn_user)
{
    (void)user;
    source.heartbeat = host.time;
    (void)fn(fn_user, &source);
}

static bool is_alone(void *user)
{
    (void)user;
    return alone;
}

static fxi_board *board_at(const char *store)
{
    store_host_init(&host);
    host.time = T0;
    host.options[0] = "retry-cap";
    host.options[1] = "10ms";
    alone = false;
    memset(status, 0, sizeof status);
    status[0].state = status[1].state = "running";
    fxi_board_config config = {.env = &host.env, .each = each, .sources = sources, .alone = is_alone};
    fxi_board *board = fxi_board_new(&config, &error);
    ck_assert_ptr_nonnull(board);
    ck_assert_int_eq(fxi_board_store(board, &fxi_store_sqlite, store, &error), FXMON_OK);
    return board;
}

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/fxmon-board.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(url, sizeof url, "sqlite:%s/fx.db", folder);
}

static void remove_folder(void)
{
    static const char *const files[] = {"fx.db", "fx.db-wal", "fx.db-shm", "later/fx.db", "later/fx.db-wal", "later/fx.db-shm"};
    char path[100];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/later", folder);
    rmdir(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static int turn(fxi_board *board, int64_t later)
{
    fxi_turn t = {.deadline = INT64_MAX};
    int64_t wait = 0;
    host.time += later;
    int code = fxi_board_worker.turn(board, &t, &wait, &error);
    ck_assert(code != FXMON_OK || (wait > 0 && wait <= S));
    return code;
}

typedef struct read_back {
    int rows, events, places, sources;
    fxmon_source_health source;
    fxmon_health row[4];
    char order[8192];
    fxmon_rebalance event;
    fxmon_place place;
} read_back;

static bool see_row(void *user, const fxmon_health *row)
{
    read_back *got = user;
    ck_assert_int_lt(got->rows, 4);
    got->row[got->rows++] = *row;
    return true;
}

static bool see_event(void *user, const fxmon_rebalance *event, int64_t id)
{
    read_back *got = user;
    ck_assert_int_gt(id, 0);
    got->event = *event;
    got->events++;
    size_t used = strlen(got->order);
    snprintf(got->order + used, sizeof got->order - used, "%s ", event->partitions);
    return true;
}

static bool see_place(void *user, const fxmon_place *place)
{
    read_back *got = user;
    got->place = *place;
    got->places++;
    return true;
}

static bool see_source(void *user, const fxmon_source_health *row)
{
    read_back *got = user;
    got->source = *row;
    got->sources++;
    return true;
}

static read_back *look(void)
{
    static read_back got;
    memset(&got, 0, sizeof got);
    fxmon_store *store = fxmon_store_open(url, true, &error);
    if (!store)
        return &got;
    ck_assert_int_eq(fxmon_store_health_each(store, see_row, &got, &error), FXMON_OK);
    ck_assert_int_eq(fxmon_store_rebalance_each(store, 10000, 0, see_event, &got, &error), FXMON_OK);
    ck_assert_int_eq(fxmon_store_place_each(store, see_place, &got, &error), FXMON_OK);
    ck_assert_int_eq(fxmon_store_source_each(store, see_source, &got, &error), FXMON_OK);
    fxmon_store_close(store);
    return &got;
}

START_TEST(rows_when_due)
{
    make_folder();
    fxi_board *board = board_at(url);
    ck_assert_int_eq(turn(board, 0), FXMON_OK);
    ck_assert_int_eq(look()->rows, 0); /* a short run is told at its end */
    ck_assert_int_eq(turn(board, S), FXMON_OK);
    read_back *got = look();
    ck_assert_int_eq(got->rows, 2);
    ck_assert_str_eq(got->row[0].component, "consume/sqlite");
    ck_assert_str_eq(got->row[1].component, "produce");
    ck_assert(got->row[1].producer && !got->row[0].producer);
    ck_assert_str_eq(got->row[1].group, "file:log");
    ck_assert_int_eq(got->row[0].heartbeat, T0 + S);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(turn(board, S), FXMON_OK);
    ck_assert_int_eq(look()->row[0].heartbeat, T0 + S); /* nothing changed: one row in five seconds */
    turn(board, S);
    ck_assert_int_eq(look()->row[0].heartbeat, T0 + 6 * S);
    status[0].state = "retrying";
    turn(board, S);
    got = look();
    ck_assert_str_eq(got->row[0].status, "stopped"); /* as it is read today: that heartbeat is of 2023 */
    ck_assert(got->row[0].silent);
    ck_assert_int_eq(got->row[0].heartbeat, T0 + 7 * S); /* sooner, because it is in trouble */
    ck_assert_int_eq(got->row[1].heartbeat, T0 + 6 * S);
    status[0].state = "ended";
    status[1].state = "failed";
    status[1].last_error.code = FXMON_E_IO;
    memcpy(status[1].last_error.text, "no room", 8);
    alone = true;
    ck_assert_int_eq(turn(board, 0), FXMON_E_STOPPED);
    got = look();
    ck_assert_str_eq(got->row[0].status, "stopped");
    ck_assert(!got->row[0].silent);
    ck_assert_str_eq(got->row[1].status, "failed");
    ck_assert_str_eq(got->row[1].detail, "no room");
    fxi_board_worker.close(board);
    remove_folder();
}
END_TEST

/* A run may be over before the board's thread gets its first turn: what was done by then counts from nothing. */
START_TEST(all_before_the_first_turn)
{
    make_folder();
    fxi_board *board = board_at(url);
    status[0].messages = 7;
    status[1].messages = 5;
    turn(board, S / 2);
    status[1].messages = 6;
    alone = true;
    ck_assert_int_eq(turn(board, S / 4), FXMON_E_STOPPED);
    read_back *got = look();
    ck_assert_int_eq(got->rows, 2);
    ck_assert_int_eq(got->row[0].messages_last_minute, 7);
    ck_assert_int_eq(got->row[1].messages_last_minute, 6);
    ck_assert_int_eq(got->row[1].started, T0);
    fxi_board_worker.close(board);
    remove_folder();
}
END_TEST

static bool keep_first(void *user, const fxmon_health *row)
{
    *(fxmon_health *)user = *row;
    return false;
}

/* The first row as it lies in the store, not judged by today's clock. */
static fxmon_health as_written(void)
{
    fxmon_health row = {.heartbeat = 0};
    void *store = NULL;
    ck_assert_int_eq(fxi_store_sqlite.open(&host.env, url, true, &store, &error), FXMON_DONE);
    ck_assert_int_eq(fxi_store_sqlite.health_each(store, keep_first, &row, &error), FXMON_DONE);
    fxi_store_sqlite.close(store);
    return row;
}

static void tell(fxi_board *board, int number)
{
    fxmon_rebalance event = {.time = T0 + number, .component = "consume/sqlite", .kind = "assigned", .generation = -1, .duration = -1};
    snprintf(event.partitions, sizeof event.partitions, "%d", number);
    snprintf(event.assigned, sizeof event.assigned, "%d", number);
    fxi_board_rebalance(board, &event);
}

START_TEST(rebalances_wait_for_the_store)
{
    char later[100], expected[8192] = "";
    make_folder();
    snprintf(later, sizeof later, "%s/later", folder);
    snprintf(url, sizeof url, "sqlite:%s/later/fx.db", folder);
    fxi_board_rebalance(NULL, &(fxmon_rebalance){.time = 1}); /* no board: nothing happens */
    fxi_board *board = board_at(url);
    turn(board, 0);
    for (int i = 0; i < FXI_BOARD_QUEUE + 3; i++) /* three more than wait */
        tell(board, i);
    turn(board, S); /* no folder: the store cannot be opened */
    ck_assert_int_eq(host.log_lines, 2); /* the storm, and the store */
    ck_assert_int_eq(mkdir(later, 0700), 0);
    turn(board, S);
    read_back *got = look();
    ck_assert_int_eq(got->events, FXI_BOARD_QUEUE);
    for (int i = FXI_BOARD_QUEUE + 2; i >= 3; i--) { /* newest first; the three oldest are gone */
        size_t used = strlen(expected);
        snprintf(expected + used, sizeof expected - used, "%d ", i);
    }
    ck_assert_str_eq(got->order, expected);
    ck_assert_int_eq(host.log_lines, 4); /* it is back, and how many are missing */
    ck_assert_ptr_nonnull(strstr(host.log_text, "3 rebalances"));
    ck_assert_int_eq(got->rows, 2);
    ck_assert_ptr_nonnull(strstr(got->row[0].detail, "storm"));
    tell(board, 7);
    turn(board, 0); /* a rebalance does not wait for the next second */
    ck_assert_int_eq(look()->events, FXI_BOARD_QUEUE + 1);
    fxmon_rebalance away = {.component = "consume/sqlite", .kind = "revoked", .partitions = "7"};
    fxi_board_rebalance(board, &away);
    turn(board, 0);
    fxmon_health row = as_written();
    ck_assert_str_eq(row.status, "rebalancing");
    fxi_board_free(board);
    remove_folder();
}
END_TEST

/* Sources are told with the heartbeats: after the first second, then every five, and at the end. */
START_TEST(sources_when_due)
{
    make_folder();
    fxi_board *board = board_at(url);
    ck_assert_int_eq(turn(board, 0), FXMON_OK);
    ck_assert_int_eq(look()->sources, 0);
    static const struct {
        int64_t later, written;
    } cases[] = {{S, S}, {S, S}, {3 * S, S}, {S, 6 * S}, {4 * S, 6 * S}, {S, 11 * S}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_int_eq(turn(board, cases[i].later), FXMON_OK);
        ck_assert_int_eq(look()->sources, 1);
        ck_assert_msg(look()->source.heartbeat == T0 + cases[i].written, "case %zu: %lld", i, (long long)(look()->source.heartbeat - T0));
    }
    memcpy(source.status, "ended", 6);
    alone = true;
    ck_assert_int_eq(turn(board, S / 2), FXMON_E_STOPPED);
    ck_assert_str_eq(look()->source.status, "ended");
    memcpy(source.status, "fresh", 6);
    fxi_board_free(board);
    remove_folder();
}
END_TEST

/* Told between the last turn and the end, and to a board without a store. */
START_TEST(last_words)
{
    make_folder();
    fxi_board *board = board_at(url);
    turn(board, 0);
    tell(board, 1);
    alone = true;
    ck_assert_int_eq(turn(board, 0), FXMON_E_STOPPED);
    read_back *got = look();
    ck_assert_int_eq(got->events, 1);
    ck_assert_str_eq(got->event.kind, "assigned");
    ck_assert_int_eq(got->event.time, T0 + 1);
    ck_assert_int_eq(got->rows, 2);
    fxi_board_free(board);
    fxi_board_config config = {.env = &host.env, .each = each, .sources = sources, .alone = is_alone};
    board = fxi_board_new(&config, &error);
    tell(board, 2);
    fxi_board_free(board);
    /* who claims a place is seen from outside */
    void *store = NULL;
    fxmon_progress progress = {.lane = "g/l", .stream = "file:x", .partition = 2};
    ck_assert_int_eq(fxi_store_sqlite.open(&host.env, url, false, &store, &error), FXMON_DONE);
    ck_assert_int_eq(fxi_store_sqlite.claim(store, &progress, &error), FXMON_DONE);
    fxi_store_sqlite.close(store);
    got = look();
    ck_assert_int_eq(got->places, 1);
    ck_assert_int_eq(got->place.partition, 2);
    ck_assert_str_eq(got->place.owner, got->row[0].instance);
    remove_folder();
}
END_TEST

START_TEST(without_memory)
{
    make_folder();
    failing_allocator_install();
    store_host_init(&host);
    fxi_board_config config = {.env = &host.env, .each = each, .sources = sources, .alone = is_alone};
    for (long nth = 1;; nth++) {
        failing_allocator_fail(nth);
        fxi_board *board = fxi_board_new(&config, &error);
        int code = board ? fxi_board_store(board, &fxi_store_sqlite, url, &error) : error.code;
        bool reached = failing_allocator_failed();
        failing_allocator_fail(0);
        fxi_board_free(board);
        ck_assert_int_eq(code, reached ? FXMON_E_NOMEM : FXMON_OK);
        if (!reached)
            break;
    }
    ck_assert_int_eq(failing_allocator_alive(), 0);
    remove_folder();
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("board");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, rows_when_due);
    tcase_add_test(tests, all_before_the_first_turn);
    tcase_add_test(tests, rebalances_wait_for_the_store);
    tcase_add_test(tests, sources_when_due);
    tcase_add_test(tests, last_words);
    tcase_add_test(tests, without_memory);
    return support_run("board", tests);
}
