/* core/alert_event.c - an event's sentence and its identity. */
#include "base/sha256.h"
#include "core/alert.h"

#include <stdio.h>
#include <string.h>

#define STREAM_TEXT 4096 /* longest stream identity that takes part in an event id */

/* An edge alert says which way it went by where the rate is now; a level alert by its condition. */
static bool went_above(const fxmon_event *event)
{
    if (event->condition == FXMON_ABOVE || event->condition == FXMON_CROSS_UP)
        return true;
    if (event->condition == FXMON_BELOW || event->condition == FXMON_CROSS_DOWN)
        return false;
    return fxmon_decimal_compare(event->rate, event->threshold) > 0;
}

size_t fxmon_event_message(const fxmon_event *event, char *out, size_t size)
{
    char threshold[FXMON_DECIMAL_TEXT], rate[FXMON_DECIMAL_TEXT];
    fxmon_decimal_format(event->threshold, threshold);
    fxmon_decimal_format(event->rate, rate);
    const char *side = went_above(event) ? "above" : "below";
    const char *verb = event->kind == FXMON_RESOLVED ? "is no longer" : event->kind == FXMON_REPEATED ? "is still" : "went";
    int length = snprintf(out, size, "%.16s %s %s %s (current: %s)", event->pair.text, verb, side, threshold, rate);
    return length < 0 ? 0 : (size_t)length;
}

void fxi_event_identify(fxmon_event *event, const char *stream)
{
    static const char digits[] = "0123456789abcdef";
    char text[STREAM_TEXT + 160];
    const char *kind = fxi_event_kind_name(event->kind);
    int length = snprintf(text, sizeof text, "%lld|%d|%.*s|%d|%lld|%s", (long long)event->alert_id, (int)event->version, STREAM_TEXT,
                          stream != NULL ? stream : "", (int)event->partition, (long long)event->offset, kind != NULL ? kind : "");
    uint8_t hash[32];
    fxi_sha256(text, length < 0 ? 0 : (size_t)length, hash);
    for (int i = 0; i < 16; i++) {
        event->id[2 * i] = digits[hash[i] >> 4];
        event->id[2 * i + 1] = digits[hash[i] & 15];
    }
    event->id[32] = '\0';
}
