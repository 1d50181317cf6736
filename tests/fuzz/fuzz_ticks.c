/* Any lines in any layout (first byte): every message that comes out is one that may lie on the log. */
#include "base/buf.h"
#include "codec/message.h"
#include "codec/ticks.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fxi_tick_settings settings = {.date = INT64_C(1398902400) * FXMON_SECOND};
    const char *at = (const char *)data + 1, *end = (const char *)data + size;
    fxi_tick_reader *r;
    fxi_decoder *d;

    if (size < 1) {
        return 0;
    }
    settings.format = (enum fxi_tick_format)(data[0] & 7);
    settings.pair = data[0] & 8 ? "EUR/USD" : NULL;
    r = fxi_tick_reader_new(&settings, NULL);
    d = fxi_decoder_new();
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t length = stop == NULL ? (size_t)(end - at) : (size_t)(stop - at) + 1;
        const fxmon_message *message = NULL;
        fxmon_error error = {0};
        int code = fxi_tick_reader_line(r, at, length, &message, &error);

        if ((code != FXMON_OK && (message != NULL || error.code != code || error.text[0] == '\0'))) {
            abort();
        }
        if (message != NULL) {
            fxi_buf line;

            fxi_buf_init(&line, 1 << 22);
            if (!fxi_message_encode(message, &line) || fxi_message_decode(d, line.data, line.length, &error) == NULL) {
                abort();
            }
            fxi_buf_free(&line);
        }
        at += length;
    }
    fxi_decoder_free(d);
    fxi_tick_reader_free(r);
    return 0;
}
