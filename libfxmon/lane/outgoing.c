/*
 * lane/outgoing.c - see outgoing.h.
 *
 * A message has one base, and its pairs begin with it. So crosses are further messages: one for each currency with the ones behind it, EUR with
 * EUR/GBP, EUR/JPY ..., then GBP with GBP/JPY ... Readers need no rule for them, they are rates like others.
 *
 * The key decides the partition, and only within a partition is there order. A whole message has the key SOURCE/BASE. In a chain of sources that is the
 * first one whoever answers, or else a pair would change its partition, and its order would be lost, with every fail-over. A split message has its pair.
 */
#include "lane/outgoing.h"

#include <string.h>

#include "base/decimal.h"
#include "base/mem.h"
#include "codec/message.h"

#define CROSS_DIGITS 12 /* where a quotient's shortest text has more decimals than a decimal can hold */

void fxi_outgoing_init(fxi_outgoing *out, size_t bytes_maximum, bool split, bool crosses)
{
    memset(out, 0, sizeof *out);
    fxi_buf_init(&out->text, bytes_maximum);
    out->split = split;
    out->crosses = crosses;
}

void fxi_outgoing_free(fxi_outgoing *out)
{
    fxi_buf_free(&out->text);
    fxi_free(out->parts);
    fxi_free(out->blobs);
    fxi_free(out->cross);
    memset(out, 0, sizeof *out);
}

void fxi_outgoing_clear(fxi_outgoing *out)
{
    fxi_buf_clear(&out->text);
    out->count = out->ahead = 0;
    out->rates = 0;
}

static int add_record(fxi_outgoing *out, const fxmon_message *message, const char *first, const char *second)
{
    void *grown = fxi_grow(out->parts, &out->capacity, out->count + 1, sizeof out->parts[0]);
    if (!grown)
        return FXMON_E_NOMEM;
    out->parts = grown;
    struct fxi_outgoing_part *part = &out->parts[out->count];
    part->key = out->text.length;
    fxi_buf_puts(&out->text, first);
    if (second) {
        fxi_buf_putc(&out->text, '/');
        fxi_buf_puts(&out->text, second);
    }
    fxi_buf_putc(&out->text, '\0');
    part->data = out->text.length;
    if (out->packed)
        fxi_message_pack(message, &out->text);
    else
        fxi_message_encode(message, &out->text);
    if (out->text.failed)
        return out->text.length + 1024 >= out->text.maximum ? FXMON_E_TOO_LARGE : FXMON_E_NOMEM;
    part->length = out->text.length - part->data;
    out->count++;
    out->rates += message->count;
    return FXMON_OK;
}

static int add_whole_or_split(fxi_outgoing *out, const fxmon_message *message)
{
    if (!out->split)
        return add_record(out, message, out->source ? out->source : message->source, message->base);
    for (uint32_t i = 0; i < message->count; i++) {
        fxmon_message one = *message;
        one.rates = &message->rates[i];
        one.count = 1;
        int code = add_record(out, &one, one.rates->pair.text, NULL);
        if (code != FXMON_OK)
            return code;
    }
    return FXMON_OK;
}

static bool make_cross(const fxmon_rate *a, const fxmon_rate *b, fxmon_rate *out)
{
    char first[8], second[8];
    memset(out, 0, sizeof *out);
    fxmon_pair_quote(&a->pair, first);
    fxmon_pair_quote(&b->pair, second);
    if (fxmon_pair_make(first, second, &out->pair) != FXMON_OK)
        return false;
    double mid = fxmon_cross_mid(a->mid, b->mid);
    return (fxi_decimal_from_double(mid, &out->mid) == FXMON_OK || fxi_decimal_round(mid, CROSS_DIGITS, &out->mid) == FXMON_OK) &&
           out->mid.mantissa > 0;
}

static int add_crosses(fxi_outgoing *out, const fxmon_message *message)
{
    fxmon_rate *grown = fxi_grow(out->cross, &out->cross_capacity, message->count, sizeof *grown);
    if (!grown)
        return FXMON_E_NOMEM;
    out->cross = grown;
    for (uint32_t i = 0; i + 1 < message->count; i++) {
        fxmon_message part = *message;
        memset(part.base, 0, sizeof part.base);
        fxmon_pair_quote(&message->rates[i].pair, part.base);
        part.rates = out->cross;
        part.count = 0;
        for (uint32_t j = i + 1; j < message->count; j++)
            part.count += make_cross(&message->rates[i], &message->rates[j], &out->cross[part.count]);
        int code = part.count ? add_whole_or_split(out, &part) : FXMON_OK;
        if (code != FXMON_OK)
            return code;
    }
    return FXMON_OK;
}

int fxi_outgoing_add(fxi_outgoing *out, const fxmon_message *message)
{
    size_t count = out->count, length = out->text.length;
    int64_t rates = out->rates;
    int code = add_whole_or_split(out, message);
    if (code == FXMON_OK && out->crosses)
        code = add_crosses(out, message);
    if (code != FXMON_OK) {
        out->count = count;
        out->rates = rates;
        out->text.length = length;
        out->text.failed = false;
    }
    return code;
}

const fxmon_blob *fxi_outgoing_blobs(fxi_outgoing *out)
{
    fxmon_blob *grown = fxi_grow(out->blobs, &out->blob_capacity, out->count ? out->count : 1, sizeof *grown);
    if (!grown)
        return NULL;
    out->blobs = grown;
    for (size_t i = 0; i < out->count; i++)
        grown[i] = (fxmon_blob){.key = out->text.data + out->parts[i].key, .data = out->text.data + out->parts[i].data,
                                .length = out->parts[i].length};
    return grown;
}
