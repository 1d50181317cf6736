/*
 * Writing a rate message. timestamp, base, rates and source come first, in this order and without white space, so that readers
 * which know only these four go on reading; everything else stands behind them and only where it is known.
 */
#include "codec/message.h"

#include <string.h>

static void put_time(fxi_buf *out, const char *name, int64_t time)
{
    fxi_buf_puts(out, ",\"");
    fxi_buf_puts(out, name);
    fxi_buf_puts(out, "\":\"");
    fxi_buf_time(out, time);
    fxi_buf_putc(out, '"');
}

/* The member of one side; nothing when no pair has it. */
static void put_side(fxi_buf *out, const fxmon_message *m, const char *name, bool ask)
{
    bool any = false;

    for (uint32_t i = 0; i < m->count; i++) {
        const fxmon_decimal side = ask ? m->rates[i].ask : m->rates[i].bid;

        if (side.mantissa == 0) {
            continue;
        }
        fxi_buf_puts(out, any ? ",\"" : name);
        fxi_buf_pair(out, &m->rates[i].pair);
        fxi_buf_puts(out, "\":");
        fxi_buf_decimal(out, side);
        any = true;
    }
    if (any) {
        fxi_buf_putc(out, '}');
    }
}

bool fxi_message_encode(const fxmon_message *m, fxi_buf *out)
{
    fxi_buf_puts(out, "{\"timestamp\":\"");
    fxi_buf_time(out, m->time);
    fxi_buf_puts(out, "\",\"base\":");
    fxi_buf_jsonz(out, m->base);
    fxi_buf_puts(out, ",\"rates\":{");
    for (uint32_t i = 0; i < m->count; i++) {
        fxi_buf_puts(out, i == 0 ? "\"" : ",\"");
        fxi_buf_pair(out, &m->rates[i].pair);
        fxi_buf_puts(out, "\":");
        fxi_buf_decimal(out, m->rates[i].mid);
    }
    fxi_buf_puts(out, "},\"source\":");
    fxi_buf_jsonz(out, m->source);
    if (m->ingested != 0) {
        put_time(out, "ingested_at", m->ingested);
    }
    if (m->next_update != 0) {
        put_time(out, "next_update", m->next_update);
    }
    put_side(out, m, ",\"bids\":{\"", false);
    put_side(out, m, ",\"asks\":{\"", true);
    fxi_buf_putc(out, '}');
    return !out->failed;
}
