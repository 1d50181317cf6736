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
