/*
 * From a provider's answer to messages. Rates are gathered day by day in the order of the answer; at the end the days are sorted (the ECB
 * begins with the newest), equal days are joined (rows may come in any order), and each is checked for a pair that stands in it twice.
 */
#include "codec/provider.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "codec/answer.h"
#include "codec/excerpt.h"
#include "codec/pairset.h"
#include "codec/rate.h"

#define AHEAD (2 * 86400 * FXMON_SECOND) /* a date may lie this far before now: time zones, a clock that is wrong, tomorrow's rate */

fxi_answer *fxi_answer_new(void)
{
    return fxi_calloc(1, sizeof(fxi_answer));
}

void fxi_answer_free(fxi_answer *a)
{
    if (a != NULL) {
        fxi_free(a->days);
        fxi_free(a->rates);
        fxi_free(a->messages);
        fxi_free(a);
    }
}

size_t fxi_answer_count(const fxi_answer *a)
{
    return a->message_count;
}

const fxmon_message *fxi_answer_at(const fxi_answer *a, size_t index)
{
    return index < a->message_count ? &a->messages[index] : NULL;
}

size_t fxi_answer_dropped(const fxi_answer *a, char *first_reason, size_t size)
{
    if (first_reason != NULL && size > 0) {
        size_t length = strlen(a->reason);

        length = length < size ? length : size - 1;
        memcpy(first_reason, a->reason, length);
        first_reason[length] = '\0';
    }
    return a->dropped;
}

int64_t fxi_answer_end_of_life(const fxi_answer *a)
{
    return a->end_of_life;
}

/* ---- what the parsers of the formats call ---- */

static int no_memory(fxmon_error *error)
{
    return fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for the rates of an answer");
}

int fxi_answer_base(fxi_answer *a, const char *text, size_t length, fxmon_error *error)
{
    const fxmon_currency *currency = fxmon_currency_find(text, length);
    char shown[FXI_EXCERPT];

    if (currency == NULL) {
        return fxi_fail(error, FXMON_E_MALFORMED, "base", "the answer is on base %s: expected a currency of ISO 4217",
                        fxi_excerpt(text, length, shown));
    }
    if (a->request->base != NULL) {
        const fxmon_currency *asked = fxmon_currency_find(a->request->base, strlen(a->request->base));

        if (asked != currency) {
            return fxi_fail(error, FXMON_E_MALFORMED, "base", "the answer is on base %s, asked was %s", currency->code, a->request->base);
        }
    }
    if (a->rate_count > 0 && strcmp(a->base, currency->code) != 0) { /* a message has one base */
        return fxi_fail(error, FXMON_E_MALFORMED, "base", "the answer has rows on base %s and on base %s: expected one base", a->base, currency->code);
    }
    memset(a->base, 0, sizeof a->base);
    memcpy(a->base, currency->code, strlen(currency->code));
    return FXMON_OK;
}

int fxi_answer_day_begin(fxi_answer *a, int64_t time, fxmon_error *error)
{
    char text[FXMON_TIME_TEXT];
    fxi_answer_day *grown;

    if (time < 0 || time - (a->request->now > 0 ? a->request->now : 0) > AHEAD) {
        fxmon_time_format(time, text);
        return fxi_fail(error, FXMON_E_REJECTED, "time", "the answer is of %s: expected a time from 1970 to two days from now", text);
    }
    if (a->day_count == a->day_capacity) {
        grown = fxi_grow(a->days, &a->day_capacity, a->day_count + 1, sizeof *grown);
        if (grown == NULL) {
            return no_memory(error);
        }
        a->days = grown;
    }
    a->days[a->day_count++] = (fxi_answer_day){time, a->rate_count, 0};
    return FXMON_OK;
}

