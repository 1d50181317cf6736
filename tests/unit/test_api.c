/*
 * tests/unit/test_api.c - the handle: arguments, order of calls, drivers of the host, steps, stop; and every allocation of all of it failing once.
 */
#include "../support/support.h"

#include <fxmon/fxmon.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static fxmon_result count_rows(void *user, const fxmon_row *rows, size_t count, fxmon_error *error)
{
    (void)rows;
    (void)error;
    *(size_t *)user += count;
    return FXMON_DONE;
}

static const fxmon_custom_sink counter = {.size = sizeof counter, .write = count_rows};

static void folder(char out[64])
{
    snprintf(out, 64, "/tmp/fxmon-api.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(out));
}

static void remove_folder(const char *path)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    ck_assert_int_eq(system(command), 0);
}

/* 60 simulated messages into a log below `path`. */
static int fill_log(const char *path, fxmon_error *error)
{
    char to[100];
    snprintf(to, sizeof to, "file:%s/log", path);
    fxmon *m = fxmon_new(&(fxmon_options){.size = sizeof(fxmon_options), .from = "sim:?count=60&rate=max&seed=3", .to = to}, error);
    int code = m ? fxmon_produce(m, error) : error->code;
    if (code == FXMON_OK)
        code = fxmon_run(m, error);
    fxmon_free(m);
    return code;
}

static int read_log(const char *path, size_t *rows, fxmon_error *error)
{
    char from[100];
    snprintf(from, sizeof from, "file:%s/log", path);
    fxmon *m = fxmon_new(&(fxmon_options){.size = sizeof(fxmon_options), .from = from}, error);
    int code = m ? fxmon_set(m, "until-end", "yes", error) : error->code;
    if (code == FXMON_OK)
        code = fxmon_sink_custom(m, &counter, rows, error);
    int64_t wait;
    for (int turns = 0; code == FXMON_OK && turns < 10000; turns++)
        code = fxmon_step(m, FXMON_SECOND / 10, &wait, error);
    fxmon_free(m);
    return code == FXMON_E_STOPPED ? FXMON_OK : code;
}

START_TEST(produces_and_reads)
{
    char path[64];
    fxmon_error error;
    size_t rows = 0;
    folder(path);
    ck_assert_msg(fill_log(path, &error) == FXMON_OK, "%s", error.text);
    ck_assert_msg(read_log(path, &rows, &error) == FXMON_OK, "%s", error.text);
    ck_assert_uint_eq(rows, 60 * 8);
    remove_folder(path);
}
END_TEST

START_TEST(every_argument_is_checked)
{
    fxmon_error error;
    ck_assert_ptr_null(fxmon_new(&(fxmon_options){.size = 0}, &error));
    ck_assert_int_eq(error.code, FXMON_E_ARGUMENT);
    ck_assert_int_eq(fxmon_set(NULL, "window", "20", &error), FXMON_E_ARGUMENT);
    ck_assert_int_eq(fxmon_run(NULL, &error), FXMON_E_ARGUMENT);
    ck_assert_int_eq(fxmon_step(NULL, 0, NULL, &error), FXMON_E_ARGUMENT);
    ck_assert_int_eq(fxmon_pollfd(NULL), -1);
    fxmon_stop(NULL);
    fxmon_free(NULL);
    fxmon *m = fxmon_new(NULL, &error);
    ck_assert_ptr_nonnull(m);
    ck_assert_int_eq(fxmon_run(m, &error), FXMON_E_STATE); /* nothing to do */
    ck_assert_int_eq(fxmon_set(m, NULL, "x", &error), FXMON_E_ARGUMENT);
    ck_assert_int_eq(fxmon_set(m, "windov", "20", &error), FXMON_E_OPTION);
    ck_assert_ptr_nonnull(strstr(error.text, "window"));
    ck_assert_int_eq(fxmon_set(m, "help", "yes", &error), FXMON_E_OPTION);
    ck_assert_int_eq(fxmon_set(m, "window", "1", &error), FXMON_E_RANGE);
    ck_assert_int_eq(fxmon_sink(m, "sqlite:x.db", &error), FXMON_E_CONFIG); /* no log */
    ck_assert_str_eq(error.field, "from");
    ck_assert_int_eq(fxmon_set(m, "from", "file:/tmp/none", &error), FXMON_OK);
    ck_assert_int_eq(fxmon_sink(m, "sqlit:x.db", &error), FXMON_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.text, "did you mean \"sqlite\""));
    ck_assert_int_eq(fxmon_sink(m, NULL, &error), FXMON_E_ARGUMENT);
    ck_assert_int_eq(fxmon_sink(m, "sqlite:/tmp/x.db", &error), FXMON_OK);
    ck_assert_int_eq(fxmon_sink(m, "sqlite:/tmp/x.db", &error), FXMON_E_EXISTS);
    ck_assert_int_eq(fxmon_notify(m, "-", &error), FXMON_E_STATE);
    ck_assert_int_eq(fxmon_sink_custom(m, NULL, NULL, &error), FXMON_E_ARGUMENT);
    ck_assert_int_eq(fxmon_produce(m, &error), FXMON_E_CONFIG);
    static const fxmon_sink_ops taken = {.size = sizeof taken, .schemes = "mine file"};
    ck_assert_int_eq(fxmon_register_sink(m, &taken, &error), FXMON_E_ARGUMENT);
    ck_assert_int_eq(fxmon_step(m, 0, NULL, NULL), FXMON_OK);
    ck_assert_int_eq(fxmon_set(m, "window", "30", &error), FXMON_E_STATE);
    ck_assert_int_eq(fxmon_run(m, &error), FXMON_E_STATE);
    fxmon_free(m);
    ck_assert_ptr_null(fxmon_fetch(NULL, NULL, &error));
    ck_assert_int_eq(error.code, FXMON_E_ARGUMENT);
    ck_assert_ptr_null(fxmon_fetch("franfurter", NULL, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "frankfurter"));
    ck_assert_ptr_null(fxmon_store_open("", true, &error));
    ck_assert_int_eq(fxmon_store_latest(NULL, NULL, NULL, &error), FXMON_E_ARGUMENT);
}
END_TEST

