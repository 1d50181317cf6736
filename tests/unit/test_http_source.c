/* Providers over HTTP against a real server on this machine: every cause, conditional requests, schedule, keys, bases. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/local_server.h"
#include "../support/source_env.h"
#include "../support/support.h"
#include "source/http.h"
#include "source/source.h"

#define MINUTE (60 * FXMON_SECOND)
#define HOUR (60 * MINUTE)

static source_env env;
static void *source;
static fxmon_message message;
static fxmon_error problem;
static int64_t due;

static fxmon_result open_source(const char *url, const char *const *options)
{
    source_env_init(&env, options);
    memset(&problem, 0, sizeof problem);
    source = NULL;
    return fxi_source_http.open(&env.env, url, &source, &problem);
}

static fxmon_result next_message(void)
{
    memset(&problem, 0, sizeof problem);
    due = 0;
    return fxi_source_http.next(source, env.now, &message, &due, &problem);
}

static void must_open(const char *url, const char *const *options)
{
    fxmon_result result = open_source(url, options);
    ck_assert_msg(result == FXMON_DONE, "%s: %s", url, problem.text);
}

static void must_deliver(void)
{
    fxmon_result result = next_message();
    ck_assert_msg(result == FXMON_DONE, "result %d: %s", result, problem.text);
    source_env_check_message(&message);
}

static const char *rate_of(const char *pair)
{
    static char text[FXMON_DECIMAL_TEXT];
    for (uint32_t i = 0; i < message.count; i++)
        if (strcmp(message.rates[i].pair.text, pair) == 0) {
            fxmon_decimal_format(message.rates[i].mid, text);
            return text;
        }
    return "none";
}

static void close_source(void)
{
    fxi_source_http.close(source);
    source = NULL;
}

/* ---- causes ---------------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *path;
    int code;
    fxmon_result result;
    const char *words;
} causes[] = {
    {"/status/500/", FXMON_E_PROVIDER, FXMON_RETRY, "500"},
    {"/status/503/", FXMON_E_PROVIDER, FXMON_RETRY, "503"},
    {"/status/404/", FXMON_E_BAD_REQUEST, FXMON_FATAL, "404"},
    {"/status/401/", FXMON_E_BAD_KEY, FXMON_FATAL, "401"},
    {"/status/304/", FXMON_E_PROVIDER, FXMON_RETRY, "304"},
    {"/redirect/", FXMON_E_PROVIDER, FXMON_RETRY, "redirects are not followed"},
    {"/retry/120/", FXMON_E_RATE_LIMITED, FXMON_RETRY, ""},
    {"/error/quota-reached", FXMON_E_QUOTA, FXMON_RETRY, ""},
    {"/error/invalid-key", FXMON_E_BAD_KEY, FXMON_FATAL, ""},
    {"/error/inactive-account", FXMON_E_INACTIVE_ACCOUNT, FXMON_FATAL, ""},
    {"/error/plan-upgrade-required", FXMON_E_PLAN, FXMON_FATAL, ""},
    {"/error/malformed-request", FXMON_E_BAD_REQUEST, FXMON_FATAL, ""},
    {"/error/unsupported-code", FXMON_E_CURRENCY, FXMON_FATAL, ""},
    {"/error/no-data-available", FXMON_E_NO_DATA, FXMON_RETRY, ""},
    {"/html/", FXMON_E_MALFORMED, FXMON_RETRY, "web page"},
    {"/malformed/", FXMON_E_MALFORMED, FXMON_RETRY, ""},
    {"/not_http/", FXMON_E_MALFORMED, FXMON_RETRY, ""},
    {"/wrong_base/{base}", FXMON_E_MALFORMED, FXMON_RETRY, "CHF"},
    {"/negative/", FXMON_E_REJECTED, FXMON_RETRY, "-1"},
    {"/empty/", FXMON_E_NO_DATA, FXMON_RETRY, ""},
    {"/oversize/", FXMON_E_TOO_LARGE, FXMON_RETRY, "1048576"},
    {"/bomb/", FXMON_E_TOO_LARGE, FXMON_RETRY, "1048576"},
    {"/truncated/", FXMON_E_NETWORK, FXMON_RETRY, ""},
    {"/closed/", FXMON_E_NETWORK, FXMON_RETRY, ""},
};

START_TEST(causes_are_told_apart)
{
    char url[256];
    snprintf(url, sizeof url, "%s#format=open-er-api", local_server_url(causes[_i].path));
    must_open(url, NULL);
    fxmon_result result = next_message();
    ck_assert_msg(problem.code == causes[_i].code, "%s: %s (%s)", causes[_i].path, fxmon_errname(problem.code), problem.text);
    ck_assert_int_eq(result, causes[_i].result);
    ck_assert_msg(strstr(problem.text, causes[_i].words) != NULL, "%s", problem.text);
    ck_assert_ptr_null(strstr(problem.text, "/status")); /* the address without its path, which may hold a key */
    if (problem.retry_at > env.now) { /* asked again at once, it repeats the failure without asking the provider */
        int code = problem.code;
        size_t asked = local_server_count("\"path\"");
        ck_assert_int_eq(next_message(), result);
        ck_assert_int_eq(problem.code, code);
        ck_assert_uint_eq(local_server_count("\"path\""), asked);
    }
    close_source();
}
END_TEST

