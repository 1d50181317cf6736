/*
 * The ECB's tables: eurofxref.csv and eurofxref-hist.csv (a date and one column a currency), and the csvdata answers of its data API (a row a
 * currency and day, columns found by name because their set depends on the request).
 *
 * A table says nowhere that it is complete. What is seen of a cut: a last line with fewer cells than the header has.
 */
#include "codec/answer.h"

#include <string.h>

#include "base/error.h"
#include "codec/csv.h"
#include "codec/excerpt.h"

typedef struct table {
    const char *at, *end;
    const char *line;
    size_t length;
    int64_t number; /* of the line, from 1 */
    fxi_csv_field cells[FXI_CSV_FIELDS];
    int count;
} table;

static int bad_line(const table *t, const char *field, const char *expected, const char *value, size_t length, fxmon_error *error)
{
    char shown[FXI_EXCERPT];

    return fxi_fail(error, FXMON_E_MALFORMED, field, "line %lld of the table: expected %s, found %s", (long long)t->number, expected,
                    fxi_excerpt(value, length, shown));
}

/* The next line that is not empty, split. 1: there is one; 0: the end; -1: error. */
static int next_line(table *t, fxmon_error *error)
{
    while (fxi_csv_line(&t->at, t->end, &t->line, &t->length)) {
        t->number++;
        if (t->length == 0) {
            continue;
        }
        t->count = fxi_csv_split(t->line, t->length, ',', t->cells, FXI_CSV_FIELDS);
        if (t->count < 0) {
            bad_line(t, "", t->count == -1 ? "quotes that close" : "at most 256 cells", t->line, t->length, error);
            return -1;
        }
        return 1;
    }
    return 0;
}

static bool no_value(const fxi_csv_field *cell)
{
    return cell->length == 0 || fxi_csv_is(cell, "N/A");
}

int fxi_answer_csv(fxi_answer *a, const char *body, size_t length, fxmon_error *error)
{
    table t = {.at = body, .end = body + length};
    fxi_csv_field header[FXI_CSV_FIELDS];
    int columns, more, code = fxi_answer_base(a, "EUR", 3, error);

    if (code != FXMON_OK) {
        return code;
    }
    more = next_line(&t, error);
    if (more < 0 || !fxi_csv_is(&t.cells[0], "Date") || t.count < 2) {
        return more < 0 ? FXMON_E_MALFORMED : bad_line(&t, "", "the header Date and currencies", t.line, t.length, error);
    }
    columns = t.count;
    memcpy(header, t.cells, (size_t)columns * sizeof *header);
    while ((more = next_line(&t, error)) > 0) {
        int64_t day = 0;

        if (t.count != columns) {
            return bad_line(&t, "", "as many cells as the header has", t.line, t.length, error);
        }
        if (fxi_answer_date(t.cells[0].text, t.cells[0].length, &day) != FXMON_OK) {
            return bad_line(&t, "Date", "a date", t.cells[0].text, t.cells[0].length, error);
        }
        code = fxi_answer_day_begin(a, day, error);
        for (int i = 1; i < columns && code == FXMON_OK; i++) {
            if (header[i].length > 0 && !no_value(&t.cells[i])) {
                code = fxi_answer_add(a, header[i].text, header[i].length, t.cells[i].text, t.cells[i].length, error);
            }
        }
        if (code != FXMON_OK) {
            return code;
        }
    }
    return more < 0 ? FXMON_E_MALFORMED : FXMON_OK;
}

/* The column of that name, -1 if there is none. */
static int column_of(const table *t, const char *name)
{
    for (int i = 0; i < t->count; i++) {
        if (fxi_csv_is(&t->cells[i], name)) {
            return i;
        }
    }
    return -1;
}

int fxi_answer_sdmx(fxi_answer *a, const char *body, size_t length, fxmon_error *error)
{
    table t = {.at = body, .end = body + length};
    int currency, base, period, value, columns, code = FXMON_OK, more = next_line(&t, error);

    if (more < 0) {
        return FXMON_E_MALFORMED;
    }
    currency = column_of(&t, "CURRENCY");
    base = column_of(&t, "CURRENCY_DENOM");
    period = column_of(&t, "TIME_PERIOD");
    value = column_of(&t, "OBS_VALUE");
    columns = t.count;
    if (currency < 0 || base < 0 || period < 0 || value < 0) {
        return bad_line(&t, "", "the columns CURRENCY, CURRENCY_DENOM, TIME_PERIOD and OBS_VALUE", t.line, t.length, error);
    }
    while ((more = next_line(&t, error)) > 0) {
        int64_t day = 0;

        if (t.count != columns) {
            return bad_line(&t, "", "as many cells as the header has", t.line, t.length, error);
        }
        code = fxi_answer_base(a, t.cells[base].text, t.cells[base].length, error);
        if (code != FXMON_OK) {
            return code;
        }
        if (fxi_answer_date(t.cells[period].text, t.cells[period].length, &day) != FXMON_OK) {
            return bad_line(&t, "TIME_PERIOD", "a date", t.cells[period].text, t.cells[period].length, error);
        }
        if (a->day_count == 0 || a->days[a->day_count - 1].time != day) {
            code = fxi_answer_day_begin(a, day, error);
        }
        if (code == FXMON_OK && !no_value(&t.cells[value])) {
            code = fxi_answer_add(a, t.cells[currency].text, t.cells[currency].length, t.cells[value].text, t.cells[value].length, error);
        }
        if (code != FXMON_OK) {
            return code;
        }
    }
    return more < 0 ? FXMON_E_MALFORMED : FXMON_OK;
}
