/*
 * Alerts on one pair: a quiet tick, a tick of a random walk of +-1 pipette with thresholds within +-5 %, the cost of each level crossed and of each event
 * fetched, insert and remove; against a scan of all alerts. Lines: name, value, unit, baseline, ratio. FXMON_BENCH_ALERTS sets the number of alerts.
 */
#include "base/clock.h"
#include "base/random.h"
#include "core/alert.h"
#include "core/alert_book.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIDDLE 110000 /* 1.10000 in pipettes */
#define ROUNDS 7

typedef struct scan_alert { /* what a scan needs of an alert, and nothing else */
    int64_t threshold;
    int8_t side;
} scan_alert;

static double best(double a, double b)
{
    return a == 0 || b < a ? b : a;
}

static void print_row(const char *name, double value, double scan)
{
    if (scan > 0)
        printf("%s\t%.3g\tns\tscan of all %.0f\t%.0f\n", name, value, scan, scan / value);
    else
        printf("%s\t%.3g\tns\t\t\n", name, value);
}

static fxmon_quote quote_at(int64_t time, int64_t pipettes)
{
    fxmon_quote quote = {.time = time, .mid = {pipettes, 5}};
    memcpy(quote.pair.text, "EUR/USD", 8);
    return quote;
}

static fxmon_alert random_alert(fxi_random *r, int64_t id)
{
    fxmon_alert alert = {.id = id, .version = 1, .active = true, .condition = FXMON_CROSS};
    memcpy(alert.pair.text, "EUR/USD", 8);
    alert.threshold = (fxmon_decimal){MIDDLE - MIDDLE / 20 + (int64_t)fxi_random_below(r, MIDDLE / 10), 5};
    return alert;
}

static uint64_t sink;

static double scan_tick(size_t count)
{
    fxi_random r;
    fxi_random_seed(&r, 1);
    scan_alert *alert = malloc(count * sizeof *alert);
    for (size_t i = 0; i < count; i++)
        alert[i] = (scan_alert){random_alert(&r, 1).threshold.mantissa, 0};
    double result = 0;
    int64_t price = MIDDLE;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t start = fxi_clock_monotonic();
        for (int tick = 0; tick < 5; tick++) {
            price += (int64_t)fxi_random_below(&r, 2) * 2 - 1;
            for (size_t i = 0; i < count; i++) {
                int8_t side = (int8_t)((price > alert[i].threshold) - (price < alert[i].threshold));
                if (side != 0 && side != alert[i].side) {
                    sink += alert[i].side != 0;
                    alert[i].side = side;
                }
            }
        }
        result = best(result, (double)(fxi_clock_monotonic() - start) / 5);
    }
    free(alert);
    return result;
}

/* The price moves between levels that lie apart, without meeting one. */
static double quiet_tick(fxmon_alerts *alerts, int64_t *time)
{
    enum { TICKS = 2000000 };
    double result = 0;
    fxmon_event event;
    for (int round = 0; round < ROUNDS; round++) {
        fxmon_quote quote = quote_at(++*time, 0);
        quote.mid = (fxmon_decimal){MIDDLE * 10 + 5, 6}; /* between two pipettes, where no level is */
        for (fxmon_alert_iter it = fxmon_alerts_check(alerts, &quote); fxmon_alert_next(&it, &event);)
            sink++;
        int64_t start = fxi_clock_monotonic();
        for (int tick = 0; tick < TICKS; tick++) {
            quote.time = ++*time;
            quote.mid.mantissa = MIDDLE * 10 + 1 + (tick & 7);
            fxmon_alert_iter it = fxmon_alerts_check(alerts, &quote);
            sink += it.alerts != NULL;
        }
        result = best(result, (double)(fxi_clock_monotonic() - start) / TICKS);
    }
    return result;
}

/* *per_event: cost of a tick of the walk divided by its events. */
static double walk_tick(fxmon_alerts *alerts, int64_t *time, double *per_event, double *events_per_tick)
{
    enum { TICKS = 20000 };
    double result = 0;
    fxi_random r;
    fxi_random_seed(&r, 2);
    int64_t price = MIDDLE;
    fxmon_event event;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t events = 0, start = fxi_clock_monotonic();
        for (int tick = 0; tick < TICKS; tick++) {
            price += (int64_t)fxi_random_below(&r, 2) * 2 - 1;
            fxmon_quote quote = quote_at(++*time, price);
            for (fxmon_alert_iter it = fxmon_alerts_check(alerts, &quote); fxmon_alert_next(&it, &event);)
                events++;
        }
        double elapsed = (double)(fxi_clock_monotonic() - start);
        if (round == 0 || elapsed / TICKS < result) {
            result = elapsed / TICKS;
            *per_event = elapsed / (double)events;
            *events_per_tick = (double)events / TICKS;
        }
    }
    return result;
}

