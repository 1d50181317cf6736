/*
 * lane/breaker.c - closed, open, half-open.
 *
 * Counts consecutive failures, not a rate: a destination that fails five times running is down, whatever the traffic was, and five is testable.
 * There is no timer: what is due is settled at the beginning of every call. A probe that never answers is settled the same way, as a failure at
 * its deadline, so that a lost call cannot leave the breaker half-open for ever. Every change of state starts a new generation; the ticket of
 * a call is the generation it was admitted in, and an outcome from an older one says nothing about the present.
 */
#include "lane/breaker.h"

#include <string.h>

void fxi_breaker_init(fxi_breaker *breaker, const fxi_breaker_settings *settings)
{
    memset(breaker, 0, sizeof *breaker);
    pthread_mutex_init(&breaker->mutex, NULL);
    breaker->settings = *settings;
    if (breaker->settings.threshold < 1)
        breaker->settings.threshold = 1;
    if (breaker->settings.factor < 1)
        breaker->settings.factor = 1;
    if (breaker->settings.maximum < breaker->settings.cooldown)
        breaker->settings.maximum = breaker->settings.cooldown;
    breaker->cooldown = breaker->settings.cooldown;
}

void fxi_breaker_destroy(fxi_breaker *breaker)
{
    pthread_mutex_destroy(&breaker->mutex);
}

static void enter(fxi_breaker *breaker, enum fxi_breaker_state state)
{
    breaker->state = state;
    breaker->generation++;
    breaker->failures = 0;
}

static void grow_cooldown(fxi_breaker *breaker)
{
    double longer = (double)breaker->cooldown * breaker->settings.factor;
    breaker->cooldown =
        longer >= (double)breaker->settings.maximum ? breaker->settings.maximum : (int64_t)longer;
}

static void probe_failed(fxi_breaker *breaker, int64_t at)
{
    grow_cooldown(breaker);
    breaker->opened_at = at;
    breaker->counts.reopened++;
    enter(breaker, FXI_BREAKER_OPEN);
}

/* What time alone has decided by now. */
static void settle(fxi_breaker *breaker, int64_t now)
{
    if (breaker->state == FXI_BREAKER_HALF_OPEN && now >= breaker->probe_until) {
        breaker->counts.timed_out++;
        probe_failed(breaker, breaker->probe_until);
    }
}

bool fxi_breaker_admit(fxi_breaker *breaker, int64_t now, uint64_t *ticket, int64_t *retry_after)
{
    bool admitted = true;
    int64_t later = 0;
    pthread_mutex_lock(&breaker->mutex);
    settle(breaker, now);
    if (breaker->state == FXI_BREAKER_OPEN && now - breaker->opened_at >= breaker->cooldown) {
        enter(breaker, FXI_BREAKER_HALF_OPEN);
        breaker->probe_until = now + breaker->settings.probe_timeout;
        breaker->counts.probed++;
    } else if (breaker->state == FXI_BREAKER_OPEN) {
        later = breaker->cooldown - (now - breaker->opened_at);
        admitted = false;
    } else if (breaker->state == FXI_BREAKER_HALF_OPEN) {
        later = breaker->probe_until - now;
        admitted = false;
    }
    if (!admitted)
        breaker->counts.refused++;
    *ticket = breaker->generation;
    if (retry_after)
        *retry_after = later;
    pthread_mutex_unlock(&breaker->mutex);
    return admitted;
}

void fxi_breaker_result(fxi_breaker *breaker, uint64_t ticket, bool success, int64_t now)
{
    pthread_mutex_lock(&breaker->mutex);
    settle(breaker, now);
    if (ticket != breaker->generation) {
        pthread_mutex_unlock(&breaker->mutex);
        return;
    }
    if (breaker->state == FXI_BREAKER_HALF_OPEN) {
        if (success) {
            breaker->cooldown = breaker->settings.cooldown;
            breaker->counts.closed++;
            enter(breaker, FXI_BREAKER_CLOSED);
        } else {
            probe_failed(breaker, now);
        }
    } else if (breaker->state == FXI_BREAKER_CLOSED) {
        breaker->failures = success ? 0 : breaker->failures + 1;
        if (breaker->failures >= breaker->settings.threshold) {
            breaker->opened_at = now;
            breaker->counts.opened++;
            enter(breaker, FXI_BREAKER_OPEN);
        }
    }
    pthread_mutex_unlock(&breaker->mutex);
}

enum fxi_breaker_state fxi_breaker_state_at(fxi_breaker *breaker, int64_t now)
{
    pthread_mutex_lock(&breaker->mutex);
    settle(breaker, now);
    enum fxi_breaker_state state = breaker->state;
    pthread_mutex_unlock(&breaker->mutex);
    return state;
}

fxi_breaker_counts fxi_breaker_counts_of(fxi_breaker *breaker)
{
    pthread_mutex_lock(&breaker->mutex);
    fxi_breaker_counts counts = breaker->counts;
    pthread_mutex_unlock(&breaker->mutex);
    return counts;
}
