/* The live hub: what it shows is what a lane computes, snapshots do not change, and a reader beside the writer sees whole messages only. */
#include "../support/support.h"
#include "base/mem.h"
#include "base/random.h"
#include "serve/hub.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define T0 (INT64_C(1770201000) * FXMON_SECOND)

static fxmon_decimal decimal(const char *text)
{
    fxmon_decimal value;
    ck_assert_int_eq(fxmon_decimal_parse(text, strlen(text), &value), FXMON_OK);
    return value;
}

static fxmon_result tell(fxi_hub *hub, const char *pair, fxmon_decimal mid, int64_t time, const char *source)
{
    fxmon_rate rate = {.mid = mid};
    fxmon_message message = {.time = time, .count = 1, .rates = &rate};
    snprintf(message.source, sizeof message.source, "%s", source);
    ck_assert_int_eq(fxmon_pair_parse(pair, strlen(pair), &rate.pair), FXMON_OK);
    return fxi_hub_stage.apply(hub, &message, NULL, NULL);
}

static void commit(fxi_hub *hub)
{
    fxmon_progress progress = {0};
    ck_assert_int_eq(fxi_hub_stage.commit(hub, &progress, 1, NULL), FXMON_DONE);
    ck_assert_int_eq(progress.next_offset, 1);
}

START_TEST(test_statistics_are_those_of_the_window)
{
    fxi_hub *hub = fxi_hub_new(20);
    fxmon_volatility *v = fxmon_volatility_new(20);
    fxi_random random;
    const fxi_snapshot *s;
    fxi_random_seed(&random, 4);
    for (int i = 0; i < 90; i++) {
        fxmon_decimal price = {84700 + (int64_t)fxi_random_below(&random, 500), 5};
        ck_assert_int_eq(tell(hub, "USD/EUR", price, T0 + i * FXMON_SECOND, "a"), FXMON_DONE);
        ck_assert_int_eq(tell(hub, "USD/EUR", price, T0 + i * FXMON_SECOND, "a"), FXMON_DONE);          /* a repeat */
        ck_assert_int_eq(tell(hub, "USD/EUR", (fxmon_decimal){9, 0}, T0 - FXMON_SECOND, "a"), FXMON_DONE); /* late */
        fxmon_volatility_add(v, price);
        commit(hub);
        s = fxi_hub_snapshot(hub);
        ck_assert_uint_eq(s->count, 1);
        ck_assert_int_eq(fxmon_decimal_compare(s->live[0].quote.mid, price), 0);
        ck_assert(i == 0 ? isnan(s->live[0].volatility) : s->live[0].volatility == fxmon_volatility_value(v));
        ck_assert_uint_eq(s->live[0].points, i + 1 < FXI_HUB_LINE ? i + 1 : FXI_HUB_LINE);
        ck_assert_int_eq(s->live[0].line[s->live[0].points - 1].time, T0 + i * FXMON_SECOND);
        ck_assert_int_eq(s->live[0].line[0].time, T0 + (i + 1 < FXI_HUB_LINE ? 0 : i + 1 - FXI_HUB_LINE) * FXMON_SECOND);
        fxi_snapshot_release(hub, s);
    }
    fxmon_volatility_free(v);
    fxi_hub_free(hub);
}
END_TEST

START_TEST(test_snapshots)
{
    fxi_hub *hub = fxi_hub_new(20);
    const fxi_snapshot *first, *second, *third;
    fxmon_pair pair;
    uint64_t generation;
    tell(hub, "USD/JPY", decimal("154.2"), T0, "b");
    tell(hub, "USD/EUR", decimal("0.8470"), T0, "b");
    commit(hub);
    generation = fxi_hub_generation(hub);
    first = fxi_hub_snapshot(hub);
    second = fxi_hub_snapshot(hub);
    ck_assert_ptr_eq(first, second); /* shared */
    fxi_snapshot_release(hub, second);
    tell(hub, "USD/EUR", decimal("0.8470"), T0, "b");
    commit(hub);
    ck_assert_uint_eq(fxi_hub_generation(hub), generation); /* a repeat is no change */
    tell(hub, "USD/EUR", decimal("0.85"), T0 + 1, "b");
    tell(hub, "USD/EUR", decimal("0.86"), T0 + 1, "a");
    commit(hub);
    ck_assert_uint_ne(fxi_hub_generation(hub), generation);
    third = fxi_hub_snapshot(hub);
    ck_assert_uint_eq(first->count, 2); /* as it was */
    ck_assert_int_eq(first->live[0].quote.mid.mantissa, 8470);
    ck_assert_uint_eq(third->count, 3);
    ck_assert_str_eq(third->live[0].quote.source, "a");
    ck_assert_str_eq(third->live[1].quote.source, "b");
    ck_assert_str_eq(third->live[2].quote.pair.text, "USD/JPY");
    ck_assert_int_eq(third->live[1].previous.mantissa, 8470);
    ck_assert(fxi_snapshot_leads(third, 0) && !fxi_snapshot_leads(third, 1) && fxi_snapshot_leads(third, 2)); /* equal times: the first name */
    fxmon_pair_parse("USD/EUR", 7, &pair);
    ck_assert_int_eq(fxi_snapshot_find(third, &pair), 0);
    fxmon_pair_parse("USD/GBP", 7, &pair);
    ck_assert_int_eq(fxi_snapshot_find(third, &pair), -1);
    fxi_snapshot_release(hub, first);
    fxi_snapshot_release(hub, third);
    fxmon_progress progress = {0};
    ck_assert_int_eq(fxi_hub_stage.claim(hub, &progress, NULL), FXMON_DONE); /* the log's own picture begins empty */
    third = fxi_hub_snapshot(hub);
    ck_assert_uint_eq(third->count, 0);
    fxi_snapshot_release(hub, third);
    tell(hub, "USD/EUR", (fxmon_decimal){847, 3}, T0, "a");
    commit(hub);
    progress.partition = 1;
    ck_assert_int_eq(fxi_hub_stage.claim(hub, &progress, NULL), FXMON_DONE); /* another partition adds to it */
    third = fxi_hub_snapshot(hub);
    ck_assert_uint_eq(third->count, 1);
    fxi_snapshot_release(hub, third);
    fxi_hub_free(hub);
}
END_TEST

