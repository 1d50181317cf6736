/*
 * lane/produce.h - from a chain of sources to a log, as a worker.
 * Options read: once, rate, duration, split, crosses, payload, batch, batch-bytes, and what the chain and the drivers read.
 */
#ifndef FXI_PRODUCE_H
#define FXI_PRODUCE_H
#include "lane/stop.h"
#include "lane/registry.h"
#include "lane/worker.h"
typedef struct fxi_produce fxi_produce;
typedef struct fxi_produce_config {
    const fxmon_env *env; /* of the log, outlives the worker; stopping() is the hard stop */
    const fxmon_env *source_env; /* of the sources: stopping() turns true with the first request */
    const fxi_stop *stop; /* NULL: never */
    const fxi_registry *registry;
    const char *from, *to;
} fxi_produce_config;
/** Opens nothing. */
fxi_produce *fxi_produce_new(const fxi_produce_config *config, fxmon_error *error);
extern const fxi_worker_ops fxi_produce_worker; /* state: fxi_produce */
#endif
