/* Provider answers: every format from a sample, every trap, every cause of refusal, cuts at every byte, and memory running out. */
#include "codec/provider.h"
#include "../support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW (INT64_C(1451606400) * FXMON_SECOND) /* 2016-01-01 */
#define SAMPLES "tests/data/providers/"

static char *slurp(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    char *text;

    if (file == NULL) {
        return NULL;
    }
    text = malloc(4 * 1024 * 1024);
    *length = fread(text, 1, 4 * 1024 * 1024, file);
    fclose(file);
    return realloc(text, *length + 1);
}

/* A file of this repository: the runner says where it lies; by hand it is where one stands. */
static char *slurp_sample(const char *name, size_t *length)
{
    const char *top = getenv("FXMON_TOP");
    char path[512];
    char *body;

    snprintf(path, sizeof path, "%s/" SAMPLES "%s", top != NULL ? top : ".", name);
    body = slurp(path, length);
    ck_assert_msg(body != NULL, "%s is missing", path);
    return body;
}

static int parse(fxi_answer *a, enum fxi_provider_format format, int status, const char *base, const char *body, size_t length, fxmon_error *error)
{
    fxi_answer_request request = {.format = format, .http_status = status, .base = base, .source = "test", .now = NOW};

    *error = (fxmon_error){0};
    return fxi_answer_parse(a, &request, body, length, error);
}

static const struct {
    const char *file;
    enum fxi_provider_format format;
    const char *base, *first;  /* first time */
    size_t messages, rates, dropped; /* rates: of the last message */
    const char *pair;          /* one of the last message */
    int64_t mantissa;
    int scale;
} samples[] = {
    {"exchangerate-api-v6.json", FXI_EXCHANGERATE_API, "USD", "2015-12-31T00:00:01Z", 1, 4, 4, "USD/KRW", 11764307, 4},
    {"exchangerate-api-v4.json", FXI_EXCHANGERATE_API, "USD", "2015-12-31T00:00:01Z", 1, 2, 0, "USD/GBP", 67, 2},
    {"open-er-api.json", FXI_EXCHANGERATE_API, "usd", "2015-12-31T00:00:01Z", 1, 2, 0, "USD/EUR", 9185, 4},
    {"frankfurter-v1.json", FXI_FRANKFURTER_V1, "EUR", "2015-12-31", 1, 3, 0, "EUR/JPY", 13107, 2},
    {"frankfurter-v1-period.json", FXI_FRANKFURTER_V1, NULL, "2015-12-30", 2, 2, 0, "EUR/USD", 10887, 4},
    {"frankfurter-v2.json", FXI_FRANKFURTER_V2, "EUR", "2015-12-30", 2, 2, 0, "EUR/GBP", 73395, 5},
    {"ecb-daily.xml", FXI_ECB_XML, NULL, "2015-12-31", 1, 3, 0, "EUR/JPY", 13107, 2},
    {"ecb-90d.xml", FXI_ECB_XML, "EUR", "2015-12-30", 2, 2, 0, "EUR/USD", 10887, 4},
    {"eurofxref.csv", FXI_ECB_CSV, NULL, "2015-12-31", 1, 3, 0, "EUR/GBP", 73395, 5},
    {"eurofxref-hist.csv", FXI_ECB_CSV, NULL, "1999-01-04", 3, 3, 0, "EUR/USD", 10887, 4},
    {"ecb-sdmx.csv", FXI_ECB_SDMX_CSV, "EUR", "2015-12-30", 2, 2, 0, "EUR/GBP", 73395, 5},
    {"open-exchange-rates.json", FXI_OPEN_EXCHANGE_RATES, NULL, "2015-12-31T00:00:01Z", 1, 2, 1, "USD/GBP", 6742, 4},
    {"fixer.json", FXI_FIXER, NULL, "2015-12-31T00:00:01Z", 1, 2, 0, "EUR/USD", 10887, 4},
    {"currencylayer.json", FXI_CURRENCYLAYER, "USD", "2015-12-31T00:00:01Z", 1, 2, 0, "USD/GBP", 6742, 4},
    {"currencyapi.json", FXI_CURRENCYAPI, NULL, "2015-12-31T23:59:59Z", 1, 2, 0, "USD/GBP", 6742, 4},
    {"currencybeacon.json", FXI_CURRENCYBEACON, "USD", "2015-12-31", 1, 2, 0, "USD/GBP", 6742, 4},
    {"fawazahmed0.json", FXI_FAWAZAHMED0, "USD", "2015-12-31", 1, 2, 2, "USD/GBP", 6742, 4},
};

