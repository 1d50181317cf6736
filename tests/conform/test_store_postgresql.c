/*
 * The postgresql: store on a real server: the conformance suite, and what is PostgreSQL's own: values as they went in, views, rows made by hand, months,
 * schema versions, hostile texts. Faults are in test_store_postgresql_faults.c.
 */
#if FXI_WITH_PQ
#include "postgresql.inc"

#include "base/decimal.h"

/* ---- values -------------------------------------------------------------------------------------------------- */

static int64_t random_time(fxi_random *r)
{
    static const int64_t edges[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_C(946684799999999999), INT64_C(946684800000000000), INT64_MAX - 1000, INT64_MAX};
    uint64_t turn = fxi_random_below(r, 12);
    return turn < 9 ? edges[turn] : turn == 9 ? (int64_t)fxi_random_next(r) : T0 + (int64_t)fxi_random_below(r, 4000);
}

static fxmon_decimal random_price(fxi_random *r)
{
    static const int64_t mantissas[] = {1, 9999, 10000, 10001, 100000000, INT64_C(9007199254740993), INT64_MAX};
    uint64_t turn = fxi_random_below(r, 9);
    int64_t mantissa = turn < 7 ? mantissas[turn] : turn == 7 ? 1 + (int64_t)fxi_random_below(r, 1000000) : (int64_t)(fxi_random_next(r) >> 1) | 1;
    return (fxmon_decimal){mantissa, (int32_t)fxi_random_below(r, 19)};
}

static fxmon_row random_row(fxi_random *r, int64_t offset)
{
    static const char *const sources[] = {"first", "z\xC3\xBCrich", "quote ' \" \\ ; --"};
    fxmon_row row = row_of(offset, 0);
    row.time = random_time(r);
    row.ingested = fxi_random_below(r, 3) == 0 ? 0 : random_time(r);
    row.kind = (uint32_t)fxi_random_below(r, 3);
    row.rate = random_price(r);
    row.cross = row.kind != FXMON_ROW_CROSS ? 0 : fxi_random_below(r, 2) == 0 ? fxmon_decimal_to_double(random_price(r)) : 1 / (double)(1 + fxi_random_below(r, 999999));
    row.bid = fxi_random_below(r, 2) == 0 ? (fxmon_decimal){0, 0} : random_price(r);
    row.ask = fxi_random_below(r, 2) == 0 ? (fxmon_decimal){0, 0} : random_price(r);
    row.volatility = fxi_random_below(r, 3) == 0 ? NAN : fxi_random_below(r, 2) == 0 ? 0.0 : 1e-300 * (double)fxi_random_below(r, 1000);
    row.samples = (uint32_t)fxi_random_below(r, 100000);
    row.source = sources[fxi_random_below(r, 3)];
    return row;
}

enum { RANDOM_ROWS = 500 };

typedef struct compared {
    const fxmon_row *rows;
    int64_t last_time;
    bool seen[RANDOM_ROWS];
    int count;
} compared;

static bool same_decimal(fxmon_decimal a, fxmon_decimal b)
{
    return a.mantissa == b.mantissa && (a.mantissa == 0 || a.scale == b.scale);
}

static bool compare_rate(void *user, const fxmon_stored_rate *got)
{
    compared *c = user;
    const fxmon_row *row = &c->rows[got->offset];
    ck_assert(!c->seen[got->offset]);
    c->seen[got->offset] = true;
    ck_assert_int_eq(got->time, row->time);
    ck_assert_int_eq(got->ingested, row->ingested);
    ck_assert(c->count == 0 || got->time >= c->last_time);
    ck_assert_msg(row->kind == FXMON_ROW_CROSS ? row->cross < 0.01 || row->cross > 1e15 || fxmon_decimal_to_double(got->rate) == row->cross : same_decimal(got->rate, row->rate),
                  "offset %lld: %lld e-%d", (long long)got->offset, (long long)got->rate.mantissa, got->rate.scale);
    ck_assert(same_decimal(got->bid, row->bid) && same_decimal(got->ask, row->ask));
    ck_assert(isnan(row->volatility) ? isnan(got->volatility) : got->volatility == row->volatility);
    ck_assert_str_eq(got->source, row->source);
    c->last_time = got->time;
    c->count++;
    return true;
}

