/*
 * The postgresql: store under faults of a real server: backends ended in every moment, immediate restarts, a COMMIT whose answer is cut off by a proxy
 * (tests/cluster/lib_proxy.py), processes that stand still in the middle of their rows. Every record below the place is there exactly once, always.
 * The counts are for every build; FXMON_TEST_SCALE multiplies them.
 */
#if FXI_WITH_PQ
#include "postgresql.inc"

#include <time.h>

static int scale(int count)
{
    const char *text = getenv("FXMON_TEST_SCALE");
    return text == NULL ? count : count * (int)strtol(text, NULL, 10);
}

/* ---- ended backends --------------------------------------------------------------------------------------------- */

static void end_backend(PGconn *db, void *store)
{
    char sql[128];
    const fxi_postgresql *p = store;
    if (p->connection == NULL) {
        return;
    }
    snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%d,5000)", PQbackendPID(p->connection));
    by_hand(db, sql);
}

enum { STEPS = 7 };

/* One record with all that a transaction can hold; the backend ends before step `ended`. */
static fxmon_result one_batch(void *store, PGconn *db, fxmon_progress *progress, int64_t offset, int ended)
{
    fxmon_row rows[PAIRS];
    fxmon_event event = event_of(1, (int)offset);
    fxmon_dead_letter letter = {.lane = LANE, .stream = STREAM, .partition = 3, .offset = offset, .data = "x", .length = 1, .reason = "syntax", .text = ""};
    fxmon_quote quote = {.pair = pair_of("USD/EUR"), .time = T0 + offset, .mid = {847, 3}, .source = "test"};
    for (int i = 0; i < PAIRS; i++) {
        rows[i] = row_of(offset, i);
    }
    fxmon_result result = FXMON_DONE;
    for (int step = 0; result == FXMON_DONE && step < STEPS; step++) {
        if (step == ended) {
            end_backend(db, store);
        }
        result = step == 0   ? STORE.begin(store, &error)
                 : step == 1 ? STORE.put_rows(store, rows, 2, &error)
                 : step == 2 ? STORE.put_rows(store, rows + 2, PAIRS - 2, &error)
                 : step == 3 ? STORE.put_dead(store, &letter, &error)
                 : step == 4 ? STORE.put_event(store, &event, &error)
                 : step == 5 ? STORE.put_last(store, LANE, &quote, &error)
                             : STORE.commit(store, progress, offset + 1, &error);
    }
    if (result == FXMON_DONE) {
        progress->next_offset = offset + 1;
    } else {
        STORE.rollback(store);
    }
    return result;
}

START_TEST(ended_before_every_statement)
{
    void *store = fresh_store();
    PGconn *db = open_by_hand();
    fxmon_progress progress = claim(store);
    int64_t offset = 0;
    for (int ended = 0; ended < STEPS; ended++) {
        fxmon_result result = one_batch(store, db, &progress, offset, ended);
        ck_assert_msg(result == FXMON_RETRY || (ended == 0 && result == FXMON_DONE), "step %d: %d %s", ended, result, error.text);
        for (int tries = 0; result == FXMON_RETRY && tries < 5; tries++) {
            result = one_batch(store, db, &progress, offset, -1);
        }
        ck_assert_msg(result == FXMON_DONE, "step %d: %s", ended, error.text);
        offset++;
        check_complete(store, offset);
    }
    end_backend(db, store); /* claims and questions find the way back by themselves */
    ck_assert_int_eq(claim(store).next_offset, offset);
    end_backend(db, store);
    check_complete(store, offset);
    check_value(db, "SELECT count(*)||' '||count(DISTINCT event_id) FROM fxmon_event", "7 7");
    check_value(db, "SELECT count(*) FROM fxmon_dead_letters", "7");
    PQfinish(db);
    STORE.close(store);
}
END_TEST

static void pause_ms(int64_t ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL); /* between two blows, not for something to happen */
}

START_TEST(ended_at_random)
{
    fxi_random r;
    property_seed(&r, "ended_at_random");
    STORE.close(fresh_store());
    PGconn *db = open_by_hand();
    pid_t children[2] = {start_worker(1500, 1), start_worker(1500, 2)};
    int blows = 0, status, alive = 2;
    while (alive > 0) {
        if (blows < scale(30)) {
            by_hand(db, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name='fxmon' AND pid<>pg_backend_pid()");
            blows++;
        }
        pause_ms(5 + (int64_t)fxi_random_below(&r, 40));
        for (int i = 0; i < 2; i++) {
            if (children[i] != 0 && waitpid(children[i], &status, WNOHANG) == children[i]) {
                ck_assert_int_eq(status, 0);
                children[i] = 0;
                alive--;
            }
        }
    }
    void *store = open_store();
    check_complete(store, 1500);
    printf("ended_at_random: %d times\n", blows);
    PQfinish(db);
    STORE.close(store);
}
END_TEST

/* ---- restarts ---------------------------------------------------------------------------------------------------- */

static void server(const char *verb, const char *mode)
{
    char script[300];
    snprintf(script, sizeof(script), "%s/tests/servers/postgresql", getenv("FXMON_TOP"));
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (freopen("/dev/null", "w", stdout) != NULL) {
            execl("/bin/sh", "sh", script, verb, getenv("POSTGRESQL_FOLDER"), mode, (char *)NULL);
        }
        _exit(127);
    }
    int status;
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
}