START_TEST(test_claim)
{
    fxi_hub *hub = fxi_hub_new(20);
    fxmon_progress progress = {.next_offset = 77, .checkpoint_offset = 5};
    ck_assert_int_eq(fxi_hub_stage.claim(hub, &progress, NULL), FXMON_DONE);
    ck_assert_int_eq(progress.next_offset, -1); /* from the first record, always */
    ck_assert_int_eq(progress.checkpoint_offset, -1);
    fxi_hub_free(hub);
}
END_TEST

START_TEST(test_feeding)
{
    fxi_hub *hub = fxi_hub_new(20);
    fxmon_stored_rate row = {.time = T0, .rate = {847, 3}, .volatility = 0.25, .source = "a"};
    const fxi_snapshot *s;
    fxmon_pair_parse("USD/EUR", 7, &row.pair);
    ck_assert(!fxi_hub_has(hub, &row.pair, "a"));
    ck_assert_int_eq(fxi_hub_feed(hub, &row), FXMON_OK);
    row.rate.mantissa = 849;
    ck_assert_int_eq(fxi_hub_feed(hub, &row), FXMON_OK); /* the same time: nothing new */
    row.time++;
    ck_assert_int_eq(fxi_hub_feed(hub, &row), FXMON_OK);
    fxi_hub_publish(hub);
    ck_assert(fxi_hub_has(hub, &row.pair, "a") && !fxi_hub_has(hub, &row.pair, "b"));
    s = fxi_hub_snapshot(hub);
    ck_assert_uint_eq(s->live[0].points, 2);
    ck_assert_int_eq(s->live[0].previous.mantissa, 847);
    ck_assert(s->live[0].volatility == 0.25);
    ck_assert_int_eq(fxi_hub_newest(hub), T0 + 1);
    fxi_snapshot_release(hub, s);
    fxi_hub_free(hub);
}
END_TEST

typedef struct race { fxi_hub *hub; atomic_bool done; } race;

static void *read_on(void *user)
{
    race *r = user;
    long wrong = 0, seen = 0;
    while (!atomic_load(&r->done) || seen == 0) {
        const fxi_snapshot *s = fxi_hub_snapshot(r->hub);
        for (size_t i = 1; s && i < s->count; i++) /* the legs of one message move together */
            wrong += s->live[i].quote.time != s->live[0].quote.time || s->live[i].quote.mid.mantissa != s->live[0].quote.mid.mantissa;
        seen += s && s->count;
        fxi_snapshot_release(r->hub, s);
    }
    return wrong ? user : NULL;
}

START_TEST(test_reader_beside_writer)
{
    race r = {.hub = fxi_hub_new(20)};
    fxmon_rate rates[3] = {0};
    fxmon_message message = {.count = 3, .rates = rates, .source = "a"};
    pthread_t readers[2];
    atomic_init(&r.done, false);
    fxmon_pair_parse("USD/EUR", 7, &rates[0].pair);
    fxmon_pair_parse("USD/GBP", 7, &rates[1].pair);
    fxmon_pair_parse("USD/JPY", 7, &rates[2].pair);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&readers[i], NULL, read_on, &r), 0);
    for (int n = 1; n <= 5000; n++) {
        message.time = T0 + n;
        for (int k = 0; k < 3; k++)
            rates[k].mid = (fxmon_decimal){n, 2};
        ck_assert_int_eq(fxi_hub_stage.apply(r.hub, &message, NULL, NULL), FXMON_DONE);
        commit(r.hub);
    }
    atomic_store(&r.done, true);
    for (int i = 0; i < 2; i++) {
        void *wrong;
        pthread_join(readers[i], &wrong);
        ck_assert_ptr_null(wrong);
    }
    fxi_hub_free(r.hub);
}
END_TEST

START_TEST(test_too_many_series)
{
    fxi_hub *hub = fxi_hub_new(2);
    const fxi_snapshot *s;
    char pair[24];
    for (int i = 0; i < FXI_HUB_SERIES + 5; i++) {
        snprintf(pair, sizeof pair, "A%04d/EUR", i);
        ck_assert_int_eq(tell(hub, pair, (fxmon_decimal){1, 0}, T0, "a"), FXMON_DONE);
    }
    commit(hub);
    s = fxi_hub_snapshot(hub);
    ck_assert_uint_eq(s->count, FXI_HUB_SERIES);
    fxi_snapshot_release(hub, s);
    fxi_hub_free(hub);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("hub");
    tcase_add_test(tests, test_statistics_are_those_of_the_window);
    tcase_add_test(tests, test_snapshots);
    tcase_add_test(tests, test_claim);
    tcase_add_test(tests, test_feeding);
    tcase_add_test(tests, test_reader_beside_writer);
    tcase_add_test(tests, test_too_many_series);
    return support_run("hub", tests);
}
