/* core/alert_event.c - an event's sentence and its identity. */
#include "base/sha256.h"
#include "core/alert.h"

#include <stdio.h>
#include <string.h>

#define STREAM_TEXT 512 /* longest stream identity that takes part in an event id */

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

static char *put_text(char *at, const char *text, size_t length)
{
    memcpy(at, text, length);
    at[length] = '|';
    return at + length + 1;
}

static char *put_number(char *at, int64_t number)
{
    char digits[20];
    size_t first = sizeof digits;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do
        digits[--first] = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (number < 0)
        *at++ = '-';
    return put_text(at, digits + first, sizeof digits - first);
}

void fxi_event_identify(fxmon_event *event, const char *stream)
{
    static const char hexadecimal[] = "0123456789abcdef";
    char text[STREAM_TEXT + 160];
    const char *kind = fxi_event_kind_name(event->kind);
    char *at = put_number(text, event->alert_id);
    at = put_number(at, event->version);
    at = put_text(at, stream != NULL ? stream : "", stream != NULL ? strnlen(stream, STREAM_TEXT) : 0);
    at = put_number(at, event->partition);
    at = put_number(at, event->offset);
    at = put_text(at, kind != NULL ? kind : "", kind != NULL ? strlen(kind) : 0);
    uint8_t hash[32];
    fxi_sha256(text, (size_t)(at - text) - 1, hash);
    for (int i = 0; i < 16; i++) {
        event->id[2 * i] = hexadecimal[hash[i] >> 4];
        event->id[2 * i + 1] = hexadecimal[hash[i] & 15];
    }
    event->id[32] = '\0';
}