START_TEST(sample)
{
    fxi_answer *a = fxi_answer_new();
    const fxmon_message *m;
    char reason[96];
    size_t length = 0, found = 0;
    fxmon_error error;
    int64_t time;
    char *body;

    body = slurp_sample(samples[_i].file, &length);
    ck_assert_msg(parse(a, samples[_i].format, 200, samples[_i].base, body, length, &error) == FXMON_OK, "%s: %s", samples[_i].file, error.text);
    ck_assert_int_eq(fxi_answer_count(a), samples[_i].messages);
    ck_assert_int_eq(fxmon_time_parse(samples[_i].first, strlen(samples[_i].first), &time), FXMON_OK);
    ck_assert_int_eq(fxi_answer_at(a, 0)->time, time);
    ck_assert_int_eq(fxi_answer_dropped(a, reason, sizeof reason), samples[_i].dropped);
    ck_assert_int_eq(reason[0] != '\0', samples[_i].dropped > 0);
    m = fxi_answer_at(a, samples[_i].messages - 1);
    ck_assert_int_eq(m->count, samples[_i].rates);
    ck_assert_str_eq(m->source, "test");
    for (uint32_t i = 0; i < m->count; i++) {
        if (strcmp(m->rates[i].pair.text, samples[_i].pair) == 0) {
            ck_assert_int_eq(m->rates[i].mid.mantissa, samples[_i].mantissa);
            ck_assert_int_eq(m->rates[i].mid.scale, samples[_i].scale);
            found++;
        }
    }
    ck_assert_int_eq(found, 1);
    if (samples[_i].format == FXI_EXCHANGERATE_API && _i != 1) {
        ck_assert_int_eq(m->next_update, INT64_C(1451606401) * FXMON_SECOND); /* the number, not the text beside it */
        ck_assert_int_eq(fxi_answer_end_of_life(a), _i == 2 ? INT64_C(1893456000) * FXMON_SECOND : 0);
    }
    /* another base than was asked for */
    ck_assert_int_eq(parse(a, samples[_i].format, 200, "CHF", body, length, &error), samples[_i].format == FXI_CURRENCYAPI ? FXMON_OK : FXMON_E_MALFORMED);
    /* the same answer a week too early */
    fxi_answer_request early = {.format = samples[_i].format, .http_status = 200, .source = "test", .now = NOW - 7 * 86400 * FXMON_SECOND};
    ck_assert_int_eq(fxi_answer_parse(a, &early, body, length, &error), FXMON_E_REJECTED);
    free(body);
    fxi_answer_free(a);
}
END_TEST

START_TEST(cut_at_every_byte)
{
    fxi_answer *a = fxi_answer_new();
    size_t length = 0;
    char *body;
    fxmon_error error;

    body = slurp_sample(samples[_i].file, &length);
    while (length > 0 && strchr(" \r\n", body[length - 1]) != NULL) {
        length--;
    }
    for (size_t cut = 1; cut < length; cut++) {
        char *part = malloc(cut);
        int code;

        memcpy(part, body, cut);
        code = parse(a, samples[_i].format, 200, NULL, part, cut, &error);
        if (samples[_i].format == FXI_ECB_CSV || samples[_i].format == FXI_ECB_SDMX_CSV) {
            /* a table may end after a whole line, or within the digits of the last cell where no separator follows it */
            ck_assert(code == FXMON_OK || code == FXMON_E_MALFORMED || code == FXMON_E_NO_DATA || code == FXMON_E_REJECTED);
        } else {
            ck_assert_msg(code == FXMON_E_MALFORMED, "cut at %zu: %d %s", cut, code, error.text);
        }
        free(part);
    }
    ck_assert_int_eq(parse(a, samples[_i].format, 200, NULL, body, length, &error), FXMON_OK);
    free(body);
    fxi_answer_free(a);
}
END_TEST

