/* lane/replay.h - a dead letter once more, into the store that keeps it. */
#ifndef FXI_REPLAY_H
#define FXI_REPLAY_H
#include <fxmon/plugin.h>
/**
 * Decode the letter's bytes; if they are a rate message now, its rates become rows under the record's own place and the letter is resolved at `now`.
 * DONE also when the rows were there already. REFUSED: it cannot be decoded still; nothing was changed.
 */
fxmon_result fxi_replay(const fxmon_store_ops *ops, void *store, const fxmon_dead_letter *letter, int64_t id, int64_t now, fxmon_error *error);
#endif
