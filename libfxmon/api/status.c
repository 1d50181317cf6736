/* api/status.c - the counters of the lanes. */
#include <string.h>

#include <string.h>

#include "api/handle.h"
#include "base/instance.h"
#include "base/url.h"

int fxmon_status_each(fxmon *m, bool (*fn)(void *user, const fxmon_status *status), void *user)
{
    if (!m || !fn)
        return FXMON_E_ARGUMENT;
    for (size_t i = 0; i < m->slot_count; i++) {
        const fxi_worker *worker = &m->slots[i].worker;
        fxmon_status status;
        if (!worker->ops->status)
            continue;
        memset(&status, 0, sizeof status);
        worker->ops->status(worker->state, &status);
        if (!fn(user, &status))
            break;
    }
    return FXMON_OK;
}

struct teller {
    fxmon_source_fn fn;
    void *user;
    const char *component;
    char instance[64], log[64];
    bool enough;
};

static bool tell(void *user, const fxmon_source_health *source)
{
    struct teller *t = user;
    fxmon_source_health row = *source;
    memcpy(row.component, t->component, strlen(t->component) + 1);
    memcpy(row.instance, t->instance, sizeof row.instance);
    memcpy(row.log, t->log, sizeof row.log);
    t->enough = !t->fn(t->user, &row);
    return !t->enough;
}

int fxmon_source_each(fxmon *m, fxmon_source_fn fn, void *user)
{
    struct teller t = {.fn = fn, .user = user};
    if (!m || !fn)
        return FXMON_E_ARGUMENT;
    const char *to = fxi_options_get(m->options, "to");
    fxi_instance(t.instance);
    if (to)
        fxi_url_redact(to, t.log, sizeof t.log);
    for (size_t i = 0; i < m->slot_count && !t.enough; i++) {
        const fxi_worker *worker = &m->slots[i].worker;
        t.component = m->slots[i].component;
        if (worker->ops->sources)
            worker->ops->sources(worker->state, tell, &t);
    }
    return FXMON_OK;
}
