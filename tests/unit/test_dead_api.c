/* tests/unit/test_dead_api.c - dead letters of a store replayed and marked by a program, and records appended to a log by one. */
#include "../support/log_folder.h"
#include "../support/support.h"

#include "api/handle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[128], url[200];

static void set_up(void)
{
    test_folder_make(folder);
    snprintf(url, sizeof url, "sqlite:%s/fx.db", folder);
}

static void tear_down(void)
{
    test_folder_remove(folder);
}

static bool count_row(void *user, const fxmon_stored_rate *rate)
{
    ck_assert_int_eq(rate->offset, 41);
    ck_assert_int_eq(rate->partition, 3);
    ck_assert(rate->volatility != rate->volatility); /* NAN: in no statistic */
    ++*(int *)user;
    return true;
}

/* Letters as a lane would leave them, by the driver itself; the last one is good in the meantime. */
static void leave_letters(void)
{
    static const char *const data[] = {"not JSON", "{\"timestamp\":\"2026-02-04T10:30:00Z\",\"base\":\"USD\",\"rates\":{\"USD/EUR\":0.8470,\"USD/GBP\":0.73},\"source\":\"s\"}"};
    const fxmon_store_ops *ops = fxi_registry_find(NULL, FXI_KIND_STORE, url, "store", NULL);
    fxi_plain plain;
    void *state;
    fxmon_error error;
    fxi_plain_init(&plain);
    ck_assert_int_eq(ops->open(&plain.env, url, false, &state, &error), FXMON_DONE);
    fxmon_progress progress = {.lane = "g/x", .stream = "file:abc", .partition = 3, .next_offset = -1, .checkpoint_offset = -1};
    ck_assert_int_eq(ops->claim(state, &progress, &error), FXMON_DONE);
    ck_assert_int_eq(ops->begin(state, &error), FXMON_DONE);
    for (int i = 0; i < 2; i++) {
        fxmon_dead_letter letter = {.lane = "g/x", .stream = "file:abc", .partition = 3, .offset = 40 + i, .data = data[i], .length = strlen(data[i]),
                                    .reason = "syntax", .text = "what an older version said", .first_seen = 5};
        ck_assert_int_eq(ops->put_dead(state, &letter, &error), FXMON_DONE);
    }
    progress.lane = "g/x", progress.stream = "file:abc";
    ck_assert_int_eq(ops->commit(state, &progress, 42, &error), FXMON_DONE);
    ops->close(state);
}

static struct {
    fxmon_dead_letter letter[2];
    int64_t id[2];
    char data[2][400];
    int count;
} kept;

static bool keep_dead(void *user, const fxmon_dead_letter *letter, int64_t id)
{
    (void)user;
    int n = kept.count++;
    kept.letter[n] = *letter;
    kept.id[n] = id;
    memcpy(kept.data[n], letter->data, letter->length);
    kept.letter[n].data = kept.data[n];
    kept.letter[n].lane = "g/x", kept.letter[n].stream = "file:abc", kept.letter[n].reason = "syntax", kept.letter[n].text = "";
    return kept.count < 2;
}

