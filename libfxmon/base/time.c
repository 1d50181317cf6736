/*
 * base/time.c - RFC 3339 and int64 nanoseconds, both ways, without libc's calendar: no locale, no time zone files, no globals.
 *
 * Reading checks and converts eight bytes at a time ("2026-02-", "04T10:30"): in each byte a digit or the separator that belongs
 * there. Days are counted in the proleptic Gregorian calendar; writing goes back through years that start in March, so that the
 * leap day is the last of its year.
 */
#include <fxmon/core.h>

#include <string.h>

#define DAY_SECONDS 86400
#define EPOCH_DAY 719468 /* days from 0000-03-01 to 1970-01-01 */
#define SECONDS_SAFE (INT64_MAX / FXMON_SECOND - 1) /* so many and a fraction are nanoseconds without overflow */

typedef struct civil {
    unsigned year, month, day, hour, minute, second, nanosecond;
} civil;

static const char digit_pairs[200] = "0001020304050607080910111213141516171819"
                                     "2021222324252627282930313233343536373839"
                                     "4041424344454647484950515253545556575859"
                                     "6061626364656667686970717273747576777879"
                                     "8081828384858687888990919293949596979899";

static bool is_leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days since 1970-01-01, or false for a day that is not in the calendar. Years begin in March here too, and 400 of them are added so
 * that none is negative. */
static inline bool days_of(const civil *c, int64_t *days)
{
    static const uint8_t length[13] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    static const uint16_t before[13] = {0, 306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275}; /* days of this year, to the month */
    if (c->month - 1 > 11) {
        return false;
    }
    if (c->day - 1 >= length[c->month] || (c->day == 29 && c->month == 2 && !is_leap(c->year))) {
        return false;
    }
    uint32_t year = c->year + 399 + (c->month > 2), century = year / 100;
    *days = (int64_t)(year * 1461 / 4 - century + century / 4 + before[c->month] + c->day) - (EPOCH_DAY + 146097 + 1);
    return true;
}

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/* Are the bytes under `digits` digits and the others equal to `separators`? Then each pair of digits as a number in the lower byte. */
static inline bool take_pairs(uint64_t word, uint64_t digits, uint64_t separators, uint64_t *pairs)
{
    uint64_t value = (word & digits) ^ (digits & UINT64_C(0x3030303030303030));
    if ((word & ~digits) != separators || ((value | (value + (digits & UINT64_C(0x0606060606060606)))) & UINT64_C(0xF0F0F0F0F0F0F0F0)) != 0) {
        return false;
    }
    *pairs = value * 10 + (value >> 8);
    return true;
}

static unsigned pair_at(uint64_t pairs, unsigned byte)
{
    return (unsigned)(pairs >> (8 * byte)) & 0xFF;
}

static uint64_t load_eight(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    return word;
}

/* "YYYY-MM-" */
static inline bool take_year_month(const char *p, civil *c)
{
    uint64_t pairs;
    if (!take_pairs(load_eight(p), UINT64_C(0x00FFFF00FFFFFFFF), UINT64_C(0x2D00002D00000000), &pairs)) {
        return false;
    }
    c->year = pair_at(pairs, 0) * 100 + pair_at(pairs, 2);
    c->month = pair_at(pairs, 5);
    return true;
}

/* "DDTHH:MM" */
static inline bool take_day_hour_minute(const char *p, civil *c)
{
    uint64_t pairs, word = load_eight(p);
    char t = p[2];
    if (t != 'T' && t != 't' && t != ' ') {
        return false;
    }
    word &= ~UINT64_C(0x0000000000FF0000);
    if (!take_pairs(word, UINT64_C(0xFFFF00FFFF00FFFF), UINT64_C(0x00003A0000000000), &pairs)) {
        return false;
    }
    c->day = pair_at(pairs, 0);
    c->hour = pair_at(pairs, 3);
    c->minute = pair_at(pairs, 6);
    return true;
}
#else
static bool take_number(const char *p, unsigned count, unsigned *out)
{
    unsigned value = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!is_digit(p[i])) {
            return false;
        }
        value = value * 10 + (unsigned)(p[i] - '0');
    }
    *out = value;
    return true;
}

