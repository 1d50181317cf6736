/*
 * tests/unit/test_breaker.c - the breaker against a model of its own, 1,000,000 random events; the written rules one by one; threads.
 * FXMON_TEST_SEED repeats a run.
 */
#include "../support/support.h"

#include "lane/breaker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SECOND INT64_C(1000000000)

static const fxi_breaker_settings usual = {.threshold = 5, .cooldown = 30 * SECOND, .factor = 1, .probe_timeout = 5 * SECOND};

static uint64_t admit(fxi_breaker *b, int64_t now)
{
    uint64_t ticket;
    ck_assert(fxi_breaker_admit(b, now, &ticket, NULL));
    return ticket;
}

static bool refused(fxi_breaker *b, int64_t now, int64_t *later)
{
    uint64_t ticket;
    return !fxi_breaker_admit(b, now, &ticket, later);
}

static void fail_times(fxi_breaker *b, int times, int64_t now)
{
    for (int i = 0; i < times; i++)
        fxi_breaker_result(b, admit(b, now), false, now);
}

START_TEST(opens_at_the_fifth_failure_in_a_row)
{
    fxi_breaker b;
    fxi_breaker_init(&b, &usual);
    fail_times(&b, 4, 0);
    fxi_breaker_result(&b, admit(&b, 0), true, 0); /* a success starts the count anew */
    fail_times(&b, 4, 0);
    ck_assert_int_eq(fxi_breaker_state_at(&b, 0), FXI_BREAKER_CLOSED);
    fail_times(&b, 1, 0);
    ck_assert_int_eq(fxi_breaker_state_at(&b, 0), FXI_BREAKER_OPEN);
    int64_t later;
    ck_assert(refused(&b, 30 * SECOND - 1, &later));
    ck_assert_int_eq(later, 1);
    fxi_breaker_destroy(&b);
}
END_TEST

START_TEST(one_probe_decides)
{
    fxi_breaker b;
    int64_t later;
    fxi_breaker_init(&b, &usual);
    fail_times(&b, 5, 0);
    uint64_t probe = admit(&b, 30 * SECOND);
    ck_assert(refused(&b, 30 * SECOND, &later));
    fxi_breaker_result(&b, probe, false, 31 * SECOND);
    ck_assert(refused(&b, 61 * SECOND - 1, &later));
    probe = admit(&b, 61 * SECOND);
    fxi_breaker_result(&b, probe, true, 62 * SECOND);
    ck_assert_int_eq(fxi_breaker_state_at(&b, 62 * SECOND), FXI_BREAKER_CLOSED);
    fail_times(&b, 4, 62 * SECOND); /* failures of before are forgotten */
    ck_assert_int_eq(fxi_breaker_state_at(&b, 62 * SECOND), FXI_BREAKER_CLOSED);
    fxi_breaker_counts counts = fxi_breaker_counts_of(&b);
    ck_assert_uint_eq(counts.opened, 1);
    ck_assert_uint_eq(counts.probed, 2);
    ck_assert_uint_eq(counts.reopened, 1);
    ck_assert_uint_eq(counts.closed, 1);
    fxi_breaker_destroy(&b);
}
END_TEST

START_TEST(a_lost_probe_does_not_wedge)
{
    fxi_breaker b;
    int64_t later;
    fxi_breaker_init(&b, &usual);
    fail_times(&b, 5, 0);
    uint64_t lost = admit(&b, 30 * SECOND);
    ck_assert_int_eq(fxi_breaker_state_at(&b, 35 * SECOND - 1), FXI_BREAKER_HALF_OPEN);
    ck_assert_int_eq(fxi_breaker_state_at(&b, 35 * SECOND), FXI_BREAKER_OPEN);
    fxi_breaker_result(&b, lost, true, 36 * SECOND); /* too late: says nothing any more */
    ck_assert(refused(&b, 65 * SECOND - 1, &later));
    (void)admit(&b, 65 * SECOND);
    ck_assert_uint_eq(fxi_breaker_counts_of(&b).timed_out, 1);
    fxi_breaker_destroy(&b);
}
END_TEST

