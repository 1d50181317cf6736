/*
 * What a provider says when it says no. Every dialect is brought to the same causes, because what to do next depends on the cause alone: wait, ask a
 * person, or ask another provider. Only words from the lists below reach the error text, never a provider's free text: it may repeat the key.
 */
#include "codec/answer.h"

#include <string.h>

#include "base/error.h"
#include "codec/excerpt.h"

#define OPEN_ACCESS_WAIT (20 * 60 * FXMON_SECOND) /* the open endpoint of exchangerate-api lifts its limit after 20 minutes */

typedef struct word {
    const char *text;
    int code;
} word;

/* exchangerate-api: "error-type" */
static const word error_types[] = {
    {"unsupported-code", FXMON_E_CURRENCY},      {"unknown-code", FXMON_E_CURRENCY},     {"malformed-request", FXMON_E_BAD_REQUEST},
    {"invalid-key", FXMON_E_BAD_KEY},            {"quota-reached", FXMON_E_QUOTA},       {"inactive-account", FXMON_E_INACTIVE_ACCOUNT},
    {"not-available-on-plan", FXMON_E_PLAN},     {"base-code-only-on-pro", FXMON_E_PLAN}, {"plan-upgrade-required", FXMON_E_PLAN},
    {"no-data-available", FXMON_E_NO_DATA},
};

/* the apilayer family (Fixer, currencylayer): "type" or a textual "code"; Open Exchange Rates: "message" */
static const word apilayer_types[] = {
    {"missing_access_key", FXMON_E_BAD_KEY},        {"invalid_access_key", FXMON_E_BAD_KEY},
    {"inactive_user", FXMON_E_INACTIVE_ACCOUNT},    {"invalid_api_function", FXMON_E_BAD_REQUEST},
    {"usage_limit_reached", FXMON_E_QUOTA},         {"monthly_usage_limit_reached", FXMON_E_QUOTA},
    {"rate_limit_reached", FXMON_E_RATE_LIMITED},   {"too_many_requests", FXMON_E_RATE_LIMITED},
    {"function_access_restricted", FXMON_E_PLAN},   {"base_currency_access_restricted", FXMON_E_PLAN},
    {"source_currency_access_restricted", FXMON_E_PLAN}, {"https_access_restricted", FXMON_E_PLAN},
    {"no_rates_available", FXMON_E_NO_DATA},        {"no_results", FXMON_E_NO_DATA},
    {"invalid_base_currency", FXMON_E_CURRENCY},    {"invalid_source_currency", FXMON_E_CURRENCY},
    {"invalid_currency_codes", FXMON_E_CURRENCY},   {"invalid_date", FXMON_E_BAD_REQUEST},
    {"404_not_found", FXMON_E_BAD_REQUEST},
};
static const word open_exchange_messages[] = {
    {"not_found", FXMON_E_BAD_REQUEST},  {"missing_app_id", FXMON_E_BAD_KEY}, {"invalid_app_id", FXMON_E_BAD_KEY},
    {"not_allowed", FXMON_E_PLAN},       {"invalid_base", FXMON_E_CURRENCY},  {"access_restricted", FXMON_E_INACTIVE_ACCOUNT},
    {"not_available", FXMON_E_NO_DATA},
};

static const word *find_word(const word *words, size_t count, const fxi_json_span *span)
{
    for (size_t i = 0; i < count; i++) {
        if (fxi_json_span_is(span, words[i].text)) {
            return &words[i];
        }
    }
    return NULL;
}

#define FIND_WORD(words, span) find_word(words, sizeof(words) / sizeof *(words), span)

/* A small whole number of a span, -1 if it is none. */
static int number_of(const fxi_json_span *span)
{
    fxmon_decimal value;

    if (span->type != FXI_JSON_NUMBER || fxmon_decimal_parse(span->text, span->length, &value) != FXMON_OK || value.scale != 0 ||
        value.mantissa < 0 || value.mantissa > 100000) {
        return -1;
    }
    return (int)value.mantissa;
}

static int fail_word(const fxi_answer_request *request, const word *w, fxmon_error *error)
{
    int code = fxi_fail(error, w->code, "", "%s: %s says %s", fxmon_strerror(w->code), request->source, w->text);

    if (error != NULL && w->code == FXMON_E_RATE_LIMITED && request->format == FXI_EXCHANGERATE_API) {
        error->retry_at = request->now + OPEN_ACCESS_WAIT;
    }
    return code;
}

/* Is a key part of the request? A 403 is about the key or the plan then; without one it is a server that does not like us now. */
static bool has_key(const fxi_answer_request *request)
{
    switch (request->format) {
    case FXI_OPEN_EXCHANGE_RATES:
    case FXI_FIXER:
    case FXI_CURRENCYLAYER:
    case FXI_CURRENCYAPI:
    case FXI_CURRENCYBEACON:
    case FXI_EXCHANGERATE_API:
        return true;
    default:
        return false;
    }
}

static int status_cause(const fxi_answer_request *request, int status)
{
    switch (status) {
    case 304: return FXMON_E_NOT_MODIFIED;
    case 401: return FXMON_E_BAD_KEY;
    case 402: return FXMON_E_PLAN;
    case 403: return has_key(request) ? FXMON_E_PLAN : FXMON_E_PROVIDER;
    case 404: return request->format == FXI_ECB_SDMX_CSV ? FXMON_E_NO_DATA : FXMON_E_BAD_REQUEST;
    case 408: case 504: return FXMON_E_TIMEOUT;
    case 429: return FXMON_E_RATE_LIMITED;
    default: return status >= 400 && status < 500 ? FXMON_E_BAD_REQUEST : FXMON_E_PROVIDER;
    }
}

