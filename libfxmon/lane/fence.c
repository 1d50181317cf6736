/* lane/fence.c - see fence.h. */
#include "lane/fence.h"

#include "base/error.h"

fxmon_result fxi_fence_check(const fxmon_store_ops *ops, void *store, const fxmon_progress *progress, fxmon_result result, fxmon_error *error)
{
    if (result != FXMON_FATAL || !error || error->code != FXMON_E_DUPLICATE)
        return result;
    fxmon_error answer;
    fxi_error_clear(&answer);
    fxmon_progress bare = *progress;
    bare.checkpoint = NULL;
    bare.checkpoint_size = 0;
    fxmon_result owner = ops->begin(store, &answer);
    if (owner == FXMON_DONE)
        owner = ops->commit(store, &bare, bare.next_offset, &answer);
    if (owner == FXMON_DONE)
        return result; /* the place is ours: this really is a duplicate */
    ops->rollback(store);
    *error = answer;
    return owner;
}
