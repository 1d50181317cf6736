/* lane/fence.h - telling a record that is there twice from a lane that is no longer the owner of its place. */
#ifndef FXI_FENCE_H
#define FXI_FENCE_H
#include <fxmon/plugin.h>
/**
 * `result` and `error` are those of a put_... that was rolled back. A lane that slept while another took over offers rows that are there already, and
 * meets the key before its commit would have told it. So: when the store says duplicate, an empty commit at the stored place asks who owns it. FENCED
 * (or RETRY) when that is the answer; `result` otherwise.
 */
fxmon_result fxi_fence_check(const fxmon_store_ops *ops, void *store, const fxmon_progress *progress, fxmon_result result, fxmon_error *error);
#endif