static bool take_year_month(const char *p, civil *c)
{
    return take_number(p, 4, &c->year) && p[4] == '-' && take_number(p + 5, 2, &c->month) && p[7] == '-';
}

static bool take_day_hour_minute(const char *p, civil *c)
{
    return take_number(p, 2, &c->day) && (p[2] == 'T' || p[2] == 't' || p[2] == ' ') && take_number(p + 3, 2, &c->hour) &&
           p[5] == ':' && take_number(p + 6, 2, &c->minute);
}
#endif

static inline bool take_two(const char *p, unsigned *out)
{
    unsigned high = (unsigned char)(p[0] - '0'), low = (unsigned char)(p[1] - '0');
    *out = high * 10 + low;
    return high < 10 && low < 10;
}

/* "123" behind a point, as nanoseconds; digits behind the ninth are cut off. NULL without a digit. */
static inline const char *take_fraction(const char *p, const char *end, unsigned *out)
{
    static const unsigned weight[10] = {1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1};
    const char *start = p, *ninth = end - p > 9 ? p + 9 : end;
    unsigned value = 0;
    for (; p < ninth && is_digit(*p); p++) {
        value = value * 10 + (unsigned)(*p - '0');
    }
    if (p == start) {
        return NULL;
    }
    *out = value * weight[p - start];
    while (p < end && is_digit(*p)) {
        p++;
    }
    return p;
}

/* ".123", the usual fraction */
static inline bool take_millis(const char *p, unsigned *out)
{
    unsigned first = (unsigned char)(p[1] - '0'), second = (unsigned char)(p[2] - '0'), third = (unsigned char)(p[3] - '0');
    *out = (first * 100 + second * 10 + third) * 1000000;
    return p[0] == '.' && first < 10 && second < 10 && third < 10;
}

/* "Z", "+hh:mm", "-hh:mm" up to the very end, as seconds east of UTC. */
static inline int take_zone(const char *p, const char *end, int *seconds)
{
    *seconds = 0;
    if (end - p == 1 && (*p == 'Z' || *p == 'z')) {
        return FXMON_OK;
    }
    unsigned hours, minutes;
    if (end - p != 6 || (*p != '+' && *p != '-') || p[3] != ':' || !take_two(p + 1, &hours) || !take_two(p + 4, &minutes)) {
        return FXMON_E_SYNTAX;
    }
    if (hours > 23 || minutes > 59) {
        return FXMON_E_RANGE;
    }
    *seconds = (int)(hours * 3600 + minutes * 60);
    if (*p == '-') {
        *seconds = -*seconds;
    }
    return FXMON_OK;
}

/* Near the ends of the range, and outside. Its first second starts below INT64_MIN: go through one second later and come back. */
static int at_the_edge(int64_t seconds, unsigned nanosecond, int64_t *out)
{
    int64_t carry = seconds < 0 ? FXMON_SECOND : 0, time;
    if (__builtin_mul_overflow(seconds + (carry != 0), FXMON_SECOND, &time) ||
        __builtin_add_overflow(time, (int64_t)nanosecond - carry, &time)) {
        return FXMON_E_RANGE;
    }
    *out = time;
    return FXMON_OK;
}

static inline int assemble(const civil *c, int zone, int64_t *out)
{
    int64_t days;
    if (!days_of(c, &days)) {
        return FXMON_E_RANGE;
    }
    int64_t seconds = days * DAY_SECONDS + c->hour * 3600 + c->minute * 60 + c->second - zone;
    if (seconds < -SECONDS_SAFE || seconds > SECONDS_SAFE) {
        return at_the_edge(seconds, c->nanosecond, out);
    }
    *out = seconds * FXMON_SECOND + c->nanosecond;
    return FXMON_OK;
}

static int parse_date(const char *text, int64_t *out)
{
    civil c = {0};
    if (!take_year_month(text, &c) || !take_two(text + 8, &c.day)) {
        return FXMON_E_SYNTAX;
    }
    return assemble(&c, 0, out);
}

