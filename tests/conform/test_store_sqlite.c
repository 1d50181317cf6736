/* The sqlite: store: the conformance suite, and what is SQLite's own (files, schema versions, views, hand-made rows). */
#include "../support/property.h"
#include "store/sqlite.h"

#include <stdlib.h>
#include <stdio.h>
#include <unistd.h>

extern const fxmon_store_ops fxi_store_sqlite;
#define STORE fxi_store_sqlite

static char folder[200];

static void new_file(char *url, size_t size)
{
    const char *top = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%s/fxmon-sqlite-XXXXXX", top == NULL ? "/tmp" : top);
    if (mkdtemp(folder) == NULL) {
        abort();
    }
    snprintf(url, size, "sqlite:%s/fx.db", folder);
}
#define STORE_NEW new_file

#include "store.inc"

static sqlite3 *open_by_hand(void)
{
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(url + strlen("sqlite:"), &db), SQLITE_OK);
    return db;
}

static void by_hand(sqlite3 *db, const char *sql)
{
    char *problem = NULL;
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, &problem) == SQLITE_OK, "%s: %s", sql, problem);
}

static void check_value(sqlite3 *db, const char *sql, const char *expected)
{
    sqlite3_stmt *statement;
    ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    const char *got = (const char *)sqlite3_column_text(statement, 0);
    ck_assert_msg(got != NULL ? expected != NULL && strcmp(got, expected) == 0 : expected == NULL, "%s: %s, expected %s", sql, got, expected);
    sqlite3_finalize(statement);
}

START_TEST(views_for_people)
{
    void *store = fresh_store();
    fxmon_progress progress = claim(store);
    apply_until(store, &progress, 3);
    fxmon_row small = row_of(3, 0), large = row_of(4, 0), cross = row_of(5, 0);
    small.rate = (fxmon_decimal){7, 9};
    small.time = -1;
    large.rate = (fxmon_decimal){INT64_C(9007199254740993), 15};
    cross.kind = FXMON_ROW_CROSS;
    cross.cross = 0.1;
    DONE(STORE.begin(store, &error));
    DONE(STORE.put_rows(store, &small, 1, &error));
    DONE(STORE.put_rows(store, &large, 1, &error));
    DONE(STORE.put_rows(store, &cross, 1, &error));
    fxmon_event event = event_of(1, 4);
    DONE(STORE.put_event(store, &event, &error));
    DONE(STORE.commit(store, &progress, 6, &error));
    sqlite3 *db = open_by_hand();
    check_value(db, "SELECT timestamp||' '||pair||' '||rate_text||' '||source||' '||stream||' '||partition FROM fx_rates WHERE pair='USD/JPY' AND \"offset\"=1",
                "2023-11-14T22:13:21Z USD/JPY 0.84712 test file:test 3");
    check_value(db, "SELECT rate=0.84712 FROM fx_rates WHERE pair='USD/JPY' AND \"offset\"=1", "1");
    check_value(db, "SELECT volatility FROM fx_rates WHERE pair='USD/EUR' AND \"offset\"=0", NULL);
    check_value(db, "SELECT ask FROM fx_rates WHERE pair='USD/EUR' AND \"offset\"=1", NULL);
    check_value(db, "SELECT ingested_at FROM fx_rates WHERE pair='USD/EUR' AND \"offset\"=1", "2023-11-14T22:13:21.000000005Z");
    check_value(db, "SELECT rate_text||' '||timestamp FROM fx_rates WHERE \"offset\"=3", "0.000000007 1969-12-31T23:59:59.999999999Z");
    check_value(db, "SELECT rate=9.007199254740993 FROM fx_rates WHERE \"offset\"=4", "1");
    check_value(db, "SELECT rate_text FROM fx_rates WHERE \"offset\"=4", "9.007199254740993");
    check_value(db, "SELECT kind||rate FROM fx_rates WHERE \"offset\"=5", "cross0.1");
    check_value(db, "SELECT count(*) FROM fx_latest", "4");
    check_value(db, "SELECT kind||' '||condition||' '||rate_text||' '||alert_id||' '||\"offset\"||' '||triggered_at FROM alert_history",
                "resolved below 0.89990 1 4 2023-11-14T22:13:20.000000004Z");
    check_value(db, "SELECT rate=0.8999 FROM alert_history", "1");
    sqlite3_close(db);
    STORE.close(store);
}
END_TEST

