/*
 * tests/unit/test_produce.c - from sources to a log: how --once ends and with which status, exact counts of a load generator, bad records counted,
 * keys and crosses, a log that is away; and that what is counted is what the log acknowledged, at whatever moment the stop comes.
 */
#include "../support/fake_lane.h"
#include "../support/support.h"

#include "codec/message.h"
#include "lane/produce.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TURNS 60000

/* The log, memout: */
static struct {
    char key[4096][24];
    char first[4096]; /* of the first record of the last append */
    size_t first_length;
    long records, calls, refuse_from, refuse_to, opened, closed; /* calls in [refuse_from, refuse_to) keep nothing */
    uint64_t ahead[16384]; /* of the records that were sent ahead of the next append */
    size_t ahead_count, ahead_room, ahead_calls;
} out;

/* The source, fake: what it answers, one a call; the last one stays. */
enum answer { DATA, MORE, EMPTY, NOTHING_NEW, NETWORK, QUOTA, BAD_KEY, BAD_RECORD, AT_END };
static struct {
    const enum answer *script;
    size_t at;
    long asked;
} source;

static fxmon_result out_open(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    (void)env;
    (void)url;
    (void)error;
    out.opened++;
    *state = &out;
    return FXMON_DONE;
}

static uint64_t fingerprint(const fxmon_blob *blob)
{
    uint64_t h = blob->length;
    for (size_t i = 0; i < blob->length; i++)
        h = h * 31 + (unsigned char)blob->data[i];
    return h;
}

/* The log outahead: takes up to ahead_room records ahead of an append. */
static size_t out_ahead(void *state, const fxmon_blob *blobs, size_t before, size_t count)
{
    (void)state;
    out.ahead_calls++;
    ck_assert_uint_eq(before, out.ahead_count);
    ck_assert_uint_gt(count, before);
    for (; out.ahead_count < count && out.ahead_count < out.ahead_room; out.ahead_count++)
        out.ahead[out.ahead_count] = fingerprint(&blobs[out.ahead_count]);
    return out.ahead_count;
}

static fxmon_result out_append(void *state, const fxmon_blob *blobs, size_t count, fxmon_error *error)
{
    (void)state;
    ck_assert_uint_le(out.ahead_count, count);
    for (size_t i = 0; i < out.ahead_count; i++)
        ck_assert_uint_eq(out.ahead[i], fingerprint(&blobs[i]));
    if (++out.calls >= out.refuse_from && out.calls < out.refuse_to) {
        memset(error, 0, sizeof *error);
        error->code = FXMON_E_DISK_FULL;
        snprintf(error->text, sizeof error->text, "the disk is full");
        return FXMON_RETRY;
    }
    out.ahead_count = 0;
    out.first_length = count && blobs[0].length < sizeof out.first ? blobs[0].length : 0;
    memcpy(out.first, count ? blobs[0].data : "", out.first_length);
    for (size_t i = 0; i < count; i++, out.records++)
        snprintf(out.key[out.records % 4096], sizeof out.key[0], "%s", blobs[i].key ? blobs[i].key : "");
    return FXMON_DONE;
}

static void out_close(void *state)
{
    (void)state;
    out.closed++;
}

static fxmon_result fake_open(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    (void)env;
    (void)url;
    (void)error;
    *state = &source;
    return FXMON_DONE;
}

static fxmon_result say(fxmon_error *error, int code, fxmon_result result)
{
    memset(error, 0, sizeof *error);
    error->code = code;
    snprintf(error->text, sizeof error->text, "fake says %s", fxmon_errname(code));
    return result;
}