/* Rows of every kind of value, in one batch and one by one, come back as they went in, and in the order of their time. */
START_TEST(rows_as_they_went_in)
{
    static fxmon_row rows[RANDOM_ROWS];
    static compared got;
    fxi_random r;
    property_seed(&r, "rows_as_they_went_in");
    void *store = fresh_store();
    fxmon_progress progress = claim(store);
    for (int i = 0; i < RANDOM_ROWS; i++) {
        rows[i] = random_row(&r, i);
    }
    DONE(STORE.begin(store, &error));
    DONE(STORE.put_rows(store, rows, RANDOM_ROWS - 50, &error));
    for (int i = RANDOM_ROWS - 50; i < RANDOM_ROWS; i++) {
        DONE(STORE.put_rows(store, &rows[i], 1, &error));
    }
    DONE(STORE.commit(store, &progress, RANDOM_ROWS, &error));
    fxmon_history_query query = query_of(pair_names[0]);
    query.ascending = true;
    query.limit = INT64_MAX;
    query.to = INT64_MAX;
    got.rows = rows;
    DONE(STORE.history(store, &query, compare_rate, &got, &error));
    int expected = 0;
    for (int i = 0; i < RANDOM_ROWS; i++) {
        expected += rows[i].time != INT64_MAX; /* the range is half-open */
    }
    ck_assert_int_eq(got.count, expected);
    /* the server's own texts of what was sent in binary */
    PGconn *db = open_by_hand();
    for (int i = 0; i < RANDOM_ROWS; i += 7) {
        char sql[200], text[FXMON_DECIMAL_TEXT];
        if (rows[i].kind != FXMON_ROW_CROSS) {
            fxmon_decimal_format(rows[i].rate, text);
            snprintf(sql, sizeof(sql), "SELECT rate FROM fx_rates WHERE kafka_offset=%d", i);
            check_value(db, sql, text);
        } else {
            snprintf(sql, sizeof(sql), "SELECT encode(float8send(rate::float8),'hex') FROM fx_rates WHERE kafka_offset=%d", i);
            uint64_t bits;
            memcpy(&bits, &rows[i].cross, 8);
            snprintf(text, sizeof(text), "%016llx", (unsigned long long)bits);
            check_value(db, sql, text);
        }
        snprintf(sql, sizeof(sql), "SELECT time_ns FROM fx_history WHERE \"offset\"=%d", i);
        snprintf(text, sizeof(text), "%lld", (long long)rows[i].time);
        check_value(db, sql, text);
    }
    PQfinish(db);
    STORE.close(store);
}
END_TEST