START_TEST(nobody_listens_is_network)
{
    char url[128];
    int port = local_server_port();
    local_server_stop();
    snprintf(url, sizeof url, "open-er-api:http://127.0.0.1:%d", port);
    must_open(url, NULL);
    ck_assert_int_eq(next_message(), FXMON_RETRY);
    ck_assert_int_eq(problem.code, FXMON_E_NETWORK);
    ck_assert_int_eq(problem.retry_at, 0); /* the lane's own backoff */
    close_source();
}
END_TEST

START_TEST(a_server_without_tls_is_tls)
{
    char url[128];
    snprintf(url, sizeof url, "open-er-api:https://127.0.0.1:%d", local_server_port());
    must_open(url, NULL);
    ck_assert_int_eq(next_message(), FXMON_RETRY);
    ck_assert_msg(problem.code == FXMON_E_TLS, "%s: %s", fxmon_errname(problem.code), problem.text);
    close_source();
}
END_TEST

START_TEST(silence_is_timeout)
{
    must_open(local_server_url(_i ? "/slow_body/#format=open-er-api" : "/slow_headers/#format=open-er-api"), NULL);
    ck_assert_int_eq(next_message(), FXMON_RETRY);
    ck_assert_msg(problem.code == FXMON_E_TIMEOUT, "%s: %s", fxmon_errname(problem.code), problem.text);
    close_source();
}
END_TEST

START_TEST(stopping_gives_up_the_request)
{
    must_open(local_server_url("/slow_headers/#format=open-er-api"), NULL);
    env.stopping = true;
    ck_assert_int_eq(next_message(), FXMON_WAIT);
    ck_assert_int_eq(problem.code, FXMON_E_STOPPED);
    close_source();
}
END_TEST

/* ---- shapes ---------------------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *asked;  /* what the server must have seen */
    const char *pair, *rate;
} shapes[] = {
    {"exchangerate-api", "/v6/latest/USD", "USD/EUR", "0.8470"},
    {"open-er-api", "/v6/latest/USD", "USD/EUR", "0.8470"},
    {"exchangerate-api-v4", "/v4/latest/USD", "USD/JPY", "156.23"},
    {"frankfurter", "/v2/rates?base=USD", "USD/EUR", "0.8470"},
    {"frankfurter-v1", "/v1/latest?base=USD", "USD/GBP", "0.789"},
    {"ecb", "/stats/eurofxref/eurofxref-daily.xml", "USD/EUR", "0.846955196070"},
    {"openexchangerates", "/api/latest.json?app_id=s3cret-key", "USD/EUR", "0.8470"},
    {"fixer", "/api/latest?access_key=s3cret-key", "USD/EUR", "0.846955196070"},
    {"currencylayer", "/live?access_key=s3cret-key", "USD/INR", "90.41"},
    {"currencyapi", "/v3/latest?base_currency=USD", "USD/EUR", "0.8470"},
    {"currencybeacon", "/v1/latest?base=USD", "USD/EUR", "0.8470"},
    {"fawazahmed0", "/usd.json?d=2026-02-04", "USD/EUR", "0.8470"},
};