typedef struct told {
    int count;
    fxmon_source_health last;
} told;

static bool keep_source(void *user, const fxmon_source_health *source)
{
    told *t = user;
    t->count++;
    t->last = *source;
    return t->count < 2;
}

START_TEST(sources_of_a_handle)
{
    char path[64], to[100];
    fxmon_error error;
    told t = {.count = 0};
    folder(path);
    snprintf(to, sizeof to, "file:%s/log", path);
    fxmon *m = fxmon_new(&(fxmon_options){.size = sizeof(fxmon_options), .from = "sim:?count=3&rate=max,sim:?seed=2", .to = to}, &error);
    ck_assert_int_eq(fxmon_produce(m, &error), FXMON_OK);
    ck_assert_int_eq(fxmon_source_each(m, keep_source, &t), FXMON_OK);
    ck_assert_int_eq(t.count, 2);
    ck_assert_str_eq(t.last.source, "sim:?seed=2");
    ck_assert_str_eq(t.last.status, "waiting");
    ck_assert_str_eq(t.last.component, "produce");
    ck_assert_str_eq(t.last.log, to);
    ck_assert_str_ne(t.last.instance, "");
    int64_t wait;
    for (int turns = 0; turns < 1000 && t.last.publications == 0; turns++) {
        ck_assert_int_eq(fxmon_step(m, FXMON_SECOND / 100, &wait, &error), FXMON_OK);
        t.count = 1; /* the first source, then enough */
        ck_assert_int_eq(fxmon_source_each(m, keep_source, &t), FXMON_OK);
        ck_assert_int_eq(t.count, 2);
    }
    ck_assert_int_gt(t.last.publications, 0);
    ck_assert_int_gt(t.last.published, 0);
    ck_assert_int_eq(fxmon_source_each(NULL, keep_source, &t), FXMON_E_ARGUMENT);
    ck_assert_int_eq(fxmon_source_each(m, NULL, NULL), FXMON_E_ARGUMENT);
    fxmon_free(m);
    remove_folder(path);
}
END_TEST

START_TEST(stop_wakes_the_host)
{
    char path[64], from[100];
    fxmon_error error;
    size_t rows = 0;
    int64_t wait;
    folder(path);
    ck_assert_int_eq(fill_log(path, &error), FXMON_OK);
    snprintf(from, sizeof from, "file:%s/log", path);
    fxmon *m = fxmon_new(&(fxmon_options){.size = sizeof(fxmon_options), .from = from}, &error);
    ck_assert_int_eq(fxmon_sink_custom(m, &counter, &rows, &error), FXMON_OK);
    ck_assert_int_eq(fxmon_step(m, FXMON_SECOND, &wait, &error), FXMON_OK);
    fxmon_stop(m);
    struct pollfd ready = {.fd = fxmon_pollfd(m), .events = POLLIN};
    ck_assert_int_eq(poll(&ready, 1, 0), 1);
    int code = FXMON_OK;
    for (int i = 0; i < 100 && code == FXMON_OK; i++)
        code = fxmon_step(m, FXMON_SECOND, &wait, &error);
    ck_assert_int_eq(code, FXMON_E_STOPPED);
    ck_assert_uint_eq(rows, 480); /* what was read before the stop is delivered */
    fxmon_free(m);
    remove_folder(path);
}
END_TEST

START_TEST(fetch_gives_a_book)
{
    fxmon_error error;
    fxmon_book *book = fxmon_fetch("sim:?seed=1", "USD", &error);
    ck_assert_msg(book != NULL, "%s", error.text);
    fxmon_cross cross;
    ck_assert_int_eq(fxmon_book_cross(book, "EUR/GBP", &cross), FXMON_OK);
    ck_assert(cross.mid > 0);
    fxmon_book_free(book);
}
END_TEST

START_TEST(every_allocation_fails_once)
{
    char path[64];
    fxmon_error error;
    failing_allocator_install();
    folder(path);
    long blocks = failing_allocator_alive();
    bool reached = true;
    for (long nth = 1; reached; nth++) {
        size_t rows = 0;
        memset(&error, 0, sizeof error);
        failing_allocator_fail(nth);
        int code = fill_log(path, &error);
        if (code == FXMON_OK)
            code = read_log(path, &rows, &error);
        reached = failing_allocator_failed();
        failing_allocator_fail(0);
        ck_assert_msg(code == FXMON_OK || error.text[0], "allocation %ld: code %d without a text", nth, code);
        ck_assert_msg(code != FXMON_OK || rows % 480 == 0, "allocation %ld: success with %zu rows", nth, rows);
        ck_assert_msg(failing_allocator_alive() == blocks, "allocation %ld: %ld blocks are left", nth, failing_allocator_alive() - blocks);
        remove_folder(path);
        ck_assert_int_eq(mkdir(path, 0700), 0);
    }
    remove_folder(path);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("api");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, produces_and_reads);
    tcase_add_test(tests, every_argument_is_checked);
    tcase_add_test(tests, sources_of_a_handle);
    tcase_add_test(tests, stop_wakes_the_host);
    tcase_add_test(tests, fetch_gives_a_book);
    tcase_add_test(tests, every_allocation_fails_once);
    return support_run("api", tests);
}