START_TEST(views_for_people)
{
    void *store = fresh_store();
    fxmon_progress progress = claim(store);
    apply_until(store, &progress, 3);
    fxmon_row small = row_of(3, 0), cross = row_of(4, 0);
    small.rate = (fxmon_decimal){700, 11};
    small.time = -1;
    cross.kind = FXMON_ROW_CROSS;
    cross.cross = 1e-20;
    DONE(STORE.begin(store, &error));
    DONE(STORE.put_rows(store, &small, 1, &error));
    DONE(STORE.put_rows(store, &cross, 1, &error));
    fxmon_event event = event_of(1, 4);
    DONE(STORE.put_event(store, &event, &error));
    DONE(STORE.commit(store, &progress, 5, &error));
    PGconn *db = open_by_hand();
    by_hand(db, "SET TimeZone='UTC'");
    check_value(db, "SELECT concat_ws(' ',timestamp,pair,rate,source,stream,partition) FROM fx_history WHERE pair='USD/JPY' AND \"offset\"=1",
                "2023-11-14 22:13:21+00 USD/JPY 0.84712 test file:test 3");
    check_value(db, "SELECT created_at IS NOT NULL AND processed_by_consumer LIKE '%:%' FROM fx_history LIMIT 1", "t");
    check_value(db, "SELECT volatility FROM fx_history WHERE pair='USD/EUR' AND \"offset\"=0", NULL);
    check_value(db, "SELECT rate||' '||time_ns FROM fx_history WHERE \"offset\"=3", "0.00000000700 -1");
    check_value(db, "SELECT rate::float8=1e-20 AND kind='cross' FROM fx_history WHERE \"offset\"=4", "t");
    check_value(db, "SELECT count(*) FROM fx_latest", "4");
    check_value(db, "SELECT concat_ws(' ',kind,condition,rate,alert_id,\"offset\",triggered_at) FROM alert_history",
                "resolved below 0.89990 1 4 2023-11-14 22:13:20+00");
    check_value(db, "SELECT concat_ws(' ',kafka_partition,kafka_offset,tableoid::regclass) FROM fx_rates WHERE pair='USD/GBP' AND kafka_offset=2",
                "3 2 fx_rates_2023_11");
    fxmon_health health = {.component = "consume/pg", .instance = "host:1", .status = "ok", .heartbeat = T0, .partitions = "0,2,..."};
    DONE(STORE.health_put(store, &health, &error));
    fxmon_rebalance rebalance = {.time = T0, .component = "consume/pg", .instance = "host:1", .kind = "assigned", .partitions = "1,2", .generation = -1, .duration = -1};
    DONE(STORE.rebalance_put(store, &rebalance, &error));
    check_value(db, "SELECT assigned_partitions::text||consumer_id FROM consumer_health", "{0,2}consume/pg host:1");
    check_value(db, "SELECT string_agg(partition_number::text,' ' ORDER BY partition_number) FROM rebalancing_events WHERE event_type='assigned'", "1 2");
    PQfinish(db);
    STORE.close(store);
}
END_TEST

/* ---- alerts by hand ----------------------------------------------------------------------------------------------- */

START_TEST(alerts_edited_by_hand)
{
    void *store = fresh_store();
    PGconn *db = open_by_hand();
    int64_t before, after;
    static const char *const edits[] = {"INSERT INTO user_alerts(pair,condition,threshold)VALUES('usd-eur','above',0.90)",
                                        "UPDATE user_alerts SET threshold=0.950", "UPDATE user_alerts SET active=false", "UPDATE user_alerts SET active=true"};
    for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
        DONE(STORE.alert_generation(store, &before, &error));
        by_hand(db, edits[i]);
        DONE(STORE.alert_generation(store, &after, &error));
        ck_assert_int_gt(after, before);
    }
    by_hand(db, "UPDATE user_alerts SET active=true WHERE id=-1"); /* nothing changed */
    before = after;
    DONE(STORE.alert_generation(store, &after, &error));
    ck_assert_int_eq(after, before);
    listed got = {0};
    DONE(STORE.alert_each(store, true, list_alert, &got, &error));
    ck_assert_int_eq(got.count, 1);
    ck_assert_str_eq(got.alert.pair.text, "USD/EUR");
    ck_assert(got.alert.threshold.mantissa == 950 && got.alert.threshold.scale == 3);
    ck_assert_int_eq(got.alert.version, 4);
    ck_assert_int_gt(got.alert.created, T0);
    by_hand(db, "INSERT INTO user_alerts(pair,condition,threshold)VALUES('nonsense here','above',1)");
    got.count = 0;
    DONE(STORE.alert_each(store, true, list_alert, &got, &error)); /* told once, does not stop the others */
    DONE(STORE.alert_each(store, true, list_alert, &got, &error));
    ck_assert_int_eq(got.count, 2);
    ck_assert_int_eq(host.log_lines, 1);
    static const char *const bad[] = {"'USD/EUR','upwards',1", "'USD/EUR','above',-1", "'USD/EUR','above','NaN'"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char sql[200];
        snprintf(sql, sizeof(sql), "INSERT INTO user_alerts(pair,condition,threshold)VALUES(%s)", bad[i]);
        PGresult *answer = PQexec(db, sql);
        ck_assert_int_eq(PQresultStatus(answer), PGRES_FATAL_ERROR);
        PQclear(answer);
    }
    /* an alert that repeats once ends with its event, and only as it was then */
    by_hand(db, "TRUNCATE user_alerts CASCADE");
    by_hand(db, "INSERT INTO user_alerts(id,pair,condition,threshold,repeat)VALUES(100,'USD/EUR','above',1,'once'),(101,'USD/EUR','above',1,'once')");
    by_hand(db, "UPDATE user_alerts SET threshold=2 WHERE id=101");
    fxmon_progress progress = claim(store);
    DONE(STORE.begin(store, &error));
    for (int i = 0; i < 2; i++) {
        fxmon_event event = event_of(100 + i, i);
        event.kind = FXMON_FIRED;
        DONE(STORE.put_event(store, &event, &error));
    }
    DONE(STORE.commit(store, &progress, 1, &error));
    check_value(db, "SELECT string_agg(id||' '||active,',' ORDER BY id) FROM user_alerts", "100 false,101 true");
    PQfinish(db);
    STORE.close(store);
}
END_TEST

