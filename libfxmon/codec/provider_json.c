/*
 * The JSON providers. Under all their names there are five shapes: a map of numbers (under a member, or a map of such maps by date), a map of
 * objects with a value, an array of rows, one row, and a map under the name of its base. The text has passed fxi_json_valid: it is whole, and no name
 * stands twice in an object.
 */
#include "codec/answer.h"

#include <string.h>

#include "base/error.h"
#include "codec/excerpt.h"

#define CODE_TEXT 24 /* longest name that may be a currency or a pair of two, with its NUL */

/* The first of two members that is there. */
static bool find_either(const fxi_json_span *root, const char *name, const char *other, fxi_json_span *out)
{
    return fxi_json_find(root, name, out) || (other != NULL && fxi_json_find(root, other, out));
}

static int missing(const char *field, const char *expected, const fxi_json_span *found, fxmon_error *error)
{
    char shown[FXI_EXCERPT];

    if (found->type == 0) {
        return fxi_fail(error, FXMON_E_MALFORMED, field, "the answer has no member '%s': expected %s", field, expected);
    }
    return fxi_fail(error, FXMON_E_MALFORMED, field, "'%s' of the answer is %s (%s): expected %s", field, fxi_json_type_name(found->type),
                    fxi_excerpt(found->text, found->length, shown), expected);
}

static int take_base(fxi_answer *a, const fxi_json_span *root, const char *name, const char *other, fxmon_error *error)
{
    fxi_json_span span;
    char text[CODE_TEXT];
    long length;

    find_either(root, name, other, &span);
    length = fxi_json_span_string(&span, text, sizeof text);
    return length < 0 ? missing(name, "a currency code", &span, error) : fxi_answer_base(a, text, (size_t)length, error);
}

/* Opens the day of the answer: Unix seconds where there are some, else a date or a time as text. */
static int take_time(fxi_answer *a, const fxi_json_span *root, const char *seconds, const char *date, fxmon_error *error)
{
    fxi_json_span span = {0};
    char text[48];
    int64_t time = 0;
    long length;

    if (seconds != NULL && fxi_json_find(root, seconds, &span) && fxi_answer_unix(&span, &time) == FXMON_OK) {
        return fxi_answer_day_begin(a, time, error);
    }
    if (date != NULL && (span.type == 0 || seconds == NULL)) {
        fxi_json_find(root, date, &span);
    }
    length = fxi_json_span_string(&span, text, sizeof text);
    if (date == NULL || length < 0 || fxi_answer_date(text, (size_t)length, &time) != FXMON_OK) {
        return missing(date != NULL && span.type != FXI_JSON_NUMBER ? date : seconds, "a time", &span, error);
    }
    return fxi_answer_day_begin(a, time, error);
}

/* One value under a name: a number is taken, everything else dropped. */
static int take_value(fxi_answer *a, const char *code, size_t length, const fxi_json_span *value, fxmon_error *error)
{
    if (value->type != FXI_JSON_NUMBER) {
        fxi_answer_drop(a, code, length, ": expected a number, found ", value->text, value->length);
        return FXMON_OK;
    }
    return fxi_answer_add(a, code, length, value->text, value->length, error);
}

/* {"EUR":0.85,...}; each name begins with `prefix` ("" usually); values may be objects with the member `inner`. */
static int take_map(fxi_answer *a, const fxi_json_span *map, const char *field, const char *prefix, const char *inner, fxmon_error *error)
{
    size_t skip = strlen(prefix);
    int code = FXMON_OK;
    fxi_json j;

    if (map->type != FXI_JSON_OBJECT) {
        return missing(field, "an object of rates", map, error);
    }
    fxi_json_init(&j, map->text, map->length);
    fxi_json_next(&j);
    while (code == FXMON_OK && fxi_json_next(&j) == FXI_JSON_NAME) {
        char name[CODE_TEXT], shown[FXI_EXCERPT];
        long length = fxi_json_string(&j, name, sizeof name);
        const char *raw = j.text;
        size_t raw_length = j.length;
        fxi_json_span value;

        fxi_json_value(&j, &value);
        if (inner != NULL && value.type == FXI_JSON_OBJECT) {
            fxi_json_span object = value;

            fxi_json_find(&object, inner, &value);
        }
        if (length < 0) {
            fxi_answer_drop(a, raw, raw_length, ": not a currency of ISO 4217", NULL, 0);
        } else if ((size_t)length < skip || memcmp(name, prefix, skip) != 0) {
            code = fxi_fail(error, FXMON_E_MALFORMED, field, "'%s' has %s: expected every name to begin with the base %s", field,
                            fxi_excerpt(raw, raw_length, shown), prefix);
        } else {
            code = take_value(a, name + skip, (size_t)length - skip, &value, error);
        }
    }
    return code;
}

