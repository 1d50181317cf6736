/* tests/bench/bench_base.c - numbers and times as text, against libc in the same run. Lines: name, value, unit, baseline, ratio. */
#include "base/clock.h"
#include "base/decimal.h"
#include "base/map.h"
#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT 4096
#define PASSES 25
#define ROUNDS 60

static struct {
    char text[32];
    size_t length;
    fxmon_decimal value;
    double number;
    int64_t time;
    char second[FXMON_TIME_TEXT], milli[FXMON_TIME_TEXT];
    fxmon_pair pair;
} items[COUNT];
static uint64_t sink; /* results go here, so that no work is thrown away */
static fxi_map *map;

static void parse(size_t i)
{
    fxmon_decimal value;
    int code;
    fxi_decimal_scan(items[i].text, items[i].text + sizeof(items[i].text), &value, &code);
    sink += (uint64_t)value.mantissa;
}
static void parse_whole(size_t i)
{
    fxmon_decimal value = {0, 0};
    fxmon_decimal_parse(items[i].text, items[i].length, &value);
    sink += (uint64_t)value.mantissa;
}
static void parse_libc(size_t i)
{
    sink += (uint64_t)strtod(items[i].text, NULL);
}
static void print(size_t i)
{
    char out[FXMON_DECIMAL_TEXT];
    sink += fxmon_decimal_format(items[i].value, out) + (unsigned char)out[2];
}
static void print_libc(size_t i)
{
    char out[64];
    sink += (uint64_t)snprintf(out, sizeof(out), "%.5f", items[i].number);
}
static void to_double(size_t i)
{
    double value = fxmon_decimal_to_double(items[i].value);
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    sink += bits;
}
static void shortest(size_t i)
{
    char out[FXMON_DOUBLE_TEXT];
    sink += fxmon_double_format(items[i].number / 3, out);
}
static void shortest_libc(size_t i)
{
    char out[64];
    sink += (uint64_t)snprintf(out, sizeof(out), "%.17g", items[i].number / 3);
}
static void read_seconds(size_t i)
{
    int64_t time = 0;
    fxmon_time_parse(items[i].second, 20, &time);
    sink += (uint64_t)time;
}
static void read_millis(size_t i)
{
    int64_t time = 0;
    fxmon_time_parse(items[i].milli, 24, &time);
    sink += (uint64_t)time;
}
static void read_libc(size_t i)
{
    struct tm calendar = {0};
    strptime(items[i].second, "%Y-%m-%dT%H:%M:%SZ", &calendar);
    sink += (uint64_t)timegm(&calendar);
}
static void write_time(size_t i)
{
    char out[FXMON_TIME_TEXT];
    sink += fxmon_time_format(items[i].time, out);
}
static void write_libc(size_t i)
{
    char out[64];
    struct tm calendar;
    time_t seconds = (time_t)(items[i].time / FXMON_SECOND);
    gmtime_r(&seconds, &calendar);
    sink += strftime(out, sizeof(out), "%Y-%m-%dT%H:%M:%SZ", &calendar);
}
static void look_up(size_t i)
{
    uint64_t value = 0;
    fxi_map_get(map, &items[i].pair, &value);
    sink += value;
}

/*
 * Nanoseconds a call: the best of many short rounds, because everything else a machine does only adds. Inlined for each piece of work, so that
 * what is measured is one call of the library and not a second one through a pointer.
 */
static inline __attribute__((always_inline)) double measure(void (*work)(size_t))
{
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t start = fxi_clock_monotonic();
        for (int pass = 0; pass < PASSES; pass++) {
            for (size_t i = 0; i < COUNT; i++) {
                work(i);
            }
        }
        double each = (double)(fxi_clock_monotonic() - start) / ((double)PASSES * COUNT);
        best = each < best ? each : best;
    }
    return best;
}

static inline __attribute__((always_inline)) void report(const char *name, void (*work)(size_t), const char *baseline, void (*libc)(size_t))
{
    double own = measure(work);
    if (libc == NULL) {
        printf("%s\t%.1f\tns\t\t\n", name, own);
    } else {
        double other = measure(libc);
        printf("%s\t%.1f\tns\t%s %.1f\t%.1f\n", name, own, baseline, other, other / own);
    }
}

int main(void)
{
    fxi_random r;
    fxi_random_seed(&r, 1);
    map = fxi_map_new(sizeof(fxmon_pair));
    for (size_t i = 0; i < COUNT; i++) {
        static const int scales[] = {5, 5, 5, 4, 3, 2};
        fxmon_decimal value = {(int64_t)(50000 + fxi_random_below(&r, 200000)), scales[fxi_random_below(&r, 6)]};
        items[i].value = value;
        items[i].length = fxmon_decimal_format(value, items[i].text);
        items[i].number = fxmon_decimal_to_double(value);
        items[i].time = INT64_C(1700000000) * FXMON_SECOND + (int64_t)fxi_random_below(&r, 100000000) * FXMON_SECOND;
        fxmon_time_format(items[i].time, items[i].second);
        fxmon_time_format(items[i].time + 123000000, items[i].milli);
        snprintf(items[i].pair.text, sizeof(items[i].pair.text), "USD/%c%c%c", 'A' + (int)(i % 26), 'A' + (int)(i / 26 % 7), 'A');
        if (map == NULL || fxi_map_put(map, &items[i].pair, i) != FXMON_OK) {
            return 1;
        }
    }
    report("decimal parse, in a message", parse, "strtod", parse_libc);
    report("decimal parse, a text of its own", parse_whole, "strtod", parse_libc);
    report("decimal print", print, "printf %.5f", print_libc);
    report("decimal to double", to_double, NULL, NULL);
    report("double print, shortest", shortest, "printf %.17g", shortest_libc);
    report("RFC 3339 parse, seconds", read_seconds, "strptime+timegm", read_libc);
    report("RFC 3339 parse, milliseconds", read_millis, "strptime+timegm", read_libc);
    report("RFC 3339 print", write_time, "gmtime_r+strftime", write_libc);
    report("map of pairs, get", look_up, NULL, NULL);
    fxi_map_free(map);
    return sink == 42;
}
