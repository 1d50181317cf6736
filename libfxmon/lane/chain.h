/*
 * lane/chain.h - one or several sources, the first that answers wins. Used by the producer and by fxmon_fetch.
 * The message names its source. A source that fails is left alone for its backoff or its breaker's cooldown and tried again before the ones behind it.
 */
#ifndef FXI_CHAIN_H
#define FXI_CHAIN_H
#include "lane/registry.h"
typedef struct fxi_chain fxi_chain;
/** `sources`: names and URLs separated by commas. Opens nothing. NULL: error. env must outlive it. */
fxi_chain *fxi_chain_new(const fxmon_env *env, const fxi_registry *registry, const char *sources, fxmon_error *error);
void fxi_chain_free(fxi_chain *chain);
/**
 * DONE: *message, valid until the next call. WAIT: nothing before *due (ns UTC). END: every source has ended. REFUSED: one piece of bad data was
 * skipped, error says which; call again. RETRY: none answered, *due says when it makes sense to try again; error is the first source's.
 * FATAL: none ever will.
 */
fxmon_result fxi_chain_next(fxi_chain *chain, int64_t now, fxmon_message *message, int64_t *due, fxmon_error *error);
#define FXI_CHAIN_SOURCES 16
/** How the sources are doing at `now` (ns UTC); recorded ones are left out, they have no rhythm. Returns how many of `out` were filled. */
size_t fxi_chain_sources(const fxi_chain *chain, int64_t now, fxmon_source_health out[FXI_CHAIN_SOURCES]);
bool fxi_chain_recorded(const fxi_chain *chain);  /* the sources hand out what was recorded before */
const char *fxi_chain_name(const fxi_chain *chain); /* redacted, for status */
/** Of several sources the first, as it is called in the option: a word, a host, or the scheme. NULL with one source, whose messages say what they are of. */
const char *fxi_chain_first(const fxi_chain *chain);
#endif
