/*
 * tests/unit/test_chain.c - a chain of sources: the first that answers wins, one that fails is left alone for its backoff or its breaker's cooldown and then
 * preferred again; a message names its source; when none answers the error is that of the preferred one.
 */
#include "../support/fake_lane.h"
#include "../support/support.h"

#include "lane/chain.h"

#include <stdio.h>
#include <string.h>

/* alpha:, beta: and gamma: answer as `answer` says. */
static struct fake {
    enum { DATA, EMPTY, NOTHING_NEW, NETWORK, QUOTA, BAD_KEY, BAD_LINE, AT_END, CLOSED } answer;
    int64_t back_at; /* with QUOTA */
    int opened, asked, closed;
    char url[80];
} fake[3];

static fxmon_result say(fxmon_error *error, int code, fxmon_result result, const char *name)
{
    memset(error, 0, sizeof *error);
    error->code = code;
    snprintf(error->text, sizeof error->text, "%s says %s", name, fxmon_errname(code));
    return result;
}

static const char *name_of(const struct fake *f)
{
    static const char *const names[] = {"alpha", "beta", "gamma"};
    return names[f - fake];
}

static fxmon_result fake_open(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    (void)env;
    struct fake *f = &fake[url[0] - 'a' < 2 ? url[0] - 'a' : 2];
    if (f->answer == CLOSED)
        return say(error, FXMON_E_IO, FXMON_RETRY, name_of(f));
    f->opened++;
    snprintf(f->url, sizeof f->url, "%s", url);
    *state = f;
    return FXMON_DONE;
}

static fxmon_result fake_next(void *state, int64_t now, fxmon_message *message, int64_t *due, fxmon_error *error)
{
    static fxmon_rate rate;
    struct fake *f = state;
    f->asked++;
    *due = now + FXMON_SECOND;
    switch (f->answer) {
    case NOTHING_NEW:
        return FXMON_WAIT;
    case NETWORK:
        return say(error, FXMON_E_NETWORK, FXMON_RETRY, name_of(f));
    case QUOTA:
        say(error, FXMON_E_QUOTA, FXMON_RETRY, name_of(f));
        error->retry_at = f->back_at;
        return FXMON_RETRY;
    case BAD_KEY:
        return say(error, FXMON_E_BAD_KEY, FXMON_FATAL, name_of(f));
    case BAD_LINE:
        return say(error, FXMON_E_SYNTAX, FXMON_REFUSED, name_of(f));
    case AT_END:
        return FXMON_END;
    default:
        ck_assert_int_eq(fxmon_pair_make("USD", "EUR", &rate.pair), FXMON_OK);
        rate.mid = (fxmon_decimal){8412, 4};
        *message = (fxmon_message){.time = now, .base = "USD", .count = f->answer == DATA, .rates = &rate};
        snprintf(message->source, sizeof message->source, "%s", name_of(f));
        return FXMON_DONE;
    }
}

static void fake_close(void *state)
{
    ((struct fake *)state)->closed++;
}

static void fake_health(void *state, fxmon_source_health *health)
{
    (void)state;
    health->cadence = 60 * FXMON_SECOND;
    health->quota = 100;
    health->quota_used = 3;
}

static const fxmon_source_ops alpha_ops = {.size = sizeof alpha_ops, .schemes = "alpha", .open = fake_open, .next = fake_next, .close = fake_close,
                                           .health = fake_health};
static const fxmon_source_ops beta_ops = {.size = sizeof beta_ops, .schemes = "beta", .open = fake_open, .next = fake_next, .close = fake_close};
static const fxmon_source_ops gamma_ops = {.size = sizeof gamma_ops, .schemes = "gamma", .open = fake_open, .next = fake_next, .close = fake_close};

static fxi_registry registry;
static fxt_env env;
static fxi_chain *chain;
static fxmon_message message;
static fxmon_error error;
static int64_t due;
static const char *const quick[] = {"retry-base", "1ms", "retry-cap", "1ms", "breaker-threshold", "3", "breaker-cooldown", "30s", NULL, NULL};

static void set_up(void)
{
    memset(fake, 0, sizeof fake);
    memset(&registry, 0, sizeof registry);
    fxt_env_init(&env, quick);
    ck_assert_int_eq(fxi_registry_add(&registry, FXI_KIND_SOURCE, &alpha_ops, &error), FXMON_OK);
    ck_assert_int_eq(fxi_registry_add(&registry, FXI_KIND_SOURCE, &beta_ops, &error), FXMON_OK);
    ck_assert_int_eq(fxi_registry_add(&registry, FXI_KIND_SOURCE, &gamma_ops, &error), FXMON_OK);
}

