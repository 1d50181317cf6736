/*
 * codec/row_form.c - the forms in which a row can be a line of text, and the three that other programs read: prices of Ledger and hledger, prices of
 * Beancount, InfluxDB's line protocol.
 *
 * The price keeps its digits in all of them. Ledger and Beancount have no place for anything but time, pair and price, and Beancount none for the time
 * of day; a row without a price, or with a code that they could not read, becomes a comment, so that a line always stands for a row. A measurement of
 * InfluxDB is identified by its tags and time, so a row that is written twice is there once.
 */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "codec/message.h"

#define DATE_LENGTH 10
#define CLOCK_AT 11
#define CLOCK_LENGTH 8

typedef struct split_pair {
    char base[16], quote[16];
} split_pair;

static split_pair split(const fxmon_pair *pair)
{
    split_pair p = {"", ""};
    size_t length = strcspn(pair->text, "/");
    memcpy(p.base, pair->text, length);
    if (pair->text[length] == '/') {
        memcpy(p.quote, pair->text + length + 1, strlen(pair->text + length + 1));
    }
    return p;
}

static bool comment(const fxmon_row *row, char mark, const char *why, fxi_buf *out)
{
    fxi_buf_putc(out, mark);
    fxi_buf_putc(out, ' ');
    fxi_buf_time(out, row->time);
    fxi_buf_putc(out, ' ');
    fxi_buf_pair(out, &row->pair);
    fxi_buf_puts(out, why);
    return !out->failed;
}

/* Codes with digits need quotation marks there. */
static void put_commodity(const char *code, fxi_buf *out)
{
    bool plain = strpbrk(code, "0123456789") == NULL;
    if (!plain) {
        fxi_buf_putc(out, '"');
    }
    fxi_buf_puts(out, code);
    if (!plain) {
        fxi_buf_putc(out, '"');
    }
}

static bool ledger(const fxmon_row *row, fxi_buf *out)
{
    char time[FXMON_TIME_TEXT];
    split_pair pair = split(&row->pair);
    if (!fxi_row_priced(row)) {
        return comment(row, ';', " has no price", out);
    }
    fxmon_time_format(row->time, time);
    fxi_buf_puts(out, "P ");
    fxi_buf_add(out, time, DATE_LENGTH);
    fxi_buf_putc(out, ' ');
    fxi_buf_add(out, time + CLOCK_AT, CLOCK_LENGTH);
    fxi_buf_putc(out, ' ');
    put_commodity(pair.base, out);
    fxi_buf_putc(out, ' ');
    fxi_row_price(row, out);
    fxi_buf_putc(out, ' ');
    put_commodity(pair.quote, out);
    return !out->failed;
}

static bool beancount(const fxmon_row *row, fxi_buf *out)
{
    char time[FXMON_TIME_TEXT];
    split_pair pair = split(&row->pair);
    if (!fxi_row_priced(row)) {
        return comment(row, ';', " has no price", out);
    }
    if (isdigit((unsigned char)pair.base[0]) || isdigit((unsigned char)pair.quote[0])) {
        return comment(row, ';', ": a currency begins with a letter there", out);
    }
    fxmon_time_format(row->time, time);
    fxi_buf_add(out, time, DATE_LENGTH);
    fxi_buf_puts(out, " price ");
    fxi_buf_puts(out, pair.base);
    fxi_buf_putc(out, ' ');
    fxi_row_price(row, out);
    fxi_buf_putc(out, ' ');
    fxi_buf_puts(out, pair.quote);
    return !out->failed;
}

/* Commas, blanks and equal signs are escaped in a tag; line ends and backslashes, which cannot be, become blanks. */
static void put_tag(const char *name, const char *value, fxi_buf *out)
{
    if (!value || !*value) {
        return;
    }
    fxi_buf_putc(out, ',');
    fxi_buf_puts(out, name);
    fxi_buf_putc(out, '=');
    for (; *value; value++) {
        bool cannot = *value == '\\' || (unsigned char)*value < ' ';
        if (cannot || strchr(", =", *value)) {
            fxi_buf_putc(out, '\\');
        }
        fxi_buf_putc(out, cannot ? ' ' : *value);
    }
}

static bool influx(const fxmon_row *row, fxi_buf *out)
{
    split_pair pair = split(&row->pair);
    if (!fxi_row_priced(row)) {
        return comment(row, '#', " has no price", out);
    }
    fxi_buf_puts(out, "fx_rates");
    put_tag("base", pair.base, out);
    put_tag("kind", fxi_row_kind(row), out);
    put_tag("pair", row->pair.text, out);
    put_tag("quote", pair.quote, out);
    put_tag("source", row->source, out);
    fxi_buf_puts(out, " rate=");
    fxi_row_price(row, out);
    if (row->bid.mantissa != 0) {
        fxi_buf_puts(out, ",bid=");
        fxi_buf_decimal(out, row->bid);
    }
    if (row->ask.mantissa != 0) {
        fxi_buf_puts(out, ",ask=");
        fxi_buf_decimal(out, row->ask);
    }
    if (isfinite(row->volatility)) {
        fxi_buf_puts(out, ",volatility=");
        fxi_buf_double(out, row->volatility);
    }
    fxi_buf_puts(out, ",samples=");
    fxi_buf_int(out, row->samples);
    fxi_buf_puts(out, "i ");
    fxi_buf_int(out, row->time);
    return !out->failed;
}

static const fxi_row_form forms[] = {
    {"ndjson", " ndjson jsonl ", NULL, fxi_row_encode},
    {"csv", " csv ", fxi_row_csv_header, fxi_row_csv},
    {"ledger", " ledger prices ", NULL, ledger},
    {"beancount", " beancount bean ", NULL, beancount},
    {"influx", " influx lp ", NULL, influx},
};

const fxi_row_form *fxi_row_form_named(const char *name)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (strcmp(forms[i].name, name) == 0) {
            return &forms[i];
        }
    }
    return NULL;
}

const fxi_row_form *fxi_row_form_of_path(const char *path)
{
    const char *dot = strrchr(path, '.');
    size_t length = dot && !strchr(dot, ' ') ? strlen(dot + 1) : 0;
    for (size_t i = 0; length > 0 && i < sizeof forms / sizeof *forms; i++) {
        for (const char *at = strstr(forms[i].endings, dot + 1); at; at = strstr(at + 1, dot + 1)) {
            if (at[-1] == ' ' && at[length] == ' ') {
                return &forms[i];
            }
        }
    }
    return NULL;
}