/* ---- months ---------------------------------------------------------------------------------------------------------- */

/* Four make the same months at once: one of them does, the others see that it is done. */
START_TEST(a_month_is_made_once)
{
    enum { MAKERS = 4, MONTHS = 24 };
    void *store = fresh_store();
    PGconn *maker[MAKERS];
    char sql[96];
    for (int i = 0; i < MAKERS; i++)
        maker[i] = open_by_hand();
    for (int month = 0; month < MONTHS; month++) {
        snprintf(sql, sizeof sql, "SELECT fxmon_make_month(make_date(%d,%d,1))", 2001 + month / 12, month % 12 + 1);
        for (int i = 0; i < MAKERS; i++)
            ck_assert_int_eq(PQsendQuery(maker[i], sql), 1);
        for (int i = 0; i < MAKERS; i++) {
            PGresult *answer = PQgetResult(maker[i]);
            ck_assert_msg(PQresultStatus(answer) == PGRES_TUPLES_OK && strcmp(PQgetvalue(answer, 0, 0), "t") == 0, "%s", PQerrorMessage(maker[i]));
            PQclear(answer);
            ck_assert_ptr_null(PQgetResult(maker[i]));
        }
    }
    check_value(maker[0], "SELECT count(*) FROM pg_inherits WHERE inhparent='fx_rates'::regclass", "28");
    for (int i = 0; i < MAKERS; i++)
        PQfinish(maker[i]);
    STORE.close(store);
}
END_TEST

