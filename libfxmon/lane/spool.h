/* lane/spool.h - a log with a spool in front: batches that the log does not take are kept in a folder, and published in order when it does again. */
#ifndef FXI_SPOOL_H
#define FXI_SPOOL_H
#include <fxmon/plugin.h>

#include "lane/registry.h"

typedef struct fxi_spool fxi_spool;

/** The log `url` behind the spool that the options spool, spool-bytes and spool-full describe. NULL: error. Opens nothing yet. */
fxi_spool *fxi_spool_new(const fxmon_env *env, const fxi_registry *registry, const fxmon_stream_ops *stream, const char *url, fxmon_error *error);
void fxi_spool_free(fxi_spool *spool);
/** DONE: acknowledged by the log, or durable in the spool. RETRY: neither (the spool is full, or its disk). */
fxmon_result fxi_spool_append(fxi_spool *spool, const fxmon_blob *records, size_t count, fxmon_error *error);
/** Publish some of what is kept, if it is time to try. DONE: more may be published now. WAIT: nothing is kept, or the log does not answer. */
fxmon_result fxi_spool_publish(fxi_spool *spool, fxmon_error *error);
int64_t fxi_spool_kept(const fxi_spool *spool);      /* records that wait for the log */
int64_t fxi_spool_next(const fxi_spool *spool);      /* monotonic: when to publish again; INT64_MAX: nothing is kept */
#endif
