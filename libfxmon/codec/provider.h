/*
 * codec/provider.h - provider answers into messages: pure, no I/O, no clock. Digits are kept as text wrote them.
 * Each answer gives a message whose rates belong to `memory` (reused), the provider's next update, or a cause-specific error (contract 4.4).
 */
#ifndef FXI_PROVIDER_H
#define FXI_PROVIDER_H
#include <fxmon/plugin.h>
enum fxi_provider_format {
    FXI_EXCHANGERATE_API, /* v6 keyed, v6 open, v4: conversion_rates | rates, base_code | base, error-type */
    FXI_FRANKFURTER_V1, FXI_FRANKFURTER_V2,
    FXI_ECB_XML,          /* daily, 90-day and history: several days are several messages */
    FXI_ECB_CSV,          /* eurofxref.csv and eurofxref-hist.csv */
    FXI_ECB_SDMX_CSV,     /* data-api csvdata */
    FXI_OPEN_EXCHANGE_RATES, FXI_FIXER, FXI_CURRENCYLAYER, FXI_CURRENCYAPI, FXI_CURRENCYBEACON, FXI_FAWAZAHMED0
};
typedef struct fxi_answer fxi_answer;
fxi_answer *fxi_answer_new(void);
void fxi_answer_free(fxi_answer *a);
typedef struct fxi_answer_request {
    enum fxi_provider_format format;
    int http_status;
    const char *base;       /* base asked for; an answer on another base is FXMON_E_MALFORMED; NULL: the provider's own */
    const char *source;     /* source name to put into messages */
    int64_t now;            /* dates more than 2 days ahead are refused */
} fxi_answer_request;
/** Parse one body. FXMON_OK, then fxi_answer_at(0..count-1), oldest first. Bad single rates (unknown ISO code, non-positive, text) are dropped and counted;
 *  an answer with no usable rate is FXMON_E_REJECTED; an empty 200 is FXMON_E_NO_DATA. error->retry_at set where the provider says. */
int fxi_answer_parse(fxi_answer *a, const fxi_answer_request *request, const char *body, size_t length, fxmon_error *error);
size_t fxi_answer_count(const fxi_answer *a);
const fxmon_message *fxi_answer_at(const fxi_answer *a, size_t index);
size_t fxi_answer_dropped(const fxi_answer *a, char *first_reason, size_t size); /* refused rates, and why the first one was */
int64_t fxi_answer_end_of_life(const fxi_answer *a); /* time_eol_unix, 0 none */
#endif