START_TEST(old_calls_say_nothing)
{
    fxi_breaker b;
    fxi_breaker_init(&b, &usual);
    uint64_t old = admit(&b, 0);
    fail_times(&b, 5, 0);
    fxi_breaker_result(&b, old, true, 1); /* admitted before it opened */
    ck_assert_int_eq(fxi_breaker_state_at(&b, 1), FXI_BREAKER_OPEN);
    fxi_breaker_result(&b, admit(&b, 30 * SECOND), true, 30 * SECOND);
    fxi_breaker_result(&b, old, false, 30 * SECOND);
    fail_times(&b, 4, 30 * SECOND);
    ck_assert_int_eq(fxi_breaker_state_at(&b, 30 * SECOND), FXI_BREAKER_CLOSED);
    fxi_breaker_destroy(&b);
}
END_TEST

START_TEST(cooldown_grows_to_its_maximum)
{
    fxi_breaker_settings settings = usual;
    settings.factor = 2;
    settings.maximum = 100 * SECOND;
    settings.threshold = 1;
    fxi_breaker b;
    fxi_breaker_init(&b, &settings);
    fail_times(&b, 1, 0);
    int64_t now = 0;
    static const int64_t expected[] = {30, 60, 100, 100};
    for (int i = 0; i < 4; i++) {
        int64_t later;
        ck_assert(refused(&b, now, &later));
        ck_assert_int_eq(later, expected[i] * SECOND);
        now += later;
        fxi_breaker_result(&b, admit(&b, now), i == 3, now);
    }
    fail_times(&b, 1, now);
    int64_t later;
    ck_assert(refused(&b, now, &later));
    ck_assert_int_eq(later, 30 * SECOND);
    fxi_breaker_destroy(&b);
}
END_TEST

/* ---- the model: no states, but dates. closed_from <= now: closed; probing: a call is out until probe_end; otherwise open until open_end. ---- */

typedef struct model {
    int era; /* calls of another era do not count */
    bool open, probing;
    int strikes;
    double length;
    int64_t open_end, probe_end;
} model;

static void model_time(model *m, const fxi_breaker_settings *s, int64_t now)
{
    if (!m->probing || now < m->probe_end)
        return;
    m->length = m->length * s->factor > (double)s->maximum ? (double)s->maximum : m->length * s->factor;
    m->probing = false;
    m->open_end = m->probe_end + (int64_t)m->length;
    m->era++;
}

static bool model_call(model *m, const fxi_breaker_settings *s, int64_t now, int *era)
{
    model_time(m, s, now);
    bool yes = !m->open;
    if (m->open && !m->probing && now >= m->open_end) {
        m->probing = yes = true;
        m->probe_end = now + s->probe_timeout;
        m->era++;
    }
    *era = m->era;
    return yes;
}

static void model_answer(model *m, const fxi_breaker_settings *s, int era, bool good, int64_t now)
{
    model_time(m, s, now);
    if (era != m->era)
        return;
    if (m->probing && good) {
        *m = (model){.era = m->era + 1, .length = (double)s->cooldown};
    } else if (m->probing) {
        m->length = m->length * s->factor > (double)s->maximum ? (double)s->maximum : m->length * s->factor;
        m->probing = false;
        m->open_end = now + (int64_t)m->length;
        m->era++;
    } else if (!m->open && good) {
        m->strikes = 0;
    } else if (!m->open && ++m->strikes == s->threshold) {
        m->open = true;
        m->strikes = 0;
        m->open_end = now + s->cooldown;
        m->era++;
    }
}

#define CALLS 64