static void tear_down(void)
{
    fxi_chain_free(chain);
    chain = NULL;
    fxi_registry_free(&registry);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(fake[i].closed, fake[i].opened);
}

static void make(const char *sources)
{
    chain = fxi_chain_new(&env.env, &registry, sources, &error);
    ck_assert_msg(chain != NULL, "%s: %s", sources, error.text);
}

static fxmon_result next(void)
{
    memset(&error, 0, sizeof error);
    return fxi_chain_next(chain, env.now, &message, &due, &error);
}

static void after(int64_t wait)
{
    env.now += wait;
}

START_TEST(the_first_that_answers_wins)
{
    make("alpha:,beta:,gamma:");
    ck_assert_int_eq(fake[0].opened, 0); /* made, not opened */
    ck_assert_int_eq(next(), FXMON_DONE);
    ck_assert_str_eq(message.source, "alpha");
    ck_assert_int_eq(due, env.now + FXMON_SECOND);
    fake[0].answer = NOTHING_NEW; /* healthy: the others are not asked */
    ck_assert_int_eq(next(), FXMON_WAIT);
    ck_assert_int_eq(due, env.now + FXMON_SECOND);
    ck_assert_int_eq(fake[1].opened + fake[2].opened, 0);
    ck_assert_str_eq(fxi_chain_name(chain), "alpha:,beta:,gamma:");
}
END_TEST

START_TEST(fails_over_and_comes_back)
{
    make("alpha:,beta:,gamma:");
    fake[0].answer = NETWORK;
    fake[1].answer = CLOSED;
    ck_assert_int_eq(next(), FXMON_DONE);
    ck_assert_str_eq(message.source, "gamma");
    ck_assert_int_eq(env.warnings, 2);
    fake[1].answer = DATA;
    after(FXMON_SECOND);
    ck_assert_int_eq(next(), FXMON_DONE);
    ck_assert_str_eq(message.source, "beta");
    ck_assert_int_eq(env.warnings, 2); /* a trouble is said once */
    fake[0].answer = DATA;
    after(FXMON_SECOND);
    ck_assert_int_eq(next(), FXMON_DONE);
    ck_assert_str_eq(message.source, "alpha");
    int asked = fake[1].asked;
    after(FXMON_SECOND);
    ck_assert_int_eq(next(), FXMON_DONE);
    ck_assert_str_eq(message.source, "alpha");
    ck_assert_int_eq(fake[1].asked, asked);
}
END_TEST

START_TEST(how_the_sources_are_doing)
{
    fxmon_source_health health[FXI_CHAIN_SOURCES];
    make("alpha://host/?key=SECRET,beta:");
    ck_assert_uint_eq(fxi_chain_sources(chain, env.now, health), 2);
    ck_assert_str_eq(health[0].status, "waiting");
    ck_assert_ptr_null(strstr(health[0].source, "SECRET"));
    ck_assert_int_eq(health[0].answered, 0);
    int64_t first = env.now;
    ck_assert_int_eq(next(), FXMON_DONE);
    ck_assert_uint_eq(fxi_chain_sources(chain, env.now, health), 2);
    ck_assert_str_eq(health[0].status, "fresh");
    ck_assert_int_eq(health[0].published, first);
    ck_assert_int_eq(health[0].expected, first + 60 * FXMON_SECOND);
    ck_assert_int_eq(health[0].missed, 0);
    ck_assert_int_eq(health[0].quota - health[0].quota_used, 97);
    ck_assert_str_eq(health[1].status, "standby");
    ck_assert_int_eq(health[1].missed, -1);
    /* it answers, and has nothing new for three of its minutes */
    fake[0].answer = NOTHING_NEW;
    after(190 * FXMON_SECOND);
    ck_assert_int_eq(next(), FXMON_WAIT);
    ck_assert_uint_eq(fxi_chain_sources(chain, env.now, health), 2);
    ck_assert_str_eq(health[0].status, "late");
    ck_assert_int_eq(health[0].missed, 3);
    ck_assert_int_eq(health[0].answered, env.now);
    ck_assert_int_eq(health[0].publications, 1);
    /* it fails, and the next one steps in */
    fake[0].answer = NETWORK;
    for (int i = 0; i < 2; i++, after(FXMON_SECOND))
        ck_assert_int_eq(next(), FXMON_DONE);
    ck_assert_uint_eq(fxi_chain_sources(chain, env.now, health), 2);
    ck_assert_str_eq(health[0].status, "failing");
    ck_assert_int_eq(health[0].failures, 2);
    ck_assert_int_eq(health[0].failed, env.now - FXMON_SECOND);
    ck_assert_ptr_nonnull(strstr(health[0].error, "alpha says network"));
    ck_assert_str_eq(health[1].status, "fresh");
    ck_assert_int_eq(health[1].missed, -1); /* its rhythm is not known */
    /* back again; the error stays to be read */
    fake[0].answer = DATA;
    ck_assert_int_eq(next(), FXMON_DONE);
    ck_assert_uint_eq(fxi_chain_sources(chain, env.now, health), 2);
    ck_assert_str_eq(health[0].status, "fresh");
    ck_assert_int_eq(health[0].failures, 0);
    ck_assert_str_ne(health[0].error, "");
    ck_assert_str_eq(health[1].status, "standby");
    fake[0].answer = BAD_KEY;
    fake[1].answer = AT_END;
    (void)next();
    ck_assert_uint_eq(fxi_chain_sources(chain, env.now, health), 2);
    ck_assert_str_eq(health[0].status, "failed");
    ck_assert_str_eq(health[1].status, "ended");
}
END_TEST

