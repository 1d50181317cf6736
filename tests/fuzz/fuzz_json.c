/* The reader on any bytes: it ends, pulls and the whole-document check agree, what it passes can be unescaped, and a value taken whole is itself a document. */
#include "codec/json.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    fxmon_error error = {0};
    bool valid = fxi_json_valid(text, size, &error), complete;
    char plain[64];
    fxi_json j;
    fxi_json_span span;
    int token;

    fxi_json_init(&j, text, size);
    do {
        token = fxi_json_next(&j);
        if (token == FXI_JSON_STRING || token == FXI_JSON_NAME) {
            long length = fxi_json_string(&j, plain, sizeof plain);
            if (length >= (long)sizeof plain || (length < 0 && j.length < sizeof plain)) {
                abort();
            }
        }
    } while (token != FXI_JSON_END && token != FXI_JSON_ERROR);
    complete = token == FXI_JSON_END;
    if (valid != (complete && error.code != FXMON_E_MALFORMED) || (valid && error.code != FXMON_OK)) {
        abort();
    }
    if (complete) {
        fxi_json_init(&j, text, size);
        token = fxi_json_value(&j, &span);
        if (token == FXI_JSON_ERROR || fxi_json_next(&j) != FXI_JSON_END) {
            abort();
        }
        if (valid && span.type != FXI_JSON_STRING && !fxi_json_valid(span.text, span.length, NULL)) {
            abort();
        }
        fxi_json_find(&span, "a", &span);
    }
    return 0;
}