static void random_walk(fxi_random *r, long events)
{
    fxi_breaker_settings s = {.threshold = 1 + (int)fxi_random_below(r, 6), .cooldown = 1 + (int64_t)fxi_random_below(r, 50),
                              .factor = fxi_random_below(r, 2) ? 1.0 : 2.0, .probe_timeout = 1 + (int64_t)fxi_random_below(r, 30)};
    s.maximum = s.cooldown * 5;
    fxi_breaker b;
    fxi_breaker_init(&b, &s);
    model m = {.length = (double)s.cooldown};
    struct {
        uint64_t ticket;
        int era;
    } calls[CALLS];
    int out = 0;
    int64_t now = 0;
    uint64_t bias = fxi_random_below(r, 100);
    for (long i = 0; i < events; i++) {
        now += (int64_t)fxi_random_below(r, 4) * (int64_t)fxi_random_below(r, 8);
        if (out == 0 || (out < CALLS && fxi_random_below(r, 2))) {
            uint64_t ticket;
            int era;
            bool mine = fxi_breaker_admit(&b, now, &ticket, NULL), theirs = model_call(&m, &s, now, &era);
            ck_assert_msg(mine == theirs, "event %ld at %lld: admitted %d, model %d", i, (long long)now, mine, theirs);
            if (mine) {
                calls[out].ticket = ticket;
                calls[out++].era = era;
            }
        } else {
            int k = (int)fxi_random_below(r, (uint64_t)out);
            bool good = fxi_random_below(r, 100) < bias;
            fxi_breaker_result(&b, calls[k].ticket, good, now);
            model_answer(&m, &s, calls[k].era, good, now);
            if (fxi_random_below(r, 8)) /* now and then one call answers twice */
                calls[k] = calls[--out];
        }
        enum fxi_breaker_state state = fxi_breaker_state_at(&b, now);
        model_time(&m, &s, now);
        ck_assert_int_eq(state, m.probing ? FXI_BREAKER_HALF_OPEN : m.open ? FXI_BREAKER_OPEN : FXI_BREAKER_CLOSED);
    }
    fxi_breaker_destroy(&b);
}

START_TEST(as_the_model_says)
{
    fxi_random r;
    property_seed(&r, "breaker");
    for (long i = 0; i < property_cases(1000); i++)
        random_walk(&r, 1000);
}
END_TEST

/* ---- threads: of all who ask, one gets the probe, each time --------------------------------------------------------------- */

#define THREADS 16
#define ROUNDS 200

static fxi_breaker shared;
static _Atomic int64_t shared_now;
static atomic_int admitted;
static pthread_barrier_t barrier;

static void *asks(void *user)
{
    (void)user;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t ticket;
        pthread_barrier_wait(&barrier);
        bool mine = fxi_breaker_admit(&shared, atomic_load(&shared_now), &ticket, NULL);
        if (mine)
            atomic_fetch_add(&admitted, 1);
        pthread_barrier_wait(&barrier);
        if (mine) {
            fxi_breaker_result(&shared, ticket, false, atomic_load(&shared_now));
            atomic_fetch_add(&shared_now, 30 * SECOND);
        }
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

START_TEST(one_probe_among_threads)
{
    pthread_t thread[THREADS];
    fxi_breaker_init(&shared, &usual);
    fail_times(&shared, 5, 0);
    atomic_store(&shared_now, 30 * SECOND);
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, asks, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    ck_assert_int_eq(atomic_load(&admitted), ROUNDS);
    ck_assert_uint_eq(fxi_breaker_counts_of(&shared).refused, (THREADS - 1) * ROUNDS);
    pthread_barrier_destroy(&barrier);
    fxi_breaker_destroy(&shared);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("breaker");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, opens_at_the_fifth_failure_in_a_row);
    tcase_add_test(tests, one_probe_decides);
    tcase_add_test(tests, a_lost_probe_does_not_wedge);
    tcase_add_test(tests, old_calls_say_nothing);
    tcase_add_test(tests, cooldown_grows_to_its_maximum);
    tcase_add_test(tests, as_the_model_says);
    tcase_add_test(tests, one_probe_among_threads);
    return support_run("breaker", tests);
}
