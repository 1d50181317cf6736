/* Any bytes as MessagePack: an answer or a reason; a message that is taken comes back the same through MessagePack and through JSON. */
#include "base/buf.h"
#include "codec/decoder.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool same_value(fxmon_decimal a, fxmon_decimal b)
{
    return a.mantissa == b.mantissa && a.scale == b.scale;
}

static void same(const fxmon_message *a, const fxmon_message *b)
{
    if (a->time != b->time || a->ingested != b->ingested || a->next_update != b->next_update || a->count != b->count ||
        memcmp(a->base, b->base, sizeof a->base) != 0 || memcmp(a->source, b->source, sizeof a->source) != 0) {
        abort();
    }
    for (uint32_t i = 0; i < a->count; i++) {
        const fxmon_rate *x = &a->rates[i], *y = &b->rates[i];

        if (memcmp(&x->pair, &y->pair, sizeof x->pair) != 0 || !same_value(x->mid, y->mid) || !same_value(x->bid, y->bid) || !same_value(x->ask, y->ask)) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fxi_decoder *d = fxi_decoder_new(), *again = fxi_decoder_new();
    fxmon_error error = {0};
    int code = fxi_message_decode_packed(d, (const char *)data, size, &error);

    if (code != FXMON_OK && (error.code != code || error.text[0] == '\0')) {
        abort();
    }
    if (code == FXMON_OK) {
        fxi_buf out;

        fxi_buf_init(&out, 1 << 22);
        if (!fxi_message_pack(&d->message, &out) || fxi_message_decode(again, out.data, out.length, &error) == NULL) {
            abort();
        }
        same(&d->message, &again->message);
        fxi_buf_clear(&out);
        if (!fxi_message_encode(&d->message, &out) || fxi_message_decode(again, out.data, out.length, &error) == NULL) {
            abort();
        }
        same(&d->message, &again->message);
        fxi_buf_free(&out);
    }
    fxi_decoder_free(d);
    fxi_decoder_free(again);
    return 0;
}