/* v6 keyed (conversion_rates), v6 open (rates), v6 pair (conversion_rate), v4 (base, time_last_updated) */
static int parse_exchangerate(fxi_answer *a, const fxi_json_span *root, fxmon_error *error)
{
    fxi_json_span map, target, rate, span;
    int64_t time = 0;
    int code = take_base(a, root, "base_code", "base", error);

    if (code == FXMON_OK) {
        bool v6 = fxi_json_find(root, "time_last_update_unix", &span);

        code = take_time(a, root, v6 ? "time_last_update_unix" : "time_last_updated", "date", error);
    }
    if (code != FXMON_OK) {
        return code;
    }
    if (fxi_json_find(root, "time_next_update_unix", &span) && fxi_answer_unix(&span, &time) == FXMON_OK) {
        a->next_update = time; /* the number, for the text beside it has been seen to say something else */
    }
    if (fxi_json_find(root, "time_eol_unix", &span) && fxi_answer_unix(&span, &time) == FXMON_OK) {
        a->end_of_life = time;
    }
    if (!find_either(root, "conversion_rates", "rates", &map) && fxi_json_find(root, "target_code", &target) &&
        target.type == FXI_JSON_STRING && fxi_json_find(root, "conversion_rate", &rate)) {
        return take_value(a, target.text, target.length, &rate, error);
    }
    return take_map(a, &map, "rates", "", NULL, error);
}

/* {"2015-12-31":{"USD":1.09},...} */
static int take_days(fxi_answer *a, const fxi_json_span *days, fxmon_error *error)
{
    int code = FXMON_OK;
    fxi_json j;

    if (days->type != FXI_JSON_OBJECT) {
        return missing("rates", "an object of days", days, error);
    }
    fxi_json_init(&j, days->text, days->length);
    fxi_json_next(&j);
    while (code == FXMON_OK && fxi_json_next(&j) == FXI_JSON_NAME) {
        int64_t time = 0;
        char shown[FXI_EXCERPT];
        fxi_json_span map;

        if (j.escaped || fxi_answer_date(j.text, j.length, &time) != FXMON_OK) {
            return fxi_fail(error, FXMON_E_MALFORMED, "rates", "'rates' has %s: expected a date", fxi_excerpt(j.text, j.length, shown));
        }
        code = fxi_answer_day_begin(a, time, error);
        fxi_json_value(&j, &map);
        if (code == FXMON_OK) {
            code = take_map(a, &map, "rates", "", NULL, error);
        }
    }
    return code;
}

static int parse_frankfurter_v1(fxi_answer *a, const fxi_json_span *root, fxmon_error *error)
{
    fxi_json_span amount, map, start;
    fxmon_decimal value;
    int code = take_base(a, root, "base", NULL, error);

    if (code != FXMON_OK) {
        return code;
    }
    if (fxi_json_find(root, "amount", &amount) &&
        (amount.type != FXI_JSON_NUMBER || fxmon_decimal_parse(amount.text, amount.length, &value) != FXMON_OK ||
         fxmon_decimal_compare(value, (fxmon_decimal){1, 0}) != 0)) {
        return missing("amount", "1, else the rates are multiples", &amount, error);
    }
    fxi_json_find(root, "rates", &map);
    if (fxi_json_find(root, "start_date", &start)) {
        return take_days(a, &map, error);
    }
    code = take_time(a, root, NULL, "date", error);
    return code == FXMON_OK ? take_map(a, &map, "rates", "", NULL, error) : code;
}

/* {"date":"2024-01-15","base":"EUR","quote":"USD","rate":1.089} */
static int take_row(fxi_answer *a, const fxi_json_span *row, fxmon_error *error)
{
    fxi_json_span quote, rate, date;
    char text[CODE_TEXT], day[48];
    int64_t time = 0;
    long length, day_length;
    int code;

    if (row->type != FXI_JSON_OBJECT) {
        return missing("row", "an object with date, base, quote and rate", row, error);
    }
    code = take_base(a, row, "base", NULL, error);
    if (code != FXMON_OK) {
        return code;
    }
    fxi_json_find(row, "date", &date);
    day_length = fxi_json_span_string(&date, day, sizeof day);
    if (day_length < 0 || fxi_answer_date(day, (size_t)day_length, &time) != FXMON_OK) {
        return missing("date", "a date", &date, error);
    }
    if (a->day_count == 0 || a->days[a->day_count - 1].time != time) {
        code = fxi_answer_day_begin(a, time, error);
    }
    fxi_json_find(row, "quote", &quote);
    length = fxi_json_span_string(&quote, text, sizeof text);
    if (code == FXMON_OK && length < 0) {
        code = missing("quote", "a currency code", &quote, error);
    }
    if (code == FXMON_OK) {
        if (!fxi_json_find(row, "rate", &rate)) {
            return missing("rate", "a number", &rate, error);
        }
        code = take_value(a, text, (size_t)length, &rate, error);
    }
    return code;
}

