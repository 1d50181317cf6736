/* The pure parts of the Elasticsearch sink: documents and ids, what is told to the server, and what its answers mean. */
#include "../support/support.h"

#if FXI_WITH_CURL
#include "base/base64.h"
#include "sink/elasticsearch.h"

#include <math.h>
#include <string.h>

static fxi_buf out;
static fxmon_error error;

static void set_up(void)
{
    failing_allocator_install();
    fxi_buf_init(&out, 1 << 20);
    memset(&error, 0, sizeof error);
}

static void tear_down(void)
{
    fxi_buf_free(&out);
}

static fxmon_row row_of(const char *pair)
{
    fxmon_row row = {.time = 1500 * (FXMON_SECOND / 1000), .rate = {84700, 5}, .volatility = NAN, .samples = 1, .source = "a \"bank\"", .partition = 3, .offset = 41};
    ck_assert_int_eq(fxmon_pair_parse(pair, strlen(pair), &row.pair), FXMON_OK);
    return row;
}

START_TEST(a_row_is_a_document)
{
    fxmon_row row = row_of("USD/EUR");
    ck_assert(fxi_elastic_row(&row, "00aa11bb22cc", &out));
    ck_assert_str_eq(out.data, "{\"@timestamp\":\"1970-01-01T00:00:01.500Z\",\"timestamp\":\"1970-01-01T00:00:01.500Z\",\"pair\":\"USD/EUR\",\"base\":\"USD\",\"quote\":\"EUR\","
                               "\"rate\":0.84700,\"volatility\":null,\"samples\":1,\"source\":\"a \\\"bank\\\"\",\"log\":\"00aa11bb22cc\",\"partition\":3,\"offset\":41}");
    fxi_buf_clear(&out);
    row.bid = (fxmon_decimal){846, 3};
    row.volatility = 0.25;
    row.kind = FXMON_ROW_LATE;
    ck_assert(fxi_elastic_row(&row, "00aa11bb22cc", &out));
    ck_assert_ptr_nonnull(strstr(out.data, ",\"bid\":0.846,\"volatility\":0.25,"));
    ck_assert_ptr_nonnull(strstr(out.data, ",\"kind\":\"late\"}"));
}
END_TEST

START_TEST(ids_are_those_of_records)
{
    char one[FXI_ELASTIC_LOG], two[FXI_ELASTIC_LOG];
    fxmon_row row = row_of("USD/EUR");
    ck_assert(fxi_elastic_row_id(&row, "00aa11bb22cc", &out));
    ck_assert_str_eq(out.data, "00aa11bb22cc-3-41-USD/EUR");
    fxi_buf_clear(&out);
    row.kind = FXMON_ROW_CROSS;
    fxi_elastic_row_id(&row, "00aa11bb22cc", &out);
    ck_assert_str_eq(out.data, "00aa11bb22cc-3-41-USD/EUR-cross");
    fxi_elastic_log_name("file:1", one);
    fxi_elastic_log_name("file:2", two);
    ck_assert_int_eq(strlen(one), FXI_ELASTIC_LOG - 1);
    ck_assert_str_ne(one, two);

    char ids[4][FXI_ELASTIC_KEY];
    fxmon_dead_letter letter = {"l", "s", 0, 7, "x", 1, "syntax", "text", 0, 0};
    fxi_elastic_letter_id(&letter, ids[0]);
    letter.data = "y"; /* two rows of one record */
    fxi_elastic_letter_id(&letter, ids[1]);
    letter.lane = "l\1";
    fxi_elastic_letter_id(&letter, ids[2]);
    letter = (fxmon_dead_letter){"l", "s", 0, 7, "x", 1, "other", "words", 9, 0};
    fxi_elastic_letter_id(&letter, ids[3]);
    ck_assert_str_ne(ids[0], ids[1]);
    ck_assert_str_ne(ids[1], ids[2]);
    ck_assert_str_eq(ids[0], ids[3]); /* when it was seen and why does not matter */
    fxi_elastic_place_id("ab", "c", 0, ids[0]);
    fxi_elastic_place_id("a", "bc", 0, ids[1]);
    ck_assert_str_ne(ids[0], ids[1]);
}
END_TEST