START_TEST(a_failing_source_is_left_alone_for_its_backoff)
{
    static const char *const slow[] = {"retry-base", "10s", "retry-cap", "10s", "breaker-threshold", "100", NULL, NULL};
    env.options = slow;
    make("alpha:,beta:");
    fake[0].answer = QUOTA;
    fake[0].back_at = env.now + 3600 * FXMON_SECOND;
    for (int i = 0; i < 3599; i++, after(FXMON_SECOND)) {
        ck_assert_int_eq(next(), FXMON_DONE);
        ck_assert_str_eq(message.source, "beta");
    }
    ck_assert_int_eq(fake[0].asked, 1); /* the provider said when; never before */
    fake[0].answer = DATA;
    after(11 * FXMON_SECOND); /* its own jitter comes on top */
    ck_assert_int_eq(next(), FXMON_DONE);
    ck_assert_str_eq(message.source, "alpha");
}
END_TEST

START_TEST(each_source_has_its_breaker)
{
    make("alpha:,beta:");
    fake[0].answer = NETWORK;
    for (int i = 0; i < 20; i++, after(FXMON_SECOND))
        ck_assert_int_eq(next(), FXMON_DONE);
    ck_assert_int_eq(fake[0].asked, 3);
    ck_assert_int_eq(fake[1].asked, 20);
    after(20 * FXMON_SECOND); /* more than the cooldown since the third failure: one probe, and open again */
    for (int i = 0; i < 20; i++, after(FXMON_SECOND))
        ck_assert_int_eq(next(), FXMON_DONE);
    ck_assert_int_eq(fake[0].asked, 4);
    ck_assert_int_eq(fake[1].asked, 40);
    fake[0].answer = DATA;
    after(20 * FXMON_SECOND);
    for (int i = 0; i < 10; i++, after(FXMON_SECOND)) {
        ck_assert_int_eq(next(), FXMON_DONE);
        ck_assert_str_eq(message.source, "alpha");
    }
    ck_assert_int_eq(fake[1].asked, 40);
}
END_TEST

START_TEST(when_none_answers_the_first_error_counts)
{
    make("alpha:,beta:,gamma:");
    fake[0].answer = QUOTA;
    fake[0].back_at = env.now + 600 * FXMON_SECOND;
    fake[1].answer = NETWORK;
    fake[2].answer = BAD_KEY;
    ck_assert_int_eq(next(), FXMON_RETRY);
    ck_assert_int_eq(error.code, FXMON_E_QUOTA);
    ck_assert_str_eq(error.text, "alpha says quota_exhausted");
    ck_assert(error.retry_at == fake[0].back_at);
    ck_assert(due >= env.now && due <= env.now + FXMON_SECOND / 100); /* beta's backoff: the soonest */
    ck_assert_int_eq(next(), FXMON_RETRY); /* none may be asked yet: the same cause */
    ck_assert_int_eq(error.code, FXMON_E_QUOTA);
    ck_assert_int_eq(fake[0].asked, 1);
    after(FXMON_SECOND);
    ck_assert_int_eq(next(), FXMON_RETRY);
    ck_assert_int_eq(fake[2].asked, 1); /* a bad key is not asked again */
}
END_TEST

