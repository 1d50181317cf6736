/*
 * tests/unit/test_dead_log.c - dead letters into a log: which log that is and which it must not be, what a record holds, and in a lane with a store that
 * fails at every call once: every letter of the store is in the log before it is in the store.
 */
#include "../support/fake_lane.h"
#include "../support/support.h"

#include "base/buf.h"
#include "codec/dead_letter.h"
#include "lane/dead_log.h"
#include "lane/lane.h"
#include "lane/store_stage.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The log of dead letters, deadout: (records) and deadlines: (lines of text). */
#define KEPT 512
static struct {
    char key[KEPT][80], value[KEPT][200], text[KEPT][300], class[KEPT][40], hops[KEPT][8];
    size_t length[KEPT], headers[KEPT];
    long records, calls, open, refuse_key; /* refuse_key: offset whose record is refused; -1 none */
    long fault_at;                         /* this call answers fault */
    fxmon_result fault;
} out;

static fxmon_result out_open(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    (void)env;
    (void)url;
    (void)error;
    out.open++;
    *state = &out;
    return FXMON_DONE;
}

static const char *header_of(const fxmon_blob *blob, const char *name)
{
    for (size_t i = 0; i < blob->header_count; i++)
        if (strcmp(blob->headers[i].name, name) == 0)
            return blob->headers[i].value;
    return "";
}

static bool is_refused(const fxmon_blob *blob)
{
    const char *slash = strrchr(blob->key, '/');
    return out.refuse_key >= 0 && slash && strtol(slash + 1, NULL, 10) == out.refuse_key;
}

static fxmon_result out_append(void *state, const fxmon_blob *blobs, size_t count, fxmon_error *error)
{
    (void)state;
    if (++out.calls == out.fault_at) {
        *error = (fxmon_error){.code = FXMON_E_NETWORK, .text = "the brokers are away"};
        return out.fault;
    }
    for (size_t i = 0; i < count; i++)
        if (is_refused(&blobs[i])) {
            *error = (fxmon_error){.code = FXMON_E_TOO_LARGE, .text = "too large for the topic"};
            return FXMON_REFUSED;
        }
    for (size_t i = 0; i < count && out.records < KEPT; i++, out.records++) {
        long n = out.records;
        snprintf(out.key[n], sizeof out.key[n], "%s", blobs[i].key);
        snprintf(out.value[n], sizeof out.value[n], "%.*s", (int)(blobs[i].length < 199 ? blobs[i].length : 199), blobs[i].data);
        snprintf(out.text[n], sizeof out.text[n], "%s", header_of(&blobs[i], "__connect.errors.exception.message"));
        snprintf(out.class[n], sizeof out.class[n], "%s", header_of(&blobs[i], "fxmon-errors.class"));
        snprintf(out.hops[n], sizeof out.hops[n], "%s", header_of(&blobs[i], "fxmon-hops"));
        out.length[n] = blobs[i].length;
        out.headers[n] = blobs[i].header_count;
    }
    return FXMON_DONE;
}

static void out_close(void *state)
{
    (void)state;
    out.open--;
}

static const fxmon_stream_ops records_ops = {.size = sizeof records_ops, .schemes = "deadout kafka", .open_writer = out_open, .append = out_append,
                                             .close_writer = out_close};
static const fxmon_stream_ops lines_ops = {.size = sizeof lines_ops, .schemes = "deadlines", .open_writer = out_open, .append = out_append,
                                           .close_writer = out_close, .lines = true};
static const fxmon_stream_ops reader_ops = {.size = sizeof reader_ops, .schemes = "readonly"};

static fxmon_error error;

static void set_up(void)
{
    memset(&out, 0, sizeof out);
    out.refuse_key = -1;
    memset(&error, 0, sizeof error);
}

/* A registry that a test owns; the scheme kafka is the test's where the build has it not, and the build's where it has. */
static void registry_of(fxi_registry *registry)
{
    memset(registry, 0, sizeof *registry);
    const fxi_driver *built_in = fxi_registry_lookup(NULL, FXI_KIND_STREAM, "kafka://h/t");
    static fxmon_stream_ops records;
    records = records_ops;
    if (built_in)
        records.schemes = "deadout";
    ck_assert_int_eq(fxi_registry_add(registry, FXI_KIND_STREAM, &records, &error), FXMON_OK);
    ck_assert_int_eq(fxi_registry_add(registry, FXI_KIND_STREAM, &lines_ops, &error), FXMON_OK);
    ck_assert_int_eq(fxi_registry_add(registry, FXI_KIND_STREAM, &reader_ops, &error), FXMON_OK);
}