int fxi_answer_status_error(const fxi_answer_request *request, int status, fxmon_error *error)
{
    int code = status_cause(request, status);

    fxi_fail(error, code, "", "%s: %s answered HTTP %d", fxmon_strerror(code), request->source, status);
    if (error != NULL && status == 429 && request->format == FXI_EXCHANGERATE_API) {
        error->retry_at = request->now + OPEN_ACCESS_WAIT;
    }
    return code;
}

/* {"result":"error","error-type":...} */
static int exchangerate_error(const fxi_answer_request *request, const fxi_json_span *root, fxmon_error *error)
{
    fxi_json_span type;
    const word *known;
    char shown[FXI_EXCERPT];

    fxi_json_find(root, "error-type", &type);
    known = FIND_WORD(error_types, &type);
    if (known != NULL) {
        return fail_word(request, known, error);
    }
    return fxi_fail(error, FXMON_E_PROVIDER, "error-type", "%s answered an error of unknown type %s", request->source,
                    type.type == FXI_JSON_STRING ? fxi_excerpt(type.text, type.length, shown) : "(none)");
}

static int apilayer_cause(int number)
{
    switch (number) {
    case 101: return FXMON_E_BAD_KEY;
    case 102: return FXMON_E_INACTIVE_ACCOUNT;
    case 104: return FXMON_E_QUOTA;
    case 105: return FXMON_E_PLAN;
    case 106: return FXMON_E_NO_DATA;
    case 201: case 202: return FXMON_E_CURRENCY;
    case 429: return FXMON_E_RATE_LIMITED;
    default: return (number >= 300 && number < 600) || number == 103 ? FXMON_E_BAD_REQUEST : FXMON_E_PROVIDER;
    }
}

/* {"error":{"code":105 or "text","type":...}}: two dialects of one family */
static int apilayer_error(const fxi_answer_request *request, const fxi_json_span *object, fxmon_error *error)
{
    fxi_json_span type, code;
    const word *known;
    int number, cause;

    fxi_json_find(object, "type", &type);
    fxi_json_find(object, "code", &code);
    known = FIND_WORD(apilayer_types, &type);
    if (known == NULL) {
        known = FIND_WORD(apilayer_types, &code);
    }
    if (known != NULL) {
        return fail_word(request, known, error);
    }
    number = number_of(&code);
    if (number < 0) {
        return fxi_fail(error, FXMON_E_PROVIDER, "error", "%s answered an error without a known code", request->source);
    }
    cause = apilayer_cause(number);
    return fxi_fail(error, cause, "", "%s: %s answered error %d", fxmon_strerror(cause), request->source, number);
}

/* {"error":true,"status":401,"message":"invalid_app_id"} */
static int open_exchange_error(const fxi_answer_request *request, const fxi_json_span *root, fxmon_error *error)
{
    fxi_json_span status, message;
    const word *known;
    int number;

    fxi_json_find(root, "status", &status);
    fxi_json_find(root, "message", &message);
    number = number_of(&status);
    known = FIND_WORD(open_exchange_messages, &message);
    if (known != NULL && number != 429) {
        return fail_word(request, known, error);
    }
    if (number >= 400) {
        return fxi_answer_status_error(request, number, error);
    }
    return fxi_fail(error, FXMON_E_PROVIDER, "error", "%s answered an error without a known cause", request->source);
}

int fxi_answer_json_error(const fxi_answer_request *request, const fxi_json_span *root, fxmon_error *error)
{
    fxi_json_span result, success, trouble, status, message, meta;
    int number;

    fxi_json_find(root, "result", &result);
    fxi_json_find(root, "success", &success);
    fxi_json_find(root, "error", &trouble);
    fxi_json_find(root, "status", &status);
    fxi_json_find(root, "message", &message);
    if (fxi_json_span_is(&result, "error")) {
        return exchangerate_error(request, root, error);
    }
    if (trouble.type == FXI_JSON_OBJECT) {
        return apilayer_error(request, &trouble, error);
    }
    if (trouble.type == FXI_JSON_TRUE) {
        return open_exchange_error(request, root, error);
    }
    if (success.type == FXI_JSON_FALSE) {
        return fxi_fail(error, FXMON_E_PROVIDER, "success", "%s answered \"success\":false without a cause", request->source);
    }
    number = number_of(&status);
    if (number >= 400 && number < 600 && message.type == FXI_JSON_STRING) {
        return fxi_answer_status_error(request, number, error);
    }
    if ((request->format == FXI_FRANKFURTER_V1 || request->format == FXI_FRANKFURTER_V2) && fxi_json_span_is(&message, "not found")) {
        return fxi_answer_status_error(request, 404, error); /* some copies of the service say so with HTTP 200 */
    }
    if (fxi_json_find(root, "meta", &meta) && fxi_json_find(&meta, "code", &status)) {
        number = number_of(&status);
        if (number >= 400 && number < 600) {
            return fxi_answer_status_error(request, number, error);
        }
    }
    return FXMON_OK;
}
