/*
 * Tables of recorded rates, with a header whose names say what the columns are, or without one in the layouts of well-known archives.
 */
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "codec/excerpt.h"
#include "codec/rate.h"
#include "codec/tick_reader.h"

#define MS_OF_DAY INT64_C(86400000)
#define BAR_CELLS 11 /* of a minute bar: time, bid open high low close, size, ask open high low close, size */

/* The Fed's H.10 release calls its columns by countries. */
static const struct {
    const char *country, *code;
} countries[] = {
    {"Australia", "AUD"},    {"Austria", "ATS"},     {"Belgium", "BEF"},      {"Brazil", "BRL"},      {"Canada", "CAD"},
    {"China", "CNY"},        {"Denmark", "DKK"},     {"Euro", "EUR"},         {"Finland", "FIM"},     {"France", "FRF"},
    {"Germany", "DEM"},      {"Greece", "GRD"},      {"Hong Kong", "HKD"},    {"India", "INR"},       {"Ireland", "IEP"},
    {"Italy", "ITL"},        {"Japan", "JPY"},       {"Malaysia", "MYR"},     {"Mexico", "MXN"},      {"Netherlands", "NLG"},
    {"New Zealand", "NZD"},  {"Norway", "NOK"},      {"Portugal", "PTE"},     {"Singapore", "SGD"},   {"South Africa", "ZAR"},
    {"South Korea", "KRW"},  {"Spain", "ESP"},       {"Sri Lanka", "LKR"},    {"Sweden", "SEK"},      {"Switzerland", "CHF"},
    {"Taiwan", "TWD"},       {"Thailand", "THB"},    {"United Kingdom", "GBP"}, {"Venezuela", "VEB"},
};

static const char *country_code(const fxi_csv_field *cell)
{
    for (size_t i = 0; i < sizeof countries / sizeof *countries; i++) {
        if (fxi_csv_is(cell, countries[i].country)) {
            return countries[i].code;
        }
    }
    return NULL;
}

/* The currency that a column is called by, NULL if it is none. */
static const char *column_code(const fxi_csv_field *cell)
{
    const fxmon_currency *currency = fxmon_currency_find(cell->text, cell->length);

    return currency != NULL ? currency->code : country_code(cell);
}

static int find_column(const fxi_tick_reader *r, const char *const *names)
{
    for (; *names != NULL; names++) {
        for (int i = 0; i < r->cell_count; i++) {
            if (fxi_csv_is(&r->cells[i], *names)) {
                return i;
            }
        }
    }
    return -1;
}

static void find_columns(fxi_tick_reader *r)
{
    static const char *const times[] = {"time", "timestamp", "ts", "datetime", "gmt time", "date", NULL};
    static const char *const pairs[] = {"pair", "symbol", "instrument", NULL};
    static const char *const rates[] = {"rate", "mid", "price", "close", NULL};
    static const char *const bids[] = {"bid", NULL}, *const asks[] = {"ask", "offer", NULL}, *const sources[] = {"source", NULL};

    r->time = find_column(r, times);
    r->name = find_column(r, pairs);
    r->rate = find_column(r, rates);
    r->bid = find_column(r, bids);
    r->ask = find_column(r, asks);
    r->origin = find_column(r, sources);
}

static bool has_csv_columns(const fxi_tick_reader *r)
{
    return r->time >= 0 && (r->rate >= 0 || (r->bid >= 0 && r->ask >= 0));
}

static char separator_of(const char *line, size_t length)
{
    if (memchr(line, ',', length) != NULL) {
        return ',';
    }
    return memchr(line, ';', length) != NULL ? ';' : memchr(line, '\t', length) != NULL ? '\t' : ',';
}

static bool all_digits(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
    }
    return length > 0;
}

enum fxi_tick_format fxi_tick_detect(fxi_tick_reader *r, const char *line, size_t length)
{
    const fxi_csv_field *c = r->cells;
    fxmon_pair pair;
    bool currencies = true;