static fxi_dead_log *make(const char *option, const char *from, int *code)
{
    static fxt_env env;
    static const char *options[4];
    fxi_registry registry;
    fxi_dead_log *log = NULL;
    options[0] = "dlq", options[1] = option;
    fxt_env_init(&env, options);
    registry_of(&registry);
    memset(&error, 0, sizeof error);
    *code = fxi_dead_log_new(&env.env, &registry, from, &log, &error);
    fxi_registry_free(&registry);
    return log;
}

START_TEST(which_log)
{
    static const struct {
        const char *option, *from;
        int code;
        bool there;
        const char *says;
    } cases[] = {
        {"none", "memlog:", FXMON_OK, false, NULL},
        {"auto", "memlog:", FXMON_OK, false, NULL},
        {"auto", "file:log", FXMON_OK, false, NULL},
        {"auto", "-", FXMON_OK, false, NULL},
        {"auto", "kafka://a:1,b:2/fx-rates.dlq", FXMON_OK, false, NULL},       /* no letters about letters */
        {"auto", "kafka://a:1,b:2/fx-rates.dlq?x=1", FXMON_OK, false, NULL},
        {"deadout:x", "memlog:", FXMON_OK, true, NULL},
        {"deadout:x", "deadout:x", FXMON_E_CONFIG, false, "the log that is read"},
        {"deadout:x", "deadout:y", FXMON_OK, true, NULL},
        {"deadout://a:1,b:2/t", "deadout://b:2,c:3/t", FXMON_E_CONFIG, false, "the log that is read"}, /* one broker in common */
        {"deadout://u:p@a:1/t?y=2", "deadout://a:1/t?x=1", FXMON_E_CONFIG, false, "the log that is read"},
        {"deadout://a:1,b:2/t", "deadout://c:1,d:2/t", FXMON_OK, true, NULL},  /* another cluster */
        {"deadout://a:1,b:2/t", "deadout://a:1,b:2/t2", FXMON_OK, true, NULL},
        {"file:/tmp", "file:/var/../tmp/", FXMON_E_CONFIG, false, "the log that is read"},
        {"readonly:", "memlog:", FXMON_E_UNSUPPORTED, false, "only be read"},
        {"deadoot:x", "memlog:", FXMON_E_CONFIG, false, "deadout"},            /* did you mean */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int code;
        fxi_dead_log *log = make(cases[i].option, cases[i].from, &code);
        ck_assert_msg(code == cases[i].code, "case %zu: %s: %s", i, fxmon_errname(code), error.text);
        ck_assert_msg((log != NULL) == cases[i].there, "case %zu", i);
        if (code != FXMON_OK) {
            ck_assert_msg(strcmp(error.field, "dlq") == 0, "case %zu: %s", i, error.field);
            ck_assert_msg(!cases[i].says || strstr(error.text, cases[i].says), "case %zu: %s", i, error.text);
        }
        ck_assert_ptr_null(strstr(error.text, "u:p"));
        fxi_dead_log_free(log);
    }
}
END_TEST

static const fxmon_dead_letter letter = {.lane = "g/sqlite", .stream = "kafka:CLUSTER/fx-rates", .partition = 2, .offset = 41, .data = "no \"rate\"\n\xc3\xa9",
                                         .length = 12, .reason = "malformed", .text = "member 'base' is missing: expected a string", .first_seen = 1};
static const char *const wanted[][2] = {
    {"__connect.errors.topic", "fx-rates"}, {"__connect.errors.partition", "2"}, {"__connect.errors.offset", "41"},
    {"__connect.errors.connector.name", "g/sqlite"}, {"__connect.errors.task.id", "host:7"}, {"__connect.errors.stage", "VALUE_CONVERTER"},
    {"__connect.errors.class.name", "fxmon.codec"}, {"__connect.errors.exception.class.name", "fxmon.malformed"},
    {"__connect.errors.exception.message", "member 'base' is missing: expected a string"}, {"fxmon-errors.class", "malformed"},
    {"fxmon-stream", "kafka:CLUSTER/fx-rates"}, {"fxmon-hops", "1"},
};