/* Is the history of a pair one stretch of the key: no scan, no sort? */
START_TEST(history_by_the_key)
{
    STORE.close(fresh_store());
    sqlite3 *db = open_by_hand();
    static const char *const by_view = "SELECT * FROM fx_rates WHERE pair='USD/EUR' ORDER BY time_ns DESC LIMIT 5";
    const char *questions[] = {fxi_sqlite_text[FXI_SQL_HISTORY_DOWN], fxi_sqlite_text[FXI_SQL_HISTORY_UP], fxi_sqlite_text[FXI_SQL_HISTORY_SOURCE_DOWN],
                               fxi_sqlite_text[FXI_SQL_HISTORY_SOURCE_UP], fxi_sqlite_text[FXI_SQL_OUTBOX_EACH], fxi_sqlite_text[FXI_SQL_EVENT_EACH], by_view};
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
        char *explain = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", questions[i]);
        sqlite3_stmt *plan;
        ck_assert_int_eq(sqlite3_prepare_v2(db, explain, -1, &plan, NULL), SQLITE_OK);
        while (sqlite3_step(plan) == SQLITE_ROW) {
            const char *step = (const char *)sqlite3_column_text(plan, 3);
            ck_assert_msg(strstr(step, "TEMP B-TREE") == NULL, "%s: %s", questions[i], step);
            ck_assert_msg(strncmp(step, "SCAN r", 6) != 0, "%s: %s", questions[i], step);
        }
        sqlite3_finalize(plan);
        sqlite3_free(explain);
    }
    sqlite3_close(db);
}
END_TEST

START_TEST(alerts_edited_by_hand)
{
    void *store = fresh_store();
    sqlite3 *db = open_by_hand();
    int64_t before, after;
    static const char *const edits[] = {"INSERT INTO user_alerts(pair,condition,threshold)VALUES('usd-eur','above',0.9)",
                                        "UPDATE user_alerts SET threshold=0.95", "UPDATE user_alerts SET active=0", "UPDATE user_alerts SET active=1"};
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        DONE(STORE.alert_generation(store, &before, &error));
        by_hand(db, edits[i]);
        DONE(STORE.alert_generation(store, &after, &error));
        ck_assert_int_gt(after, before);
    }
    listed got = {0};
    DONE(STORE.alert_each(store, true, list_alert, &got, &error));
    ck_assert_int_eq(got.count, 1);
    ck_assert_str_eq(got.alert.pair.text, "USD/EUR");
    ck_assert(got.alert.threshold.mantissa == 95 && got.alert.threshold.scale == 2);
    ck_assert_int_eq(got.alert.version, 4);
    ck_assert_int_gt(got.alert.created, T0);
    by_hand(db, "INSERT INTO user_alerts(pair,condition,threshold)VALUES('nonsense here','above',1)");
    got.count = 0;
    DONE(STORE.alert_each(store, true, list_alert, &got, &error)); /* told once, does not stop the others */
    DONE(STORE.alert_each(store, true, list_alert, &got, &error));
    ck_assert_int_eq(got.count, 2);
    ck_assert_int_eq(host.log_lines, 1);
    ck_assert(sqlite3_exec(db, "INSERT INTO user_alerts(pair,condition,threshold)VALUES('USD/EUR','upwards',1)", NULL, NULL, NULL) != SQLITE_OK);
    ck_assert(sqlite3_exec(db, "INSERT INTO user_alerts(pair,condition,threshold)VALUES('USD/EUR','above',-1)", NULL, NULL, NULL) != SQLITE_OK);
    by_hand(db, "DELETE FROM user_alerts");
    before = after;
    DONE(STORE.alert_generation(store, &after, &error));
    ck_assert_int_gt(after, before);
    sqlite3_close(db);
    STORE.close(store);
}
END_TEST