static fxmon_result fake_next(void *state, int64_t now, fxmon_message *message, int64_t *due, fxmon_error *error)
{
    static const char *const quotes[] = {"EUR", "GBP", "JPY", "CAD", "AUD", "CHF", "CNY", "INR"};
    static fxmon_rate rates[8];
    (void)state;
    source.asked++;
    enum answer answer = source.script[source.at];
    source.at += source.script[source.at] != AT_END && source.at < 15;
    *due = answer == MORE ? now : now + 60 * FXMON_SECOND;
    switch (answer) {
    case NOTHING_NEW:
        return FXMON_WAIT;
    case NETWORK:
        return say(error, FXMON_E_NETWORK, FXMON_RETRY);
    case QUOTA:
        say(error, FXMON_E_QUOTA, FXMON_RETRY);
        error->retry_at = now + 3600 * FXMON_SECOND;
        return FXMON_RETRY;
    case BAD_KEY:
        return say(error, FXMON_E_BAD_KEY, FXMON_FATAL);
    case BAD_RECORD:
        return say(error, FXMON_E_SYNTAX, FXMON_REFUSED);
    case AT_END:
        return FXMON_END;
    default:
        for (int i = 0; i < 8; i++) {
            ck_assert_int_eq(fxmon_pair_make("USD", quotes[i], &rates[i].pair), FXMON_OK);
            rates[i].mid = (fxmon_decimal){8412 + 100 * i, 4};
        }
        *message = (fxmon_message){.time = now, .base = "USD", .source = "fake", .count = answer == EMPTY ? 0 : 8, .rates = rates};
        return FXMON_DONE;
    }
}

static void fake_close(void *state)
{
    (void)state;
}

static const fxmon_stream_ops out_ops = {.size = sizeof out_ops, .schemes = "memout", .open_writer = out_open, .append = out_append,
                                         .close_writer = out_close};
static const fxmon_stream_ops ahead_ops = {.size = sizeof ahead_ops, .schemes = "outahead", .open_writer = out_open, .append = out_append,
                                           .close_writer = out_close, .ahead = out_ahead};
static const fxmon_source_ops fake_ops = {.size = sizeof fake_ops, .schemes = "fake other", .open = fake_open, .next = fake_next, .close = fake_close};

static fxi_registry registry;
static fxt_env env;
static fxi_stop stop;
static fxmon_error error;
static fxmon_status status;
static const char *to = "memout:";

static void set_up(void)
{
    memset(&out, 0, sizeof out);
    memset(&source, 0, sizeof source);
    memset(&registry, 0, sizeof registry);
    ck_assert_int_eq(fxi_stop_open(&stop, &error), FXMON_OK);
    ck_assert_int_eq(fxi_registry_add(&registry, FXI_KIND_SOURCE, &fake_ops, &error), FXMON_OK);
    ck_assert_int_eq(fxi_registry_add(&registry, FXI_KIND_STREAM, &out_ops, &error), FXMON_OK);
    ck_assert_int_eq(fxi_registry_add(&registry, FXI_KIND_STREAM, &ahead_ops, &error), FXMON_OK);
}

static void tear_down(void)
{
    to = "memout:";
    fxi_stop_close(&stop);
    fxi_registry_free(&registry);
}

static fxi_produce *make(const char *from, const char *const *options)
{
    fxt_env_init(&env, options);
    fxi_produce_config config = {.env = &env.env, .source_env = &env.env, .stop = &stop, .registry = &registry, .from = from, .to = to};
    fxi_produce *p = fxi_produce_new(&config, &error);
    ck_assert_msg(p != NULL, "%s", error.text);
    return p;
}

/* Turns until it ends or `turns` are over; the clock makes the waits. Waiting with nothing to wait for is a busy loop. */
static int drive(fxi_produce *p, int turns)
{
    int code = FXMON_OK, idle = 0;
    memset(&error, 0, sizeof error);
    for (int i = 0; i < turns && code == FXMON_OK; i++) {
        int64_t wait;
        long before = source.asked + out.calls;
        fxi_turn turn = {.deadline = env.now};
        code = fxi_produce_worker.turn(p, &turn, &wait, &error);
        idle = wait == 0 && source.asked + out.calls == before ? idle + 1 : 0;
        ck_assert_msg(idle < 200 || source.asked == 0, "turn %d: it turns without doing anything and without waiting", i);
        env.now += wait;
    }
    return code;
}

static int run(const char *from, const char *const *options)
{
    fxi_produce *p = make(from, options);
    int code = drive(p, TURNS);
    fxi_produce_worker.status(p, &status);
    fxi_produce_worker.close(p);
    ck_assert_int_ne(code, FXMON_OK);
    ck_assert_int_eq(out.opened, out.closed);
    ck_assert_int_eq(status.messages, out.records); /* counted is what was acknowledged */
    return code;
}