START_TEST(all_fatal_is_fatal)
{
    make("alpha:,beta:");
    fake[0].answer = BAD_KEY;
    ck_assert_int_eq(next(), FXMON_DONE);
    ck_assert_str_eq(message.source, "beta");
    fake[1].answer = BAD_KEY;
    after(3600 * FXMON_SECOND);
    ck_assert_int_eq(next(), FXMON_FATAL);
    ck_assert_int_eq(error.code, FXMON_E_BAD_KEY);
    ck_assert_str_eq(error.text, "alpha says bad_key");
    ck_assert_int_eq(fake[0].asked, 1);
}
END_TEST

START_TEST(a_publication_without_rates_is_a_failure)
{
    make("alpha:,beta:");
    fake[0].answer = EMPTY;
    ck_assert_int_eq(next(), FXMON_DONE);
    ck_assert_str_eq(message.source, "beta");
    fake[1].answer = EMPTY;
    after(FXMON_SECOND);
    ck_assert_int_eq(next(), FXMON_RETRY);
    ck_assert_int_eq(error.code, FXMON_E_NO_DATA);
}
END_TEST

START_TEST(ends_when_all_have_ended)
{
    make("alpha:,beta:");
    fake[0].answer = AT_END;
    ck_assert_int_eq(next(), FXMON_DONE);
    ck_assert_str_eq(message.source, "beta");
    fake[1].answer = BAD_LINE; /* not the source's fault: said, and asked again at once */
    ck_assert_int_eq(next(), FXMON_REFUSED);
    ck_assert_int_eq(error.code, FXMON_E_SYNTAX);
    ck_assert_int_eq(next(), FXMON_REFUSED);
    fake[1].answer = AT_END;
    ck_assert_int_eq(next(), FXMON_END);
    ck_assert_int_eq(next(), FXMON_END);
    ck_assert_int_eq(fake[0].asked, 1);
    ck_assert_int_eq(fake[1].asked, 4);
}
END_TEST

START_TEST(commas_inside_urls)
{
    make("alpha:?pairs=EUR,GBP,JPY,beta:?of=a,b,gamma");
    fake[0].answer = fake[1].answer = NETWORK;
    ck_assert_int_eq(next(), FXMON_DONE);
    ck_assert_str_eq(fake[0].url, "alpha:?pairs=EUR,GBP,JPY");
    ck_assert_str_eq(fake[1].url, "beta:?of=a,b");
    ck_assert_str_eq(fake[2].url, "gamma");
}
END_TEST

START_TEST(what_cannot_be_a_chain)
{
    char many[17 * 7] = "";
    for (int i = 0; i < 17; i++)
        memcpy(many + strlen(many), i ? ",alpha" : "alpha", i ? 7 : 6);
    static const struct {
        const char *sources;
        int code;
        const char *text;
    } cases[] = {{"", FXMON_E_CONFIG, "names no source"}, {",,", FXMON_E_CONFIG, "names no source"}, {"alpa:", FXMON_E_CONFIG, "\"alpha\""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_ptr_null(fxi_chain_new(&env.env, &registry, cases[i].sources, &error));
        ck_assert_int_eq(error.code, cases[i].code);
        ck_assert_str_eq(error.field, "from");
        ck_assert_msg(strstr(error.text, cases[i].text) != NULL, "%s", error.text);
    }
    ck_assert_ptr_null(fxi_chain_new(&env.env, &registry, many, &error));
    ck_assert_int_eq(error.code, FXMON_E_RANGE);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("chain");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, the_first_that_answers_wins);
    tcase_add_test(tests, fails_over_and_comes_back);
    tcase_add_test(tests, how_the_sources_are_doing);
    tcase_add_test(tests, a_failing_source_is_left_alone_for_its_backoff);
    tcase_add_test(tests, each_source_has_its_breaker);
    tcase_add_test(tests, when_none_answers_the_first_error_counts);
    tcase_add_test(tests, all_fatal_is_fatal);
    tcase_add_test(tests, a_publication_without_rates_is_a_failure);
    tcase_add_test(tests, ends_when_all_have_ended);
    tcase_add_test(tests, commas_inside_urls);
    tcase_add_test(tests, what_cannot_be_a_chain);
    return support_run("chain", tests);
}
