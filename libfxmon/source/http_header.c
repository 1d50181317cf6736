/*
 * source/http_header.c - the two response headers that say when to come again. Pure, without libcurl, so that they are tested alone.
 */
#include <string.h>
#include <strings.h>

#include "base/value.h"
#include "source/http.h"

#define RETRY_AFTER_MOST (31 * INT64_C(86400)) /* seconds; a provider that says more is held to this */

static int month_number(const char *text)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++)
        if (strncmp(text, names + 3 * i, 3) == 0)
            return i + 1;
    return 0;
}

static bool digits_at(const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return true;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", the only form that may still be generated (RFC 9110, 5.6.7). */
static bool http_date(const char *text, int64_t *out)
{
    static const char shape[] = "Sun, 06 Nov 1994 08:49:37 GMT";
    if (strlen(text) != sizeof shape - 1 || !digits_at(text + 5, 2) || !digits_at(text + 12, 4) || strcmp(text + 25, " GMT") != 0)
        return false;
    int month = month_number(text + 8);
    if (!month)
        return false;
    char iso[32] = "0000-00-00T00:00:00Z";
    memcpy(iso, text + 12, 4);
    iso[5] = (char)('0' + month / 10);
    iso[6] = (char)('0' + month % 10);
    memcpy(iso + 8, text + 5, 2);
    memcpy(iso + 11, text + 17, 8);
    return fxmon_time_parse(iso, 20, out) == FXMON_OK;
}

int64_t fxi_http_retry_after(const char *value, int64_t now)
{
    int64_t seconds, time;
    size_t length = strlen(value);
    if (length && digits_at(value, length)) {
        if (fxi_integer_parse(value, length, &seconds) || seconds > RETRY_AFTER_MOST)
            seconds = RETRY_AFTER_MOST;
        return now + seconds * FXMON_SECOND;
    }
    if (!http_date(value, &time))
        return 0;
    if (time < now)
        return now;
    return time - now > RETRY_AFTER_MOST * FXMON_SECOND ? now + RETRY_AFTER_MOST * FXMON_SECOND : time;
}

int64_t fxi_http_max_age(const char *cache_control)
{
    int64_t seconds;
    for (const char *at = cache_control; *at; at += strcspn(at, ","), at += *at == ',') {
        at += strspn(at, " \t");
        if (strncasecmp(at, "no-cache", 8) == 0 || strncasecmp(at, "no-store", 8) == 0)
            return -1;
        if (strncasecmp(at, "max-age=", 8) != 0)
            continue;
        size_t length = strspn(at + 8, "0123456789");
        if (!length || fxi_integer_parse(at + 8, length, &seconds))
            return -1;
        return (seconds > RETRY_AFTER_MOST ? RETRY_AFTER_MOST : seconds) * FXMON_SECOND;
    }
    return -1;
}