static const char *const once[] = {"once", "yes", NULL, NULL};

START_TEST(once_ends_by_its_cause)
{
    static const struct {
        enum answer script[16];
        int code, exit;
        long records;
    } cases[] = {
        {{DATA, DATA}, FXMON_E_STOPPED, 0, 1},
        {{NOTHING_NEW, NOTHING_NEW, DATA, DATA}, FXMON_E_STOPPED, 0, 1}, /* not yet is no answer: it waits */
        {{MORE, MORE, DATA, DATA}, FXMON_E_STOPPED, 0, 3},               /* one fetch, several publications */
        {{MORE, MORE, NOTHING_NEW}, FXMON_E_STOPPED, 0, 2},
        {{DATA, AT_END}, FXMON_E_STOPPED, 0, 1},
        {{BAD_RECORD, DATA}, FXMON_E_STOPPED, 0, 1},
        {{NETWORK}, FXMON_E_NETWORK, 4, 0},
        {{QUOTA}, FXMON_E_QUOTA, 4, 0},
        {{BAD_KEY}, FXMON_E_BAD_KEY, 3, 0},
        {{EMPTY}, FXMON_E_NO_DATA, 4, 0},
        {{AT_END}, FXMON_E_NO_DATA, 4, 0},
        {{BAD_RECORD, AT_END}, FXMON_E_NO_DATA, 4, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(&out, 0, sizeof out);
        memset(&source, 0, sizeof source);
        source.script = cases[i].script;
        int code = run("fake:", once);
        ck_assert_msg(code == cases[i].code, "case %zu: %s: %s", i, fxmon_errname(code), error.text);
        ck_assert_int_eq(fxmon_exit_status(code), cases[i].exit);
        ck_assert_int_eq(out.records, cases[i].records);
        ck_assert_str_eq(status.state, code == FXMON_E_STOPPED ? "ended" : "failed");
        if (code != FXMON_E_STOPPED)
            ck_assert_msg(strstr(error.text, "fake") != NULL || code == FXMON_E_NO_DATA, "case %zu names no source: %s", i, error.text);
        ck_assert(code != FXMON_E_QUOTA || error.retry_at > env.now);
    }
}
END_TEST

START_TEST(once_with_a_log_that_is_away)
{
    static const enum answer data[16] = {DATA};
    source.script = data;
    out.refuse_from = 1, out.refuse_to = 4; /* it comes back in time */
    ck_assert_int_eq(run("fake:", once), FXMON_E_STOPPED);
    ck_assert_int_eq(out.records, 1);
    memset(&out, 0, sizeof out);
    source.at = 0, source.asked = 0;
    out.refuse_from = 1, out.refuse_to = 1000000;
    ck_assert_int_eq(run("fake:", once), FXMON_E_DISK_FULL);
    ck_assert_int_eq(fxmon_exit_status(FXMON_E_DISK_FULL), 4);
    ck_assert_int_eq(out.calls, 5); /* the breaker's threshold, then the cause */
    ck_assert_int_eq(source.asked, 1);
}
END_TEST

/* While the log is away nothing is fetched, however long; afterwards nothing is missing. */
START_TEST(nothing_is_fetched_for_a_log_that_is_away)
{
    static const char *const none[] = {NULL, NULL};
    static const enum answer script[16] = {DATA, DATA, DATA, DATA, DATA, AT_END};
    source.script = script;
    fxi_produce *p = make("fake:", none);
    ck_assert_int_eq(drive(p, 4), FXMON_OK);
    out.refuse_from = out.calls + 1, out.refuse_to = 1000000;
    ck_assert_int_eq(drive(p, 400), FXMON_OK);
    long asked = source.asked;
    int64_t before = env.now;
    ck_assert_int_eq(drive(p, 400), FXMON_OK);
    ck_assert_int_eq(source.asked, asked);
    ck_assert_int_gt(env.now - before, 100 * FXMON_SECOND); /* and it did wait */
    out.refuse_to = 0;
    ck_assert_int_eq(drive(p, TURNS), FXMON_E_STOPPED);
    ck_assert_int_eq(out.records, 5);
    fxi_produce_worker.close(p);
}
END_TEST

/* What a log is given ahead of an append is the beginning of that append, whatever room it has; all of it is acknowledged once, also when appends fail. */
START_TEST(sent_ahead_of_the_append)
{
    static const char *const batches[] = {"batch", "300", NULL, NULL}, *const initial[] = {NULL, NULL};
    for (size_t room = 0; room <= 256; room += 128) {
        for (int failing = 0; failing < 2; failing++) {
            memset(&out, 0, sizeof out);
            to = "outahead:";
            out.ahead_room = room;
            out.refuse_from = 2, out.refuse_to = failing ? 4 : 0;
            ck_assert_int_eq(run("sim:?seed=1&rate=max&count=1000", batches), FXMON_E_STOPPED);
            ck_assert_int_eq(out.records, 1000);
            ck_assert_uint_ge(out.ahead_calls, 3); /* one a batch at least */
            ck_assert_int_eq(out.calls, (failing ? 2 : 0) + 4);
        }
    }
    memset(&out, 0, sizeof out);
    out.ahead_room = 100000;
    ck_assert_int_eq(run("sim:?seed=1&rate=max&count=25000", initial), FXMON_E_STOPPED);
    ck_assert_int_eq(out.calls, 3); /* 10,000 at a time */
    memset(&out, 0, sizeof out);
    to = "memout:";
    ck_assert_int_eq(run("sim:?seed=1&rate=max&count=2500", initial), FXMON_E_STOPPED);
    ck_assert_int_eq(out.calls, 3); /* a log that waits each time: 1,000 */
    ck_assert_uint_eq(out.ahead_calls, 0);
}
END_TEST

START_TEST(keys_of_split_messages_and_crosses)
{
    static const char *const whole[] = {"once", "yes", NULL, NULL}, *const split[] = {"once", "yes", "split", "yes", NULL, NULL},
                            *const crosses[] = {"once", "yes", "crosses", "yes", NULL, NULL},
                            *const both[] = {"once", "yes", "split", "yes", "crosses", "yes", NULL, NULL};
    static const struct {
        const char *const *options;
        long records, rates;
        const char *first, *last;
    } cases[] = {{whole, 1, 8, "fake/USD", "fake/USD"},
                 {split, 8, 8, "USD/EUR", "USD/INR"},
                 {crosses, 8, 36, "fake/USD", "fake/CNY"},
                 {both, 36, 36, "USD/EUR", "CNY/INR"}};
    static const enum answer data[16] = {DATA};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(&out, 0, sizeof out);
        source.script = data, source.at = 0;
        ck_assert_int_eq(run("fake:", cases[i].options), FXMON_E_STOPPED);
        ck_assert_int_eq(out.records, cases[i].records);
        ck_assert_int_eq(status.rows, cases[i].rates);
        ck_assert_str_eq(out.key[0], cases[i].first);
        ck_assert_str_eq(out.key[out.records - 1], cases[i].last);
    }
}
END_TEST