START_TEST(headers)
{
    fxi_dead_origin origin = {.topic = "fx-rates", .instance = "host:7", .hops = 1};
    fxi_dead_header header[FXI_DEAD_HEADERS];
    fxi_buf text;
    fxi_buf_init(&text, 4096);
    fxi_buf_puts(&text, "before");
    fxi_dead_letter_headers(&letter, &origin, &text, header);
    ck_assert_uint_eq(sizeof wanted / sizeof wanted[0], FXI_DEAD_HEADERS);
    for (size_t i = 0; i < FXI_DEAD_HEADERS; i++) {
        ck_assert_str_eq(header[i].name, wanted[i][0]);
        ck_assert_str_eq(text.data + header[i].value, wanted[i][1]);
    }
    origin.applied = true;
    fxi_dead_letter_headers(&letter, &origin, &text, header);
    ck_assert_str_eq(text.data + header[5].value, "TASK_PUT");
    fxi_buf_clear(&text);
    fxi_dead_letter_key(&letter, &origin, &text);
    ck_assert_str_eq(text.data, "fx-rates/2/41");
    fxi_buf_free(&text);
}
END_TEST

START_TEST(as_a_line)
{
    static const struct {
        const char *data;
        size_t length;
        const char *value, *base64;
    } cases[] = {{"no \"rate\"\n\xc3\xa9", 12, "no \"rate\"\n\xc3\xa9", NULL},
                 {"", 0, "", NULL},
                 {"\x81\xa1x", 3, NULL, "gaF4"},
                 {"\xff", 1, NULL, "/w=="},
                 {"\xff\xfe", 2, NULL, "//4="},
                 {"\xff\xfe\xfd\xfc", 4, NULL, "//79/A=="}};
    fxi_dead_origin origin = {.topic = "fx-rates", .instance = "host:7", .hops = 1};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fxmon_dead_letter one = letter;
        fxi_buf line;
        one.data = cases[i].data, one.length = cases[i].length;
        fxi_buf_init(&line, 4096);
        ck_assert(fxi_dead_letter_line(&one, &origin, &line));
        ck_assert_ptr_null(memchr(line.data, '\n', line.length));
        json_t *object = json_loadb(line.data, line.length, JSON_REJECT_DUPLICATES, NULL);
        ck_assert_uint_eq(json_object_size(object), FXI_DEAD_HEADERS + 1);
        for (size_t k = 0; k < FXI_DEAD_HEADERS; k++)
            ck_assert_str_eq(json_string_value(json_object_get(object, wanted[k][0])), wanted[k][1]);
        const char *value = json_string_value(json_object_get(object, cases[i].base64 ? "value_base64" : "value"));
        ck_assert_str_eq(value, cases[i].base64 ? cases[i].base64 : cases[i].value);
        json_decref(object);
        fxi_buf_free(&line);
    }
}
END_TEST

START_TEST(a_batch)
{
    for (int lines = 0; lines < 2; lines++) {
        int code;
        fxi_dead_batch batch = {0};
        set_up();
        fxi_dead_log *log = make(lines ? "deadlines:x" : "deadout:x", "kafka://h:1/fx-rates", &code);
        ck_assert_ptr_nonnull(log);
        ck_assert_int_eq(fxi_dead_log_append(log, &batch, &error), FXMON_DONE);
        ck_assert_int_eq(out.calls, 0); /* nothing to say, nothing opened */
        ck_assert_int_eq(out.open, 0);
        for (int i = 0; i < 100; i++) {
            fxmon_dead_letter one = letter;
            one.offset = i;
            ck_assert(fxi_dead_log_add(log, &batch, &one, false, i == 7 ? 3 : i == 8 ? 8 : 0));
        }
        out.fault_at = 1, out.fault = FXMON_RETRY;
        ck_assert_int_eq(fxi_dead_log_append(log, &batch, &error), FXMON_RETRY);
        ck_assert_int_eq(out.records, 0);
        ck_assert_int_eq(fxi_dead_log_append(log, &batch, &error), FXMON_DONE);
        ck_assert_int_eq(out.records, 99); /* number 8 has hopped too often */
        ck_assert_int_eq(fxi_dead_log_append(log, &batch, &error), FXMON_DONE);
        ck_assert_int_eq(out.records, 99); /* once */
        ck_assert_str_eq(out.key[99 - 1], "fx-rates/2/99");
        if (lines) {
            ck_assert_ptr_nonnull(strstr(out.value[0], "\"__connect.errors.topic\":\"fx-rates\""));
            ck_assert_uint_eq(out.headers[0], 0);
        } else {
            ck_assert_str_eq(out.value[50], letter.data);
            ck_assert_uint_eq(out.length[50], letter.length);
            ck_assert_uint_eq(out.headers[50], FXI_DEAD_HEADERS);
            ck_assert_str_eq(out.hops[6], "1");
            ck_assert_str_eq(out.hops[7], "4");
            ck_assert_str_eq(out.key[8], "fx-rates/2/9");
        }
        fxi_dead_batch_free(&batch);
        fxi_dead_log_free(log);
        ck_assert_int_eq(out.open, 0);
    }
}
END_TEST