/* A row of which any member may be there or not, and equal to the one before or not. */
static fxmon_row random_row(fxi_random *r, int64_t offset)
{
    static const char *const sources[] = {"first", "second"};
    fxmon_row row = row_of(offset, (int)(offset % PAIRS));
    row.time = T0 + (int64_t)fxi_random_below(r, 2);
    row.ingested = fxi_random_below(r, 2) == 0 ? 0 : T0 + 7;
    row.kind = (uint32_t)fxi_random_below(r, 3);
    row.cross = row.kind == FXMON_ROW_CROSS ? 0.25 * (1 + (double)fxi_random_below(r, 5)) : 0;
    row.rate.mantissa = fxi_random_below(r, 3) == 0 ? INT64_C(9007199254740993) : 1 + (int64_t)fxi_random_below(r, 9);
    row.bid.mantissa = (int64_t)fxi_random_below(r, 2) * 3;
    row.ask.mantissa = (int64_t)fxi_random_below(r, 2) * 4;
    row.volatility = fxi_random_below(r, 2) == 0 ? NAN : 0.5;
    row.samples = (uint32_t)fxi_random_below(r, 3);
    row.partition = (int32_t)fxi_random_below(r, 2);
    row.source = sources[fxi_random_below(r, 2)];
    return row;
}

/* A batch keeps what its rows keep one by one, whatever they have in common. */
START_TEST(a_batch_as_its_rows)
{
    enum { ROWS = 400 };
    static fxmon_row rows[ROWS];
    fxi_random r;
    property_seed(&r, "a_batch_as_its_rows");
    for (int i = 0; i < ROWS; i++) {
        rows[i] = random_row(&r, i);
    }
    void *single = fresh_store();
    fxmon_progress progress = claim(single);
    DONE(STORE.begin(single, &error));
    for (int i = 0; i < ROWS; i++) {
        DONE(STORE.put_rows(single, &rows[i], 1, &error));
    }
    DONE(STORE.commit(single, &progress, ROWS, &error));
    STORE.close(single);
    char attach[300];
    snprintf(attach, sizeof(attach), "ATTACH '%s' AS single", url + strlen("sqlite:"));
    void *batch = fresh_store();
    progress = claim(batch);
    DONE(STORE.begin(batch, &error));
    DONE(STORE.put_rows(batch, rows, ROWS, &error));
    DONE(STORE.commit(batch, &progress, ROWS, &error));
    STORE.close(batch);
    sqlite3 *db = open_by_hand();
    by_hand(db, attach);
    check_value(db, "SELECT count(*) FROM (SELECT * FROM main.fxmon_rate INTERSECT SELECT * FROM single.fxmon_rate)", "400");
    check_value(db, "SELECT count(*) FROM (SELECT * FROM main.fxmon_latest EXCEPT SELECT * FROM single.fxmon_latest)", "0");
    sqlite3_close(db);
}
END_TEST

static void refuse_open(const char *text, bool read_only, fxmon_result result, int code)
{
    void *store = &store;
    ck_assert_msg(STORE.open(&host.env, text, read_only, &store, &error) == result, "%s", text);
    ck_assert_int_eq(error.code, code);
    ck_assert_str_ne(error.text, "");
    ck_assert_ptr_null(store);
}

START_TEST(opening)
{
    char other[300];
    store_host_init(&host);
    new_file(url, sizeof(url));
    refuse_open(url, true, FXMON_RETRY, FXMON_E_NOT_FOUND); /* a reader that came first */
    snprintf(other, sizeof(other), "%s?mode=rw", url);
    refuse_open(other, false, FXMON_RETRY, FXMON_E_NOT_FOUND);
    STORE.close(open_store());
    void *reader = NULL;
    snprintf(other, sizeof(other), "%s?mode=ro", url);
    DONE(STORE.open(&host.env, other, false, &reader, &error));
    fxmon_alert alert = {.pair = pair_of("USD/EUR"), .condition = FXMON_ABOVE, .threshold = {1, 0}, .active = true};
    ck_assert_int_eq(STORE.alert_add(reader, &alert, &error), FXMON_FATAL);
    STORE.close(reader);
    snprintf(other, sizeof(other), "%s?cache=1", url);
    refuse_open(other, false, FXMON_FATAL, FXMON_E_OPTION);
    ck_assert_str_eq(error.field, "cache");
    refuse_open("sqlite:", false, FXMON_FATAL, FXMON_E_ARGUMENT);
    host.options[0] = "sqlite-synchronous";
    host.options[1] = "sometimes";
    refuse_open(url, false, FXMON_FATAL, FXMON_E_RANGE);
    host.options[1] = "normal";
    STORE.close(open_store());
}
END_TEST

