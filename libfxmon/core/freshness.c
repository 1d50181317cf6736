/*
 * core/freshness.c - see freshness.h.
 *
 * A rate that stands still looks like a quiet market, so a source that is stuck is found by its calendar: it has a rhythm, and what it last published says when
 * the next one is due. Holidays are not known here: after one, a source of working days counts one publication as missed until the next appears.
 */
#include "core/freshness.h"

#define DAY (86400 * FXMON_SECOND)
#define GRACE 8 /* this part of the cadence may pass: sources are asked now and then, and come a little late */

/* 1970-01-01 was a Thursday. */
static bool weekend(int64_t time)
{
    int64_t days = time / DAY - (time % DAY < 0);
    int64_t weekday = ((days + 3) % 7 + 7) % 7; /* 0 Monday */
    return weekday >= 5;
}

static int64_t following(const fxi_rhythm *r, int64_t time)
{
    do
        time += r->cadence;
    while (r->weekdays && r->cadence <= DAY && weekend(time));
    return time;
}

int64_t fxi_freshness_expected(const fxi_rhythm *r, int64_t published, int64_t announced)
{
    if (published == 0)
        return 0;
    if (announced > published)
        return announced;
    return r->cadence > 0 ? following(r, published) + r->delay : 0;
}

int64_t fxi_freshness_missed(const fxi_rhythm *r, int64_t published, int64_t announced, int64_t now)
{
    int64_t expected = fxi_freshness_expected(r, published, announced), missed = 0;
    if (expected == 0 || r->cadence <= 0)
        return -1;
    int64_t late = now - r->cadence / GRACE;
    if (!r->weekdays && late >= expected) {
        missed = (late - expected) / r->cadence + 1;
        return missed < FXI_FRESHNESS_MOST ? missed : FXI_FRESHNESS_MOST;
    }
    int64_t bears = announced > published ? announced : expected - r->delay; /* the time that the next one bears */
    for (int64_t due = expected; due <= late && missed < FXI_FRESHNESS_MOST; missed++) {
        int64_t next = following(r, bears);
        due += next - bears;
        bears = next;
    }
    return missed;
}