    while (length > 0 && (line[0] == ' ' || line[0] == '\t')) {
        line++;
        length--;
    }
    if (length > 0 && line[0] == '{') {
        return FXI_TICKS_NDJSON;
    }
    r->cell_count = fxi_csv_split(line, length, separator_of(line, length), r->cells, FXI_CSV_FIELDS);
    if (r->cell_count < 2) {
        return FXI_TICKS_AUTO;
    }
    if (r->cell_count >= 4 && c[1].length >= 17 && all_digits(c[1].text, 8) && c[1].text[8] == ' ' && c[1].text[11] == ':' &&
        fxmon_pair_parse(c[0].text, c[0].length, &pair) == FXMON_OK) {
        return FXI_TICKS_TRUEFX;
    }
    if (r->cell_count >= 3 && c[0].length == 18 && all_digits(c[0].text, 8) && c[0].text[8] == ' ' && all_digits(c[0].text + 9, 9)) {
        return FXI_TICKS_HISTDATA;
    }
    if ((r->cell_count == 3 || r->cell_count == BAR_CELLS) && c[0].length <= 8 && all_digits(c[0].text, c[0].length)) {
        return FXI_TICKS_MS;
    }
    find_columns(r);
    if (has_csv_columns(r)) {
        return fxi_csv_is(&c[r->time], "gmt time") ? FXI_TICKS_DUKASCOPY : FXI_TICKS_CSV;
    }
    for (int i = 1; i < r->cell_count; i++) {
        currencies = currencies && (c[i].length == 0 || column_code(&c[i]) != NULL);
    }
    return currencies && c[1].length > 0 ? FXI_TICKS_COLUMNS : FXI_TICKS_AUTO;
}

/* ---- headers ---- */

static int take_currency_columns(fxi_tick_reader *r, fxmon_error *error)
{
    const char *base = r->base;

    if (base[0] == '\0') {
        base = "EUR";
        for (int i = 1; i < r->cell_count; i++) {
            base = country_code(&r->cells[i]) != NULL ? "USD" : base;
        }
    }
    for (int i = 1; i < r->cell_count; i++) {
        const char *code = column_code(&r->cells[i]);

        memset(&r->column[i], 0, sizeof r->column[i]);
        if (code == NULL || strcmp(code, base) == 0 || fxmon_pair_make(base, code, &r->column[i]) != FXMON_OK) {
            r->column[i].text[0] = '\0';
            continue;
        }
        for (int k = 1; k < i; k++) {
            if (memcmp(&r->column[k], &r->column[i], sizeof r->column[i]) == 0) {
                return fxi_fail(error, FXMON_E_UNSUPPORTED, code, "two columns of the header are %s", code);
            }
        }
    }
    return FXMON_OK;
}

static int take_header(fxi_tick_reader *r, const char *line, size_t length, fxmon_error *error)
{
    char shown[FXI_EXCERPT];

    r->columns = r->cell_count;
    if (r->format == FXI_TICKS_COLUMNS) {
        return take_currency_columns(r, error);
    }
    find_columns(r);
    if (!has_csv_columns(r)) {
        return fxi_fail(error, FXMON_E_UNSUPPORTED, "", "the header needs the columns time and rate, or time, bid and ask: found %s",
                        fxi_excerpt(line, length, shown));
    }
    if (r->name < 0 && r->pair.text[0] == '\0') {
        return fxi_fail(error, FXMON_E_OPTION, "pair", "the file has no column for the pair: say pair=");
    }
    return FXMON_OK;
}

/* ---- lines ---- */

static bool no_value(const fxi_csv_field *cell)
{
    return cell->length == 0 || fxi_csv_is(cell, "N/A") || fxi_csv_is(cell, "ND") || fxi_csv_is(cell, "null") || fxi_csv_is(cell, ".") ||
           fxi_csv_is(cell, "-");
}

/* The price in a cell; 0 when the column is not there or empty. */
static int take_price(const fxi_tick_reader *r, int column, const char *field, fxmon_decimal *out, fxmon_error *error)
{
    *out = (fxmon_decimal){0, 0};
    if (column < 0 || no_value(&r->cells[column])) {
        return FXMON_OK;
    }
    if (fxi_rate_parse(r->cells[column].text, r->cells[column].length, out) != FXMON_OK) {
        return fxi_tick_fail(field, r->cells[column].text, r->cells[column].length, "a positive number from 1e-18 to 1e18", error);
    }
    return FXMON_OK;
}