START_TEST(months_are_made_and_dropped)
{
    void *store = fresh_store();
    PGconn *db = open_by_hand();
    by_hand(db, "SET TimeZone='UTC'");
    check_value(db, "SELECT count(*) FROM pg_inherits WHERE inhparent='fx_rates'::regclass", "4"); /* the default, this month and two more */
    /* rows by hand in the default partition go with their month when it is made */
    by_hand(db, "INSERT INTO fx_rates(observed_at,kafka_offset,kafka_partition,stream,pair,source,rate) VALUES('2020-02-29',7,0,1,'USD/EUR','hand',1.50)");
    check_value(db, "SELECT tableoid::regclass FROM fx_rates", "fx_rates_default");
    check_value(db, "SELECT fxmon_make_month('2020-02-01')", "t");
    check_value(db, "SELECT tableoid::regclass||' '||rate FROM fx_rates", "fx_rates_2020_02 1.50");
    fxmon_progress progress = claim(store);
    DONE(STORE.begin(store, &error));
    for (int i = 0; i < 30; i++) { /* a backfill: two and a half years */
        fxmon_row row = row_of(i, 0);
        row.time = INT64_C(1577836800) * FXMON_SECOND + i * 30 * 86400 * FXMON_SECOND;
        DONE(STORE.put_rows(store, &row, 1, &error));
    }
    fxmon_row far = row_of(40, 0);
    far.time = INT64_C(9000000000) * FXMON_SECOND; /* in the year 2255 */
    DONE(STORE.put_rows(store, &far, 1, &error));
    DONE(STORE.commit(store, &progress, 30, &error));
    check_value(db, "SELECT count(*) FROM fx_rates_default", "1");
    check_value(db, "SELECT count(*) FROM fx_rates WHERE tableoid::regclass::text<>to_char(observed_at,'\"fx_rates\"_YYYY_MM')", "1");
    STORE.close(store);
    host.options[0] = "keep";
    host.options[1] = "400d";
    store = open_store(); /* drops what is older */
    check_value(db, "SELECT count(*) FROM fx_rates", "1");
    check_value(db, "SELECT count(*) FROM pg_inherits WHERE inhparent='fx_rates'::regclass", "4");
    STORE.close(store);
    host.options[1] = "tomorrow";
    ck_assert_int_eq(STORE.open(&host.env, url, false, &store, &error), FXMON_FATAL);
    ck_assert_str_eq(error.field, "keep");
    PQfinish(db);
}
END_TEST

/* ---- opening ------------------------------------------------------------------------------------------------------------ */

static void refuse_open(const char *text, bool read_only, fxmon_result result, int code)
{
    void *store = &store;
    ck_assert_msg(STORE.open(&host.env, text, read_only, &store, &error) == result, "%s: %s", text, error.text);
    ck_assert_msg(error.code == code, "%s: %d %s", text, error.code, error.text);
    ck_assert_ptr_null(store);
    ck_assert_ptr_null(strstr(error.text, "secret"));
}

START_TEST(opening)
{
    store_host_init(&host);
    new_schema(url, sizeof(url));
    refuse_open(url, true, FXMON_RETRY, FXMON_E_NOT_FOUND); /* a reader that came first */
    STORE.close(open_store());
    void *reader = NULL;
    DONE(STORE.open(&host.env, url, true, &reader, &error));
    fxmon_alert alert = {.pair = pair_of("USD/EUR"), .condition = FXMON_ABOVE, .threshold = {1, 0}, .active = true};
    ck_assert_int_ne(STORE.alert_add(reader, &alert, &error), FXMON_DONE);
    DONE(STORE.ping(reader, &error));
    STORE.close(reader);
    PGconn *db = open_by_hand();
    by_hand(db, "INSERT INTO fxmon_schema(version,applied_by) VALUES(1000,'9.9')");
    refuse_open(url, false, FXMON_FATAL, FXMON_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.text, "1000"));
    new_schema(url, sizeof(url));
    by_hand(db, "SET search_path=public");
    char other[300], sql[128];
    snprintf(sql, sizeof(sql), "CREATE TABLE %s.fx_rates(x int)", schema);
    by_hand(db, sql);
    refuse_open(url, false, FXMON_FATAL, FXMON_E_CONFIG); /* of another program */
    new_schema(url, sizeof(url));
    host.options[0] = "timescale";
    host.options[1] = "yes";
    refuse_open(url, false, FXMON_FATAL, FXMON_E_CONFIG);
    ck_assert_str_eq(error.field, "timescale");
    host.options[0] = NULL;
    snprintf(other, sizeof(other), "postgresql://fxmon:secret@127.0.0.1:%s/fxmon", PQport(db));
    refuse_open(other, false, FXMON_FATAL, FXMON_E_CREDENTIALS);
    char *password = PQpass(db);
    snprintf(other, sizeof(other), "postgres://fxmon:%s@127.0.0.1:%s/secret_not", password, PQport(db));
    void *store = NULL;
    ck_assert_int_eq(STORE.open(&host.env, other, false, &store, &error), FXMON_FATAL);
    ck_assert_int_eq(error.code, FXMON_E_CONFIG);
    ck_assert_ptr_null(strstr(error.text, password));
    refuse_open("postgresql://fxmon:secret@127.0.0.1:1/fxmon", false, FXMON_RETRY, FXMON_E_NETWORK);
    refuse_open("postgresql://fxmon:secret@127.0.0.1:x/fxmon", false, FXMON_FATAL, FXMON_E_CONFIG);
    refuse_open("postgresql://fxmon:secret@127.0.0.1:1/fxmon?nonsense=1", false, FXMON_FATAL, FXMON_E_SYNTAX);
    /* the second of two hosts, at the second attempt at the latest */
    snprintf(other, sizeof(other), "postgresql://fxmon:%s@127.0.0.1:1,127.0.0.1:%s/fxmon?options=-csearch_path%%3D%s", password, PQport(db), schema);
    DONE(STORE.open(&host.env, other, false, &store, &error));
    STORE.close(store);
    PQfinish(db);
}
END_TEST