int fxmon_time_parse(const char *text, size_t length, int64_t *out)
{
    if (text == NULL || out == NULL) {
        return FXMON_E_ARGUMENT;
    }
    if (length == 10) {
        return parse_date(text, out);
    }
    civil c = {0};
    if (length < 20 || !take_year_month(text, &c) || !take_day_hour_minute(text + 8, &c) || text[16] != ':' ||
        !take_two(text + 17, &c.second)) {
        return FXMON_E_SYNTAX;
    }
    const char *at = text + 19, *end = text + length;
    if (length == 24 && take_millis(at, &c.nanosecond)) {
        at += 4;
    } else if (*at == '.') {
        at = take_fraction(at + 1, end, &c.nanosecond);
        if (at == NULL) {
            return FXMON_E_SYNTAX;
        }
    }
    int zone, code = take_zone(at, end, &zone);
    if (code != FXMON_OK) {
        return code;
    }
    if (c.hour > 23 || c.minute > 59 || c.second > 60) {
        return FXMON_E_RANGE;
    }
    if (c.second == 60) { /* a leap second has no number of its own in UTC nanoseconds */
        c.second = 59;
        c.nanosecond = 999999999;
    }
    return assemble(&c, zone, out);
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static inline void put_two(char *to, unsigned value)
{
    memcpy(to, digit_pairs + 2 * value, 2);
}

static void put_date(char *to, int64_t days)
{
    /* 1677 to 2262: everything is positive when counted from 0000-03-01 */
    uint32_t since = (uint32_t)(days + EPOCH_DAY);
    uint32_t quarter = 4 * since + 3;
    uint32_t century = quarter / 146097;
    uint32_t in_century = (quarter % 146097) | 3;
    uint32_t year_of_century = in_century / 1461;
    uint32_t day_of_year = in_century % 1461 / 4;
    uint32_t month_part = 2141 * day_of_year + 197913; /* month in the upper half, day * 2141 in the lower */
    uint32_t month = month_part >> 16;
    uint32_t day = (month_part & 0xFFFF) / 2141 + 1;
    uint32_t next = day_of_year >= 306; /* January and February belong to the year after; no branch, it would be guessed wrong too often */
    month -= 12 * next;
    year_of_century += next;
    if (year_of_century == 100) {
        century++;
        year_of_century = 0;
    }
    put_two(to, century);
    put_two(to + 2, year_of_century);
    to[4] = '-';
    put_two(to + 5, month);
    to[7] = '-';
    put_two(to + 8, day);
}

/* The second of a day as "hh:mm:ss". Hours with 32 bits behind the point; their fraction times 60 is minutes, and so on. The factor is too
 * large by 4.5e-7 of itself, which is 0.04 seconds at the end of the day: never a whole one. */
static void put_clock(char *to, uint32_t second)
{
    uint64_t hours = second * UINT64_C(1193047); /* 2^32 / 3600, rounded up */
    uint64_t minutes = (hours & UINT32_MAX) * 60, seconds = (minutes & UINT32_MAX) * 60;
    put_two(to, (unsigned)(hours >> 32));
    to[2] = ':';
    put_two(to + 3, (unsigned)(minutes >> 32));
    to[5] = ':';
    put_two(to + 6, (unsigned)(seconds >> 32));
}

/* ".123", ".123456" or ".123456789" */
static char *put_fraction(char *to, uint32_t nanosecond)
{
    unsigned digits = nanosecond % 1000 != 0 ? 9 : nanosecond % 1000000 != 0 ? 6 : 3;
    uint32_t value = digits == 9 ? nanosecond : digits == 6 ? nanosecond / 1000 : nanosecond / 1000000;
    *to++ = '.';
    for (unsigned i = digits; i-- > 0; value /= 10) {
        to[i] = (char)('0' + value % 10);
    }
    return to + digits;
}

size_t fxmon_time_format(int64_t time, char out[FXMON_TIME_TEXT])
{
    int64_t seconds = time / FXMON_SECOND, nanosecond = time % FXMON_SECOND;
    if (nanosecond < 0) {
        nanosecond += FXMON_SECOND;
        seconds--;
    }
    int64_t days = seconds / DAY_SECONDS, rest = seconds % DAY_SECONDS;
    if (rest < 0) {
        rest += DAY_SECONDS;
        days--;
    }
    put_date(out, days);
    out[10] = 'T';
    put_clock(out + 11, (uint32_t)rest);
    char *at = out + 19;
    if (nanosecond != 0) {
        at = put_fraction(at, (uint32_t)nanosecond);
    }
    *at++ = 'Z';
    *at = '\0';
    return (size_t)(at - out);
}
