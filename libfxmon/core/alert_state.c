/*
 * core/alert_state.c - what one sample does to one alert. Pure: (rule, state, sample) in, (state, event) out; no clock, no memory, so that a
 * replay, a test and the live lane decide the same.
 *
 * Side. A price above both threshold and clear is high, below both is low, and anything between keeps the side that was: touching a level or
 * wobbling inside the band is no crossing. A first sample between them is neither (2): it is a sample before the next one, but on no side.
 *
 * Level alerts (above, below) describe a condition: they fire as soon as it holds, be it with the first sample, open an episode, and resolve when
 * the price is on the other side. Held back by the cooldown they wait for its end and fire then, if the condition still holds.
 * Edge alerts (cross...) describe a moment: they need a sample before, fire on the change of side and have nothing to resolve. One that falls into
 * the cooldown is counted in `suppressed` and gone.
 *
 * An event is only ever made by a price strictly beyond the level, so no message says "went above 0.9 (current: 0.9)".
 */
#include "core/alert.h"

/* b - a without overflow, for b >= a */
static int64_t elapsed(int64_t a, int64_t b)
{
    int64_t difference;
    if (__builtin_sub_overflow(b, a, &difference))
        return b > a ? INT64_MAX : INT64_MIN;
    return difference;
}

static int64_t later(int64_t time, int64_t span)
{
    int64_t sum;
    return __builtin_add_overflow(time, span, &sum) ? INT64_MAX : sum;
}

static bool is_level(const fxmon_alert *alert)
{
    return alert->condition == FXMON_ABOVE || alert->condition == FXMON_BELOW;
}

static bool is_wanted(const fxmon_alert *alert, int side)
{
    switch (alert->condition) {
    case FXMON_ABOVE:
    case FXMON_CROSS_UP:
        return side == 1;
    case FXMON_BELOW:
    case FXMON_CROSS_DOWN:
        return side == -1;
    default:
        return side == 1 || side == -1;
    }
}

static bool in_cooldown(const fxmon_alert *alert, const fxmon_alert_state *state, int64_t time)
{
    return state->fired_count > 0 && elapsed(state->fired, time) < alert->cooldown;
}

static int fire(const fxmon_alert *alert, fxmon_alert_state *state, int64_t time, int kind, fxmon_event *event, bool *ended)
{
    state->fired = time;
    state->fired_count++;
    event->suppressed = state->suppressed;
    state->suppressed = 0;
    *ended = alert->repeat == FXMON_ONCE;
    state->phase = is_level(alert) && !*ended ? FXMON_PHASE_FIRING : FXMON_PHASE_ARMED;
    return kind;
}

/* A new side: closes the episode of the old one, opens that of the new. Returns RESOLVED when that is an event. */
static int change_side(const fxmon_alert *alert, fxmon_alert_state *state, int side, int64_t time, fxmon_decimal price, fxmon_event *event)
{
    bool seen_before = state->side != 0;
    bool resolved = state->phase == FXMON_PHASE_FIRING;
    event->duration = resolved ? elapsed(state->since, time) : 0;
    event->worst = resolved ? state->worst : (fxmon_decimal){0, 0};
    bool begins = is_wanted(alert, side) && (seen_before || is_level(alert));
    state->side = (int8_t)side;
    state->since = time;
    state->phase = begins ? FXMON_PHASE_PENDING : FXMON_PHASE_ARMED;
    state->worst = begins && is_level(alert) ? price : (fxmon_decimal){0, 0};
    return resolved ? FXMON_RESOLVED : 0;
}

int fxi_alert_step(const fxmon_alert *alert, fxmon_alert_state *state, int position, int64_t time, fxmon_decimal price,
                   fxmon_event *event, bool *ended)
{
    event->duration = 0;
    event->suppressed = 0;
    event->worst = (fxmon_decimal){0, 0};
    *ended = false;
    int side = position != 0 ? position : state->side == 0 ? 2 : state->side;
    if (side != state->side && change_side(alert, state, side, time, price, event) == FXMON_RESOLVED)
        return FXMON_RESOLVED;
    if (position != side)
        return 0;
    switch (state->phase) {
    case FXMON_PHASE_FIRING:
        /* later than the firing: a second look at the same sample must not repeat it */
        if (alert->repeat == FXMON_EVERY && time > state->fired && !in_cooldown(alert, state, time))
            return fire(alert, state, time, FXMON_REPEATED, event, ended);
        return 0;
    case FXMON_PHASE_PENDING:
    case FXMON_PHASE_COOLDOWN:
        if (elapsed(state->since, time) < alert->hold)
            return 0;
        if (!in_cooldown(alert, state, time))
            return fire(alert, state, time, FXMON_FIRED, event, ended);
        if (state->phase == FXMON_PHASE_PENDING)
            state->suppressed++;
        state->phase = is_level(alert) ? FXMON_PHASE_COOLDOWN : FXMON_PHASE_ARMED;
        return 0;
    default:
        return 0;
    }
}

int64_t fxi_alert_due(const fxmon_alert *alert, const fxmon_alert_state *state)
{
    if (state->side == 0)
        return INT64_MIN;
    switch (state->phase) {
    case FXMON_PHASE_PENDING:
        return later(state->since, alert->hold);
    case FXMON_PHASE_COOLDOWN:
        return later(state->fired, alert->cooldown);
    case FXMON_PHASE_FIRING:
        return alert->repeat == FXMON_EVERY ? later(state->fired, alert->cooldown) : INT64_MAX;
    default:
        return INT64_MAX;
    }
}

bool fxi_alert_open(const fxmon_alert *alert, const fxmon_alert_state *state)
{
    return is_level(alert) && state->phase != FXMON_PHASE_ARMED;
}