START_TEST(immediate_restarts)
{
    fxi_random r;
    property_seed(&r, "immediate_restarts");
    if (getenv("POSTGRESQL_FOLDER") == NULL) {
        return; /* a server that is not ours to stop */
    }
    STORE.close(fresh_store());
    pid_t child = start_worker(3000, 1);
    for (int i = 0; i < scale(3); i++) {
        pause_ms(50 + (int64_t)fxi_random_below(&r, 200));
        server("stop", "immediate");
        server("again", NULL);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    void *store = open_store();
    check_complete(store, 3000);
    STORE.close(store);
}
END_TEST

/* ---- a commit in doubt ----------------------------------------------------------------------------------------------- */

static FILE *proxy_in, *proxy_out;

static void tell_proxy(const char *line)
{
    char answer[32];
    fprintf(proxy_in, "%s\n", line);
    fflush(proxy_in);
    ck_assert_ptr_nonnull(fgets(answer, sizeof(answer), proxy_out));
    ck_assert_str_eq(answer, "ok\n");
}

/* The store's URL leads through the proxy from here on. */
static void start_proxy(void)
{
    char script[300], port[16], base[256];
    int in[2], out[2];
    PGconn *db = open_by_hand();
    snprintf(script, sizeof(script), "%s/tests/cluster/lib_proxy.py", getenv("FXMON_TOP"));
    ck_assert(pipe(in) == 0 && pipe(out) == 0);
    fflush(NULL);
    if (fork() == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        close(out[0]);
        execlp("python3", "python3", script, "127.0.0.1", PQport(db), (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    proxy_in = fdopen(in[1], "w");
    proxy_out = fdopen(out[0], "r");
    ck_assert_ptr_nonnull(fgets(port, sizeof(port), proxy_out));
    snprintf(base, sizeof(base), "postgresql://fxmon:%s@127.0.0.1:%ld/fxmon", PQpass(db), strtol(port, NULL, 10));
    url_of_schema(base, url, sizeof(url));
    PQfinish(db);
}

START_TEST(commit_in_doubt)
{
    fxi_random r;
    property_seed(&r, "commit_in_doubt");
    STORE.close(fresh_store());
    start_proxy();
    void *store = open_store();
    PGconn *db = open_by_hand();
    fxmon_progress progress = claim(store);
    int took_place = 0, did_not = 0;
    int64_t offset = 0;
    for (int round = 0; round < scale(20); round++) {
        bool after = fxi_random_below(&r, 2) == 0;
        char bytes[10000] = {0};
        progress.checkpoint = fxi_random_below(&r, 2) == 0 ? bytes : NULL;
        progress.checkpoint_size = sizeof(bytes);
        progress.checkpoint_offset = offset + 1;
        tell_proxy(after ? "cut at COMMIT after" : "cut at COMMIT before");
        fxmon_result result = one_batch(store, db, &progress, offset, -1);
        took_place += after;
        did_not += !after;
        if (after) { /* the answer was lost, the commit was not */
            ck_assert_msg(result == FXMON_DONE, "round %d: %s", round, error.text);
        } else {
            ck_assert_msg(result == FXMON_RETRY, "round %d: %d %s", round, result, error.text);
            ck_assert_int_eq(error.code, FXMON_E_NETWORK);
            result = one_batch(store, db, &progress, offset, -1);
            ck_assert_msg(result == FXMON_DONE, "round %d: %s", round, error.text);
        }
        offset++;
    }
    check_complete(store, offset);
    ck_assert(took_place > 0 && did_not > 0);
    printf("commit_in_doubt: %d took place, %d did not\n", took_place, did_not);
    PQfinish(db);
    STORE.close(store);
    fclose(proxy_in);
}
END_TEST

/* Not even the question can be asked: the doubt is resolved by the next begin. */
START_TEST(commit_in_doubt_for_long)
{
    STORE.close(fresh_store());
    start_proxy();
    void *store = open_store();
    PGconn *db = open_by_hand();
    fxmon_progress progress = claim(store);
    for (int after = 0; after < 2; after++) {
        int64_t offset = progress.next_offset < 0 ? 0 : progress.next_offset;
        tell_proxy(after ? "cut at COMMIT after" : "cut at COMMIT before");
        tell_proxy("refuse on");
        ck_assert_int_eq(one_batch(store, db, &progress, offset, -1), FXMON_RETRY);
        ck_assert_int_eq(STORE.begin(store, &error), FXMON_RETRY);
        STORE.rollback(store);
        tell_proxy("refuse off");
        fxmon_result result = STORE.begin(store, &error);
        STORE.rollback(store);
        if (after) {
            ck_assert_int_eq(result, FXMON_FENCED);
            progress = claim(store);
            ck_assert_int_eq(progress.next_offset, offset + 1);
        } else {
            ck_assert_msg(result == FXMON_DONE, "%s", error.text);
            ck_assert_int_eq(one_batch(store, db, &progress, offset, -1), FXMON_DONE);
        }
    }
    check_complete(store, 2);
    PQfinish(db);
    STORE.close(store);
    fclose(proxy_in);
}
END_TEST

/* Half-open: nothing comes any more, nobody says so. The call ends when the host wants to stop, and the next one finds another way. */
START_TEST(a_connection_that_swallows)
{
    STORE.close(fresh_store());
    start_proxy();
    void *store = open_store();
    fxmon_progress progress = claim(store);
    apply_until(store, &progress, 1);
    tell_proxy("cut at COPY stall");
    host.stopping = true;
    DONE(STORE.begin(store, &error));
    fxmon_row row = row_of(1, 0);
    int64_t began = host.env.monotonic(&host);
    ck_assert_int_eq(STORE.put_rows(store, &row, 1, &error), FXMON_RETRY);
    ck_assert_int_eq(error.code, FXMON_E_STOPPED);
    ck_assert_int_lt(host.env.monotonic(&host) - began, 4 * FXMON_SECOND);
    STORE.rollback(store);
    host.stopping = false;
    apply_until(store, &progress, 3);
    check_complete(store, 3);
    STORE.close(store);
    fclose(proxy_in);
}
END_TEST

/* ---- processes that stand still ----------------------------------------------------------------------------------------- */

START_TEST(stopped_in_the_middle_of_its_rows)
{
    enum { ROWS = 3000 }; /* more than the server holds back before it puts rows into the table */
    void *first = fresh_store(), *second = open_store();
    fxmon_progress old = claim(first);
    apply_until(first, &old, 2);
    fxi_postgresql *p = first;
    fxi_buf bytes;
    fxi_buf_init(&bytes, 1 << 21);
    fxi_postgresql_copy_begin(&bytes);
    for (int i = 0; i < ROWS; i++) {
        fxmon_row row = row_of(2 + i / PAIRS, i % PAIRS);
        fxi_postgresql_row_frame frame = {.written = T0, .stream = (int16_t)p->stream, .consumer = "stopped"};
        fxi_postgresql_copy_row(&bytes, &frame, &row);
    }
    ck_assert_int_eq(PQsetnonblocking(p->connection, 0), 0);
    PQclear(PQexec(p->connection, "BEGIN"));
    PQclear(PQexec(p->connection, "COPY fx_rates(" FXI_POSTGRESQL_COPY_COLUMNS ") FROM STDIN (FORMAT binary)"));
    ck_assert_int_eq(PQputCopyData(p->connection, bytes.data, (int)bytes.length), 1);
    ck_assert_int_eq(PQflush(p->connection), 0);
    fxi_buf_free(&bytes);
    fxmon_progress mine = claim(second);
    ck_assert_int_eq(mine.next_offset, 2);
    fxmon_result result = FXMON_RETRY;
    int64_t began = host.env.monotonic(&host);
    while (result == FXMON_RETRY && host.env.monotonic(&host) - began < 60 * FXMON_SECOND) {
        fxmon_row rows[PAIRS];
        for (int i = 0; i < PAIRS; i++) {
            rows[i] = row_of(2, i);
        }
        result = STORE.begin(second, &error);
        result = result == FXMON_DONE ? STORE.put_rows(second, rows, PAIRS, &error) : result;
        result = result == FXMON_DONE ? STORE.commit(second, &mine, 3, &error) : result;
        if (result != FXMON_DONE) {
            ck_assert_int_eq(error.code, FXMON_E_BUSY);
            STORE.rollback(second);
        }
    }
    ck_assert_msg(result == FXMON_DONE, "%s", error.text);
    check_complete(second, 3);
    STORE.close(first);
    STORE.close(second);
}
END_TEST

int main(void)
{
    if (getenv("DATABASE_URL") == NULL || getenv("FXMON_TOP") == NULL) {
        return without_server();
    }
    TCase *tests = tcase_create("postgresql faults");
    (void)store_tests;
    tcase_set_timeout(tests, 600);
    tcase_add_test(tests, ended_before_every_statement);
    tcase_add_test(tests, ended_at_random);
    tcase_add_test(tests, commit_in_doubt);
    tcase_add_test(tests, commit_in_doubt_for_long);
    tcase_add_test(tests, a_connection_that_swallows);
    tcase_add_test(tests, stopped_in_the_middle_of_its_rows);
    tcase_add_test(tests, immediate_restarts);
    return support_run("store postgresql faults", tests);
}
#else
#include <stdio.h>
int main(void)
{
    printf("skipped: built without libpq\n");
    return 77;
}
#endif
