/* NDJSON: rate messages as they travel on the log, and rows as --sink - prints them or as tick archives hold them. */
#include <string.h>

#include "base/error.h"
#include "codec/decoder.h"
#include "codec/excerpt.h"
#include "codec/json.h"
#include "codec/rate.h"
#include "codec/tick_reader.h"

/* The first of the names that is a member and not null. */
static const char *find_any(const fxi_json_span *row, const char *const *names, fxi_json_span *out)
{
    for (; *names != NULL; names++) {
        if (fxi_json_find(row, *names, out) && out->type != FXI_JSON_NULL) {
            return *names;
        }
    }
    memset(out, 0, sizeof *out);
    return NULL;
}

/* A price as a number or as text; *out stays 0 when there is none. */
static int take_price(const fxi_json_span *row, const char *const *names, fxmon_decimal *out, fxmon_error *error)
{
    fxi_json_span span;
    const char *name = find_any(row, names, &span);

    if (name == NULL) {
        return FXMON_OK;
    }
    if ((span.type != FXI_JSON_NUMBER && span.type != FXI_JSON_STRING) || fxi_rate_parse(span.text, span.length, out) != FXMON_OK) {
        return fxi_tick_fail(name, span.text, span.length, "a positive number from 1e-18 to 1e18", error);
    }
    return FXMON_OK;
}

static int take_pair(const fxi_tick_reader *r, const fxi_json_span *row, fxmon_pair *out, fxmon_error *error)
{
    static const char *const names[] = {"pair", "symbol", "instrument", NULL};
    fxi_json_span span;
    const char *name = find_any(row, names, &span);
    char text[32];
    long length;

    if (name == NULL) {
        if (r->pair.text[0] == '\0') {
            return fxi_fail(error, FXMON_E_MALFORMED, "pair", "the row has no pair, and no pair= was given");
        }
        *out = r->pair;
        return FXMON_OK;
    }
    length = fxi_json_span_string(&span, text, sizeof text);
    if (length < 0 || fxmon_pair_parse(text, (size_t)length, out) != FXMON_OK) {
        return fxi_tick_fail(name, span.text, span.length, "a pair such as EUR/USD", error);
    }
    return FXMON_OK;
}

static int take_time(const fxi_json_span *row, int64_t *out, fxmon_error *error)
{
    static const char *const names[] = {"time", "timestamp", "ts", NULL};
    fxi_json_span span;
    const char *name = find_any(row, names, &span);

    if (name == NULL) {
        return fxi_fail(error, FXMON_E_MALFORMED, "time", "the row has no time");
    }
    if ((span.type != FXI_JSON_NUMBER && span.type != FXI_JSON_STRING) || fxi_tick_time(span.text, span.length, out) != FXMON_OK) {
        return fxi_tick_fail(name, span.text, span.length, "a time from 1970 to 2262: RFC 3339, or Unix milliseconds", error);
    }
    return FXMON_OK;
}

static int take_row(fxi_tick_reader *r, const fxi_json_span *row, const fxmon_message **message, fxmon_error *error)
{
    static const char *const rates[] = {"rate", "mid", "price", NULL}, *const bids[] = {"bid", NULL}, *const asks[] = {"ask", NULL};
    static const char *const sources[] = {"source", NULL};
    fxmon_decimal mid = {0, 0}, bid = {0, 0}, ask = {0, 0};
    char source[FXMON_SOURCE_TEXT] = "";
    fxmon_pair pair = {""};
    fxi_json_span span;
    int64_t time = 0;
    int code = take_time(row, &time, error);

    if (code == FXMON_OK) {
        code = take_pair(r, row, &pair, error);
    }
    if (code == FXMON_OK) {
        code = take_price(row, rates, &mid, error);
    }
    if (code == FXMON_OK) {
        code = take_price(row, bids, &bid, error);
    }
    if (code == FXMON_OK) {
        code = take_price(row, asks, &ask, error);
    }
    if (code != FXMON_OK) {
        return code;
    }
    if (find_any(row, sources, &span) != NULL &&
        (fxi_json_span_string(&span, source, sizeof source) < 1 || strlen(source) == 0)) {
        return fxi_tick_fail("source", span.text, span.length, "a text of 1 to 39 bytes", error);
    }
    if (mid.mantissa == 0 && (bid.mantissa == 0 || ask.mantissa == 0)) {
        return fxi_fail(error, FXMON_E_MALFORMED, "rate", "the row has neither a rate nor both bid and ask");
    }
    fxi_tick_begin(r, time, source);
    code = fxi_tick_add(r, &pair, mid, bid, ask, error);
    *message = code == FXMON_OK ? &r->message : NULL;
    return code;
}

int fxi_tick_json(fxi_tick_reader *r, const char *line, size_t length, const fxmon_message **message, fxmon_error *error)
{
    fxi_json_span root, rates;
    fxi_json j;

    if (fxi_message_decode_fast(r->decoder, line, length)) {
        *message = &r->decoder->message;
        return FXMON_OK;
    }
    if (!fxi_json_valid(line, length, error)) {
        return error->code;
    }
    fxi_json_init(&j, line, length);
    fxi_json_value(&j, &root);
    if (root.type != FXI_JSON_OBJECT) {
        return fxi_tick_fail("", line, length, "an object", error);
    }
    if (fxi_json_find(&root, "rates", &rates)) {
        int code = fxi_message_decode_general(r->decoder, line, length, error);

        *message = code == FXMON_OK ? &r->decoder->message : NULL;
        return code;
    }
    return take_row(r, &root, message, error);
}
