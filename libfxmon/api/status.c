/* api/status.c - the counters of the lanes. */
#include <string.h>

#include "api/handle.h"

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
