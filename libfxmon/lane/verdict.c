/*
 * lane/verdict.c - see verdict.h.
 *
 * A lag of ten thousand messages is nothing to one lane and an hour to another, and a place in the log that is an hour old is fine while an old log is
 * read for the first time. So neither number is judged, but how they moved: an age that is above a floor and grew over the window is a lane that falls
 * behind; an age that stays or shrinks is one that keeps up or catches up. A lane that has records before it and took none for a while is stalled.
 * Less than half a minute of evidence convicts nobody: the first seconds after a start or a claim say little.
 */
#include "lane/verdict.h"

#include <string.h>

#include "core/freshness.h"

static const fxi_look *look_at(const fxi_looks *looks, size_t index)
{
    return &looks->look[(looks->first + index) % FXI_VERDICT_LOOKS];
}

static void forget_first(fxi_looks *looks)
{
    looks->first = (looks->first + 1) % FXI_VERDICT_LOOKS;
    looks->count--;
}

void fxi_looks_add(fxi_looks *looks, const fxi_look *look)
{
    if (looks->count) {
        const fxi_look *last = look_at(looks, looks->count - 1);
        if (look->next_offset < last->next_offset || look->end_offset < last->end_offset || look->at < last->at)
            looks->count = 0;
    }
    while (looks->count && look->at - look_at(looks, 0)->at > FXI_VERDICT_WINDOW)
        forget_first(looks);
    if (looks->count == FXI_VERDICT_LOOKS)
        forget_first(looks);
    looks->look[(looks->first + looks->count) % FXI_VERDICT_LOOKS] = *look;
    looks->count++;
}

static bool waiting_records(const fxi_look *look)
{
    return look->next_offset >= 0 && look->end_offset > look->next_offset;
}

/* Since when there were records to take and none was taken. */
static int64_t standing_still(const fxi_looks *looks)
{
    const fxi_look *last = look_at(looks, looks->count - 1);
    int64_t since = last->at;
    for (size_t i = looks->count; i-- > 0;) {
        const fxi_look *look = look_at(looks, i);
        if (look->next_offset != last->next_offset || !waiting_records(look))
            break;
        since = look->at;
    }
    return last->at - since;
}

static bool moved(const fxi_looks *looks)
{
    const fxi_look *first = look_at(looks, 0), *last = look_at(looks, looks->count - 1);
    return last->next_offset != first->next_offset || last->end_offset != first->end_offset;
}

static const char *of_movement(const fxi_looks *looks)
{
    const fxi_look *first = look_at(looks, 0), *last = look_at(looks, looks->count - 1);
    if (!waiting_records(last))
        return moved(looks) ? "ok" : "idle";
    if (standing_still(looks) >= FXI_VERDICT_EVIDENCE)
        return "stalled";
    bool grew = last->age - first->age >= FXI_VERDICT_GROWTH;
    return last->at - first->at >= FXI_VERDICT_EVIDENCE && last->age > FXI_VERDICT_FLOOR && grew ? "slow" : "ok";
}

const char *fxi_verdict(const fxi_looks *looks, const char *state)
{
    static const char *const plain[][2] = {{"failed", "failed"}, {"ended", "stopped"}, {"retrying", "retrying"}, {"open", "retrying"}, {"replaying", "starting"}};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (state && strcmp(state, plain[i][0]) == 0)
            return plain[i][1];
    return looks->count == 0 || look_at(looks, looks->count - 1)->next_offset < 0 ? "starting" : of_movement(looks);
}

void fxi_verdict_silence(fxmon_health *row, int64_t now)
{
    int64_t interval = row->interval > 0 ? row->interval : FXI_HEARTBEAT;
    row->silent = strcmp(row->status, "stopped") != 0 && strcmp(row->status, "failed") != 0 && now - row->heartbeat > FXI_VERDICT_MISSED * interval;
    if (!row->silent)
        return;
    memset(row->status, 0, sizeof row->status);
    memcpy(row->status, "stopped", sizeof "stopped");
}

/* ---- sources ------------------------------------------------------------------------------------------------------ */

static void count_missed(fxmon_source_health *s, int64_t now)
{
    const fxi_rhythm rhythm = {.cadence = s->cadence, .delay = s->delay, .weekdays = s->weekdays};
    s->expected = fxi_freshness_expected(&rhythm, s->published, s->announced);
    s->missed = fxi_freshness_missed(&rhythm, s->published, s->announced, now);
}

static void put_status(fxmon_source_health *s, const char *word)
{
    memset(s->status, 0, sizeof s->status);
    memcpy(s->status, word, strnlen(word, sizeof s->status - 1));
}

static bool is_one_of(const char *status, const char *const *words)
{
    while (*words && strcmp(status, *words) != 0)
        words++;
    return *words != NULL;
}

static const char *const unasked[] = {"failed", "ended", "stopped", "standby", NULL};

void fxi_verdict_source(fxmon_source_health *s)
{
    count_missed(s, s->heartbeat);
    if (is_one_of(s->status, unasked))
        s->missed = -1;
    else
        put_status(s, s->failures > 0 ? "failing" : s->publications == 0 ? "waiting" : s->missed > 0 ? "late" : "fresh");
}

void fxi_verdict_source_silence(fxmon_source_health *s, int64_t now)
{
    static const char *const over[] = {"failed", "ended", "stopped", NULL};
    s->silent = now - s->heartbeat > FXI_VERDICT_MISSED * FXI_HEARTBEAT && !is_one_of(s->status, over);
    if (!is_one_of(s->status, unasked) && now > s->heartbeat)
        count_missed(s, now);
    if (s->silent)
        put_status(s, s->missed > 0 ? "late" : "stopped");
    else if (s->missed > 0 && strcmp(s->status, "fresh") == 0)
        put_status(s, "late");
}
