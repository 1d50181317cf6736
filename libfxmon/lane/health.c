/* lane/health.c - see health.h. Silent while the destination is away: the row would only wait behind the batch that cannot be written either. */
#include "lane/health.h"

#include <string.h>

#include "lane/env.h"

#define SLOW_NS (60 * FXMON_SECOND) /* a lane whose oldest waiting record is older than this is called slow */

static void copy_text(char *out, size_t size, const char *text)
{
    size_t length = text ? strnlen(text, size - 1) : 0;
    if (length)
        memcpy(out, text, length);
    out[length] = '\0';
}

void fxi_health_init(fxi_health *health, const char *component)
{
    memset(health, 0, sizeof *health);
    copy_text(health->component, sizeof health->component, component);
    fxi_env_instance(health->instance);
}

bool fxi_health_due(fxi_health *health, int64_t now, const fxmon_status *status, fxmon_health *row)
{
    const char *state = status->state ? status->state : "";
    bool end = strcmp(state, "ended") == 0 || strcmp(state, "failed") == 0;
    if (health->ended || strcmp(state, "retrying") == 0 || strcmp(state, "open") == 0)
        return false;
    if (!end && health->written && now - health->written < FXI_HEALTH_EVERY && now >= health->written)
        return false;
    health->written = now;
    health->ended = end;
    memset(row, 0, sizeof *row);
    memcpy(row->component, health->component, sizeof row->component);
    memcpy(row->instance, health->instance, sizeof row->instance);
    copy_text(row->status, sizeof row->status, end ? "stopped" : status->lag_ns > SLOW_NS ? "slow" : "ok");
    row->heartbeat = now;
    row->messages = status->messages;
    row->rows = status->rows;
    row->dead_letters = status->dead_letters;
    row->last_offset = status->next_offset - 1;
    row->lag = status->end_offset > status->next_offset ? status->end_offset - status->next_offset : 0;
    copy_text(row->detail, sizeof row->detail, status->last_error.code ? status->last_error.text : "");
    return true;
}
