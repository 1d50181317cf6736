/*
 * Rows for people and scripts: one JSON object or one CSV line a new quote.
 *
 * The JSON row is what `--sink -` promises: pair, time, rate, volatility, source. Behind them stands only what this row has and most have not:
 * bid and ask; "cross" for a computed pair; "late" for a quote older than one already seen, with the partition and offset of its record,
 * since (pair, source, time) need not be unique for those. The CSV line always has every column, for a table must not change its shape.
 */
#include "codec/message.h"

#include <math.h>
#include <string.h>

bool fxi_row_priced(const fxmon_row *row)
{
    return row->kind != FXMON_ROW_CROSS || isfinite(row->cross);
}

const char *fxi_row_kind(const fxmon_row *row)
{
    static const char *const kinds[] = {"quote", "late", "cross"};
    return row->kind <= FXMON_ROW_CROSS ? kinds[row->kind] : kinds[0];
}

void fxi_row_price(const fxmon_row *row, fxi_buf *out)
{
    if (row->kind == FXMON_ROW_CROSS) {
        fxi_buf_double(out, row->cross);
    } else {
        fxi_buf_decimal(out, row->rate);
    }
}

bool fxi_row_encode(const fxmon_row *row, fxi_buf *out)
{
    fxi_buf_puts(out, "{\"pair\":\"");
    fxi_buf_pair(out, &row->pair);
    fxi_buf_puts(out, "\",\"time\":\"");
    fxi_buf_time(out, row->time);
    fxi_buf_puts(out, "\",\"rate\":");
    fxi_row_price(row, out);
    fxi_buf_puts(out, ",\"volatility\":");
    fxi_buf_double(out, row->volatility);
    fxi_buf_puts(out, ",\"source\":");
    fxi_buf_jsonz(out, row->source);
    if (row->bid.mantissa != 0) {
        fxi_buf_puts(out, ",\"bid\":");
        fxi_buf_decimal(out, row->bid);
    }
    if (row->ask.mantissa != 0) {
        fxi_buf_puts(out, ",\"ask\":");
        fxi_buf_decimal(out, row->ask);
    }
    if (row->kind == FXMON_ROW_CROSS) {
        fxi_buf_puts(out, ",\"cross\":true");
    } else if (row->kind == FXMON_ROW_LATE) {
        fxi_buf_puts(out, ",\"late\":true");
        if (row->offset >= 0) {
            fxi_buf_puts(out, ",\"partition\":");
            fxi_buf_int(out, row->partition);
            fxi_buf_puts(out, ",\"offset\":");
            fxi_buf_int(out, row->offset);
        }
    }
    fxi_buf_putc(out, '}');
    return !out->failed;
}

/* A text field as RFC 4180 has it: in quotes, and quotes doubled, only when it must be. */
static void put_csv_text(fxi_buf *out, const char *text)
{
    if (text == NULL) {
        return;
    }
    if (strpbrk(text, ",\"\r\n") == NULL && text[0] != ' ' && (text[0] == '\0' || text[strlen(text) - 1] != ' ')) {
        fxi_buf_puts(out, text);
        return;
    }
    fxi_buf_putc(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            fxi_buf_putc(out, '"');
        }
        fxi_buf_putc(out, *text);
    }
    fxi_buf_putc(out, '"');
}

bool fxi_row_csv_header(fxi_buf *out)
{
    return fxi_buf_puts(out, "time,pair,rate,bid,ask,volatility,source,samples,kind,partition,offset");
}

bool fxi_row_csv(const fxmon_row *row, fxi_buf *out)
{
    fxi_buf_time(out, row->time);
    fxi_buf_putc(out, ',');
    fxi_buf_pair(out, &row->pair);
    fxi_buf_putc(out, ',');
    if (fxi_row_priced(row)) {
        fxi_row_price(row, out);
    }
    fxi_buf_putc(out, ',');
    if (row->bid.mantissa != 0) {
        fxi_buf_decimal(out, row->bid);
    }
    fxi_buf_putc(out, ',');
    if (row->ask.mantissa != 0) {
        fxi_buf_decimal(out, row->ask);
    }
    fxi_buf_putc(out, ',');
    if (isfinite(row->volatility)) {
        fxi_buf_double(out, row->volatility);
    }
    fxi_buf_putc(out, ',');
    put_csv_text(out, row->source);
    fxi_buf_putc(out, ',');
    fxi_buf_int(out, row->samples);
    fxi_buf_putc(out, ',');
    fxi_buf_puts(out, fxi_row_kind(row));
    fxi_buf_putc(out, ',');
    if (row->offset >= 0) {
        fxi_buf_int(out, row->partition);
    }
    fxi_buf_putc(out, ',');
    if (row->offset >= 0) {
        fxi_buf_int(out, row->offset);
    }
    return !out->failed;
}