static pid_t start_opener(void)
{
    pid_t child = fork();
    if (child == 0) {
        void *store = NULL;
        _exit(STORE.open(&host.env, url, false, &store, &error) == FXMON_DONE ? 0 : 1);
    }
    return child;
}

START_TEST(several_start_at_once)
{
    store_host_init(&host);
    new_schema(url, sizeof(url));
    pid_t children[6];
    for (int i = 0; i < 6; i++) {
        children[i] = start_opener();
    }
    for (int i = 0; i < 6; i++) {
        int status;
        ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
        ck_assert_int_eq(status, 0);
    }
    PGconn *db = open_by_hand();
    check_value(db, "SELECT count(*) FROM fxmon_schema", "2"); /* each step once */
    PQfinish(db);
}
END_TEST

/* A schema as the first version made it moves on with what is in it. */
START_TEST(older_schemas_move_on)
{
    store_host_init(&host);
    new_schema(url, sizeof(url));
    void *store = open_store();
    fxmon_health health = {.component = "produce", .instance = "host:1", .status = "ok", .heartbeat = T0, .producer = true};
    DONE(STORE.health_put(store, &health, &error));
    STORE.close(store);
    PGconn *db = open_by_hand();
    by_hand(db, "DROP VIEW source_health; DROP TABLE fxmon_source_health; DELETE FROM fxmon_schema WHERE version=2");
    refuse_open(url, true, FXMON_RETRY, FXMON_E_CONFIG); /* who only reads moves nothing */
    store = open_store();
    fxmon_source_health source = {.source = "ecb", .component = "produce", .instance = "i", .log = "l", .status = "late", .heartbeat = T0, .published = T0 - FXMON_SECOND,
                                  .missed = 2, .cadence = FXMON_SECOND, .quota = 100, .quota_used = 30};
    DONE(STORE.source_put(store, &source, &error));
    check_value(db, "SELECT source||' '||status||' '||(last_published_at AT TIME ZONE 'UTC')||' '||publications_missed||' '||quota_left||' '||cadence_seconds||' '||producer_id||"
                    "coalesce(last_error,' none')||coalesce(next_expected_at::text,' unknown') FROM source_health",
                "ecb late 2023-11-14 22:13:19 2 70 1 produce i none unknown");
    check_value(db, "SELECT status FROM producer_health", "ok");
    PQfinish(db);
    STORE.close(store);
}
END_TEST

/* ---- hostile texts --------------------------------------------------------------------------------------------------- */