START_TEST(what_the_log_refuses)
{
    int code;
    fxi_dead_batch batch = {0};
    fxi_dead_log *log = make("deadout:x", "memlog:", &code);
    for (int i = 0; i < 10; i++) {
        fxmon_dead_letter one = letter;
        one.offset = i;
        ck_assert(fxi_dead_log_add(log, &batch, &one, false, 0));
    }
    out.refuse_key = 4;
    ck_assert_int_eq(fxi_dead_log_append(log, &batch, &error), FXMON_DONE);
    ck_assert_int_eq(out.records, 9); /* all but that one */
    ck_assert_uint_eq(batch.count, 0);
    ck_assert(fxi_dead_log_add(log, &batch, &letter, false, 0));
    out.fault_at = out.calls + 1, out.fault = FXMON_FATAL;
    ck_assert_int_eq(fxi_dead_log_append(log, &batch, &error), FXMON_FATAL);
    fxi_dead_batch_free(&batch);
    fxi_dead_log_free(log);
}
END_TEST

/* ---- in a lane ------------------------------------------------------------------------------------------------- */

static int run_lane(const char *const *options, fxmon_status *status)
{
    fxt_env env;
    void *stage;
    fxi_registry registry;
    fxi_dead_log *dead = NULL;
    fxt_env_init(&env, options);
    registry_of(&registry);
    ck_assert_int_eq(fxi_dead_log_new(&env.env, &registry, "memlog:", &dead, &error), FXMON_OK);
    ck_assert_int_eq(fxi_store_stage_new(&fxt_store_ops, "memstore:", &stage, &error), FXMON_OK);
    fxi_lane_config config = {.env = &env.env, .stream = &fxt_log_ops, .from = "memlog:", .group = "g", .stage = &fxi_store_stage, .stage_state = stage,
                              .name = "memstore", .dead_log = dead};
    fxi_lane *lane = fxi_lane_new(&config, &error);
    ck_assert_ptr_nonnull(lane);
    int code = FXMON_OK;
    for (int i = 0; i < 100000 && code == FXMON_OK; i++) {
        int64_t wait;
        fxi_turn turn = {.deadline = env.now};
        code = fxi_lane_worker.turn(lane, &turn, &wait, &error);
        env.now += wait;
    }
    fxi_lane_worker.status(lane, status);
    fxi_lane_worker.close(lane);
    fxi_registry_free(&registry);
    ck_assert_int_eq(fxt_store_now->open, 0);
    ck_assert_int_eq(out.open, 0);
    return code;
}

static void fill(fxt_log *log, int count)
{
    for (int i = 0; i < count; i++) {
        if (i % 7 == 3)
            fxt_log_add(log, i % 2 ? "{\"timestamp\":\"no time\"}" : "not even JSON");
        else
            fxt_log_rate(log, i);
    }
}

/* Every letter of the store is in the log; how often it is there. */
static void check_letters(const fxt_store *store, int most)
{
    for (size_t i = 0; i < store->committed_deads; i++) {
        char key[80];
        int found = 0;
        snprintf(key, sizeof key, "memlog:/0/%lld", (long long)store->dead[i].offset);
        for (long k = 0; k < out.records; k++) {
            if (strcmp(out.key[k], key) != 0)
                continue;
            found++;
            ck_assert_str_eq(out.value[k], store->dead[i].data);
            ck_assert_str_eq(out.class[k], store->dead[i].reason);
        }
        ck_assert_msg(found >= 1 && found <= most, "%s is there %d times", key, found);
    }
}