void fxi_answer_drop(fxi_answer *a, const char *code, size_t code_length, const char *why, const char *value, size_t length)
{
    char name[24], shown[FXI_EXCERPT], *out = a->reason;
    const char *parts[3];
    size_t left = sizeof a->reason - 1;

    if (a->dropped++ > 0) {
        return;
    }
    parts[0] = fxi_excerpt_name(code, code_length, name, sizeof name);
    parts[1] = why;
    parts[2] = value != NULL ? fxi_excerpt(value, length, shown) : "";
    for (int i = 0; i < 3; i++) {
        size_t bytes = strlen(parts[i]);

        bytes = bytes < left ? bytes : left;
        memcpy(out, parts[i], bytes);
        out += bytes;
        left -= bytes;
    }
    *out = '\0';
}

int fxi_answer_add(fxi_answer *a, const char *code, size_t code_length, const char *number, size_t length, fxmon_error *error)
{
    const fxmon_currency *currency = fxmon_currency_find(code, code_length);
    fxi_answer_day *day = &a->days[a->day_count - 1];
    fxmon_rate rate;

    if (currency == NULL) {
        fxi_answer_drop(a, code, code_length, ": not a currency of ISO 4217", NULL, 0);
        return FXMON_OK;
    }
    if (strcmp(currency->code, a->base) == 0) {
        return FXMON_OK;
    }
    memset(&rate, 0, sizeof rate);
    if (fxi_rate_parse(number, length, &rate.mid) != FXMON_OK || fxmon_pair_make(a->base, currency->code, &rate.pair) != FXMON_OK) {
        fxi_answer_drop(a, code, code_length, ": expected a positive number from 1e-18 to 1e18, found ", number, length);
        return FXMON_OK;
    }
    if (day->count == FXI_MESSAGE_PAIRS) {
        return fxi_fail(error, FXMON_E_MALFORMED, "rates", "more than %d rates of one time", FXI_MESSAGE_PAIRS);
    }
    if (a->rate_count == a->rate_capacity) {
        fxmon_rate *grown = fxi_grow(a->rates, &a->rate_capacity, a->rate_count + 1, sizeof *grown);

        if (grown == NULL) {
            return no_memory(error);
        }
        a->rates = grown;
    }
    a->rates[a->rate_count++] = rate;
    day->count++;
    return FXMON_OK;
}

/* "05 August 2026", as the daily table of the ECB writes it */
static int long_date(const char *text, size_t length, int64_t *out)
{
    static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                         "July",    "August",   "September", "October", "November", "December"};
    const char *end = text + length, *p = text;
    int day = 0, month = 0;
    char iso[11] = "0000-00-00";
    size_t bytes;

    for (; p < end && p - text < 2 && *p >= '0' && *p <= '9'; p++) {
        day = day * 10 + (*p - '0');
    }
    if (p == text || p == end || *p++ != ' ') {
        return FXMON_E_SYNTAX;
    }
    while (month < 12) {
        bytes = strlen(months[month]);
        if ((size_t)(end - p) == bytes + 5 && memcmp(p, months[month], bytes) == 0 && p[bytes] == ' ') {
            break;
        }
        month++;
    }
    if (month++ == 12) {
        return FXMON_E_SYNTAX;
    }
    memcpy(iso, end - 4, 4);
    iso[5] = (char)('0' + month / 10);
    iso[6] = (char)('0' + month % 10);
    iso[8] = (char)('0' + day / 10);
    iso[9] = (char)('0' + day % 10);
    return fxmon_time_parse(iso, 10, out);
}

int fxi_answer_date(const char *text, size_t length, int64_t *out)
{
    int code = fxmon_time_parse(text, length, out);

    return code == FXMON_OK ? code : long_date(text, length, out);
}

int fxi_answer_unix(const fxi_json_span *span, int64_t *out)
{
    fxmon_decimal seconds, ns;

    if (span->type != FXI_JSON_NUMBER || fxmon_decimal_parse(span->text, span->length, &seconds) != FXMON_OK ||
        fxmon_decimal_rescale(seconds, 9, &ns) != FXMON_OK) {
        return FXMON_E_RANGE;
    }
    *out = ns.mantissa;
    return FXMON_OK;
}

/* ---- the end: sort, join, check, hand out ---- */