/* The book alone: levels crossed by the same walk, each handed over with its slot. */
static double walk_book(size_t count, double *per_crossed)
{
    enum { TICKS = 50000 };
    fxi_alert_book book;
    fxi_random r;
    fxi_alert_book_init(&book);
    fxi_random_seed(&r, 1);
    for (size_t i = 0; i < count; i++)
        if (fxi_alert_book_insert(&book, random_alert(&r, 1).threshold.mantissa * 2, (int64_t)i, (uint32_t)i, MIDDLE * 2) != FXMON_OK)
            exit(1);
    double result = 0;
    int64_t price = MIDDLE;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t crossed = 0, slots = 0; /* not the global one: to wait for its store would be most of what is measured */
        int64_t start = fxi_clock_monotonic();
        for (int tick = 0; tick < TICKS; tick++) {
            price += (int64_t)fxi_random_below(&r, 2) * 2 - 1;
            fxi_book_range range = fxi_alert_book_move(&book, price * 2);
            while (!fxi_book_range_empty(&range)) {
                int64_t key;
                uint32_t slot;
                fxi_book_range_next(&book, &range, &key, &slot);
                slots += slot;
                crossed++;
            }
        }
        double elapsed = (double)(fxi_clock_monotonic() - start);
        sink += slots;
        if (round == 0 || elapsed / TICKS < result) {
            result = elapsed / TICKS;
            *per_crossed = elapsed / (double)crossed;
        }
    }
    fxi_alert_book_free(&book);
    return result;
}

static double change_book(size_t count, double *remove)
{
    enum { CHANGES = 100000 };
    fxi_alert_book book;
    fxi_random r;
    fxi_alert_book_init(&book);
    fxi_random_seed(&r, 1);
    int64_t *key = malloc((count + CHANGES) * sizeof *key);
    for (size_t i = 0; i < count + CHANGES; i++)
        key[i] = random_alert(&r, 1).threshold.mantissa * 2;
    double insert = 0;
    *remove = 0;
    for (size_t i = 0; i < count; i++)
        fxi_alert_book_insert(&book, key[i], (int64_t)i, (uint32_t)i, MIDDLE * 2);
    for (int round = 0; round < ROUNDS; round++) {
        int64_t start = fxi_clock_monotonic();
        for (size_t i = count; i < count + CHANGES; i++)
            fxi_alert_book_insert(&book, key[i], (int64_t)i, (uint32_t)i, MIDDLE * 2);
        insert = best(insert, (double)(fxi_clock_monotonic() - start) / CHANGES);
        start = fxi_clock_monotonic();
        for (size_t i = count; i < count + CHANGES; i++)
            sink += fxi_alert_book_remove(&book, key[i], (int64_t)i);
        *remove = best(*remove, (double)(fxi_clock_monotonic() - start) / CHANGES);
    }
    fxi_alert_book_free(&book);
    free(key);
    return insert;
}

int main(void)
{
    const char *wanted = getenv("FXMON_BENCH_ALERTS");
    size_t count = wanted ? (size_t)strtoull(wanted, NULL, 10) : 1000000;
    fxi_random r;
    fxi_random_seed(&r, 1);
    fxmon_alerts *alerts = fxmon_alerts_new();
    int64_t start = fxi_clock_monotonic();
    for (size_t i = 0; i < count; i++) {
        fxmon_alert alert = random_alert(&r, (int64_t)i + 1);
        if (fxmon_alerts_insert(alerts, &alert, NULL, NULL) != FXMON_OK)
            return 1;
    }
    double fill = (double)(fxi_clock_monotonic() - start) / (double)count;
    int64_t time = 0;
    double per_event = 0, events = 0, per_crossed = 0, remove = 0;
    double scan = scan_tick(count), quiet = quiet_tick(alerts, &time), tick = walk_tick(alerts, &time, &per_event, &events);
    double book = walk_book(count, &per_crossed), insert = change_book(count, &remove);
    char name[80];
    snprintf(name, sizeof name, "alerts: quiet tick, %zu on one pair", count);
    print_row(name, quiet, scan);
    snprintf(name, sizeof name, "alerts: tick of a walk that fires %.0f", events);
    print_row(name, book, scan);
    print_row("alerts: of it, each that fires", per_crossed, 0);
    print_row("alerts: the same tick, every event fetched", tick, scan);
    print_row("alerts: of it, each event with its id", per_event, 0);
    print_row("alerts: insert a level", insert, 0);
    print_row("alerts: remove a level", remove, 0);
    print_row("alerts: insert an alert", fill, 0);
    fxmon_alerts_free(alerts);
    return sink == 0;
}