START_TEST(definitions_are_json)
{
    for (int kind = FXI_ELASTIC_RATES; kind <= FXI_ELASTIC_PROGRESS; kind++) {
        fxi_buf_clear(&out);
        ck_assert(fxi_elastic_index((enum fxi_elastic_kind)kind, &out));
        ck_assert_int_eq(fxi_elastic_text(out.data, out.length, "settings.index.auto_expand_replicas", (char[8]){0}, 8), 3);
        fxi_buf_clear(&out);
        ck_assert(fxi_elastic_template((enum fxi_elastic_kind)kind, "fx", "fx", 90 * INT64_C(86400) * FXMON_SECOND, &out));
        char text[32];
        ck_assert_int_eq(fxi_elastic_text(out.data, out.length, "template.lifecycle.data_retention", text, sizeof text), 3);
        ck_assert_str_eq(text, "90d");
        ck_assert_int_eq(fxi_elastic_text(out.data, out.length, "template.settings.index.lifecycle.name", text, sizeof text), 2);
        ck_assert_int_eq(fxi_elastic_text(out.data, out.length, "index_patterns.0", text, sizeof text), 2);
    }
    for (int64_t keep = 0; keep < 3 * FXMON_SECOND; keep += 1500 * (FXMON_SECOND / 1000)) {
        char text[32];
        fxi_buf_clear(&out);
        ck_assert(fxi_elastic_ilm_policy(keep, &out));
        ck_assert_int_eq(fxi_elastic_text(out.data, out.length, "policy.phases.delete.min_age", text, sizeof text), keep ? 2 : -1);
        fxi_buf_clear(&out);
        ck_assert(fxi_elastic_ism_policy("fx-rates", keep, &out));
        ck_assert_int_eq(fxi_elastic_text(out.data, out.length, "policy.states.0.transitions.0.state_name", text, sizeof text), keep ? 6 : -1);
        ck_assert_int_eq(fxi_elastic_text(out.data, out.length, "policy.ism_template.index_patterns.0", text, sizeof text), 14);
    }
}
END_TEST

