/*
 * tests/bench/bench_core.c - volatility, crosses and series, each against the plain way of doing it in the same run.
 * Lines: name, value, unit, baseline, ratio (baseline / value). The best of several rounds is taken: noise only adds.
 */
#include "core/pair.h"
#include "core/series.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 15
#define PRICES 4096
#define WINDOW 20
#define CURRENCIES 166

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

typedef struct bench {
    fxmon_decimal price[PRICES];
    double real[PRICES];
    fxmon_volatility *volatility;
    double rate[CURRENCIES], out[CURRENCIES * (CURRENCIES - 1) / 2];
    fxi_series *series;
    fxmon_rate leg[8];
    int64_t clock;
    double sink; /* keeps results alive */
} bench;

/* Best time of one item, ns; each call of `run` does `items` of them. */
static double best(void (*run)(bench *b), bench *b, double items)
{
    double least = INFINITY;
    for (int i = 0; i < ROUNDS; i++) {
        double start = now();
        run(b);
        double took = now() - start;
        least = took < least ? took : least;
    }
    return least / items;
}

/* Figures with three decimals, without the help of a locale. */
static void number(double value)
{
    long long milli = (long long)(value * 1000 + 0.5);
    printf("%lld.%03lld", milli / 1000, milli % 1000);
}

static void line(const char *name, double value, const char *unit, const char *other, double baseline)
{
    printf("%s\t", name);
    number(value);
    printf("\t%s\t%s ", unit, other);
    number(baseline);
    printf("\t");
    number(baseline / value);
    printf("\n");
}

static void volatility_add(bench *b)
{
    for (int i = 0; i < PRICES; i++)
        fxmon_volatility_add(b->volatility, b->price[i]);
}

static void volatility_add_value(bench *b)
{
    for (int i = 0; i < PRICES; i++) {
        fxmon_volatility_add(b->volatility, b->price[i]);
        b->sink += fxmon_volatility_value(b->volatility);
    }
}

/* The baseline: two passes over the last 20 doubles. */
static void volatility_two_pass(bench *b)
{
    for (int i = WINDOW; i < PRICES; i++) {
        double mean = 0, squares = 0;
        for (int k = i - WINDOW; k < i; k++)
            mean += b->real[k];
        mean /= WINDOW;
        for (int k = i - WINDOW; k < i; k++)
            squares += (b->real[k] - mean) * (b->real[k] - mean);
        b->sink += sqrt(squares / (WINDOW - 1));
    }
}

#define REPEATS 2000
static void cross_28(bench *b)
{
    for (int i = 0; i < REPEATS; i++) {
        fxmon_cross_all(b->rate, 8, b->out);
        __asm__ volatile("" : : "r"(b->out) : "memory");
    }
}

static void cross_full(bench *b)
{
    for (int i = 0; i < 40; i++) {
        fxmon_cross_all(b->rate, CURRENCIES, b->out);
        __asm__ volatile("" : : "r"(b->out) : "memory");
    }
}

/* The baseline: one scalar division after the other. */
__attribute__((noinline)) static void divide(const double *rate, size_t n, double *out)
{
    for (size_t i = 0, k = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++, k++) {
            out[k] = rate[j] / rate[i];
            __asm__ volatile("" : : : "memory"); /* no vectors */
        }
    }
}

static void divide_28(bench *b)
{
    for (int i = 0; i < REPEATS; i++)
        divide(b->rate, 8, b->out);
}

static void divide_full(bench *b)
{
    for (int i = 0; i < 40; i++)
        divide(b->rate, CURRENCIES, b->out);
}

/* Messages of 8 pairs, each new. */
static void series_apply(bench *b)
{
    enum fxi_verdict verdict;
    double volatility;
    uint32_t samples;
    for (int i = 0; i < PRICES; i += 8) {
        b->clock++;
        for (int k = 0; k < 8; k++) {
            b->leg[k].mid = b->price[i + k];
            fxi_series_apply(b->series, "open-er-api", b->clock, &b->leg[k], &verdict, &volatility, &samples);
            b->sink += volatility;
        }
    }
}

static void pair_canonical(bench *b)
{
    fxmon_pair pair;
    for (int i = 0; i < PRICES; i++) {
        b->sink += fxi_pair_canonical(b->leg[i & 7].pair.text, 7, &pair);
        __asm__ volatile("" : : "r"(&pair) : "memory");
    }
}

static void pair_parse(bench *b)
{
    fxmon_pair pair;
    for (int i = 0; i < PRICES; i++) {
        char text[8];
        memcpy(text, b->leg[i & 7].pair.text, 8);
        text[3] = '-';
        b->sink += fxmon_pair_parse(text, 7, &pair);
        __asm__ volatile("" : : "r"(&pair) : "memory");
    }
}

static bool prepare(bench *b)
{
    static const char *const quote[8] = {"EUR", "GBP", "JPY", "CAD", "AUD", "CHF", "CNY", "INR"};
    uint64_t state = 88172645463325252u;
    int64_t level = 108512;
    for (int i = 0; i < PRICES; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        level += (int64_t)(state % 81) - 40;
        b->price[i] = (fxmon_decimal){level, 5};
        b->real[i] = fxmon_decimal_to_double(b->price[i]);
    }
    for (int i = 0; i < CURRENCIES; i++)
        b->rate[i] = b->real[i] * (1 + i);
    for (int k = 0; k < 8; k++)
        if (fxmon_pair_make("USD", quote[k], &b->leg[k].pair) != FXMON_OK)
            return false;
    b->volatility = fxmon_volatility_new(WINDOW);
    b->series = fxi_series_new(WINDOW);
    return b->volatility != NULL && b->series != NULL;
}

int main(void)
{
    bench *b = calloc(1, sizeof(*b));
    if (b == NULL || !prepare(b))
        return 1;
    double two_pass = best(volatility_two_pass, b, PRICES - WINDOW);
    line("volatility of 20, add", best(volatility_add, b, PRICES), "ns", "two passes over the window", two_pass);
    line("volatility of 20, add and value", best(volatility_add_value, b, PRICES), "ns", "two passes over the window", two_pass);
    line("28 crosses of 8", best(cross_28, b, REPEATS), "ns", "plain division", best(divide_28, b, REPEATS));
    line("13695 crosses of 166", best(cross_full, b, 40) / 1000, "us", "plain division", best(divide_full, b, 40) / 1000);
    line("series apply, a rate of a message of 8", best(series_apply, b, PRICES), "ns", "two passes over the window", two_pass);
    line("pair, canonical", best(pair_canonical, b, PRICES), "ns", "fxmon_pair_parse", best(pair_parse, b, PRICES));
    fprintf(stderr, "%s", b->sink == 0 ? "nothing was computed\n" : "");
    fxmon_volatility_free(b->volatility);
    fxi_series_free(b->series);
    free(b);
    return 0;
}
