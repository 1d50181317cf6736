/* lane/pulse.c - see pulse.h. */
#include "lane/pulse.h"

#include <fxmon/version.h>
#include <stdio.h>
#include <string.h>

#include "base/instance.h"
#include "base/utf8.h"

/* Cut to size, never in the middle of a character: stores refuse text that is none. */
static void copy_text(char *out, size_t size, const char *text)
{
    size_t length = text ? strnlen(text, size - 1) : 0;
    memset(out, 0, size);
    if (length)
        memcpy(out, text, length);
    fxi_utf8_tidy(out);
}

void fxi_pulse_init(fxi_pulse *p, enum fxi_pulse_kind kind, const char *component, const char *group, int64_t monotonic, int64_t wall)
{
    memset(p, 0, sizeof *p);
    p->kind = kind;
    p->begun = monotonic;
    p->row.producer = kind == FXI_PULSE_PRODUCER;
    p->row.started = wall;
    p->row.interval = FXI_HEARTBEAT;
    copy_text(p->row.component, sizeof p->row.component, component);
    copy_text(p->row.group, sizeof p->row.group, group);
    copy_text(p->row.version, sizeof p->row.version, FXMON_VERSION_STRING);
    fxi_instance(p->row.instance);
}

static bool storming(const fxi_pulse *p, int64_t monotonic)
{
    if (p->assignments <= FXI_STORM_EVENTS)
        return false;
    int64_t oldest = p->assigned[p->assignments % (FXI_STORM_EVENTS + 1)]; /* the next to be overwritten */
    return monotonic - oldest <= FXI_STORM_SPAN;
}

bool fxi_pulse_hear(fxi_pulse *p, const fxmon_rebalance *event, int64_t monotonic)
{
    bool before = p->storm;
    p->between = strcmp(event->kind, "assigned") != 0 && event->assigned[0] == '\0';
    if (strcmp(event->kind, "assigned") == 0)
        p->assigned[p->assignments++ % (FXI_STORM_EVENTS + 1)] = monotonic;
    p->storm = storming(p, monotonic);
    return p->storm && !before;
}

/* A place that is not stored yet counts as the beginning once the reader has its partitions: an empty log is idle, not starting for ever. */
static fxi_look look_of(const fxi_pulse *p, const fxmon_status *s, int64_t monotonic)
{
    fxi_look look = {.at = monotonic, .next_offset = s->next_offset, .end_offset = s->end_offset, .age = s->lag_ns};
    if (p->kind != FXI_PULSE_CONSUMER) { /* its own count is how it moves; until the first message it may be starting */
        bool known = s->messages > 0 || monotonic - p->begun >= FXI_VERDICT_WINDOW;
        look.next_offset = look.end_offset = known ? s->messages : -1;
        return look;
    }
    bool has_place = s->partitions[0] || (s->member[0] && p->assignments > 0);
    if (look.next_offset < 0 && has_place)
        look.next_offset = 0;
    if (look.end_offset < look.next_offset || look.end_offset == INT64_MAX)
        look.end_offset = look.next_offset;
    return look;
}

static const char *judge(const fxi_pulse *p, const fxmon_status *s)
{
    const char *word = fxi_verdict(&p->looks, s->state);
    bool works = strcmp(word, "stopped") != 0 && strcmp(word, "failed") != 0;
    if (works && p->kind == FXI_PULSE_SERVER)
        return "ok";
    if (works && p->between && s->partitions[0] == '\0')
        return "rebalancing";
    /* a claim moves the place too, but brings no message */
    return strcmp(word, "ok") == 0 && p->row.lag == 0 && p->row.messages_last_minute == 0 ? "idle" : word;
}

static void put_detail(fxi_pulse *p, const fxmon_status *s, int64_t monotonic)
{
    char text[sizeof p->row.detail];
    p->storm = storming(p, monotonic);
    if (p->storm) {
        const char *who = p->row.member[0] ? p->row.member : p->row.instance;
        (void)snprintf(text, sizeof text, "rebalance storm: %.96s was assigned partitions more than %d times within %d minutes", who, FXI_STORM_EVENTS,
                       (int)(FXI_STORM_SPAN / (60 * FXMON_SECOND)));
    }
    copy_text(p->row.detail, sizeof p->row.detail, p->storm ? text : s->last_error.code ? s->last_error.text : "");
}

bool fxi_pulse_look(fxi_pulse *p, const fxmon_status *s, int64_t monotonic, int64_t wall)
{
    fxmon_health before = p->row;
    fxi_look look = look_of(p, s, monotonic);
    fxi_looks_add(&p->looks, &look);
    fxi_minute_note(&p->minute, monotonic, s->messages);
    p->row.heartbeat = wall;
    p->row.messages = s->messages;
    p->row.rows = s->rows;
    p->row.dead_letters = s->dead_letters;
    p->row.last_offset = p->kind == FXI_PULSE_CONSUMER ? s->next_offset - 1 : -1;
    p->row.lag = look.end_offset > look.next_offset && look.next_offset >= 0 ? look.end_offset - look.next_offset : 0;
    p->row.lag_ns = s->lag_ns;
    p->row.messages_last_minute = fxi_minute_sum(&p->minute, monotonic);
    copy_text(p->row.partitions, sizeof p->row.partitions, s->partitions);
    copy_text(p->row.member, sizeof p->row.member, s->member);
    put_detail(p, s, monotonic);
    copy_text(p->row.status, sizeof p->row.status, judge(p, s));
    return strcmp(before.status, p->row.status) != 0 || strcmp(before.partitions, p->row.partitions) != 0 || strcmp(before.member, p->row.member) != 0;
}