#define V6 "{\"result\":\"error\",\"error-type\":\""
static const struct {
    enum fxi_provider_format format;
    int status;
    const char *body;
    int code;
    const char *says;
} refusals[] = {
    {FXI_EXCHANGERATE_API, 403, V6 "invalid-key\"}", FXMON_E_BAD_KEY, "invalid-key"},
    {FXI_EXCHANGERATE_API, 200, V6 "inactive-account\"}", FXMON_E_INACTIVE_ACCOUNT, "inactive"},
    {FXI_EXCHANGERATE_API, 429, V6 "quota-reached\"}", FXMON_E_QUOTA, "quota"},
    {FXI_EXCHANGERATE_API, 404, V6 "unsupported-code\"}", FXMON_E_CURRENCY, "unsupported-code"},
    {FXI_EXCHANGERATE_API, 400, V6 "malformed-request\"}", FXMON_E_BAD_REQUEST, "malformed-request"},
    {FXI_EXCHANGERATE_API, 403, V6 "plan-upgrade-required\"}", FXMON_E_PLAN, "plan"},
    {FXI_EXCHANGERATE_API, 200, V6 "no-data-available\"}", FXMON_E_NO_DATA, "no-data"},
    {FXI_EXCHANGERATE_API, 200, V6 "tuesday\"}", FXMON_E_PROVIDER, "tuesday"},
    {FXI_EXCHANGERATE_API, 200, "{\"result\":\"error\"}", FXMON_E_PROVIDER, "unknown"},
    {FXI_EXCHANGERATE_API, 429, "<html>slow down</html>", FXMON_E_RATE_LIMITED, "429"},
    {FXI_FRANKFURTER_V1, 404, "{\"message\":\"not found\"}", FXMON_E_BAD_REQUEST, "404"},
    {FXI_FRANKFURTER_V1, 200, "{\"message\":\"not found\"}", FXMON_E_BAD_REQUEST, "404"},
    {FXI_FRANKFURTER_V2, 422, "{\"status\":422,\"message\":\"unknown parameter\"}", FXMON_E_BAD_REQUEST, "422"},
    {FXI_FRANKFURTER_V2, 503, "", FXMON_E_PROVIDER, "503"},
    {FXI_FIXER, 200, "{\"success\":false,\"error\":{\"code\":104,\"type\":\"usage_limit_reached\"}}", FXMON_E_QUOTA, "usage_limit"},
    {FXI_FIXER, 200, "{\"success\":false,\"error\":{\"code\":105,\"type\":\"new\"}}", FXMON_E_PLAN, "105"},
    {FXI_FIXER, 401, "{\"error\":{\"code\":\"invalid_access_key\",\"message\":\"x\"}}", FXMON_E_BAD_KEY, "invalid_access_key"},
    {FXI_FIXER, 200, "{\"success\":false}", FXMON_E_PROVIDER, "success"},
    {FXI_CURRENCYLAYER, 200, "{\"success\":false,\"error\":{\"code\":101,\"info\":\"key abc123\"}}", FXMON_E_BAD_KEY, "101"},
    {FXI_OPEN_EXCHANGE_RATES, 401, "{\"error\":true,\"status\":401,\"message\":\"invalid_app_id\"}", FXMON_E_BAD_KEY, "invalid_app_id"},
    {FXI_OPEN_EXCHANGE_RATES, 429, "{\"error\":true,\"status\":429,\"message\":\"not_allowed\"}", FXMON_E_RATE_LIMITED, "429"},
    {FXI_OPEN_EXCHANGE_RATES, 403, "{\"error\":true,\"status\":403,\"message\":\"not_allowed\"}", FXMON_E_PLAN, "not_allowed"},
    {FXI_CURRENCYBEACON, 200, "{\"meta\":{\"code\":401}}", FXMON_E_BAD_KEY, "401"},
    {FXI_CURRENCYAPI, 429, "{\"message\":\"limit\"}", FXMON_E_RATE_LIMITED, "429"},
    {FXI_ECB_XML, 304, "", FXMON_E_NOT_MODIFIED, ""},
    {FXI_ECB_XML, 500, "<html/>", FXMON_E_PROVIDER, "500"},
    {FXI_ECB_SDMX_CSV, 200, "", FXMON_E_NO_DATA, "empty"},
    {FXI_ECB_SDMX_CSV, 404, "", FXMON_E_NO_DATA, "404"},
    {FXI_ECB_CSV, 200, "Date,USD,\n", FXMON_E_NO_DATA, "no rates"},
    {FXI_EXCHANGERATE_API, 200, " \r\n", FXMON_E_NO_DATA, "empty"},
    {FXI_EXCHANGERATE_API, 200, "<!DOCTYPE html><html></html>", FXMON_E_MALFORMED, "HTML"},
    {FXI_EXCHANGERATE_API, 200, "{}", FXMON_E_MALFORMED, "base_code"},
    {FXI_EXCHANGERATE_API, 200, "{\"base\":\"USD\",\"time_last_updated\":1451520001}", FXMON_E_MALFORMED, "rates"},
    {FXI_EXCHANGERATE_API, 200, "{\"base\":\"USD\",\"rates\":{\"EUR\":1}}", FXMON_E_MALFORMED, "time"},
    {FXI_EXCHANGERATE_API, 200, "{\"base\":\"USD\",\"time_last_updated\":1451520001,\"rates\":{\"USD\":1}}", FXMON_E_NO_DATA, "no rates"},
    {FXI_EXCHANGERATE_API, 200, "{\"base\":\"USD\",\"time_last_updated\":1451520001,\"rates\":{\"EUR\":-1,\"GBP\":\"x\"}}", FXMON_E_REJECTED, "EUR"},
    {FXI_EXCHANGERATE_API, 200, "{\"base\":\"USD\",\"time_last_updated\":1451520001,\"rates\":{\"EUR\":1,\"EUR\":2}}", FXMON_E_MALFORMED, "twice"},
    {FXI_EXCHANGERATE_API, 200, "{\"base\":\"USD\",\"time_last_updated\":1451520001,\"rates\":{\"EUR\":1,\"eur\":2}}", FXMON_E_MALFORMED, "twice"},
    {FXI_EXCHANGERATE_API, 200, "{\"base\":\"USD\",\"time_last_updated\":1451520001,\"rates\":{\"EUR\":NaN}}", FXMON_E_MALFORMED, "NaN"},
    {FXI_FRANKFURTER_V1, 200, "{\"amount\":10,\"base\":\"EUR\",\"date\":\"2015-12-31\",\"rates\":{\"USD\":10.9}}", FXMON_E_MALFORMED, "multiples"},
    {FXI_FRANKFURTER_V2, 200, "[{\"date\":\"2015-12-31\",\"base\":\"EUR\",\"quote\":\"USD\",\"rate\":1},{\"date\":\"2015-12-31\",\"base\":\"EUR\",\"quote\":\"USD\",\"rate\":1}]", FXMON_E_MALFORMED, "twice"},
    {FXI_FRANKFURTER_V2, 200, "[]", FXMON_E_NO_DATA, "no rates"},
    {FXI_CURRENCYLAYER, 200, "{\"success\":true,\"timestamp\":1451520001,\"source\":\"USD\",\"quotes\":{\"EURUSD\":1.1}}", FXMON_E_MALFORMED, "EURUSD"},
    {FXI_ECB_XML, 200, "<!DOCTYPE x [<!ENTITY a \"b\">]><Envelope/>", FXMON_E_MALFORMED, "document type"},
    {FXI_ECB_XML, 200, "<html><body></body></html>", FXMON_E_MALFORMED, "Envelope"},
    {FXI_ECB_XML, 200, "<Envelope><Cube><Cube time='2015-12-31'></Cube></Envelope>", FXMON_E_MALFORMED, "open"},
    {FXI_ECB_XML, 200, "<Envelope><Cube currency='USD' rate='1'/></Envelope>", FXMON_E_MALFORMED, "day"},
    {FXI_ECB_XML, 200, "<Envelope><Cube time='2015-12-31'><Cube currency='USD'/></Cube></Envelope>", FXMON_E_MALFORMED, "rate"},
    {FXI_ECB_XML, 200, "<Envelope><Cube time='2015-12-31'><Cube currency='USD' rate='&x;'/></Cube></Envelope>", FXMON_E_REJECTED, "USD"},
    {FXI_ECB_XML, 200, "<Envelope><Cube time='2015-12-31'><Cube currency='USD' rate='1'/><Cube currency='USD' rate='1'/></Cube></Envelope>", FXMON_E_MALFORMED, "twice"},
    {FXI_ECB_XML, 200, "<Envelope></Envelope>", FXMON_E_NO_DATA, "no rates"},
    {FXI_ECB_CSV, 200, "<html>\n", FXMON_E_MALFORMED, "Date"},
    {FXI_ECB_CSV, 200, "Date,USD,\nyesterday,1,\n", FXMON_E_MALFORMED, "yesterday"},
};