START_TEST(every_provider_by_name)
{
    static const char *const options[] = {"api-key", "s3cret-key", "base", "USD", NULL};
    char prefix[64];
    snprintf(prefix, sizeof prefix, "%s:", shapes[_i].name);
    must_open(local_server_named(prefix, ""), options);
    must_deliver();
    ck_assert_msg(strncmp(message.source, shapes[_i].name, strlen(shapes[_i].name)) == 0 || strstr(message.source, "rebased"), "%s",
                  message.source);
    ck_assert_uint_eq(message.count, 8);
    ck_assert_str_eq(message.base, "USD");
    ck_assert_str_eq(message.rates[0].pair.text, "USD/EUR"); /* the order of the tracked list */
    /* rebased rates are 12 significant digits; trailing zeros are no digits of theirs */
    if (strlen(shapes[_i].rate) < 10)
        ck_assert_str_eq(rate_of(shapes[_i].pair), shapes[_i].rate);
    else
        ck_assert_msg(strncmp(rate_of(shapes[_i].pair), shapes[_i].rate, 10) == 0, "%s", rate_of(shapes[_i].pair));
    ck_assert_msg(local_server_count(shapes[_i].asked) == 1, "%s", local_server_requests());
    ck_assert_ptr_null(strstr(env.log, "s3cret"));
    ck_assert_ptr_null(strstr(message.source, "s3cret"));
    close_source();
}
END_TEST

START_TEST(without_a_key_the_open_endpoint)
{
    must_open(local_server_named("exchangerate-api:", ""), NULL);
    ck_assert_ptr_nonnull(strstr(env.log, "open-er-api is used"));
    must_deliver();
    ck_assert_str_eq(message.source, "open-er-api");
    ck_assert_uint_eq(local_server_count("\"authorization\""), 0);
    close_source();
    ck_assert_int_eq(open_source("fixer", NULL), FXMON_FATAL);
    ck_assert_int_eq(problem.code, FXMON_E_BAD_KEY);
}
END_TEST

START_TEST(the_key_travels_in_the_header)
{
    char path[] = "/tmp/fxmon-key-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "k3y-of-file\nrest\n", 17), 17);
    close(fd);
    const char *const options[] = {"api-key-file", path, NULL};
    must_open(local_server_named("exchangerate-api:", ""), options);
    ck_assert_int_eq(env.logged[FXMON_LOG_WARNING], 0); /* mkstemp makes it 0600 */
    must_deliver();
    ck_assert_uint_eq(local_server_count("\"authorization\": \"Bearer k3y-of-file\""), 1);
    ck_assert_uint_eq(local_server_count("k3y-of-file"), 1); /* and nowhere else: not in the URL */
    ck_assert_uint_eq(local_server_count("\"user-agent\": \"fxmon/" FXMON_VERSION_STRING "\""), 1);
    close_source();
    ck_assert_int_eq(chmod(path, 0644), 0);
    must_open(local_server_named("exchangerate-api:", ""), options);
    ck_assert_int_eq(env.logged[FXMON_LOG_WARNING], 1);
    close_source();
    unlink(path);
    ck_assert_int_eq(open_source(local_server_named("exchangerate-api:", ""), options), FXMON_FATAL);
    const char *const evil[] = {"api-key", "a\r\nX-Evil: 1", NULL};
    ck_assert_int_eq(open_source(local_server_named("exchangerate-api:", ""), evil), FXMON_FATAL);
    ck_assert_int_eq(problem.code, FXMON_E_CONFIG);
    ck_assert_ptr_null(strstr(problem.text, "Evil"));
}
END_TEST

START_TEST(compressed_answers_are_read)
{
    must_open(local_server_url("/gzip/#format=open-er-api&source=mine"), NULL);
    must_deliver();
    ck_assert_str_eq(rate_of("USD/EUR"), "0.8470");
    ck_assert_str_eq(message.source, "mine");
    close_source();
}
END_TEST

/* ---- bases and tracked currencies ---------------------------------------------------------------------------------------------------- */