/* Merge sort from the bottom: stable, and the usual cases (in order, newest first) are quick. */
static int sort_days(fxi_answer *a, fxmon_error *error)
{
    fxi_answer_day *from = a->days, *spare;
    size_t count = a->day_count, descents = 0;

    for (size_t i = 1; i < count; i++) {
        descents += from[i].time < from[i - 1].time;
    }
    if (descents == 0) {
        return FXMON_OK;
    }
    spare = fxi_alloc(count * sizeof *spare);
    if (spare == NULL) {
        return no_memory(error);
    }
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t low = 0; low < count; low += 2 * width) {
            size_t middle = low + width < count ? low + width : count, high = low + 2 * width < count ? low + 2 * width : count;
            size_t left = low, right = middle;

            for (size_t to = low; to < high; to++) {
                bool take_left = left < middle && (right == high || from[left].time <= from[right].time);

                spare[to] = take_left ? from[left++] : from[right++];
            }
        }
        memcpy(from, spare, count * sizeof *spare);
    }
    fxi_free(spare);
    return FXMON_OK;
}

/* Put the rates in the order of the sorted days, so that the parts of one day lie together; then make one day of them. */
static int join_days(fxi_answer *a, fxmon_error *error)
{
    fxmon_rate *ordered;
    size_t kept = 0, at = 0;
    bool equal = false;

    for (size_t i = 1; i < a->day_count; i++) {
        equal = equal || a->days[i].time == a->days[i - 1].time;
    }
    if (!equal || a->rate_count == 0) {
        return FXMON_OK;
    }
    ordered = fxi_alloc(a->rate_count * sizeof *ordered);
    if (ordered == NULL) {
        return no_memory(error);
    }
    for (size_t i = 0; i < a->day_count; i++) {
        fxi_answer_day day = a->days[i];

        memcpy(ordered + at, a->rates + day.first, day.count * sizeof *ordered);
        if (kept > 0 && a->days[kept - 1].time == day.time) {
            a->days[kept - 1].count += day.count;
        } else {
            a->days[kept++] = (fxi_answer_day){day.time, at, day.count};
        }
        at += day.count;
    }
    fxi_free(a->rates);
    a->rates = ordered;
    a->rate_capacity = a->rate_count;
    a->day_count = kept;
    return FXMON_OK;
}

static int check_day(const fxi_answer *a, const fxi_answer_day *day, fxi_pairset *pairs, fxmon_error *error)
{
    fxi_pairset_clear(pairs);
    if (day->count > FXI_MESSAGE_PAIRS) {
        return fxi_fail(error, FXMON_E_MALFORMED, "rates", "more than %d rates of one time", FXI_MESSAGE_PAIRS);
    }
    for (size_t i = 0; i < day->count; i++) {
        if (!fxi_pairset_add(pairs, a->rates + day->first, i)) {
            return fxi_fail(error, FXMON_E_MALFORMED, "rates", "%s stands twice in the answer", a->rates[day->first + i].pair.text);
        }
    }
    return FXMON_OK;
}

static int make_messages(fxi_answer *a, fxmon_error *error)
{
    fxi_pairset *pairs = fxi_calloc(1, sizeof *pairs);
    fxmon_message *grown = fxi_grow(a->messages, &a->message_capacity, a->day_count + 1, sizeof *grown);
    size_t count = 0;
    int code = FXMON_OK;

    if (grown != NULL) {
        a->messages = grown;
    }
    if (grown == NULL || pairs == NULL) {
        code = no_memory(error);
    }
    for (size_t i = 0; i < a->day_count && code == FXMON_OK; i++) {
        const fxi_answer_day *day = &a->days[i];
        fxmon_message *m = &a->messages[count];
        size_t length = strlen(a->request->source);

        if (day->count == 0) {
            continue;
        }
        code = check_day(a, day, pairs, error);
        memset(m, 0, sizeof *m);
        m->time = day->time;
        memcpy(m->base, a->base, sizeof m->base);
        memcpy(m->source, a->request->source, length < sizeof m->source ? length : sizeof m->source - 1);
        m->rates = a->rates + day->first;
        m->count = m->capacity = (uint32_t)day->count;
        count++;
    }
    if (code == FXMON_OK && count > 0) {
        a->messages[count - 1].next_update = a->next_update;
        a->message_count = count;
    }
    fxi_free(pairs);
    return code;
}