/* One pair with rate, or bid and ask; *message stays NULL when the line has neither. */
static int take_quote(fxi_tick_reader *r, const fxmon_pair *pair, int64_t time, const char *source, int rate, int bid, int ask,
                      const fxmon_message **message, fxmon_error *error)
{
    fxmon_decimal mid_price, bid_price, ask_price;
    int code = take_price(r, rate, "rate", &mid_price, error);

    if (code == FXMON_OK) {
        code = take_price(r, bid, "bid", &bid_price, error);
    }
    if (code == FXMON_OK) {
        code = take_price(r, ask, "ask", &ask_price, error);
    }
    if (code != FXMON_OK || (mid_price.mantissa == 0 && (bid_price.mantissa == 0 || ask_price.mantissa == 0))) {
        return code;
    }
    fxi_tick_begin(r, time, source);
    code = fxi_tick_add(r, pair, mid_price, bid_price, ask_price, error);
    *message = code == FXMON_OK ? &r->message : NULL;
    return code;
}

static int take_csv(fxi_tick_reader *r, const fxmon_message **message, fxmon_error *error)
{
    const fxi_csv_field *time_cell = &r->cells[r->time], *cell;
    char source[FXMON_SOURCE_TEXT] = "";
    fxmon_pair pair = r->pair;
    int64_t time = 0;

    if (fxi_tick_time(time_cell->text, time_cell->length, &time) != FXMON_OK) {
        return fxi_tick_fail("time", time_cell->text, time_cell->length, "a time from 1970 to 2262", error);
    }
    if (r->name >= 0) {
        cell = &r->cells[r->name];
        if (fxmon_pair_parse(cell->text, cell->length, &pair) != FXMON_OK) {
            return fxi_tick_fail("pair", cell->text, cell->length, "a pair such as EUR/USD", error);
        }
    }
    if (r->origin >= 0) {
        cell = &r->cells[r->origin];
        long length = fxi_csv_text(cell, source, sizeof source);

        if (length < 0 || strlen(source) != (size_t)length || !fxi_utf8_valid(source, (size_t)length)) {
            return fxi_tick_fail("source", cell->text, cell->length, "at most 39 bytes of UTF-8", error);
        }
    }
    return take_quote(r, &pair, time, source, r->rate, r->bid, r->ask, message, error);
}

static int take_columns(fxi_tick_reader *r, const fxmon_message **message, fxmon_error *error)
{
    int64_t time = 0;
    int code = fxi_tick_time(r->cells[0].text, r->cells[0].length, &time);

    if (code != FXMON_OK) {
        return fxi_tick_fail("date", r->cells[0].text, r->cells[0].length, "a date from 1970 to 2262", error);
    }
    fxi_tick_begin(r, time, NULL);
    for (int i = 1; i < r->columns && code == FXMON_OK; i++) {
        fxmon_decimal rate;

        if (r->column[i].text[0] != '\0') {
            code = take_price(r, i, r->column[i].text, &rate, error);
            if (code == FXMON_OK && rate.mantissa != 0) {
                code = fxi_tick_add(r, &r->column[i], rate, (fxmon_decimal){0, 0}, (fxmon_decimal){0, 0}, error);
            }
        }
    }
    *message = code == FXMON_OK && r->message.count > 0 ? &r->message : NULL;
    return code;
}

