/* A body of POST /alerts: refused with field and text, or an alert whose written form (less what only fxmon sets) reads back as itself. */
#include "codec/alert.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fxmon_alert alert, again;
    fxmon_error error = {0};
    int code = fxi_alert_decode((const char *)data, size, &alert, &error);
    fxi_buf body, plain;
    char *from, *to;

    if (code != FXMON_OK) {
        if (error.code != code || error.text[0] == '\0') {
            abort();
        }
        return 0;
    }
    fxi_buf_init(&body, 1 << 16);
    fxi_buf_init(&plain, 1 << 16);
    if (!fxi_alert_encode(&alert, NULL, &body)) {
        abort();
    }
    /* {"id":0, ... ,"active":true,"created_at":null, ... ,"version":1} without the members in question */
    from = strstr(body.data, ",\"active\":true,\"created_at\":null");
    to = strstr(body.data, ",\"version\":1");
    if (from == NULL || to == NULL) {
        abort();
    }
    fxi_buf_putc(&plain, '{');
    fxi_buf_add(&plain, body.data + 8, (size_t)(from - body.data) - 8);
    from += strlen(",\"active\":true,\"created_at\":null");
    fxi_buf_add(&plain, from, (size_t)(to - from));
    fxi_buf_putc(&plain, '}');
    if (plain.failed || fxi_alert_decode(plain.data, plain.length, &again, &error) != FXMON_OK) {
        abort();
    }
    if (memcmp(&alert.pair, &again.pair, sizeof alert.pair) != 0 || alert.condition != again.condition || alert.repeat != again.repeat ||
        alert.severity != again.severity || alert.hold != again.hold || alert.cooldown != again.cooldown ||
        alert.threshold.mantissa != again.threshold.mantissa || alert.threshold.scale != again.threshold.scale ||
        alert.clear.mantissa != again.clear.mantissa || alert.clear.scale != again.clear.scale) {
        abort();
    }
    fxi_buf_free(&body);
    fxi_buf_free(&plain);
    return 0;
}