START_TEST(foreign_and_newer_files)
{
    STORE.close(fresh_store());
    sqlite3 *db = open_by_hand();
    by_hand(db, "PRAGMA user_version=1000");
    sqlite3_close(db);
    refuse_open(url, false, FXMON_FATAL, FXMON_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.text, "1000"));
    new_file(url, sizeof(url));
    db = open_by_hand();
    by_hand(db, "CREATE TABLE mine(x)");
    sqlite3_close(db);
    refuse_open(url, false, FXMON_FATAL, FXMON_E_CONFIG);
    new_file(url, sizeof(url));
    FILE *file = fopen(url + strlen("sqlite:"), "w");
    for (int i = 0; i < 1000; i++) {
        fputs("this is no database ", file);
    }
    fclose(file);
    refuse_open(url, false, FXMON_FATAL, FXMON_E_CORRUPT);
}
END_TEST

START_TEST(a_writer_that_holds_the_lock)
{
    void *store = fresh_store();
    fxmon_progress progress = claim(store);
    sqlite3 *db = open_by_hand();
    by_hand(db, "BEGIN IMMEDIATE");
    host.stopping = true; /* the wait ends when the host stops */
    ck_assert_int_eq(STORE.begin(store, &error), FXMON_RETRY);
    ck_assert_int_eq(error.code, FXMON_E_BUSY);
    collected got = {0};
    DONE(STORE.latest(store, collect_rate, &got, &error)); /* readers go on */
    host.stopping = false;
    by_hand(db, "ROLLBACK");
    apply_until(store, &progress, 1);
    /* a full disk: RETRY, nothing kept, and the same batch later */
    fxi_sqlite *s = store;
    sqlite3_exec(s->db, "PRAGMA max_page_count=1", NULL, NULL, NULL);
    DONE(STORE.begin(store, &error));
    fxmon_result result = FXMON_DONE;
    int64_t offset = 1;
    for (; result == FXMON_DONE && offset < 20000; offset++) {
        fxmon_row row = row_of(offset, 0);
        result = STORE.put_rows(store, &row, 1, &error);
    }
    ck_assert_int_eq(result, FXMON_RETRY);
    ck_assert_int_eq(error.code, FXMON_E_DISK_FULL);
    STORE.rollback(store);
    sqlite3_exec(s->db, "PRAGMA max_page_count=1000000", NULL, NULL, NULL);
    apply_until(store, &progress, 9);
    check_complete(store, 9);
    sqlite3_close(db);
    STORE.close(store);
}
END_TEST

/* A file as the first version made it, with rows in it, opened by this one: everything is still there, and what is new works. */
START_TEST(older_files_move_on)
{
    char path[600], *sql;
    long size;
    store_host_init(&host);
    new_file(url, sizeof(url));
    snprintf(path, sizeof(path), "%s/tests/data/sqlite-schema-1.sql", getenv("FXMON_TOP") ? getenv("FXMON_TOP") : ".");
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);
    sql = calloc(1, (size_t)size + 1);
    ck_assert_uint_eq(fread(sql, 1, (size_t)size, file), (size_t)size);
    fclose(file);
    sqlite3 *db = open_by_hand();
    by_hand(db, sql);
    free(sql);
    void *reader = NULL;
    ck_assert_int_eq(STORE.open(&host.env, url, true, &reader, &error), FXMON_RETRY); /* who only reads moves nothing */
    void *store = open_store();
    check_value(db, "SELECT count(*) FROM fx_rates", "3");
    check_value(db, "SELECT status||' '||assigned_partitions||' '||messages_processed_last_minute FROM consumer_health WHERE id='consume/sqlite host:9948'", "stopped [] 0");
    check_value(db, "SELECT type||' '||messages_sent FROM producer_health", "produce 1");
    fxmon_progress progress = {.lane = "fxmon/sqlite", .stream = "file:f88795d25dcbd9be90c7b902619fb7ce"};
    DONE(STORE.claim(store, &progress, &error));
    ck_assert_int_eq(progress.next_offset, 3);
    ck_assert_int_eq(progress.checkpoint_offset, 3);
    fxmon_free_memory(progress.checkpoint);
    DONE(STORE.dead_resolve(store, 1, T0, &error));
    fxmon_rebalance event = {.time = T0, .component = "c", .instance = "i", .kind = "assigned", .partitions = "0", .assigned = "0"};
    DONE(STORE.rebalance_put(store, &event, &error));
    fxmon_source_health source = {.source = "ecb", .component = "produce", .instance = "i", .log = "l", .status = "late", .heartbeat = T0, .published = T0 - FXMON_SECOND,
                                  .missed = 2, .cadence = FXMON_SECOND, .quota = 100, .quota_used = 30};
    DONE(STORE.source_put(store, &source, &error));
    check_value(db, "SELECT source||' '||status||' '||last_published_at||' '||publications_missed||' '||quota_left||' '||cadence_seconds||' '||producer_id||"
                    "coalesce(last_error,' none')||coalesce(next_expected_at,' unknown') FROM source_health",
                "ecb late 2023-11-14T22:13:19Z 2 70 1.0 produce i none unknown");
    sqlite3_close(db);
    STORE.close(store);
}
END_TEST

