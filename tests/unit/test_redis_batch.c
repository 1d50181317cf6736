/* The pure part of the Redis sink: which rows are left of a batch, and the commands that come of them. */
#include "../support/support.h"

#if FXI_WITH_HIREDIS
#include "sink/redis_batch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static fxi_redis_batch batch;
static fxi_buf out;
static fxmon_error error;

static void open_with(const fxi_redis_shape *shape)
{
    ck_assert_int_eq(fxi_redis_batch_open(&batch, shape, &error), FXMON_OK);
    fxi_buf_init(&out, 1 << 20);
}

static void set_up(void)
{
    failing_allocator_install();
    open_with(&(fxi_redis_shape){.prefix = "", .channel = "", .ttl_ms = 3600000, .history = 3, .series = 4});
}

static void tear_down(void)
{
    fxi_redis_batch_free(&batch);
    fxi_buf_free(&out);
}

static fxmon_row row_of(const char *pair, int64_t time, int64_t offset, int64_t mantissa, uint32_t kind)
{
    fxmon_row row = {.time = time, .rate = {mantissa, 3}, .volatility = NAN, .samples = 1, .source = "test", .offset = offset, .kind = kind};
    ck_assert_int_eq(fxmon_pair_parse(pair, strlen(pair), &row.pair), FXMON_OK);
    return row;
}

static void add(int64_t seconds, int64_t offset, int64_t mantissa, uint32_t kind)
{
    fxmon_row row = row_of("USD/EUR", seconds * FXMON_SECOND, offset, mantissa, kind);
    ck_assert_int_eq(fxi_redis_batch_add(&batch, &row, &error), FXMON_OK);
}

/* The commands as words with spaces between, one command a line. */
static const char *encoded(void)
{
    static char text[32768];
    size_t used = 0;
    text[0] = '\0';
    fxi_buf_clear(&out);
    size_t count = fxi_redis_batch_encode(&batch, &out);
    ck_assert(!out.failed);
    for (size_t i = 0; i < count; i++) {
        const char *word;
        size_t size;
        for (size_t w = 0; fxi_redis_find_word(out.data, out.length, i, w, &word, &size); w++) {
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s", w ? " " : i ? "\n" : "", (int)size, word);
        }
    }
    const char *none;
    size_t size;
    ck_assert(!fxi_redis_find_word(out.data ? out.data : "", out.length, count, 0, &none, &size)); /* as many as it says */
    return text;
}

/* What Redis answers to HMGET of latest:USD/EUR, as the entry of the batch gets it. */
static void saw(const char *time, const char *partition, const char *offset, const char *rate, const char *reference, const char *bid)
{
    const char *fields[FXI_REDIS_FIELDS] = {time, partition, offset, rate, reference, bid, NULL, NULL};
    size_t lengths[FXI_REDIS_FIELDS] = {0};
    for (size_t i = 0; i < FXI_REDIS_FIELDS; i++)
        lengths[i] = fields[i] ? strlen(fields[i]) : 0;
    fxi_redis_entry_saw(batch.touched[0], fields, lengths);
}

START_TEST(words_are_framed_by_their_length)
{
    static const char expected[] = "*3\r\n$3\r\nSET\r\n$4\r\na\r\nb\r\n$20\r\n-9223372036854775808\r\n";
    const char *word;
    size_t size;
    fxi_redis_command(&out, 3);
    fxi_redis_text(&out, "SET");
    fxi_redis_word(&out, "a\r\nb", 4);
    fxi_redis_integer(&out, INT64_MIN);
    ck_assert_uint_eq(out.length, sizeof expected - 1);
    ck_assert_mem_eq(out.data, expected, out.length);
    ck_assert(fxi_redis_find_word(out.data, out.length, 0, 1, &word, &size));
    ck_assert_uint_eq(size, 4);
    ck_assert_mem_eq(word, "a\r\nb", 4);
    ck_assert(!fxi_redis_find_word(out.data, out.length, 0, 3, &word, &size));
    ck_assert(!fxi_redis_find_word(out.data, out.length, 1, 0, &word, &size));
    for (size_t cut = 0; cut < out.length; cut++) /* never reads behind the end */
        fxi_redis_find_word(out.data, cut, 0, 2, &word, &size);
}
END_TEST