START_TEST(refusal)
{
    fxi_answer *a = fxi_answer_new();
    fxmon_error error;
    int code = parse(a, refusals[_i].format, refusals[_i].status, NULL, refusals[_i].body, strlen(refusals[_i].body), &error);

    ck_assert_msg(code == refusals[_i].code, "%s: %s (%s)", refusals[_i].body, fxmon_errname(code), error.text);
    ck_assert_msg(strstr(error.text, refusals[_i].says) != NULL, "'%s' does not say '%s'", error.text, refusals[_i].says);
    ck_assert_ptr_null(strstr(error.text, "abc123")); /* a provider's own words may repeat the key */
    ck_assert_int_eq(fxi_answer_count(a), 0);
    ck_assert_int_eq(error.retry_at, code == FXMON_E_RATE_LIMITED && refusals[_i].format == FXI_EXCHANGERATE_API ? NOW + 1200 * FXMON_SECOND : 0);
    fxi_answer_free(a);
}
END_TEST

START_TEST(recorded_answers)
{
    const char *folder = getenv("FXMON_SHARED_DATA");
    static const struct {
        const char *file;
        enum fxi_provider_format format;
        int code;
        size_t messages;
    } files[] = {
        {"providers/shapes/exchangerate-api-v6-latest-usd.json", FXI_EXCHANGERATE_API, FXMON_OK, 1},
        {"providers/shapes/exchangerate-api-v4-latest-usd.json", FXI_EXCHANGERATE_API, FXMON_OK, 1},
        {"providers/shapes/open-er-api-v6-latest-usd.json", FXI_EXCHANGERATE_API, FXMON_OK, 1},
        {"providers/shapes/exchangerate-api-v6-pair-eur-gbp.json", FXI_EXCHANGERATE_API, FXMON_OK, 1},
        {"providers/shapes/exchangerate-api-v6-quota.json", FXI_EXCHANGERATE_API, FXMON_E_MALFORMED, 0},
        {"providers/shapes/frankfurter-v1-latest.json", FXI_FRANKFURTER_V1, FXMON_OK, 1},
        {"providers/shapes/frankfurter-v1-timeseries.json", FXI_FRANKFURTER_V1, FXMON_OK, 8},
        {"providers/shapes/fixer-error-quota.json", FXI_FIXER, FXMON_E_QUOTA, 0},
        {"providers/exchanger/EuropeanCentralBank/success.xml", FXI_ECB_XML, FXMON_OK, 1},
        {"providers/exchanger/Fixer/latest.json", FXI_FIXER, FXMON_E_REJECTED, 0}, /* of 2016: after the time these tests pretend it is */
        {"providers/exchanger/Fixer/historical.json", FXI_FIXER, FXMON_OK, 1},
        {"providers/exchanger/OpenExchangeRates/success.json", FXI_OPEN_EXCHANGE_RATES, FXMON_OK, 1},
        {"providers/exchanger/CurrencyLayer/success.json", FXI_CURRENCYLAYER, FXMON_OK, 1},
        {"providers/exchanger/CurrencyLayer/error.json", FXI_CURRENCYLAYER, FXMON_E_BAD_KEY, 0},
        {"fx/ecb-eurofxref-hist-1999-2015.csv", FXI_ECB_CSV, FXMON_OK, 4353},
    };
    fxi_answer *a = fxi_answer_new();

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t length = 0;
        char path[512], *body;
        fxmon_error error;

        snprintf(path, sizeof path, "%s/%s", folder != NULL && folder[0] != '\0' ? folder : "../shared/data", files[i].file);
        body = slurp(path, &length);
        if (body == NULL) {
            printf("skipped: %s is not there\n", path);
            continue;
        }
        ck_assert_msg(parse(a, files[i].format, 200, NULL, body, length, &error) == files[i].code, "%s: %s", path, error.text);
        ck_assert_int_eq(fxi_answer_count(a), files[i].messages);
        free(body);
    }
    fxi_answer_free(a);
}
END_TEST

