/*
 * alert_model.h - the alert semantics once more, as simply as they can be said: every alert is looked at with every sample, levels are compared as
 * decimals, the worst price is kept by comparing each price. What fxmon_alerts does must be the same, event for event. Header only: the unit test
 * and the fuzz target share it.
 */
#ifndef ALERT_MODEL_H
#define ALERT_MODEL_H
#include <fxmon/core.h>
#include <stdlib.h>
#include <string.h>

typedef struct model_alert {
    fxmon_alert rule;
    bool there, dead, sampled, firing, waiting, held_back;
    int side; /* +1, -1, 0 */
    int64_t began, fired, fired_count, suppressed;
    fxmon_decimal worst;
} model_alert;

#define MODEL_ALERTS 512

typedef struct model {
    model_alert alert[MODEL_ALERTS];
    size_t count;
    int64_t last[2]; /* of the two pairs that tests use, by the first letter of the pair: U or other */
    bool any[2], known[2]; /* known: the pair has had an alert; quotes of others leave no trace */
} model;

static inline void model_add(model *m, const fxmon_alert *rule)
{
    model_alert *a = &m->alert[m->count++];
    memset(a, 0, sizeof *a);
    a->rule = *rule;
    a->there = true;
    m->known[rule->pair.text[0] == 'U' ? 0 : 1] = true;
}

static inline void model_remove(model *m, int64_t id)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->alert[i].there && m->alert[i].rule.id == id)
            m->alert[i].there = false;
}

static inline int model_beyond(const fxmon_alert *rule, fxmon_decimal price)
{
    fxmon_decimal levels[2] = {rule->threshold, rule->clear.mantissa ? rule->clear : rule->threshold};
    int above = 0, below = 0;
    for (int i = 0; i < 2; i++) {
        above += fxmon_decimal_compare(price, levels[i]) > 0;
        below += fxmon_decimal_compare(price, levels[i]) < 0;
    }
    return above == 2 ? 1 : below == 2 ? -1 : 0;
}

static inline int model_step(model_alert *a, const fxmon_quote *q, fxmon_event *e)
{
    int condition = a->rule.condition;
    bool level = condition == FXMON_ABOVE || condition == FXMON_BELOW;
    int beyond = model_beyond(&a->rule, q->mid);
    bool first = !a->sampled;
    a->sampled = true;
    memset(e, 0, sizeof *e);
    if (beyond != 0 && beyond != a->side) {
        bool up = condition == FXMON_ABOVE || condition == FXMON_CROSS_UP || condition == FXMON_CROSS;
        bool down = condition == FXMON_BELOW || condition == FXMON_CROSS_DOWN || condition == FXMON_CROSS;
        bool was_firing = a->firing;
        int64_t began = a->began;
        fxmon_decimal worst = a->worst;
        a->side = beyond;
        a->began = q->time;
        a->firing = false;
        a->held_back = false;
        a->waiting = (beyond > 0 ? up : down) && (level || !first);
        a->worst = q->mid;
        if (was_firing) {
            e->duration = q->time - began;
            e->worst = worst;
            return FXMON_RESOLVED;
        }
    }
    int order = fxmon_decimal_compare(q->mid, a->worst);
    if ((a->firing || a->waiting) && (condition == FXMON_ABOVE ? order > 0 : order < 0))
        a->worst = q->mid;
    if (beyond == 0 || beyond != a->side)
        return 0;
    bool cooling = a->fired_count > 0 && q->time - a->fired < a->rule.cooldown;
    if (a->firing && a->rule.repeat == FXMON_EVERY && !cooling) {
        a->fired = q->time;
        a->fired_count++;
        e->suppressed = a->suppressed;
        a->suppressed = 0;
        return FXMON_REPEATED;
    }
    if (!a->waiting || q->time - a->began < a->rule.hold)
        return 0;
    if (cooling) {
        a->suppressed += !a->held_back;
        a->held_back = true;
        a->waiting = level;
        return 0;
    }
    a->waiting = false;
    a->held_back = false;
    a->firing = level;
    a->fired = q->time;
    a->fired_count++;
    e->suppressed = a->suppressed;
    a->suppressed = 0;
    a->dead = a->rule.repeat == FXMON_ONCE;
    return FXMON_FIRED;
}

static inline int model_order(const void *x, const void *y)
{
    const fxmon_event *a = x, *b = y;
    int order = fxmon_decimal_compare(a->threshold, b->threshold);
    return order != 0 ? order : (a->alert_id > b->alert_id) - (a->alert_id < b->alert_id);
}

/* Events of one quote, in the order (threshold, id). */
static inline size_t model_check(model *m, const fxmon_quote *q, fxmon_event *events)
{
    int p = q->pair.text[0] == 'U' ? 0 : 1;
    size_t n = 0;
    if (!m->known[p] || (m->any[p] && q->time <= m->last[p]))
        return 0;
    m->any[p] = true;
    m->last[p] = q->time;
    for (size_t i = 0; i < m->count; i++) {
        model_alert *a = &m->alert[i];
        if (!a->there || a->dead || memcmp(&a->rule.pair, &q->pair, sizeof q->pair) != 0)
            continue;
        int kind = model_step(a, q, &events[n]);
        if (kind == 0)
            continue;
        events[n].kind = kind;
        events[n].alert_id = a->rule.id;
        events[n].threshold = a->rule.threshold;
        n++;
    }
    qsort(events, n, sizeof *events, model_order);
    return n;
}
#endif