START_TEST(first_quote_of_a_pair)
{
    add(1770201000, 7, 847, FXMON_ROW_QUOTE);
    ck_assert_str_eq(encoded(), "SET rate:USD/EUR 0.847 EX 3600\n"
                                "DEL volatility:USD/EUR\n"
                                "LPUSH history:USD/EUR 0.847\n"
                                "LTRIM history:USD/EUR 0 2\n"
                                "HSET latest:USD/EUR rate 0.847 time 2026-02-04T10:30:00Z source test partition 0 offset 7 samples 1 reference 0.847 change 0\n"
                                "ZADD movers 0 USD/EUR\n"
                                "ZADD series:USD/EUR 1770201000 1770201000:0.847\n"
                                "ZREMRANGEBYRANK series:USD/EUR 0 -5");
}
END_TEST

START_TEST(all_fields_and_the_channel)
{
    tear_down();
    open_with(&(fxi_redis_shape){.prefix = "p:", .channel = "fx-rates", .ttl_ms = 1500, .history = 0, .series = 0});
    fxmon_row row = row_of("USD/EUR", 1770201000 * FXMON_SECOND + 250000000, 7, 900, FXMON_ROW_QUOTE);
    row.volatility = 0.0012;
    row.samples = 20;
    row.bid = (fxmon_decimal){899, 3};
    row.ask = (fxmon_decimal){9010, 4};
    ck_assert_int_eq(fxi_redis_batch_add(&batch, &row, &error), FXMON_OK);
    saw("2026-02-03T23:59:59Z", "0", "6", "0.8", "0.1", NULL);
    ck_assert_str_eq(encoded(), "SET p:rate:USD/EUR 0.900 PX 1500\n"
                                "SET p:volatility:USD/EUR 0.0012 PX 1500\n"
                                "HSET p:latest:USD/EUR rate 0.900 time 2026-02-04T10:30:00.250Z source test partition 0 offset 7 samples 20 reference 0.8 "
                                "change 12.5 bid 0.899 ask 0.9010 volatility 0.0012\n"
                                "ZADD p:movers 12.5 USD/EUR\n"
                                "PUBLISH fx-rates {\"pair\":\"USD/EUR\",\"time\":\"2026-02-04T10:30:00.250Z\",\"rate\":0.900,\"volatility\":0.0012,\"source\":\"test\","
                                "\"bid\":0.899,\"ask\":0.9010}");
    fxi_redis_batch_done(&batch);
    ck_assert_int_eq(fxi_redis_batch_add(&batch, &row, &error), FXMON_OK); /* written anew after a loss: what was published is not published again */
    saw(NULL, NULL, NULL, NULL, NULL, NULL);
    ck_assert_ptr_null(strstr(encoded(), "PUBLISH"));
    ck_assert_ptr_nonnull(strstr(encoded(), "HSET"));
}
END_TEST

START_TEST(a_batch_is_coalesced)
{
    for (int i = 0; i < 200; i++) {
        add(1000 + i, i, 1000 + i, FXMON_ROW_QUOTE);
    }
    ck_assert_str_eq(encoded(), "SET rate:USD/EUR 1.199 EX 3600\n"
                                "DEL volatility:USD/EUR\n"
                                "LPUSH history:USD/EUR 1.197 1.198 1.199\n"
                                "LTRIM history:USD/EUR 0 2\n"
                                "HSET latest:USD/EUR rate 1.199 time 1970-01-01T00:19:59Z source test partition 0 offset 199 samples 1 reference 1.000 change 19.9\n"
                                "ZADD movers 19.9 USD/EUR\n"
                                "ZADD series:USD/EUR 1196 1196:1.196 1197 1197:1.197 1198 1198:1.198 1199 1199:1.199\n"
                                "ZREMRANGEBYRANK series:USD/EUR 0 -5");
}
END_TEST