static int parse_frankfurter_v2(fxi_answer *a, const fxi_json_span *root, fxmon_error *error)
{
    fxi_json_span row;
    int code = FXMON_OK;
    fxi_json j;

    if (root->type == FXI_JSON_OBJECT) {
        return take_row(a, root, error);
    }
    if (root->type != FXI_JSON_ARRAY) {
        return fxi_fail(error, FXMON_E_MALFORMED, "", "the answer is %s: expected an array of rows", fxi_json_type_name(root->type));
    }
    fxi_json_init(&j, root->text, root->length);
    fxi_json_next(&j);
    while (code == FXMON_OK && fxi_json_value(&j, &row) != FXI_JSON_ARRAY_END) {
        code = take_row(a, &row, error);
    }
    return code;
}

/* base, a time, one map: Open Exchange Rates, Fixer, currencylayer, CurrencyBeacon */
static int parse_plain(fxi_answer *a, const fxi_json_span *root, const char *base, const char *rates, bool prefixed, fxmon_error *error)
{
    fxi_json_span map;
    int code = take_base(a, root, base, NULL, error);

    if (code == FXMON_OK) {
        code = take_time(a, root, "timestamp", "date", error);
    }
    if (code == FXMON_OK) {
        fxi_json_find(root, rates, &map);
        code = take_map(a, &map, rates, prefixed ? a->base : "", NULL, error);
    }
    return code;
}

/* the answer does not name its base: it is the one that was asked for, USD by default */
static int parse_currencyapi(fxi_answer *a, const fxi_json_span *root, fxmon_error *error)
{
    const char *base = a->request->base != NULL ? a->request->base : "USD";
    fxi_json_span meta, map;
    int code = fxi_answer_base(a, base, strlen(base), error);

    if (code == FXMON_OK) {
        fxi_json_find(root, "meta", &meta);
        code = take_time(a, &meta, NULL, "last_updated_at", error);
    }
    if (code == FXMON_OK) {
        fxi_json_find(root, "data", &map);
        code = take_map(a, &map, "data", "", "value", error);
    }
    return code;
}

/* {"date":"2026-06-21","usd":{"eur":0.87,...}}: the map is called as its base */
static int parse_fawazahmed0(fxi_answer *a, const fxi_json_span *root, fxmon_error *error)
{
    fxi_json_span map = {0};
    char base[CODE_TEXT] = "";
    int code = take_time(a, root, NULL, "date", error);
    fxi_json j;

    if (code != FXMON_OK) {
        return code;
    }
    fxi_json_init(&j, root->text, root->length);
    fxi_json_next(&j);
    while (map.type != FXI_JSON_OBJECT && fxi_json_next(&j) == FXI_JSON_NAME) {
        if (fxi_json_string(&j, base, sizeof base) < 0) {
            base[0] = '\0';
        }
        fxi_json_value(&j, &map);
    }
    if (map.type != FXI_JSON_OBJECT) {
        memset(&map, 0, sizeof map);
        return missing("rates", "an object of rates under the name of its base", &map, error);
    }
    code = fxi_answer_base(a, base, strlen(base), error);
    return code == FXMON_OK ? take_map(a, &map, base, "", NULL, error) : code;
}

int fxi_answer_json(fxi_answer *a, const fxi_json_span *root, fxmon_error *error)
{
    fxi_json_span inner;

    if (root->type != FXI_JSON_OBJECT && a->request->format != FXI_FRANKFURTER_V2) {
        return fxi_fail(error, FXMON_E_MALFORMED, "", "the answer is %s: expected an object", fxi_json_type_name(root->type));
    }
    switch (a->request->format) {
    case FXI_EXCHANGERATE_API:
        return parse_exchangerate(a, root, error);
    case FXI_FRANKFURTER_V1:
        return parse_frankfurter_v1(a, root, error);
    case FXI_FRANKFURTER_V2:
        return parse_frankfurter_v2(a, root, error);
    case FXI_OPEN_EXCHANGE_RATES:
    case FXI_FIXER:
        return parse_plain(a, root, "base", "rates", false, error);
    case FXI_CURRENCYLAYER:
        return parse_plain(a, root, "source", "quotes", true, error);
    case FXI_CURRENCYAPI:
        return parse_currencyapi(a, root, error);
    case FXI_CURRENCYBEACON: /* some answers have it all under "response" */
        return parse_plain(a, fxi_json_find(root, "response", &inner) && inner.type == FXI_JSON_OBJECT ? &inner : root, "base", "rates", false,
                           error);
    case FXI_FAWAZAHMED0:
        return parse_fawazahmed0(a, root, error);
    default:
        return fxi_fail(error, FXMON_E_ARGUMENT, "format", "no such format of answers: %d", (int)a->request->format);
    }
}