START_TEST(a_key_outlives_a_fail_over)
{
    static const struct {
        const char *from, *key;
    } cases[] = {{"fake:", "fake/USD"}, {"fake:,sim:", "fake/USD"}, {"other:,fake:", "other/USD"}, {"other://h:1/x?key=a,fake:", "h/USD"}};
    static const enum answer fails[16] = {NETWORK, NETWORK, NETWORK, DATA, NOTHING_NEW, NOTHING_NEW, AT_END, AT_END, AT_END}, data[16] = {DATA};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(&out, 0, sizeof out);
        source.script = data, source.at = 0;
        run(cases[i].from, once);
        ck_assert_int_ge(out.records, 1);
        ck_assert_str_eq(out.key[0], cases[i].key);
    }
    /* the first one fails, the second answers, the first is back: one key */
    static const char *const while_[] = {"duration", "100s", NULL, NULL};
    memset(&out, 0, sizeof out);
    source.script = fails, source.at = 0;
    run("fake:,sim:?interval=1s", while_);
    ck_assert_int_ge(out.records, 2); /* one of each at least */
    for (long n = 0; n < out.records; n++)
        ck_assert_str_eq(out.key[n], "fake/USD");
}
END_TEST

START_TEST(payload_as_message_pack)
{
    static const char *const packed[] = {"once", "yes", "payload", "msgpack", NULL, NULL}, *const json[] = {"once", "yes", "payload", "json", NULL, NULL};
    static const enum answer data[16] = {DATA};
    fxi_decoder *d = fxi_decoder_new();
    for (int i = 0; i < 2; i++) {
        memset(&out, 0, sizeof out);
        source.script = data, source.at = 0;
        ck_assert_int_eq(run("fake:", i ? json : packed), FXMON_E_STOPPED);
        ck_assert_int_eq((unsigned char)out.first[0], i ? '{' : 0x85); /* a map of five */
        const fxmon_message *m = fxi_message_decode(d, out.first, out.first_length, &error);
        ck_assert_msg(m != NULL, "%s", error.text);
        ck_assert_int_eq(m->count, 8);
        ck_assert_int_eq(m->rates[7].mid.mantissa, 8412 + 700);
    }
    fxi_decoder_free(d);
}
END_TEST