/* Only the end of the chain that Redis has not seen is pushed; late rows and older ones stand in the series alone. */
START_TEST(what_redis_has_is_left_out)
{
    add(1000, 1, 1001, FXMON_ROW_QUOTE);
    add(1001, 2, 1002, FXMON_ROW_QUOTE);
    add(1000, 3, 1003, FXMON_ROW_LATE);
    add(999, 4, 1004, FXMON_ROW_QUOTE); /* of another source, older than what the pair has */
    add(1001, 5, 1005, FXMON_ROW_QUOTE); /* the same time: the later record wins */
    saw("1970-01-01T00:16:40Z", "0", "1", "1.001", "0.5", "1.0");
    const char *text = encoded();
    ck_assert_ptr_nonnull(strstr(text, "LPUSH history:USD/EUR 1.002 1.005\n"));
    ck_assert_ptr_nonnull(strstr(text, "reference 0.5 change 101\n"));
    ck_assert_ptr_nonnull(strstr(text, "HDEL latest:USD/EUR bid\n"));
    ck_assert_ptr_nonnull(strstr(text, "ZADD series:USD/EUR 1000 1000:1.001 1000 1000:1.003 1001 1001:1.002 1001 1001:1.005\nZREM"));
    saw("1970-01-01T00:16:41Z", "0", "5", "1.005", "0.5", NULL); /* a replay */
    ck_assert_int_eq(strncmp(encoded(), "ZADD series:", 12), 0);
    saw("1970-01-01T00:16:41Z", "1", "0", "1.005", "0.5", NULL); /* another partition has the same time: the higher one wins */
    ck_assert_int_eq(strncmp(encoded(), "ZADD series:", 12), 0);
    saw("no time", "0", "5", "1.005", "0.5", NULL); /* not ours: written anew */
    ck_assert_ptr_nonnull(strstr(encoded(), "LPUSH history:USD/EUR 1.001 1.002 1.005\n"));
}
END_TEST

/* The day's change counts from the newest price of an earlier day, whatever the borders of the batches are. */
START_TEST(change_counts_from_the_day_before)
{
    int64_t day = 86400;
    add(10 * day - 2, 1, 1000, FXMON_ROW_QUOTE);
    add(10 * day - 1, 2, 2000, FXMON_ROW_QUOTE);
    add(10 * day, 3, 3000, FXMON_ROW_QUOTE);
    add(10 * day + 9, 4, 1500, FXMON_ROW_QUOTE);
    ck_assert_ptr_nonnull(strstr(encoded(), "reference 2.000 change -25\n"));
    ck_assert_ptr_nonnull(strstr(encoded(), "ZADD movers 25 USD/EUR\n"));
    saw("1970-01-10T23:59:58Z", "0", "1", "1.000", "7", NULL);
    ck_assert_ptr_nonnull(strstr(encoded(), "reference 2.000 change -25\n"));
    saw("1970-01-10T23:59:59Z", "0", "2", "2.000", "7", NULL);
    ck_assert_ptr_nonnull(strstr(encoded(), "reference 2.000 change -25\n"));
    saw("1970-01-11T00:00:00Z", "0", "3", "3.000", "2", NULL);
    ck_assert_ptr_nonnull(strstr(encoded(), "reference 2 change -25\n"));
}
END_TEST

START_TEST(crosses_have_keys_of_their_own)
{
    fxmon_row row = row_of("EUR/GBP", 1000 * FXMON_SECOND, 3, 0, FXMON_ROW_CROSS);
    row.cross = 0.9315;
    ck_assert_int_eq(fxi_redis_batch_add(&batch, &row, &error), FXMON_OK);
    ck_assert_str_eq(encoded(), "SET cross_rate:EUR/GBP 0.9315 EX 3600\n"
                                "HSET latest_cross:EUR/GBP rate 0.9315 time 1970-01-01T00:16:40Z source test partition 0 offset 3");
    fxmon_row quote = row_of("EUR/GBP", 1000 * FXMON_SECOND, 3, 931, FXMON_ROW_QUOTE); /* the same pair as a quote is another matter */
    ck_assert_int_eq(fxi_redis_batch_add(&batch, &quote, &error), FXMON_OK);
    ck_assert_uint_eq(batch.touched_count, 2);
    saw("1970-01-01T00:16:40Z", "0", "3", "0.9315", NULL, NULL);
    ck_assert_ptr_null(strstr(encoded(), "cross"));
    ck_assert_ptr_nonnull(strstr(encoded(), "SET rate:EUR/GBP 0.931 EX"));
}
END_TEST