START_TEST(bases)
{
    static const char *const own[] = {"track", "all", NULL}, *const euro[] = {"base", "EUR", NULL};
    static const char *const dollar[] = {"base", "USD", "track", "EUR,USD,JPY,GBP", NULL}, *const firm[] = {"base", "USD", "rebase", "no", NULL};
    static const char *const strange[] = {"base", "SEK", NULL}, *const nothing[] = {"track", "XAU,XAG", NULL};
    must_open(local_server_named("ecb:", ""), own);
    must_deliver();
    ck_assert_str_eq(message.base, "EUR");
    ck_assert_str_eq(message.source, "ecb");
    ck_assert_str_eq(rate_of("EUR/GBP"), "0.86280"); /* digits as published */
    close_source();
    must_open(local_server_named("ecb:", ""), euro);
    must_deliver();
    ck_assert_uint_eq(message.count, 7); /* EUR itself is no row */
    ck_assert_ptr_nonnull(strstr(env.log, "Terms: https://"));
    close_source();
    must_open(local_server_named("ecb:", ""), dollar);
    must_deliver();
    ck_assert_str_eq(message.base, "USD");
    ck_assert_str_eq(message.source, "ecb (rebased from EUR)");
    ck_assert_uint_eq(message.count, 3);
    /* 184.46 / 1.1807 = 156.2293554670..., 0.86280 / 1.1807 = 0.7307529431693... */
    ck_assert_str_eq(rate_of("USD/JPY"), "156.229355467");
    ck_assert_str_eq(rate_of("USD/GBP"), "0.730752943169");
    close_source();
    ck_assert_int_eq(open_source(local_server_named("ecb:", ""), firm), FXMON_FATAL);
    ck_assert_int_eq(problem.code, FXMON_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(problem.text, "--base EUR"));
    must_open(local_server_named("ecb:", ""), strange);
    ck_assert_int_eq(next_message(), FXMON_FATAL);
    ck_assert_int_eq(problem.code, FXMON_E_CURRENCY);
    close_source();
    must_open(local_server_named("open-er-api:", ""), nothing);
    ck_assert_int_eq(next_message(), FXMON_RETRY);
    ck_assert_int_eq(problem.code, FXMON_E_NO_DATA);
    close_source();
}
END_TEST

START_TEST(missing_tracked_currencies_are_said)
{
    static const char *const options[] = {"track", "EUR,TRY", NULL};
    must_open(local_server_named("open-er-api:", ""), options);
    must_deliver();
    ck_assert_uint_eq(message.count, 1);
    ck_assert_ptr_nonnull(strstr(env.log, "no rate of TRY"));
    close_source();
}
END_TEST

START_TEST(history_comes_oldest_first_and_once)
{
    static const char *const options[] = {"base", "EUR", "track", "USD", NULL};
    static const char *const rates[] = {"1.1791", "1.1799", "1.1807"};
    must_open(local_server_named("ecb-90d:", ""), options);
    for (int i = 0; i < 3; i++) {
        must_deliver();
        ck_assert_str_eq(rate_of("EUR/USD"), rates[i]);
    }
    ck_assert_int_eq(next_message(), FXMON_WAIT);
    ck_assert_int_gt(due, env.now);
    env.now = due;
    ck_assert_int_eq(next_message(), FXMON_WAIT); /* fetched again: nothing of it is new */
    ck_assert_int_eq(problem.code, FXMON_E_NOT_MODIFIED);
    ck_assert_uint_eq(local_server_count("eurofxref-hist-90d.xml"), 2);
    close_source();
}
END_TEST

/* ---- schedule ------------------------------------------------------------------------------------------------------------------------ */

START_TEST(a_publication_is_delivered_once)
{
    static const char *const every[] = {"dedupe", "no", NULL};
    must_open(local_server_named("open-er-api:", ""), NULL);
    must_deliver();
    /* next update: 2026-02-05T00:00:01Z, and 30 to 300 s more */
    ck_assert_int_eq(next_message(), FXMON_WAIT);
    int64_t announced = INT64_C(1770249601) * FXMON_SECOND;
    ck_assert_int_ge(due, announced + 30 * FXMON_SECOND);
    ck_assert_int_le(due, announced + 300 * FXMON_SECOND);
    env.now = due - 1;
    ck_assert_int_eq(next_message(), FXMON_WAIT);
    ck_assert_uint_eq(local_server_count("/v6/latest/USD"), 1);
    env.now = due;
    ck_assert_int_eq(next_message(), FXMON_WAIT); /* asked, and it is the same publication */
    ck_assert_int_eq(problem.code, FXMON_E_NOT_MODIFIED);
    ck_assert_int_ge(due, env.now + 5 * MINUTE); /* late: not hammered */
    ck_assert_uint_eq(local_server_count("/v6/latest/USD"), 2);
    close_source();
    must_open(local_server_named("open-er-api:", ""), every);
    must_deliver();
    ck_assert_int_eq(next_message(), FXMON_WAIT);
    env.now = due;
    must_deliver();
    close_source();
}
END_TEST