/* YYYYMMDD and a time of day of TrueFX (hh:mm:ss.mmm, UTC) or HistData (hhmmssmmm, UTC-5). */
static int take_archive_time(const fxi_tick_reader *r, const fxi_csv_field *cell, int64_t *out, fxmon_error *error)
{
    const char *p = cell->text;
    char iso[40] = "0000-00-00T";
    size_t at = 11, rest = cell->length > 9 ? cell->length - 9 : 0;

    if (rest < 8 || rest > 16 || !all_digits(p, 8) || p[8] != ' ') {
        return fxi_tick_fail("time", p, cell->length, "YYYYMMDD and a time of day", error);
    }
    memcpy(iso, p, 4);
    memcpy(iso + 5, p + 4, 2);
    memcpy(iso + 8, p + 6, 2);
    p += 9;
    if (r->format == FXI_TICKS_TRUEFX) {
        memcpy(iso + at, p, rest);
        iso[at + rest] = 'Z';
        at += rest + 1;
    } else {
        static const char shape[] = "00:00:00.000-05:00";

        memcpy(iso + at, shape, sizeof shape);
        for (int i = 0, from = 0; i < 12 && rest == 9; i++) {
            iso[at + (size_t)i] = shape[i] == '0' ? p[from++] : shape[i];
        }
        at += sizeof shape - 1;
    }
    if ((r->format == FXI_TICKS_HISTDATA && rest != 9) || fxmon_time_parse(iso, at, out) != FXMON_OK || *out < 0) {
        return fxi_tick_fail("time", cell->text, cell->length, "YYYYMMDD and a time of day", error);
    }
    return FXMON_OK;
}

static int take_archive(fxi_tick_reader *r, const fxmon_message **message, fxmon_error *error)
{
    bool named = r->format == FXI_TICKS_TRUEFX;
    fxmon_pair pair = r->pair;
    int64_t time = 0;
    int code;

    if (r->cell_count < (named ? 4 : 3)) {
        return fxi_fail(error, FXMON_E_MALFORMED, "", "expected time, bid and ask: found %d cells", r->cell_count);
    }
    if (named && fxmon_pair_parse(r->cells[0].text, r->cells[0].length, &pair) != FXMON_OK) {
        return fxi_tick_fail("pair", r->cells[0].text, r->cells[0].length, "a pair such as EUR/USD", error);
    }
    code = take_archive_time(r, &r->cells[named], &time, error);
    return code == FXMON_OK ? take_quote(r, &pair, time, NULL, -1, named + 1, named + 2, message, error) : code;
}

static int take_ms(fxi_tick_reader *r, const fxmon_message **message, fxmon_error *error)
{
    const fxi_csv_field *cell = &r->cells[0];
    bool bar = r->cell_count == BAR_CELLS;
    fxmon_decimal ms;

    if (r->cell_count != 3 && !bar) {
        return fxi_fail(error, FXMON_E_MALFORMED, "", "expected 3 or %d cells: found %d", BAR_CELLS, r->cell_count);
    }
    if (fxmon_decimal_parse(cell->text, cell->length, &ms) != FXMON_OK || ms.scale != 0 || ms.mantissa < 0 || ms.mantissa >= MS_OF_DAY) {
        return fxi_tick_fail("time", cell->text, cell->length, "milliseconds of a day", error);
    }
    return take_quote(r, &r->pair, r->date + ms.mantissa * 1000000, NULL, -1, bar ? 4 : 1, bar ? 9 : 2, message, error);
}

int fxi_tick_table(fxi_tick_reader *r, const char *line, size_t length, const fxmon_message **message, fxmon_error *error)
{
    bool headed = r->format == FXI_TICKS_CSV || r->format == FXI_TICKS_COLUMNS || r->format == FXI_TICKS_DUKASCOPY;

    if (!r->header_seen) {
        r->separator = separator_of(line, length);
    }
    r->cell_count = fxi_csv_split(line, length, r->separator, r->cells, FXI_CSV_FIELDS);
    if (r->cell_count < 0) {
        return fxi_tick_fail("", line, length, r->cell_count == -1 ? "quotes that close" : "at most 256 cells", error);
    }
    if (!headed) {
        r->header_seen = true;
        return r->format == FXI_TICKS_MS ? take_ms(r, message, error) : take_archive(r, message, error);
    }
    if (!r->header_seen) {
        int code = take_header(r, line, length, error);

        r->header_seen = code == FXMON_OK;
        return code;
    }
    if (r->cell_count != r->columns) {
        return fxi_fail(error, FXMON_E_MALFORMED, "", "%d cells, the header has %d", r->cell_count, r->columns);
    }
    return r->format == FXI_TICKS_COLUMNS ? take_columns(r, message, error) : take_csv(r, message, error);
}