START_TEST(lines_cannot_hold_message_pack)
{
    static const char *const logs[] = {"file:/tmp/fxmon-none", "-", "memout:"};
    for (size_t i = 0; i < 3; i++) {
        static const char *const packed[] = {"payload", "msgpack", NULL, NULL};
        fxt_env_init(&env, packed);
        fxi_produce_config config = {.env = &env.env, .source_env = &env.env, .stop = &stop, .registry = &registry, .from = "fake:", .to = logs[i]};
        memset(&error, 0, sizeof error);
        fxi_produce *p = fxi_produce_new(&config, &error);
        ck_assert_int_eq(p != NULL, i == 2);
        if (p) {
            fxi_produce_worker.close(p);
        } else {
            ck_assert_int_eq(error.code, FXMON_E_CONFIG);
            ck_assert_str_eq(error.field, "payload");
            ck_assert_ptr_nonnull(strstr(error.text, logs[i]));
        }
    }
}
END_TEST

START_TEST(rate_times_duration_is_exact)
{
    static const char *const hundred[] = {"rate", "100", "duration", "3s", NULL, NULL}, *const odd[] = {"rate", "7", "duration", "1500ms", NULL, NULL},
                            *const fast[] = {"rate", "100000", "duration", "30ms", "batch", "17", NULL, NULL};
    static const struct {
        const char *const *options;
        long records;
    } cases[] = {{hundred, 300}, {odd, 11}, {fast, 3000}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int away = 0; away < 2; away++) { /* also when the log is away for a while */
            memset(&out, 0, sizeof out);
            if (away)
                out.refuse_from = 2, out.refuse_to = 6;
            ck_assert_int_eq(run("sim:?seed=4", cases[i].options), FXMON_E_STOPPED);
            ck_assert_int_eq(out.records, cases[i].records);
        }
}
END_TEST

