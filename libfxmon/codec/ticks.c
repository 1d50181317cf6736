/*
 * The tick reader: settings, which layout a file has, and the message of a line. A line that cannot be read does not end the file (recorded ticks have
 * torn and odd lines); a file whose layout is not known or lacks a setting does, with the first line, before anything was published from it.
 */
#include "codec/ticks.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "codec/excerpt.h"
#include "codec/rate.h"
#include "codec/tick_reader.h"

#define DATE_MOST (INT64_MAX - 2 * 86400 * FXMON_SECOND)
#define SECONDS_BELOW INT64_C(100000000000) /* a smaller number is Unix seconds: in milliseconds it would be before 1973 */

static const char *const format_names[] = {"auto", "ndjson", "csv", "columns", "ms", "truefx", "histdata", "dukascopy"};
#define FORMATS ((int)(sizeof format_names / sizeof *format_names))

int fxi_tick_format_named(const char *name)
{
    for (int i = 0; i < FORMATS; i++) {
        if (strcmp(name, format_names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

static int take_settings(fxi_tick_reader *r, const fxi_tick_settings *settings, fxmon_error *error)
{
    const char *source = settings->source != NULL ? settings->source : "replay";
    char shown[FXI_EXCERPT];

    if ((int)settings->format < 0 || (int)settings->format >= FORMATS) {
        return fxi_fail(error, FXMON_E_OPTION, "format", "no such layout of recorded rates: %d", (int)settings->format);
    }
    if (settings->pair != NULL && fxmon_pair_parse(settings->pair, strlen(settings->pair), &r->pair) != FXMON_OK) {
        return fxi_fail(error, FXMON_E_PAIR, "pair", "%s: expected a pair such as EUR/USD",
                        fxi_excerpt(settings->pair, strlen(settings->pair), shown));
    }
    if (settings->base != NULL) {
        const fxmon_currency *base = fxmon_currency_find(settings->base, strlen(settings->base));

        if (base == NULL) {
            return fxi_fail(error, FXMON_E_CURRENCY, "base", "%s: expected a currency of ISO 4217",
                            fxi_excerpt(settings->base, strlen(settings->base), shown));
        }
        memcpy(r->base, base->code, sizeof r->base);
    }
    if (source[0] == '\0' || strlen(source) >= sizeof r->source) {
        return fxi_fail(error, FXMON_E_OPTION, "source", "%s: expected 1 to %d bytes", fxi_excerpt(source, strlen(source), shown),
                        FXMON_SOURCE_TEXT - 1);
    }
    memcpy(r->source, source, strlen(source));
    r->asked = settings->format;
    r->date = settings->date;
    return FXMON_OK;
}

fxi_tick_reader *fxi_tick_reader_new(const fxi_tick_settings *settings, fxmon_error *error)
{
    fxi_tick_reader *r = fxi_calloc(1, sizeof *r);

    if (r == NULL || (r->decoder = fxi_decoder_new()) == NULL) {
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a reader of recorded rates");
        fxi_tick_reader_free(r);
        return NULL;
    }
    if (take_settings(r, settings, error) != FXMON_OK) {
        fxi_tick_reader_free(r);
        return NULL;
    }
    r->message.rates = r->rates;
    r->message.capacity = FXI_CSV_FIELDS;
    return r;
}

void fxi_tick_reader_free(fxi_tick_reader *r)
{
    if (r != NULL) {
        fxi_decoder_free(r->decoder);
        fxi_free(r);
    }
}

enum fxi_tick_format fxi_tick_reader_format(const fxi_tick_reader *r)
{
    return r->format;
}

void fxi_tick_begin(fxi_tick_reader *r, int64_t time, const char *source)
{
    fxmon_message *m = &r->message;

    source = source != NULL && source[0] != '\0' ? source : r->source;
    m->time = time;
    m->ingested = m->next_update = 0;
    m->count = 0;
    memset(m->base, 0, sizeof m->base);
    memset(m->source, 0, sizeof m->source);
    memcpy(m->source, source, strlen(source));
}

int fxi_tick_add(fxi_tick_reader *r, const fxmon_pair *pair, fxmon_decimal mid, fxmon_decimal bid, fxmon_decimal ask, fxmon_error *error)
{
    fxmon_message *m = &r->message;

    if (mid.mantissa == 0 && fxi_rate_middle(bid, ask, &mid) != FXMON_OK) {
        return fxi_fail(error, FXMON_E_REJECTED, "bid", "the middle of bid and ask has more digits than a decimal holds");
    }
    if (m->count == m->capacity) {
        return fxi_fail(error, FXMON_E_TOO_LARGE, "", "more than %d rates in a line", FXI_CSV_FIELDS);
    }
    if (m->count == 0) {
        fxmon_pair_base(pair, m->base);
    }
    m->rates[m->count++] = (fxmon_rate){*pair, mid, bid, ask};
    return FXMON_OK;
}

/* dd.mm.yyyy hh:mm:ss[.fff][ GMT+hhmm] as RFC 3339; length of it, 0 if the text is none */
static size_t from_dotted(const char *text, size_t length, char out[48])
{
    size_t zone = 0, at;

    if (length < 19 || length > 40 || text[2] != '.' || text[5] != '.' || text[10] != ' ') {
        return 0;
    }
    if (length > 28 && memcmp(text + length - 9, " GMT", 4) == 0) {
        zone = 9;
    }
    memcpy(out, text + 6, 4);
    out[4] = '-';
    memcpy(out + 5, text + 3, 2);
    out[7] = '-';
    memcpy(out + 8, text, 2);
    memcpy(out + 10, text + 10, length - zone - 10);
    at = length - zone;
    if (zone == 0) {
        out[at++] = 'Z';
        return at;
    }
    memcpy(out + at, text + length - 5, 3);
    out[at + 3] = ':';
    memcpy(out + at + 4, text + length - 2, 2);
    return at + 6;
}

int fxi_tick_time(const char *text, size_t length, int64_t *out)
{
    fxmon_decimal number;
    char iso[64];
    size_t bytes;
    int code;

    if (fxmon_decimal_parse(text, length, &number) == FXMON_OK) {
        bool seconds = fxmon_decimal_compare(number, (fxmon_decimal){SECONDS_BELOW, 0}) < 0;

        code = fxmon_decimal_rescale(number, seconds ? 9 : 6, &number);
        *out = number.mantissa;
        return code != FXMON_OK || number.mantissa < 0 ? FXMON_E_RANGE : FXMON_OK;
    }
    code = fxmon_time_parse(text, length, out);
    if (code == FXMON_E_SYNTAX && length >= 19 && length < sizeof iso - 1) {
        bytes = from_dotted(text, length, iso);
        if (bytes == 0) {
            memcpy(iso, text, length);
            iso[length] = 'Z';
            bytes = length + 1;
        }
        code = fxmon_time_parse(iso, bytes, out);
    }
    return code == FXMON_OK && *out < 0 ? FXMON_E_RANGE : code;
}

int fxi_tick_fail(const char *field, const char *text, size_t length, const char *expected, fxmon_error *error)
{
    char shown[FXI_EXCERPT];

    return fxi_fail(error, FXMON_E_MALFORMED, field, "expected %s, found %s", expected, fxi_excerpt(text, length, shown));
}

/* Settings that a layout cannot do without. */
static int check_settings(const fxi_tick_reader *r, fxmon_error *error)
{
    bool pair = r->format == FXI_TICKS_MS || r->format == FXI_TICKS_HISTDATA || r->format == FXI_TICKS_DUKASCOPY;

    if (pair && r->pair.text[0] == '\0') {
        return fxi_fail(error, FXMON_E_OPTION, "pair", "a file in the layout %s does not name its pair: say pair=", format_names[r->format]);
    }
    if (r->format == FXI_TICKS_MS && r->date == FXI_TICK_NO_DATE) {
        return fxi_fail(error, FXMON_E_OPTION, "date", "a file in the layout ms holds times of day: say date=");
    }
    if (r->format == FXI_TICKS_MS && (r->date < 0 || r->date > DATE_MOST)) {
        return fxi_fail(error, FXMON_E_OPTION, "date", "the date is out of range: expected 1970 to 2262");
    }
    return FXMON_OK;
}

static int begin_file(fxi_tick_reader *r, const char *line, size_t length, fxmon_error *error)
{
    char shown[FXI_EXCERPT];

    r->format = r->asked != FXI_TICKS_AUTO ? r->asked : fxi_tick_detect(r, line, length);
    if (r->format == FXI_TICKS_AUTO) {
        return fxi_fail(error, FXMON_E_UNSUPPORTED, "", "no layout of recorded rates begins with %s", fxi_excerpt(line, length, shown));
    }
    return check_settings(r, error);
}

static int read_line(fxi_tick_reader *r, const char *line, size_t length, const fxmon_message **message, fxmon_error *error)
{
    int code = FXMON_OK;

    if (length > FXI_TICK_LINE) {
        return fxi_fail(error, FXMON_E_TOO_LARGE, "", "a line of %lld bytes: expected at most %d", (long long)length, FXI_TICK_LINE);
    }
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) {
        length--;
    }
    if (r->line == 1 && length >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0) {
        line += 3;
        length -= 3;
    }
    if (length == 0 || line[0] == '#') {
        return FXMON_OK;
    }
    if (r->format == FXI_TICKS_AUTO) {
        code = begin_file(r, line, length, error);
    } else {
        code = check_settings(r, error);
    }
    if (code != FXMON_OK) {
        return code;
    }
    return r->format == FXI_TICKS_NDJSON ? fxi_tick_json(r, line, length, message, error) : fxi_tick_table(r, line, length, message, error);
}

int fxi_tick_reader_line(fxi_tick_reader *r, const char *line, size_t length, const fxmon_message **message, fxmon_error *error)
{
    fxmon_error why = {0};
    int code;

    *message = NULL;
    r->line++;
    code = read_line(r, line, length, message, &why);
    if (code != FXMON_OK) {
        *message = NULL;
        return fxi_fail(error, code, why.field, "line %lld: %s", (long long)r->line, why.text);
    }
    return FXMON_OK;
}