START_TEST(dead_letters_once_more)
{
    fxmon_error error;
    int rows;
    leave_letters();
    fxmon_store *store = fxmon_store_open(url, false, &error);
    kept.count = 0;
    ck_assert_int_eq(fxmon_store_dead_each(store, 10, 0, keep_dead, NULL, &error), FXMON_OK);
    ck_assert_int_eq(kept.count, 2);
    ck_assert_int_eq(kept.letter[0].offset, 41); /* newest first */
    ck_assert_int_eq(kept.letter[0].resolved, 0);
    ck_assert_int_eq(fxmon_store_dead_replay(store, &kept.letter[1], kept.id[1], &error), FXMON_E_SYNTAX);
    for (int i = 0; i < 3; i++) { /* as often as one likes */
        ck_assert_msg(fxmon_store_dead_replay(store, &kept.letter[0], kept.id[0], &error) == FXMON_OK, "%s", error.text);
        fxmon_history_query query = {.from = INT64_MIN, .to = INT64_MAX, .limit = 10};
        fxmon_pair_parse("USD/GBP", 7, &query.pair);
        rows = 0;
        ck_assert_int_eq(fxmon_store_history(store, &query, count_row, &rows, &error), FXMON_OK);
        ck_assert_int_eq(rows, 1);
    }
    rows = 0;
    ck_assert_int_eq(fxmon_store_latest(store, count_row, &rows, &error), FXMON_OK);
    ck_assert_int_eq(rows, 0); /* late rows are nobody's latest */
    kept.count = 0;
    ck_assert_int_eq(fxmon_store_dead_each(store, 10, 0, keep_dead, NULL, &error), FXMON_OK);
    ck_assert_int_gt(kept.letter[0].resolved, 0);
    ck_assert_int_eq(kept.letter[1].resolved, 0);
    ck_assert_int_eq(fxmon_store_dead_resolve(store, kept.id[1], 77, &error), FXMON_OK);
    ck_assert_int_eq(fxmon_store_dead_resolve(store, kept.id[0], 0, &error), FXMON_OK);
    ck_assert_int_eq(fxmon_store_dead_resolve(store, 999, 77, &error), FXMON_E_NOT_FOUND);
    ck_assert_int_eq(fxmon_store_dead_resolve(store, kept.id[0], -1, &error), FXMON_E_ARGUMENT);
    ck_assert_int_eq(fxmon_store_dead_replay(store, NULL, 1, &error), FXMON_E_ARGUMENT);
    kept.count = 0;
    ck_assert_int_eq(fxmon_store_dead_each(store, 10, 0, keep_dead, NULL, &error), FXMON_OK);
    ck_assert_int_eq(kept.letter[0].resolved, 0);
    ck_assert_int_eq(kept.letter[1].resolved, 77);
    fxmon_store_close(store);
    store = fxmon_store_open(url, true, &error);
    ck_assert_int_eq(fxmon_store_dead_replay(store, &kept.letter[0], kept.id[0], &error), FXMON_E_STATE);
    ck_assert_int_eq(fxmon_store_dead_resolve(store, 1, 1, &error), FXMON_E_STATE);
    fxmon_store_close(store);
}
END_TEST

START_TEST(one_append)
{
    fxmon_error error;
    char log[300];
    snprintf(log, sizeof log, "file:%s/log2", folder);
    fxmon *m = fxmon_new(NULL, &error);
    fxmon_blob records[] = {{.data = "{\"a\":1}", .length = 7}, {.data = "{\"a\":2}", .length = 7}}, torn = {.data = "a\nb", .length = 3};
    ck_assert_msg(fxmon_append(m, log, records, 2, &error) == FXMON_OK, "%s", error.text);
    ck_assert_int_eq(fxmon_append(m, log, records, 1, &error), FXMON_OK);
    ck_assert_int_eq(fxmon_append(m, log, &torn, 1, &error), FXMON_E_ARGUMENT);
    ck_assert_int_eq(fxmon_append(m, "fil:x", records, 1, &error), FXMON_E_CONFIG);
    ck_assert_int_eq(fxmon_append(m, "", records, 1, &error), FXMON_E_ARGUMENT);
    ck_assert_int_eq(fxmon_append(m, log, NULL, 1, &error), FXMON_E_ARGUMENT);
    char path[400], text[100] = "";
    snprintf(path, sizeof path, "%s/log2/00000000000000000000.ndjson", folder);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fread(text, 1, sizeof text - 1, file), 24);
    fclose(file);
    ck_assert_str_eq(text, "{\"a\":1}\n{\"a\":2}\n{\"a\":1}\n");
    fxmon_free(m);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("dead_api");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, dead_letters_once_more);
    tcase_add_test(tests, one_append);
    return support_run("dead_api", tests);
}