/* Health and rebalances as people and dashboards read them: times as text, lists as JSON, a row a partition. */
START_TEST(views_of_health)
{
    void *store = fresh_store();
    fxmon_health health = {.component = "consume/sqlite", .instance = "host:1", .status = "slow", .heartbeat = T0, .lag = 5, .group = "g", .member = "m",
                           .partitions = "0,1,10,...", .started = T0 - FXMON_SECOND, .interval = 5 * FXMON_SECOND, .messages_last_minute = 60,
                           .lag_ns = 1500 * FXMON_SECOND / 1000};
    fxmon_health producer = {.component = "produce", .instance = "host:1", .status = "ok", .heartbeat = T0 + 1, .messages_last_minute = 7, .producer = true};
    fxmon_rebalance event = {.time = T0, .component = "consume/sqlite", .instance = "host:1", .group = "g", .member = "m", .kind = "revoked",
                             .partitions = "2,11", .assigned = "0,...", .generation = -1, .duration = 250 * FXMON_SECOND / 1000, .reason = "r"};
    DONE(STORE.health_put(store, &health, &error));
    DONE(STORE.health_put(store, &producer, &error));
    DONE(STORE.rebalance_put(store, &event, &error));
    event.partitions[0] = '\0';
    event.duration = -1;
    DONE(STORE.rebalance_put(store, &event, &error));
    sqlite3 *db = open_by_hand();
    check_value(db, "SELECT id||'|'||consumer_id||'|'||status||'|'||last_heartbeat||'|'||assigned_partitions||'|'||messages_processed_last_minute FROM consumer_health",
                "consume/sqlite host:1|consume/sqlite host:1|slow|2023-11-14T22:13:20Z|[0,1,10]|60");
    check_value(db, "SELECT started_at||'|'||lag||'|'||lag_seconds||'|'||interval_seconds FROM consumer_health", "2023-11-14T22:13:19Z|5|1.5|5.0");
    check_value(db, "SELECT producer_id||'|'||type||'|'||status||'|'||last_heartbeat||'|'||messages_sent_last_minute FROM producer_health",
                "produce host:1|produce|ok|2023-11-14T22:13:20.000000001Z|7");
    check_value(db, "SELECT group_concat(partition_number) FROM rebalancing_events WHERE id=1", "2,11");
    check_value(db, "SELECT consumer_id||'|'||event_type||'|'||timestamp||'|'||assigned_partitions||'|'||duration_seconds FROM rebalancing_events LIMIT 1",
                "consume/sqlite host:1|revoked|2023-11-14T22:13:20Z|[0]|0.25");
    check_value(db, "SELECT generation FROM rebalancing_events WHERE id=2", NULL);
    check_value(db, "SELECT count(*)||'|'||count(partition_number)||'|'||count(duration_seconds) FROM rebalancing_events WHERE id=2", "1|0|0");
    check_value(db, "SELECT json_type(assigned_partitions) FROM consumer_health", "array");
    sqlite3_close(db);
    STORE.close(store);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("sqlite");
    store_tests(tests);
    tcase_add_test(tests, views_for_people);
    tcase_add_test(tests, history_by_the_key);
    tcase_add_test(tests, alerts_edited_by_hand);
    tcase_add_test(tests, a_batch_as_its_rows);
    tcase_add_test(tests, opening);
    tcase_add_test(tests, foreign_and_newer_files);
    tcase_add_test(tests, older_files_move_on);
    tcase_add_test(tests, views_of_health);
    tcase_add_test(tests, a_writer_that_holds_the_lock);
    return support_run("store sqlite", tests);
}