START_TEST(without_memory)
{
    size_t length = 0;
    char *body = slurp_sample("frankfurter-v2.json", &length);

    failing_allocator_install();
    for (long nth = 1;; nth++) {
        fxmon_error error = {0};
        fxi_answer *a;
        bool reached;
        int code = FXMON_E_NOMEM;

        failing_allocator_fail(nth);
        a = fxi_answer_new();
        if (a != NULL) {
            code = parse(a, FXI_FRANKFURTER_V2, 200, NULL, body, length, &error);
        }
        reached = failing_allocator_failed();
        failing_allocator_fail(0);
        ck_assert_int_eq(code, reached ? FXMON_E_NOMEM : FXMON_OK);
        fxi_answer_free(a);
        ck_assert_int_eq(failing_allocator_alive(), 0);
        if (!reached) {
            ck_assert_int_gt(nth, 4);
            break;
        }
    }
    free(body);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("provider");

    tcase_add_loop_test(tests, sample, 0, sizeof samples / sizeof *samples);
    tcase_add_loop_test(tests, cut_at_every_byte, 0, sizeof samples / sizeof *samples);
    tcase_add_loop_test(tests, refusal, 0, sizeof refusals / sizeof *refusals);
    tcase_add_test(tests, recorded_answers);
    tcase_add_test(tests, without_memory);
    return support_run("provider", tests);
}