START_TEST(a_duration_ends_a_source_of_its_own_pace)
{
    static const char *const ten[] = {"duration", "10s", NULL, NULL};
    ck_assert_int_eq(run("sim:?seed=4&interval=1s", ten), FXMON_E_STOPPED);
    ck_assert_int_ge(out.records, 10);
    ck_assert_int_le(out.records, 11);
    /* over, with something left that the log does not take yet: it waits for the log, a few attempts long */
    static const struct {
        long calls;
        int code;
    } cases[] = {{3, FXMON_E_STOPPED}, {1000000, FXMON_E_DISK_FULL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(&out, 0, sizeof out);
        fxi_produce *p = make("sim:?seed=4&interval=1s", ten);
        ck_assert_int_eq(drive(p, 8), FXMON_OK);
        out.refuse_from = out.calls + 1, out.refuse_to = out.refuse_from + cases[i].calls;
        env.now += 9 * FXMON_SECOND;
        ck_assert_int_eq(drive(p, 300), cases[i].code);
        ck_assert_int_ge(out.calls, out.refuse_from + 3);
        fxi_produce_worker.close(p);
    }
}
END_TEST

START_TEST(bad_lines_of_a_recording_are_counted)
{
    char path[] = "/tmp/fxmon-produce.XXXXXX.ndjson", from[80];
    int fd = mkstemps(path, 7);
    ck_assert_int_ge(fd, 0);
    FILE *f = fdopen(fd, "w");
    for (int i = 0; i < 100; i++)
        if (i % 4 == 1)
            fputs("{\"timestamp\":\"never\"}\n", f);
        else
            fprintf(f, "{\"timestamp\":\"2026-02-04T10:%02d:00Z\",\"base\":\"USD\",\"rates\":{\"USD/EUR\":0.8%02d},\"source\":\"s\"}\n", i % 60, i);
    fclose(f);
    snprintf(from, sizeof from, "replay:%s", path);
    ck_assert_int_eq(run(from, once), FXMON_E_STOPPED);
    ck_assert_int_eq(out.records, 75);
    ck_assert_int_eq(status.dead_letters, 25);
    ck_assert_int_ge(env.warnings, 10); /* the first ones are said, all are counted; the source sums up */
    ck_assert_int_le(env.warnings, 11);
    unlink(path);
}
END_TEST

/* The stop at every moment: what was taken is offered to the log, what it acknowledged is counted, nothing is there twice. */
START_TEST(a_stop_at_every_moment)
{
    static const char *const batches[] = {"batch", "4", NULL, NULL};
    for (int moment = 0; moment < 120; moment++)
        for (int away = 0; away < 2; away++) {
            memset(&out, 0, sizeof out);
            if (away)
                out.refuse_from = 3, out.refuse_to = 9;
            tear_down();
            memset(&registry, 0, sizeof registry);
            ck_assert_int_eq(fxi_stop_open(&stop, &error), FXMON_OK);
            ck_assert_int_eq(fxi_registry_add(&registry, FXI_KIND_STREAM, &out_ops, &error), FXMON_OK);
            fxi_produce *p = make("sim:?rate=max&count=50", batches);
            int code = drive(p, moment);
            fxi_stop_request(&stop);
            if (code == FXMON_OK)
                code = drive(p, TURNS);
            ck_assert_int_eq(code, FXMON_E_STOPPED);
            fxi_produce_worker.status(p, &status);
            ck_assert_int_eq(status.messages, out.records);
            ck_assert_int_eq(status.rows, out.records * 8);
            ck_assert_int_le(out.records, 50);
            fxi_produce_worker.close(p);
        }
}
END_TEST

START_TEST(a_second_stop_leaves_at_once)
{
    static const char *const none[] = {NULL, NULL};
    fxi_produce *p = make("sim:?rate=max&count=50", none);
    out.refuse_from = 1, out.refuse_to = 1000000;
    ck_assert_int_eq(drive(p, 80), FXMON_OK);
    fxi_stop_request(&stop);
    ck_assert_int_eq(drive(p, 3), FXMON_OK); /* it still tries */
    fxi_stop_request(&stop);
    ck_assert_int_eq(drive(p, 1), FXMON_E_STOPPED);
    fxi_produce_worker.status(p, &status);
    ck_assert_int_eq(status.messages, 0);
    fxi_produce_worker.close(p);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("produce");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, once_ends_by_its_cause);
    tcase_add_test(tests, once_with_a_log_that_is_away);
    tcase_add_test(tests, nothing_is_fetched_for_a_log_that_is_away);
    tcase_add_test(tests, sent_ahead_of_the_append);
    tcase_add_test(tests, keys_of_split_messages_and_crosses);
    tcase_add_test(tests, a_key_outlives_a_fail_over);
    tcase_add_test(tests, payload_as_message_pack);
    tcase_add_test(tests, lines_cannot_hold_message_pack);
    tcase_add_test(tests, rate_times_duration_is_exact);
    tcase_add_test(tests, a_duration_ends_a_source_of_its_own_pace);
    tcase_add_test(tests, bad_lines_of_a_recording_are_counted);
    tcase_add_test(tests, a_stop_at_every_moment);
    tcase_add_test(tests, a_second_stop_leaves_at_once);
    return support_run("produce", tests);
}