static const char *const hostile[] = {
    "'; DROP TABLE fx_rates; --", "\"; DROP TABLE fx_rates; --", "$1", "$$;SELECT 1;$$", "\\'; SELECT pg_sleep(9); --", "%s%n%x", "a\tb\nc",
    "\\N", "\\.", "NULL", "'||(SELECT current_user)||'", "1; COMMIT; BEGIN", "{\"a\":1}", "\xF0\x9F\x92\xB6", "0x27", "/* */ OR 1=1", ""};

typedef struct letter_text {
    const char *text;
    int seen;
} letter_text;

static bool check_letter(void *user, const fxmon_dead_letter *letter, int64_t id)
{
    letter_text *expected = user;
    (void)id;
    ck_assert_str_eq(letter->text, expected->text);
    ck_assert_str_eq(letter->lane, expected->text);
    ck_assert_str_eq(letter->reason, expected->text);
    expected->seen++;
    return false;
}

START_TEST(hostile_texts_stay_texts)
{
    void *store = fresh_store();
    PGconn *db = open_by_hand();
    PGresult *before = PQexec(db, "SELECT count(*)||'' FROM pg_class WHERE relnamespace=current_schema::regnamespace");
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        const char *text = hostile[i];
        char source[FXMON_SOURCE_TEXT];
        fxmon_progress progress = {.lane = text, .stream = text, .partition = (int32_t)i};
        DONE(STORE.claim(store, &progress, &error));
        fxmon_row row = row_of((int64_t)i, 0);
        snprintf(source, sizeof(source), "%s.", text);
        row.source = source;
        fxmon_dead_letter letter = {.lane = text, .stream = text, .offset = (int64_t)i, .data = text, .length = strlen(text), .reason = text, .text = text};
        fxmon_health health = {.heartbeat = T0}, kept[2] = {0};
        snprintf(health.component, sizeof(health.component), "%s", text);
        snprintf(health.detail, sizeof(health.detail), "%s", text);
        fxmon_quote quote = {.pair = row.pair, .time = T0, .mid = {1, 0}}, last = {.time = 0};
        snprintf(quote.source, sizeof(quote.source), "%s", source);
        DONE(STORE.begin(store, &error));
        DONE(STORE.put_rows(store, &row, 1, &error));
        DONE(STORE.put_dead(store, &letter, &error));
        DONE(STORE.put_last(store, text, &quote, &error));
        DONE(STORE.commit(store, &progress, 1, &error));
        DONE(STORE.health_put(store, &health, &error));
        DONE(STORE.health_each(store, keep_health, kept, &error));
        DONE(STORE.outbox_done(store, text, (int64_t)i, &error));
        letter_text expected = {text, 0};
        DONE(STORE.dead_each(store, 1, 0, check_letter, &expected, &error));
        ck_assert_int_eq(expected.seen, 1);
        DONE(STORE.each_last(store, text, keep_quote, &last, &error));
        ck_assert_str_eq(last.source, source);
        fxmon_history_query query = query_of(pair_names[0]);
        int64_t count = 0;
        query.source = source;
        DONE(STORE.history(store, &query, count_rate, &count, &error));
        ck_assert_int_eq(count, 1);
    }
    fxmon_row row = row_of(99, 0);
    fxmon_progress progress = claim(store);
    row.source = "cut \xC3";
    DONE(STORE.begin(store, &error));
    ck_assert_int_eq(STORE.put_rows(store, &row, 1, &error), FXMON_REFUSED);
    fxmon_dead_letter letter = {.lane = LANE, .stream = STREAM, .offset = 99, .data = "\0\xFF", .length = 2, .reason = "syntax", .text = "cut \xC3"};
    DONE(STORE.put_dead(store, &letter, &error));
    DONE(STORE.commit(store, &progress, 100, &error));
    check_value(db, "SELECT count(*)||'' FROM pg_class WHERE relnamespace=current_schema::regnamespace AND relname NOT LIKE 'fx_rates_2023_11%'",
                PQgetvalue(before, 0, 0));
    PQclear(before);
    PQfinish(db);
    STORE.close(store);
}
END_TEST

