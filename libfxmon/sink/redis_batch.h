/*
 * sink/redis_batch.h - the pure part of the Redis sink: rows into what is left of them per pair, and that into Redis commands. No connection, no clock.
 *
 * Per pair a batch keeps its chain: the rows that were newer than all rows before them, by (time, partition, offset). Which of the chain count is only
 * known when the newest position that Redis has of the pair was read; they are always its end, so that nothing else needs to be kept of a thousand rows.
 */
#ifndef FXI_REDIS_BATCH_H
#define FXI_REDIS_BATCH_H
#include "base/buf.h"
#include "base/map.h"
#include <fxmon/plugin.h>

/* ---- commands: RESP2, an array of bulk strings each ---- */
void fxi_redis_command(fxi_buf *out, int words);
void fxi_redis_word(fxi_buf *out, const char *word, size_t length);
void fxi_redis_text(fxi_buf *out, const char *text);
void fxi_redis_integer(fxi_buf *out, int64_t value);
/** PREFIX NAME PAIR as one word: a key. pair may be NULL. */
void fxi_redis_key(fxi_buf *out, const char *prefix, const char *name, const fxmon_pair *pair);
/** A word of a command, both counted from 0, in a text of commands; false if there is none. */
bool fxi_redis_find_word(const char *commands, size_t length, size_t index, size_t word, const char **text, size_t *size);

/* ---- the batch ---- */
typedef struct fxi_redis_point {
    int64_t time, offset;
    int32_t partition;
    fxmon_decimal price;
} fxi_redis_point;

/** What Redis holds of a pair. */
typedef struct fxi_redis_seen {
    bool there;
    fxi_redis_point newest;
    fxmon_decimal reference;                  /* mantissa 0: none */
    bool has_bid, has_ask, has_volatility;
} fxi_redis_seen;

typedef struct fxi_redis_entry {
    fxmon_pair pair;
    bool cross, touched;
    bool checked;                             /* its keys were seen to be of the right types */
    fxmon_row newest;                         /* of the chain; source points to `source` */
    char source[FXMON_SOURCE_TEXT];
    fxi_redis_point *chain;
    size_t chain_count, chain_capacity;
    fxi_redis_point first;                    /* of the chain, also when it is no longer kept */
    bool has_before;
    fxi_redis_point before;                   /* last of the chain on an earlier day than the newest */
    fxi_redis_point *series;                  /* all rows, late ones too */
    size_t series_count, series_capacity;
    fxi_redis_seen seen;
    int64_t published;                        /* time of the last quote that went to the channel; INT64_MIN none */
} fxi_redis_entry;

typedef struct fxi_redis_shape {
    const char *prefix, *channel;             /* channel "": none */
    int64_t ttl_ms;                           /* 0: for ever */
    size_t history, series;                   /* 0: none */
} fxi_redis_shape;

typedef struct fxi_redis_batch {
    fxi_redis_shape shape;
    fxi_map *map;                             /* pair and kind to entry */
    fxi_redis_entry **entries;                /* kept from batch to batch */
    size_t count, capacity;
    fxi_redis_entry **touched;                /* those of this batch */
    size_t touched_count, touched_capacity;
    fxi_buf line;                             /* of one published row */
    int64_t rows;                             /* taken into this batch */
} fxi_redis_batch;

bool fxi_redis_newer(const fxi_redis_point *a, const fxi_redis_point *b); /* by (time, partition, offset) */
int64_t fxi_redis_day(int64_t time);                                      /* days since 1970, UTC */
int fxi_redis_batch_open(fxi_redis_batch *batch, const fxi_redis_shape *shape, fxmon_error *error);
void fxi_redis_batch_free(fxi_redis_batch *batch);
int fxi_redis_batch_add(fxi_redis_batch *batch, const fxmon_row *row, fxmon_error *error);
void fxi_redis_batch_clear(fxi_redis_batch *batch);
void fxi_redis_batch_done(fxi_redis_batch *batch); /* delivered: clear, and remember what was published */
/** The words that ask for what Redis has of an entry; the answer goes to fxi_redis_entry_saw, one text (NULL: none) a field. */
#define FXI_REDIS_FIELDS 8
void fxi_redis_entry_ask(const fxi_redis_batch *batch, const fxi_redis_entry *entry, fxi_buf *out);
void fxi_redis_entry_saw(fxi_redis_entry *entry, const char *const fields[FXI_REDIS_FIELDS], const size_t lengths[FXI_REDIS_FIELDS]);
/** How many of the oldest of its series cannot be among the `wanted` newest. */
size_t fxi_redis_entry_past(const fxi_redis_entry *entry, size_t wanted);
const char *fxi_redis_entry_hash(const fxi_redis_entry *entry); /* "latest:" or "latest_cross:" */
/** All commands of the batch; returns how many. */
size_t fxi_redis_batch_encode(fxi_redis_batch *batch, fxi_buf *out);
#endif
