/* Both ways through a rate message give the same answer; what was decoded is encoded to something that decodes to the same. */
#include "base/buf.h"
#include "codec/decoder.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void same(const fxmon_message *a, const fxmon_message *b)
{
    if (a->time != b->time || a->ingested != b->ingested || a->next_update != b->next_update || a->count != b->count ||
        memcmp(a->base, b->base, sizeof a->base) != 0 || memcmp(a->source, b->source, sizeof a->source) != 0) {
        abort();
    }
    for (uint32_t i = 0; i < a->count; i++) {
        const fxmon_rate *x = &a->rates[i], *y = &b->rates[i];

        if (memcmp(&x->pair, &y->pair, sizeof x->pair) != 0 || x->mid.mantissa != y->mid.mantissa || x->mid.scale != y->mid.scale ||
            x->bid.mantissa != y->bid.mantissa || x->bid.scale != y->bid.scale || x->ask.mantissa != y->ask.mantissa ||
            x->ask.scale != y->ask.scale) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* a message before it, so that pairs are remembered */
    static const char before[] = "{\"timestamp\":\"2026-02-04T10:30:00Z\",\"base\":\"USD\",\"rates\":{\"USD/EUR\":0.847,\"USD/GBP\":0.73},\"source\":\"s\"}";
    const char *text = (const char *)data;
    fxi_decoder *fast = fxi_decoder_new(), *general = fxi_decoder_new();
    fxmon_error error = {0};
    bool quick;
    int code;

    if (!fxi_message_decode_fast(fast, before, sizeof before - 1)) {
        abort();
    }
    quick = fxi_message_decode_fast(fast, text, size);
    code = fxi_message_decode_general(general, text, size, &error);
    if (quick && code != FXMON_OK) {
        abort();
    }
    if (code != FXMON_OK && (error.code != code || error.text[0] == '\0')) {
        abort();
    }
    if (code == FXMON_OK) {
        const fxmon_message *m = &general->message;
        fxi_buf line;

        if (quick) {
            same(&fast->message, m);
        }
        fxi_buf_init(&line, 1 << 22);
        if (!fxi_message_encode(m, &line) || fxi_message_decode(fast, line.data, line.length, &error) == NULL) {
            abort();
        }
        same(&fast->message, m);
        fxi_buf_free(&line);
    }
    fxi_decoder_free(fast);
    fxi_decoder_free(general);
    return 0;
}
