/* Any bytes as an answer of any provider (first byte: format, second: status). What comes out is what a rate message may hold, in order of time. */
#include "base/buf.h"
#include "codec/message.h"
#include "codec/provider.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 404, 429, 304, 500};
    fxi_answer_request request = {.http_status = 200, .source = "fuzz", .now = INT64_C(1790000000) * FXMON_SECOND};
    fxmon_error error = {0};
    fxi_answer *a;
    int code;

    if (size < 2) {
        return 0;
    }
    request.format = (enum fxi_provider_format)((data[0] - (data[0] >= 'a' ? 'a' : 0)) % (FXI_FAWAZAHMED0 + 1));
    request.http_status = statuses[data[1] < '0' ? data[1] % 5 : (data[1] - '0') % 5];
    a = fxi_answer_new();
    code = fxi_answer_parse(a, &request, (const char *)data + 2, size - 2, &error);
    if (code != FXMON_OK && (error.code != code || error.text[0] == '\0' || fxi_answer_count(a) != 0)) {
        abort();
    }
    if (code == FXMON_OK && fxi_answer_count(a) == 0) {
        abort();
    }
    for (size_t i = 0; i < fxi_answer_count(a) && code == FXMON_OK; i++) {
        const fxmon_message *m = fxi_answer_at(a, i);
        fxi_decoder *d = fxi_decoder_new();
        fxi_buf line;

        if (i > 0 && m->time <= fxi_answer_at(a, i - 1)->time) {
            abort();
        }
        fxi_buf_init(&line, 1 << 22);
        if (!fxi_message_encode(m, &line) || fxi_message_decode(d, line.data, line.length, &error) == NULL) {
            abort();
        }
        fxi_buf_free(&line);
        fxi_decoder_free(d);
    }
    fxi_answer_free(a);
    return 0;
}