START_TEST(nothing_is_left_of_a_cleared_batch)
{
    add(1000, 1, 1001, FXMON_ROW_QUOTE);
    fxi_redis_batch_clear(&batch);
    ck_assert_str_eq(encoded(), "");
    add(999, 0, 1000, FXMON_ROW_LATE);
    ck_assert_int_eq(strncmp(encoded(), "ZADD series:USD/EUR 999 999:1.000\n", 34), 0);
}
END_TEST

/* Cutting the series while rows come never loses one that the sorted set would have kept. */
START_TEST(series_keeps_the_newest)
{
    fxi_random random;
    property_seed(&random, "series_keeps_the_newest");
    for (int round = 0; round < 50; round++) {
        int64_t times[400];
        size_t count = 1 + fxi_random_below(&random, 400);
        fxi_redis_batch_clear(&batch);
        for (size_t i = 0; i < count; i++) {
            bool late = fxi_random_below(&random, 10) == 0;
            times[i] = late ? (int64_t)fxi_random_below(&random, i + 1) : (int64_t)i;
            add(times[i], (int64_t)i, 1000 + (int64_t)i, late ? FXMON_ROW_LATE : FXMON_ROW_QUOTE);
        }
        const char *text = encoded();
        for (size_t i = 0; i < count; i++) {
            char member[64];
            size_t newer_ones = 0;
            for (size_t k = 0; k < count; k++)
                newer_ones += times[k] > times[i];
            snprintf(member, sizeof member, " %lld:%lld.%03lld", (long long)times[i], (long long)(1000 + i) / 1000, (long long)(1000 + i) % 1000);
            ck_assert_msg(newer_ones >= 4 || strstr(text, member), "%s is not in %s", member, text);
        }
    }
}
END_TEST

START_TEST(memory_runs_out)
{
    tear_down();
    for (long nth = 1, reached = 1; reached; nth++) {
        long before = failing_allocator_alive();
        failing_allocator_fail(nth);
        fxi_buf_init(&out, 1 << 20);
        if (fxi_redis_batch_open(&batch, &(fxi_redis_shape){.prefix = "", .channel = "c", .ttl_ms = 1, .history = 3, .series = 4}, &error) == FXMON_OK) {
            fxmon_row row = row_of("USD/EUR", 1000, 3, 900, FXMON_ROW_QUOTE);
            fxi_redis_batch_add(&batch, &row, &error);
            fxi_redis_batch_encode(&batch, &out);
        }
        reached = failing_allocator_failed();
        failing_allocator_fail(0);
        tear_down();
        ck_assert_int_eq(failing_allocator_alive(), before);
        ck_assert(nth > 8 || reached);
    }
    open_with(&(fxi_redis_shape){.prefix = ""});
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("redis_batch");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, words_are_framed_by_their_length);
    tcase_add_test(tests, first_quote_of_a_pair);
    tcase_add_test(tests, all_fields_and_the_channel);
    tcase_add_test(tests, a_batch_is_coalesced);
    tcase_add_test(tests, what_redis_has_is_left_out);
    tcase_add_test(tests, change_counts_from_the_day_before);
    tcase_add_test(tests, crosses_have_keys_of_their_own);
    tcase_add_test(tests, nothing_is_left_of_a_cleared_batch);
    tcase_add_test(tests, series_keeps_the_newest);
    tcase_add_test(tests, memory_runs_out);
    return support_run("redis_batch", tests);
}
#else
#include <stdio.h>

int main(void)
{
    puts("built without hiredis");
    return 77;
}
#endif