START_TEST(conditional_requests)
{
    must_open(local_server_url("/etag/#format=open-er-api"), NULL);
    must_deliver();
    ck_assert_int_eq(next_message(), FXMON_WAIT);
    env.now = due;
    ck_assert_int_eq(next_message(), FXMON_WAIT);
    ck_assert_int_eq(problem.code, FXMON_E_NOT_MODIFIED);
    ck_assert_int_gt(due, env.now);
    ck_assert_uint_eq(local_server_count("\"if-none-match\": \"\\\"v1\\\"\""), 1);
    ck_assert_uint_eq(local_server_count("\"if-modified-since\": \"Wed, 04 Feb 2026 00:00:01 GMT\""), 1);
    close_source();
}
END_TEST

START_TEST(what_changes_is_fetched_at_the_interval)
{
    static const char *const options[] = {"interval", "45s", NULL};
    must_open(local_server_url("/next/10/#format=exchangerate-api-v4"), options); /* 10 s ahead, no 30 to 300 s */
    must_deliver();
    ck_assert_str_eq(rate_of("USD/EUR"), "0.8401");
    ck_assert_int_eq(next_message(), FXMON_WAIT);
    ck_assert_int_eq(due, env.now + 45 * FXMON_SECOND);
    env.now = due;
    must_deliver();
    ck_assert_str_eq(rate_of("USD/EUR"), "0.8402");
    close_source();
}
END_TEST

START_TEST(stale_copies_are_no_news)
{
    must_open(local_server_url("/stale/#format=open-er-api"), NULL);
    must_deliver();
    ck_assert_int_eq(next_message(), FXMON_WAIT);
    env.now = due;
    ck_assert_int_eq(next_message(), FXMON_WAIT);
    ck_assert_uint_eq(local_server_count("/stale/"), 2);
    close_source();
}
END_TEST

START_TEST(cache_hints_stretch_the_interval)
{
    must_open(local_server_url("/age/7200/#format=exchangerate-api-v4"), NULL);
    must_deliver();
    ck_assert_int_eq(next_message(), FXMON_WAIT);
    ck_assert_int_eq(due, env.now + 2 * HOUR);
    close_source();
}
END_TEST

START_TEST(retry_after)
{
    must_open(local_server_url("/retry/120/#format=frankfurter"), NULL);
    ck_assert_int_eq(next_message(), FXMON_RETRY);
    ck_assert_int_eq(problem.code, FXMON_E_RATE_LIMITED);
    ck_assert_int_eq(problem.retry_at, env.now + 2 * MINUTE);
    close_source();
    must_open(local_server_url("/retry/Wed,%2004%20Feb%202026%2011:00:00%20GMT/#format=frankfurter"), NULL);
    ck_assert_int_eq(next_message(), FXMON_RETRY);
    ck_assert_int_eq(problem.retry_at, env.now + 30 * MINUTE);
    close_source();
    must_open(local_server_url("/status/429/#format=frankfurter"), NULL);
    ck_assert_int_eq(next_message(), FXMON_RETRY);
    ck_assert_int_eq(problem.retry_at, env.now + 20 * MINUTE);
    env.now = problem.retry_at; /* and then it is asked again */
    ck_assert_int_eq(next_message(), FXMON_RETRY);
    ck_assert_uint_eq(local_server_count("/status/429/"), 2);
    close_source();
}
END_TEST

START_TEST(the_quota_lasts)
{
    static const char *const options[] = {"quota", "3", "interval", "1s", NULL};
    must_open(local_server_url("/status/500/#format=frankfurter"), options);
    ck_assert_ptr_nonnull(strstr(env.log, "a quota of 3 requests a month allows one every 10d8h"));
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(next_message(), FXMON_RETRY);
        ck_assert_int_eq(problem.code, FXMON_E_PROVIDER);
        ck_assert_int_ge(problem.retry_at, env.now + 10 * 24 * HOUR);
        env.now += MINUTE; /* a lane in a hurry */
        ck_assert_int_eq(next_message(), FXMON_RETRY);
        env.now = problem.retry_at - (i == 2 ? HOUR : 0);
    }
    ck_assert_uint_eq(local_server_count("/status/500/"), 3);
    ck_assert_ptr_nonnull(strstr(env.log, "3 of 3 requests of this month are used"));
    close_source();
}
END_TEST