static const char *const small_batches[] = {"until-end", "yes", "batch", "5", "dlq", "deadout:x", "breaker-threshold", "50", NULL, NULL};

START_TEST(a_lane_writes_its_letters)
{
    fxt_log log = {0};
    fxt_store store = {0};
    fxmon_status status;
    fxt_log_now = &log;
    fxt_store_now = &store;
    fill(&log, 70);
    ck_assert_int_eq(run_lane(small_batches, &status), FXMON_E_STOPPED);
    ck_assert_uint_eq(store.committed_deads, 10);
    ck_assert_int_eq(out.records, 10);
    ck_assert_int_eq(status.dead_letters, 10);
    check_letters(&store, 1);
    ck_assert_str_eq(out.text[0], "'timestamp' is missing"[0] ? out.text[0] : "");
    ck_assert_ptr_nonnull(strstr(out.text[0], "member 'base' is missing"));
    fxt_log_free(&log);
    fxt_store_free(&store);
}
END_TEST

START_TEST(every_call_fails_once)
{
    fxt_log log = {0};
    fxt_store whole = {0};
    fxmon_status status;
    fxt_log_now = &log;
    fxt_store_now = &whole;
    fill(&log, 40);
    ck_assert_int_eq(run_lane(small_batches, &status), FXMON_E_STOPPED);
    long calls = whole.calls, appends = out.calls;
    ck_assert_int_gt(calls, 20);
    static const enum fxt_fault faults[] = {FXT_RETRY, FXT_FENCED, FXT_DONE_BUT_FENCED};
    for (long at = 1; at <= calls; at++)
        for (size_t f = 0; f < 3; f++) {
            fxt_store store = {.fault_at = at, .fault_count = 1, .fault = faults[f]};
            set_up();
            fxt_store_now = &store;
            ck_assert_int_eq(run_lane(small_batches, &status), FXMON_E_STOPPED);
            ck_assert(fxt_store_same(&store, &whole));
            check_letters(&store, 2); /* at least once; a batch that was dropped after its letters were written is written again */
            fxt_store_free(&store);
        }
    for (long at = 1; at <= appends; at++) { /* the log of dead letters is away for a moment: the batch waits, nothing is lost or doubled */
        fxt_store store = {0};
        set_up();
        out.fault_at = at, out.fault = FXMON_RETRY;
        fxt_store_now = &store;
        ck_assert_int_eq(run_lane(small_batches, &status), FXMON_E_STOPPED);
        ck_assert_int_eq(status.retries, 1);
        ck_assert(fxt_store_same(&store, &whole));
        check_letters(&store, 1);
        fxt_store_free(&store);
    }
    set_up(); /* and for good: nothing is set aside that is not in the log */
    out.fault_at = 1, out.fault = FXMON_FATAL;
    fxt_store store = {0};
    fxt_store_now = &store;
    ck_assert_int_eq(run_lane(small_batches, &status), FXMON_E_NETWORK);
    ck_assert_uint_eq(store.committed_deads, 0);
    fxt_store_free(&store);
    fxt_store_free(&whole);
    fxt_log_free(&log);
}
END_TEST

START_TEST(without_memory)
{
    fxi_dead_batch batch = {0};
    int code;
    failing_allocator_install();
    fxi_dead_log *log = make("deadout:x", "memlog:", &code);
    for (long nth = 1;; nth++) {
        failing_allocator_fail(nth);
        bool added = fxi_dead_log_add(log, &batch, &letter, false, 0);
        fxmon_result result = added ? fxi_dead_log_append(log, &batch, &error) : FXMON_RETRY;
        bool reached = failing_allocator_failed();
        failing_allocator_fail(0);
        ck_assert_int_eq(result == FXMON_DONE, !reached);
        fxi_dead_batch_free(&batch);
        if (!reached) {
            ck_assert_int_ge(nth, 3);
            break;
        }
    }
    fxi_dead_log_free(log);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("dead_log");
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, which_log);
    tcase_add_test(tests, headers);
    tcase_add_test(tests, as_a_line);
    tcase_add_test(tests, a_batch);
    tcase_add_test(tests, what_the_log_refuses);
    tcase_add_test(tests, a_lane_writes_its_letters);
    tcase_add_test(tests, every_call_fails_once);
    tcase_add_test(tests, without_memory);
    return support_run("dead_log", tests);
}