/* ---- outbox -------------------------------------------------------------------------------------------------------------- */

START_TEST(one_process_serves_a_destination)
{
    void *first = fresh_store(), *second = open_store();
    fxmon_progress progress = claim(first);
    fxmon_event event = event_of(1, 0);
    event_list a = {0}, b = {0}, c = {0};
    DONE(STORE.begin(first, &error));
    DONE(STORE.put_event(first, &event, &error));
    DONE(STORE.commit(first, &progress, 1, &error));
    DONE(STORE.outbox_each(first, "a", 10, list_event, &a, &error));
    DONE(STORE.outbox_each(second, "a", 10, list_event, &b, &error));
    DONE(STORE.outbox_each(second, "b", 10, list_event, &c, &error));
    ck_assert_int_eq(a.count, 1);
    ck_assert_int_eq(b.count, 0);
    ck_assert_int_eq(c.count, 1);
    STORE.close(first);
    PGconn *db = open_by_hand();
    b.count = 0;
    for (int i = 0; i < 1000 && b.count == 0; i++) { /* the server ends the first session in its own time */
        by_hand(db, "SELECT pg_sleep(0.01)");
        DONE(STORE.outbox_each(second, "a", 10, list_event, &b, &error));
    }
    ck_assert_int_eq(b.count, 1);
    PQfinish(db);
    STORE.close(second);
}
END_TEST

/* While the first has events that nobody sees yet, the second gets no numbers: they would be passed over later. */
START_TEST(events_become_visible_in_order)
{
    void *first = fresh_store(), *second = open_store();
    fxmon_progress a = {.lane = "a", .stream = STREAM}, b = {.lane = "b", .stream = STREAM};
    DONE(STORE.claim(first, &a, &error));
    DONE(STORE.claim(second, &b, &error));
    fxmon_event one = event_of(1, 0), two = event_of(2, 1);
    DONE(STORE.begin(first, &error));
    DONE(STORE.put_event(first, &one, &error));
    DONE(STORE.begin(second, &error));
    host.stopping = true; /* the wait is short then */
    ck_assert_int_eq(STORE.put_event(second, &two, &error), FXMON_RETRY);
    host.stopping = false;
    STORE.rollback(second);
    DONE(STORE.commit(first, &a, 1, &error));
    DONE(STORE.begin(second, &error));
    DONE(STORE.put_event(second, &two, &error));
    DONE(STORE.commit(second, &b, 1, &error));
    event_list got = {0};
    DONE(STORE.outbox_each(second, "a", 10, list_event, &got, &error));
    ck_assert_int_eq(got.count, 2);
    ck_assert(got.ids[0] == 0 && got.ids[1] == 1);
    STORE.close(first);
    STORE.close(second);
}
END_TEST

int main(void)
{
    if (getenv("DATABASE_URL") == NULL) {
        return without_server();
    }
    TCase *tests = tcase_create("postgresql");
    store_tests(tests);
    tcase_add_test(tests, rows_as_they_went_in);
    tcase_add_test(tests, views_for_people);
    tcase_add_test(tests, alerts_edited_by_hand);
    tcase_add_test(tests, a_month_is_made_once);
    tcase_add_test(tests, months_are_made_and_dropped);
    tcase_add_test(tests, opening);
    tcase_add_test(tests, several_start_at_once);
    tcase_add_test(tests, older_schemas_move_on);
    tcase_add_test(tests, hostile_texts_stay_texts);
    tcase_add_test(tests, one_process_serves_a_destination);
    tcase_add_test(tests, events_become_visible_in_order);
    return support_run("store postgresql", tests);
}
#else
#include <stdio.h>
int main(void)
{
    printf("skipped: built without libpq\n");
    return 77;
}
#endif
