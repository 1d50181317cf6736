/* Writing a rate message as MessagePack: the members of encode.c in the same order. Why rates are texts: message_pack.c. */
#include "codec/message.h"

#include <string.h>

#include "base/utf8.h"
#include "codec/pack.h"

static void put_name(fxi_buf *out, const char *name)
{
    fxi_pack_put_text(out, name, strlen(name));
}

static void put_time(fxi_buf *out, const char *name, int64_t time)
{
    char text[FXMON_TIME_TEXT];

    put_name(out, name);
    fxi_pack_put_text(out, text, fxmon_time_format(time, text));
}

static void put_rate(fxi_buf *out, const fxmon_pair *pair, fxmon_decimal rate)
{
    char text[FXMON_DECIMAL_TEXT];

    put_name(out, pair->text);
    fxi_pack_put_text(out, text, fxmon_decimal_format(rate, text));
}

static uint32_t count_side(const fxmon_message *m, bool ask)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < m->count; i++) {
        count += (ask ? m->rates[i].ask : m->rates[i].bid).mantissa != 0;
    }
    return count;
}

static void put_side(fxi_buf *out, const fxmon_message *m, bool ask, uint32_t count)
{
    if (count == 0) {
        return;
    }
    put_name(out, ask ? "asks" : "bids");
    fxi_pack_put_map(out, count);
    for (uint32_t i = 0; i < m->count; i++) {
        fxmon_decimal side = ask ? m->rates[i].ask : m->rates[i].bid;

        if (side.mantissa != 0) {
            put_rate(out, &m->rates[i].pair, side);
        }
    }
}

/* A reader refuses what is not UTF-8, so it is not written either. */
static void put_source(fxi_buf *out, const char *source)
{
    char text[FXMON_SOURCE_TEXT];

    memcpy(text, source, sizeof text);
    if (!fxi_utf8_valid(text, strlen(text))) {
        fxi_utf8_tidy(text);
    }
    put_name(out, text);
}

bool fxi_message_pack(const fxmon_message *m, fxi_buf *out)
{
    uint32_t bids = count_side(m, false), asks = count_side(m, true);

    fxi_pack_put_map(out, 4u + (m->ingested != 0) + (m->next_update != 0) + (bids != 0) + (asks != 0));
    put_time(out, "timestamp", m->time);
    put_name(out, "base");
    put_name(out, m->base);
    put_name(out, "rates");
    fxi_pack_put_map(out, m->count);
    for (uint32_t i = 0; i < m->count; i++) {
        put_rate(out, &m->rates[i].pair, m->rates[i].mid);
    }
    put_name(out, "source");
    put_source(out, m->source);
    if (m->ingested != 0) {
        put_time(out, "ingested_at", m->ingested);
    }
    if (m->next_update != 0) {
        put_time(out, "next_update", m->next_update);
    }
    put_side(out, m, false, bids);
    put_side(out, m, true, asks);
    return !out->failed;
}
