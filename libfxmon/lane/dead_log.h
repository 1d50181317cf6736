/*
 * lane/dead_log.h - where a lane's dead letters go besides its destination: a log, by the option "dlq". At least once: they are appended and
 * acknowledged before the commit that sets them aside in the destination; after a crash between the two the same record comes again, with the same key.
 */
#ifndef FXI_DEAD_LOG_H
#define FXI_DEAD_LOG_H
#include "base/buf.h"
#include "lane/registry.h"
typedef struct fxi_dead_log fxi_dead_log;
/** Dead letters of one batch, encoded. Zero-initialised is empty. */
typedef struct fxi_dead_batch {
    fxi_buf text;
    struct fxi_dead_part *parts;
    size_t count, capacity;
} fxi_dead_batch;
/**
 * By the option dlq, for lanes that read `from`. Opens nothing. *out is NULL where there is none. FXMON_E_CONFIG: no such log, or the one that is read.
 * An env outlives it.
 */
int fxi_dead_log_new(const fxmon_env *env, const fxi_registry *registry, const char *from, fxi_dead_log **out, fxmon_error *error);
void fxi_dead_log_free(fxi_dead_log *log);
/** One more into the batch; `applied`: it was understood, but refused. `log` NULL: nothing happens. False: out of memory. */
bool fxi_dead_log_add(const fxi_dead_log *log, fxi_dead_batch *batch, const fxmon_dead_letter *letter, bool applied, int32_t hops);
/** Append the batch, and empty it on success. DONE, RETRY, FATAL. A record that the log refuses as such is left to the destination, with a warning. */
fxmon_result fxi_dead_log_append(fxi_dead_log *log, fxi_dead_batch *batch, fxmon_error *error);
void fxi_dead_batch_clear(fxi_dead_batch *batch);
void fxi_dead_batch_free(fxi_dead_batch *batch);
#endif
