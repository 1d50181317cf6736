/*
 * api/board.c - the board of a handle: it is there from the first lane on, so that lanes can tell it things, and becomes a worker when the handle starts,
 * if there is a store to write to: the option "store", or else the first store among the destinations.
 */
#include <stdio.h>
#include <string.h>

#include "api/handle.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/url.h"

static void each_worker(void *user, fxi_board_fn fn, void *fn_user)
{
    fxmon *m = user;
    char log[sizeof((fxmon_health *)0)->group] = "";
    const char *to = fxi_options_get(m->options, "to"), *group = fxi_options_get(m->options, "group");
    if (to)
        fxi_url_redact(to, log, sizeof log);
    for (size_t i = 0; i < m->slot_count; i++) {
        struct fxi_slot *slot = &m->slots[i];
        fxmon_status status;
        if (slot->pulse == FXI_PULSE_NONE)
            continue;
        memset(&status, 0, sizeof status);
        if (slot->worker.ops->status)
            slot->worker.ops->status(slot->worker.state, &status);
        if (atomic_load(&slot->ended)) /* however it ended: its own word may be older */
            status.state = slot->code == FXMON_OK ? "ended" : "failed";
        if (atomic_load(&slot->ended) && slot->code != FXMON_OK && slot->error.code != FXMON_OK)
            status.last_error = slot->error;
        if (!fn(fn_user, slot->pulse, slot->component, slot->pulse == FXI_PULSE_PRODUCER ? log : group, &status))
            return;
    }
}

static void each_source(void *user, fxmon_source_fn fn, void *fn_user)
{
    (void)fxmon_source_each(user, fn, fn_user);
}

static bool all_others_ended(void *user)
{
    fxmon *m = user;
    for (size_t i = 0; i < m->slot_count; i++)
        if (m->slots[i].worker.state != m->board && !atomic_load(&m->slots[i].ended))
            return false;
    return true;
}

/* Two sinks of one kind in one process: their rows must differ. */
static void name_slot(const fxmon *m, const char *component, struct fxi_slot *slot)
{
    for (size_t number = 1; number <= m->slot_count + 1; number++) {
        bool taken = false;
        if (number == 1)
            (void)snprintf(slot->component, sizeof slot->component, "%.56s", component);
        else
            (void)snprintf(slot->component, sizeof slot->component, "%.56s#%d", component, (int)number);
        for (size_t i = 0; i < m->slot_count; i++)
            taken |= strcmp(m->slots[i].component, slot->component) == 0;
        if (!taken)
            return;
    }
}

int fxi_board_announce(fxmon *m, enum fxi_pulse_kind kind, const char *component, fxmon_error *error)
{
    struct fxi_slot *slot = &m->slots[m->slot_count];
    if (!m->board) {
        fxi_board_config config = {.env = &m->hard_env, .each = each_worker, .sources = each_source, .alone = all_others_ended, .user = m};
        fxmon_error problem;
        fxi_error_clear(&problem);
        m->board = fxi_board_new(&config, &problem);
        if (!m->board) {
            if (error)
                *error = problem;
            return problem.code;
        }
    }
    name_slot(m, component, slot);
    slot->pulse = kind;
    return FXMON_OK;
}

int fxi_board_candidate(fxmon *m, const char *url, fxmon_error *error)
{
    if (m->board_url)
        return FXMON_OK;
    m->board_url = fxi_strdup(url);
    return m->board_url ? FXMON_OK : fxi_fail(error, FXMON_E_NOMEM, "store", "out of memory");
}

int fxi_board_begin(fxmon *m, fxmon_error *error)
{
    const char *named = fxi_options_get(m->options, "store"), *url = named ? named : m->board_url;
    if (!m->board || !url)
        return FXMON_OK;
    fxmon_error problem;
    fxi_error_clear(&problem);
    const fxmon_store_ops *ops = fxi_registry_find(&m->registry, FXI_KIND_STORE, url, "store", &problem);
    if (ops)
        fxi_board_store(m->board, ops, url, &problem);
    if (problem.code != FXMON_OK) {
        if (!named && problem.code == FXMON_E_UNSUPPORTED)
            return FXMON_OK; /* nobody asked for health, and the host's own store keeps none */
        if (error)
            *error = problem;
        return problem.code;
    }
    struct fxi_slot *slot = &m->slots[m->slot_count++];
    slot->worker = (fxi_worker){.ops = &fxi_board_worker, .state = m->board};
    slot->watched = -1;
    slot->handle = m;
    return FXMON_OK;
}