static int finish(fxi_answer *a, fxmon_error *error)
{
    int code;

    if (a->rate_count == 0) {
        if (a->dropped == 0) {
            return fxi_fail(error, FXMON_E_NO_DATA, "rates", "the answer is complete and has no rates");
        }
        return fxi_fail(error, FXMON_E_REJECTED, "rates", "none of %lld rates is usable; the first: %s", (long long)a->dropped, a->reason);
    }
    code = sort_days(a, error);
    if (code == FXMON_OK) {
        code = join_days(a, error);
    }
    return code == FXMON_OK ? make_messages(a, error) : code;
}

static void reset(fxi_answer *a, const fxi_answer_request *request)
{
    a->request = request;
    memset(a->base, 0, sizeof a->base);
    a->next_update = a->end_of_life = 0;
    a->day_count = a->rate_count = a->message_count = a->dropped = 0;
    a->reason[0] = '\0';
}

static bool is_json(enum fxi_provider_format format)
{
    return format != FXI_ECB_XML && format != FXI_ECB_CSV && format != FXI_ECB_SDMX_CSV;
}

/* A JSON answer: what it says of an error goes before its status, its status before its shape. */
static int parse_json(fxi_answer *a, const char *body, size_t length, fxmon_error *error)
{
    int status = a->request->http_status;
    fxmon_error syntax = {0};
    bool valid = fxi_json_valid(body, length, &syntax);
    fxi_json_span root = {0};
    int code = FXMON_OK;
    fxi_json j;

    if (!valid && syntax.code == FXMON_E_NOMEM) {
        return fxi_fail(error, syntax.code, "", "%s", syntax.text);
    }
    if (valid) {
        fxi_json_init(&j, body, length);
        fxi_json_value(&j, &root);
        code = fxi_answer_json_error(a->request, &root, error);
    }
    if (code != FXMON_OK) {
        return code;
    }
    if (status < 200 || status > 299) {
        return fxi_answer_status_error(a->request, status, error);
    }
    if (!valid) {
        return fxi_fail(error, FXMON_E_MALFORMED, syntax.field, "%s%s", body[0] == '<' ? "a page of HTML instead of an answer: " : "",
                        syntax.text);
    }
    return fxi_answer_json(a, &root, error);
}

int fxi_answer_parse(fxi_answer *a, const fxi_answer_request *request, const char *body, size_t length, fxmon_error *error)
{
    const char *end = body + length;
    int code, status = request->http_status;

    reset(a, request);
    if (status == 304) {
        return fxi_fail(error, FXMON_E_NOT_MODIFIED, "", "nothing new since the last answer");
    }
    if (length >= 3 && memcmp(body, "\xEF\xBB\xBF", 3) == 0) {
        body += 3; /* some servers put a byte order mark before anything */
    }
    while (body < end && (*body == ' ' || *body == '\t' || *body == '\r' || *body == '\n')) {
        body++;
    }
    length = (size_t)(end - body);
    if ((status < 200 || status > 299) && (length == 0 || !is_json(request->format))) {
        return fxi_answer_status_error(request, status, error);
    }
    if (length == 0) {
        return fxi_fail(error, FXMON_E_NO_DATA, "", "the answer is empty (HTTP %d)", status);
    }
    switch (request->format) {
    case FXI_ECB_XML:
        code = fxi_answer_xml(a, body, length, error);
        break;
    case FXI_ECB_CSV:
        code = fxi_answer_csv(a, body, length, error);
        break;
    case FXI_ECB_SDMX_CSV:
        code = fxi_answer_sdmx(a, body, length, error);
        break;
    default:
        code = parse_json(a, body, length, error);
        break;
    }
    if (code == FXMON_OK) {
        code = finish(a, error);
    }
    a->request = NULL;
    return code;
}
