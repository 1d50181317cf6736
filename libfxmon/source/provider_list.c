/*
 * source/provider_list.c - the providers that are known by name.
 *
 * `gap` is what we hold ourselves to, not what a provider enforces: half an hour for who publishes once a day and answers conditional
 * requests for nothing, an hour where the provider promises only that, a minute where plans with fresh rates exist.
 */
#include "source/provider_list.h"

#include <string.h>

#define HOUR 3600
#define DAY 86400
#define CLOSE (15 * HOUR) /* about 16:00 CET, of a day that bears midnight UTC */

static const fxi_provider provider_table[] = {
    {.name = "exchangerate-api", .url = "https://v6.exchangerate-api.com/v6/latest/{base}", .format = FXI_EXCHANGERATE_API,
     .key = FXI_KEY_BEARER, .gap = 300, .cadence = DAY, .redistribution = false, .attribution = false,
     .terms = "https://www.exchangerate-api.com/terms",
     .note = "1,500 requests a month on the free plan; the answer says when the next update is. Without a key the open endpoint is used"},
    {.name = "open-er-api", .url = "https://open.er-api.com/v6/latest/{base}", .format = FXI_EXCHANGERATE_API, .gap = HOUR, .cadence = DAY,
     .spread = true, .redistribution = false, .attribution = true, .terms = "https://www.exchangerate-api.com/docs/free",
     .note = "no key; once an hour is always allowed, more may be answered with 429 for 20 minutes; attribution required, no redistribution"},
    {.name = "exchangerate-api-v4", .url = "https://api.exchangerate-api.com/v4/latest/{base}", .format = FXI_EXCHANGERATE_API,
     .gap = HOUR, .cadence = DAY, .redistribution = false, .attribution = true, .terms = "https://www.exchangerate-api.com/terms",
     .note = "the old interface, two or three decimals only: small moves do not show"},
    {.name = "frankfurter", .url = "https://api.frankfurter.dev/v2/rates?base={base}", .format = FXI_FRANKFURTER_V2, .gap = 1800,
     .cadence = DAY, .delay = CLOSE, .weekdays = true, .redistribution = true, .attribution = true, .terms = "https://frankfurter.dev/",
     .note = "rates of many central banks, each with its own terms; can be self-hosted"},
    {.name = "frankfurter-v1", .url = "https://api.frankfurter.dev/v1/latest?base={base}", .format = FXI_FRANKFURTER_V1, .gap = 1800,
     .cadence = DAY, .delay = CLOSE, .weekdays = true, .redistribution = true, .attribution = true, .terms = "https://frankfurter.dev/",
     .note = "the older interface: the ECB's reference rates on any base"},
    {.name = "ecb", .url = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml", .fixed_base = "EUR", .format = FXI_ECB_XML,
     .gap = 1800, .cadence = DAY, .delay = CLOSE, .weekdays = true, .redistribution = true, .attribution = true,
     .terms = "https://www.ecb.europa.eu/services/using-our-site/disclaimer/html/index.en.html",
     .note = "reference rates at about 16:00 CET on working days; free to reuse with the source named"},
    {.name = "ecb-90d", .url = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist-90d.xml", .fixed_base = "EUR",
     .format = FXI_ECB_XML, .gap = 1800, .cadence = DAY, .delay = CLOSE, .weekdays = true, .history = true, .redistribution = true, .attribution = true,
     .terms = "https://www.ecb.europa.eu/services/using-our-site/disclaimer/html/index.en.html",
     .note = "the last 90 days, oldest first, then each new day"},
    {.name = "ecb-hist", .url = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist.xml", .fixed_base = "EUR",
     .format = FXI_ECB_XML, .gap = 6 * HOUR, .cadence = DAY, .delay = CLOSE, .weekdays = true, .history = true, .redistribution = true, .attribution = true,
     .terms = "https://www.ecb.europa.eu/services/using-our-site/disclaimer/html/index.en.html",
     .note = "every day since 1999, oldest first, then each new day"},
    {.name = "openexchangerates", .url = "https://openexchangerates.org/api/latest.json?app_id={key}", .fixed_base = "USD",
     .format = FXI_OPEN_EXCHANGE_RATES, .key = FXI_KEY_URL, .gap = 60, .cadence = HOUR, .redistribution = false, .attribution = false,
     .terms = "https://openexchangerates.org/terms", .note = "hourly on the free plan; resale is prohibited"},
    {.name = "fixer", .url = "https://data.fixer.io/api/latest?access_key={key}", .fixed_base = "EUR", .format = FXI_FIXER,
     .key = FXI_KEY_URL, .gap = 60, .cadence = DAY, .redistribution = false, .attribution = false, .terms = "https://fixer.io/terms",
     .note = "cadence and quota by plan; the free plan has base EUR"},
    {.name = "currencylayer", .url = "https://api.currencylayer.com/live?access_key={key}", .fixed_base = "USD",
     .format = FXI_CURRENCYLAYER, .key = FXI_KEY_URL, .gap = 60, .cadence = HOUR, .redistribution = false, .attribution = false,
     .terms = "https://currencylayer.com/terms", .note = "100 requests a month on the free plan: set --quota 100"},
    {.name = "currencyapi", .url = "https://api.currencyapi.com/v3/latest?base_currency={base}", .format = FXI_CURRENCYAPI,
     .key = FXI_KEY_HEADER, .gap = 60, .cadence = DAY, .redistribution = false, .attribution = false,
     .terms = "https://currencyapi.com/terms-conditions/", .note = "cadence and quota by plan"},
    {.name = "currencybeacon", .url = "https://api.currencybeacon.com/v1/latest?base={base}", .format = FXI_CURRENCYBEACON,
     .key = FXI_KEY_BEARER, .gap = 60, .cadence = HOUR, .redistribution = false, .attribution = false,
     .terms = "https://currencybeacon.com/terms-of-service", .note = "cadence and quota by plan"},
    {.name = "fawazahmed0",
     .url = "https://cdn.jsdelivr.net/npm/@fawazahmed0/currency-api@latest/v1/currencies/{currency}.json?d={date}",
     .second_url = "https://currency-api.pages.dev/v1/currencies/{currency}.json", .format = FXI_FAWAZAHMED0, .gap = HOUR, .cadence = DAY, .delay = DAY / 2,
     .redistribution = true, .attribution = false, .terms = "https://github.com/fawazahmed0/exchange-api/blob/main/LICENSE",
     .note = "no key and no limit; once a day at 00:00 UTC; copies of the delivery network may be older"},
};

