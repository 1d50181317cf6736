/* Rule lines: whatever is accepted is valid, and its text is read back as the same rule. */
#include "core/alert.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same_level(fxmon_decimal a, fxmon_decimal b)
{
    return a.mantissa == b.mantissa && a.scale == b.scale;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fxmon_alert rule, again;
    fxmon_error error;
    char text[512];
    memset(&rule, 0x5a, sizeof rule);
    int code = fxmon_alert_parse((const char *)data, size, &rule, &error);
    if (code != FXMON_OK) {
        if (error.code != code || error.text[0] == '\0' || memchr(error.text, 0, sizeof error.text) == NULL)
            abort();
        return 0;
    }
    if (fxi_alert_validate(&rule, NULL) != FXMON_OK)
        abort();
    size_t length = fxmon_alert_format(&rule, text, sizeof text);
    if (length >= sizeof text || fxmon_alert_parse(text, length, &again, &error) != FXMON_OK)
        abort();
    if (memcmp(&again.pair, &rule.pair, sizeof rule.pair) != 0 || again.condition != rule.condition || again.repeat != rule.repeat ||
        again.severity != rule.severity || again.hold != rule.hold || again.cooldown != rule.cooldown ||
        !same_level(again.threshold, rule.threshold) || !same_level(again.clear, rule.clear))
        abort();
    return 0;
}