START_TEST(plain_http_only_here)
{
    ck_assert_int_eq(open_source("open-er-api:http://rates.example", NULL), FXMON_FATAL);
    ck_assert_int_eq(problem.code, FXMON_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(problem.text, "insecure=yes"));
    ck_assert_int_eq(open_source("open-er-api:http://127.evil.example", NULL), FXMON_FATAL);
    must_open("open-er-api:http://rates.example#insecure=yes", NULL);
    close_source();
    must_open("https://api.frankfurter.dev/v2/rates?base=CHF", NULL); /* known by its host */
    ck_assert_ptr_nonnull(strstr(env.log, "https://frankfurter.dev/"));
    close_source();
}
END_TEST

/* ---- headers alone ------------------------------------------------------------------------------------------------------------------- */

START_TEST(headers)
{
    const int64_t now = SOURCE_ENV_START;
    ck_assert_int_eq(fxi_http_retry_after("0", now), now);
    ck_assert_int_eq(fxi_http_retry_after("90", now), now + 90 * FXMON_SECOND);
    ck_assert_int_eq(fxi_http_retry_after("99999999999999999999", now), now + 31 * 24 * HOUR);
    ck_assert_int_eq(fxi_http_retry_after("Wed, 04 Feb 2026 10:31:00 GMT", now), now + MINUTE);
    ck_assert_int_eq(fxi_http_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now), now); /* past: at once */
    ck_assert_int_eq(fxi_http_retry_after("Sun, 06 Foo 1994 08:49:37 GMT", now), 0);
    ck_assert_int_eq(fxi_http_retry_after("Sun, 36 Nov 1994 08:49:37 GMT", now), 0);
    ck_assert_int_eq(fxi_http_retry_after("soon", now), 0);
    ck_assert_int_eq(fxi_http_retry_after("-5", now), 0);
    ck_assert_int_eq(fxi_http_retry_after("", now), 0);
    ck_assert_int_eq(fxi_http_max_age("public, max-age=60, must-revalidate"), MINUTE);
    ck_assert_int_eq(fxi_http_max_age("MAX-AGE=0"), 0);
    ck_assert_int_eq(fxi_http_max_age("s-maxage=60"), -1);
    ck_assert_int_eq(fxi_http_max_age("no-store, max-age=60"), -1);
    ck_assert_int_eq(fxi_http_max_age("max-age=x"), -1);
    ck_assert_int_eq(fxi_http_max_age(""), -1);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("providers over HTTP");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, local_server_start, local_server_stop);
    tcase_add_loop_test(tests, causes_are_told_apart, 0, (int)(sizeof causes / sizeof causes[0]));
    tcase_add_test(tests, nobody_listens_is_network);
    tcase_add_test(tests, a_server_without_tls_is_tls);
    tcase_add_loop_test(tests, silence_is_timeout, 0, 2);
    tcase_add_test(tests, stopping_gives_up_the_request);
    tcase_add_loop_test(tests, every_provider_by_name, 0, (int)(sizeof shapes / sizeof shapes[0]));
    tcase_add_test(tests, without_a_key_the_open_endpoint);
    tcase_add_test(tests, the_key_travels_in_the_header);
    tcase_add_test(tests, compressed_answers_are_read);
    tcase_add_test(tests, bases);
    tcase_add_test(tests, missing_tracked_currencies_are_said);
    tcase_add_test(tests, history_comes_oldest_first_and_once);
    tcase_add_test(tests, a_publication_is_delivered_once);
    tcase_add_test(tests, conditional_requests);
    tcase_add_test(tests, what_changes_is_fetched_at_the_interval);
    tcase_add_test(tests, stale_copies_are_no_news);
    tcase_add_test(tests, cache_hints_stretch_the_interval);
    tcase_add_test(tests, retry_after);
    tcase_add_test(tests, the_quota_lasts);
    tcase_add_test(tests, plain_http_only_here);
    tcase_add_test(tests, headers);
    return support_run("providers over HTTP", tests);
}