#define PROVIDERS (sizeof provider_table / sizeof provider_table[0])
_Static_assert(PROVIDERS < FXI_PROVIDER_NAMES, "room for all names and the NULL");

const fxi_provider *fxi_provider_at(size_t index)
{
    return index < PROVIDERS ? &provider_table[index] : NULL;
}

const fxi_provider *fxi_provider_find(const char *name)
{
    for (size_t i = 0; i < PROVIDERS; i++)
        if (strcmp(provider_table[i].name, name) == 0)
            return &provider_table[i];
    return NULL;
}

/* Of several on one host the one whose path has the longest common beginning with the URL's. */
const fxi_provider *fxi_provider_by_host(const char *host, const char *path)
{
    const fxi_provider *best = NULL;
    size_t best_common = 0;
    for (size_t i = 0; i < PROVIDERS; i++) {
        const char *known = strstr(provider_table[i].url, "://") + 3;
        size_t length = strcspn(known, "/");
        if (strlen(host) != length || strncmp(host, known, length) != 0)
            continue;
        size_t common = 0;
        while (path[common] && path[common] == known[length + common])
            common++;
        if (!best || common > best_common) {
            best = &provider_table[i];
            best_common = common;
        }
    }
    return best;
}

void fxi_provider_names(const char *out[FXI_PROVIDER_NAMES])
{
    for (size_t i = 0; i < PROVIDERS; i++)
        out[i] = provider_table[i].name;
    out[PROVIDERS] = NULL;
}