START_TEST(names_take_a_prefix)
{
    fxi_elastic_names names;
    ck_assert_int_eq(fxi_elastic_names_set(&names, "team7-", &error), FXMON_OK);
    ck_assert_str_eq(names.rates, "team7-fx-rates");
    ck_assert_str_eq(names.progress, "team7-fxmon-progress");
    static const char *const bad[] = {"Team", "-x", "_x", ".x", "a b", "a/b", "a*", "0123456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_int_eq(fxi_elastic_names_set(&names, bad[i], &error), FXMON_E_RANGE);
    ck_assert_str_eq(error.field, "index-prefix");
}
END_TEST

/* ---- answers ---- */

static int told[8], tellings;
static char type[64], reason[FXI_ELASTIC_WORDS];

static fxi_elastic_id id_of(void *user, size_t index)
{
    static const char *const ids[] = {"a", "b", "c", "d"};
    (void)user;
    return (fxi_elastic_id){ids[index], 1};
}

static void tell(void *user, size_t index, const fxi_elastic_result *result)
{
    (void)user;
    ck_assert_int_eq(index, tellings);
    told[tellings++] = result->status;
    memcpy(type, result->type, sizeof type);
    memcpy(reason, result->reason, sizeof reason);
}

static int read_bulk(const char *body, size_t count)
{
    tellings = 0;
    return fxi_elastic_bulk_read(body, strlen(body), count, id_of, tell, NULL, &error);
}

#define ITEM(id, status) "{\"create\":{\"_index\":\"x\",\"_id\":\"" id "\",\"_version\":1,\"status\":" status "}}"

START_TEST(a_bulk_is_read_item_by_item)
{
    ck_assert_int_eq(read_bulk("{\"took\":3,\"errors\":true,\"items\":[" ITEM("a", "201") "," ITEM("b", "409") ",{\"create\":{\"status\":400,\"error\":{\"type\":\"mapper_parsing_"
                               "exception\",\"reason\":\"bad\\n\\u0007 \\\"x\\\" \303\244\",\"caused_by\":{\"type\":\"other\"}},\"_id\":\"c\"}}]}", 3), FXMON_OK);
    ck_assert_int_eq(tellings, 3);
    ck_assert(told[0] == 201 && told[1] == 409 && told[2] == 400);
    ck_assert_str_eq(type, "mapper_parsing_exception");
    ck_assert_str_eq(reason, "bad ? \"x\" ??");
    ck_assert_int_eq(read_bulk("{\"items\":[]}", 0), FXMON_OK);
    static const char shortest[] = "{\"errors\":false,\"items\":[{\"create\":{\"_id\":\"a\",\"status\":201}},{\"create\":{\"_id\":\"b\",\"status\":201}}]}";
    ck_assert_int_eq(read_bulk(shortest, 2), FXMON_OK);
    ck_assert(tellings == 2 && told[0] == 201 && told[1] == 201);
    ck_assert_int_eq(read_bulk(shortest, 1), FXMON_E_MALFORMED);
    ck_assert_int_eq(read_bulk(shortest, 3), FXMON_E_MALFORMED);
    for (size_t length = 0; length < sizeof shortest - 1; length++)
        ck_assert_int_eq(fxi_elastic_bulk_read(shortest, length, 2, id_of, tell, NULL, &error), FXMON_E_MALFORMED);
}
END_TEST

START_TEST(what_is_not_whole_tells_nothing)
{
    static const char good[] = "{\"errors\":false,\"items\":[" ITEM("a", "201") "," ITEM("b", "201") "]}";
    static const char *const bad[] = {
        "", "null", "[]", "{}", "{\"items\":{}}", "{\"items\":[]}", "{\"items\":[" ITEM("a", "201") "]}", "{\"items\":[" ITEM("b", "201") "," ITEM("a", "201") "]}",
        "{\"items\":[" ITEM("a", "201") "," ITEM("b", "201") "," ITEM("c", "201") "]}", "{\"items\":[" ITEM("a", "201") ",null]}", "{\"items\":[" ITEM("a", "201") ",{}]}",
        "{\"items\":[" ITEM("a", "201") ",{\"create\":{\"_id\":\"b\"}}]}", "{\"items\":[" ITEM("a", "201") "," ITEM("b", "\"201\"") "]}",
        "{\"items\":[" ITEM("a", "201") "," ITEM("b", "20.1") "]}", "{\"items\":[" ITEM("a", "201") "," ITEM("b", "7") "]}",
        "{\"items\":[" ITEM("a", "201") ",{\"create\":{\"status\":201}}]}", "{\"items\":[" ITEM("a", "201") "," ITEM("b", "201") "]} x"};
    ck_assert_int_eq(read_bulk(good, 2), FXMON_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_msg(read_bulk(bad[i], 2) == FXMON_E_MALFORMED, "%s", bad[i]);
        ck_assert_int_eq(tellings, 0);
    }
    for (size_t length = 0; length + 1 < sizeof good - 1; length++) { /* cut off at any byte */
        tellings = 0;
        ck_assert_int_eq(fxi_elastic_bulk_read(good, length, 2, id_of, tell, NULL, &error), FXMON_E_MALFORMED);
        ck_assert_int_eq(tellings, 0);
    }
}
END_TEST

START_TEST(statuses_have_their_verdicts)
{
    static const struct {
        int status;
        const char *type;
        enum fxi_elastic_verdict verdict;
    } table[] = {
        {200, "", FXI_ELASTIC_DONE}, {201, "", FXI_ELASTIC_DONE}, {409, "version_conflict_engine_exception", FXI_ELASTIC_DONE},
        {429, "es_rejected_execution_exception", FXI_ELASTIC_RETRY}, {429, "rejected_execution_exception", FXI_ELASTIC_RETRY}, {500, "", FXI_ELASTIC_RETRY},
        {502, "", FXI_ELASTIC_RETRY}, {503, "unavailable_shards_exception", FXI_ELASTIC_RETRY}, {504, "", FXI_ELASTIC_RETRY},
        {400, "mapper_parsing_exception", FXI_ELASTIC_REFUSED}, {400, "document_parsing_exception", FXI_ELASTIC_REFUSED},
        {400, "strict_dynamic_mapping_exception", FXI_ELASTIC_REFUSED}, {400, "illegal_argument_exception", FXI_ELASTIC_REFUSED},
        {413, "", FXI_ELASTIC_REFUSED}, {404, "index_not_found_exception", FXI_ELASTIC_MISSING}, {401, "security_exception", FXI_ELASTIC_FATAL},
        {403, "security_exception", FXI_ELASTIC_FATAL}, {403, "cluster_block_exception", FXI_ELASTIC_RETRY}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        fxi_elastic_result r = {.status = table[i].status};
        memcpy(r.type, table[i].type, strlen(table[i].type) + 1);
        ck_assert_msg(fxi_elastic_judge(&r) == table[i].verdict, "%d %s", r.status, r.type);
    }
}
END_TEST

START_TEST(a_refusal_names_the_servers_words)
{
    fxi_elastic_answer a = {.status = 401, .body = "{\"error\":{\"type\":\"security_exception\",\"reason\":\"missing credentials\"},\"status\":401}"};
    a.length = strlen(a.body);
    ck_assert_int_eq(fxi_elastic_refusal(&a, "a bulk", &error), FXMON_FATAL);
    ck_assert_int_eq(error.code, FXMON_E_CREDENTIALS);
    ck_assert_str_eq(error.text, "the server answers 401 (credentials are wrong or missing) to a bulk: security_exception: missing credentials");
    a = (fxi_elastic_answer){.status = 503, .body = "<html>", .length = 6, .retry_at = 77};
    ck_assert_int_eq(fxi_elastic_refusal(&a, "a bulk", &error), FXMON_RETRY);
    ck_assert_int_eq(error.retry_at, 77);
    a = (fxi_elastic_answer){.status = 405, .body = "{\"error\":\"Incorrect method\"}", .length = 28};
    ck_assert_int_eq(fxi_elastic_refusal(&a, "a bulk", &error), FXMON_FATAL);
    ck_assert_ptr_nonnull(strstr(error.text, "Incorrect method"));
}
END_TEST

static bool born_again(const char *body, const char *index, const char *uuid, const char *newest)
{
    fxi_elastic_birth known = {"", ""}, now;
    bool again = false;
    memcpy(known.index, index, strlen(index) + 1);
    memcpy(known.uuid, uuid, strlen(uuid) + 1);
    ck_assert_int_eq(fxi_elastic_birth_read(body, strlen(body), &known, &now, &again, &error), FXMON_OK);
    ck_assert_str_eq(now.index, newest);
    return again;
}

#define BORN(name, uuid) "\"" name "\":{\"settings\":{\"index\":{\"uuid\":\"" uuid "\"}}}"

START_TEST(a_deleted_stream_is_noticed)
{
    static const char one[] = ".ds-fx-2026.01.01-000001", nine[] = ".ds-fx-2026.02.01-000009", ten[] = ".ds-fx-2026.01.30-000010";
    ck_assert(!born_again("{}", "", "", ""));                                                                      /* nothing was written yet */
    ck_assert(born_again("{}", one, "u1", ""));                                                                    /* deleted */
    ck_assert(!born_again("{" BORN(".ds-fx-2026.01.01-000001", "u1") "}", one, "u1", one));
    ck_assert(born_again("{" BORN(".ds-fx-2026.01.01-000001", "u2") "}", one, "u1", one));                         /* deleted, and made again */
    ck_assert(!born_again("{" BORN(".ds-fx-2026.01.30-000010", "u3") "," BORN(".ds-fx-2026.02.01-000009", "u2") "}", nine, "u2", ten)); /* rolled over */
    ck_assert(!born_again("{" BORN(".ds-fx-2026.01.30-000010", "u3") "}", nine, "u2", ten));                       /* gone with age */
    ck_assert(born_again("{" BORN(".ds-fx-2026.01.01-000001", "u9") "}", nine, "u2", one));                        /* made again on another day */
    ck_assert(!born_again("{" BORN("fx-rates", "p") "}", "fx-rates", "p", "fx-rates"));
    ck_assert(born_again("{" BORN("fx-rates", "q") "}", "fx-rates", "p", "fx-rates"));
}
END_TEST

START_TEST(base64_there_and_back)
{
    unsigned char bytes[256], back[256];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 37);
    for (size_t length = 0; length <= sizeof bytes; length++) {
        fxi_buf_clear(&out);
        ck_assert(fxi_base64_put(&out, bytes, length));
        ck_assert_int_eq(fxi_base64_take(out.data ? out.data : "", out.length, back), (long)length);
        ck_assert_int_eq(memcmp(bytes, back, length), 0);
    }
    static const char *const bad[] = {"A", "AA", "AAA", "A===", "AA=A", "AB==", "AAB=", "AA A", "AA==AAAA", "A\200AA"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_int_eq(fxi_base64_take(bad[i], strlen(bad[i]), back), -1);
}
END_TEST

START_TEST(a_batch_is_whole_or_not_there)
{
    fxi_elastic_bulk b;
    long nth = 1;
    for (bool reached = true; reached; nth++) {
        long before = failing_allocator_alive();
        fxi_elastic_bulk_init(&b);
        failing_allocator_fail(nth);
        size_t good = 0;
        for (int i = 0; i < 100; i++) {
            fxi_elastic_item item = {.offset = i, .row = true};
            size_t mark = fxi_elastic_bulk_begin(&b, "fx-rates", &item);
            fxi_buf_int(&b.text, i);
            fxi_elastic_bulk_id(&b, mark, &item);
            fxi_buf_puts(&b.text, "{}");
            good += fxi_elastic_bulk_end(&b, mark, &item);
        }
        reached = failing_allocator_failed();
        failing_allocator_fail(0);
        ck_assert_int_eq(b.count, good);
        size_t length = 0;
        for (size_t i = 0; i < b.count; i++) {
            ck_assert_int_eq(b.items[i].at, length);
            length += b.items[i].length;
            ck_assert_int_eq(b.text.data[length - 1], '\n');
        }
        ck_assert_int_eq(b.text.length, length);
        fxi_elastic_bulk_free(&b);
        ck_assert_int_eq(failing_allocator_alive(), before);
    }
    ck_assert_int_gt(nth, 3);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("elastic");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_row_is_a_document);
    tcase_add_test(tests, ids_are_those_of_records);
    tcase_add_test(tests, definitions_are_json);
    tcase_add_test(tests, names_take_a_prefix);
    tcase_add_test(tests, a_bulk_is_read_item_by_item);
    tcase_add_test(tests, what_is_not_whole_tells_nothing);
    tcase_add_test(tests, statuses_have_their_verdicts);
    tcase_add_test(tests, a_refusal_names_the_servers_words);
    tcase_add_test(tests, a_deleted_stream_is_noticed);
    tcase_add_test(tests, base64_there_and_back);
    tcase_add_test(tests, a_batch_is_whole_or_not_there);
    return support_run("elastic", tests);
}
#else
int main(void)
{
    return 77;
}
#endif
