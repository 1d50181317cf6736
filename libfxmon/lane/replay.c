/*
 * lane/replay.c - see replay.h.
 *
 * A lane has gone on long since, and what it computed from the prices behind the letter's stands in the store and perhaps in alerts that fired. So the
 * rows of a replay are late ones, as every quote is that comes after newer ones: kept, in the history, and in no statistic. Recomputing a past that
 * others have acted on would be worse than a gap in a window of twenty.
 *
 * The record's place (log, partition, offset) makes it idempotent: the store takes no row twice. The transaction needs a place of its own to move, which
 * is that of the lane dlq/replay. The letter is marked in a second step; a crash between the two makes the next replay find the rows and mark it.
 */
#include "lane/replay.h"

#include <math.h>

#include "base/error.h"
#include "base/mem.h"
#include "codec/message.h"

#define REPLAY_LANE "dlq/replay"

static fxmon_row *make_rows(const fxmon_message *message, const fxmon_dead_letter *letter)
{
    fxmon_row *rows = fxi_calloc(message->count, sizeof *rows);
    for (uint32_t i = 0; rows && i < message->count; i++) {
        const fxmon_rate *rate = &message->rates[i];
        rows[i] = (fxmon_row){.pair = rate->pair, .time = message->time, .ingested = message->ingested, .rate = rate->mid, .bid = rate->bid,
                              .ask = rate->ask, .volatility = (double)NAN, .kind = FXMON_ROW_LATE, .source = message->source,
                              .partition = letter->partition, .offset = letter->offset};
    }
    return rows;
}

/* All rows or none. */
static fxmon_result put(const fxmon_store_ops *ops, void *store, const fxmon_row *rows, size_t count, const fxmon_dead_letter *letter, fxmon_error *error)
{
    fxmon_progress progress = {.lane = REPLAY_LANE, .stream = letter->stream, .partition = letter->partition, .next_offset = -1, .checkpoint_offset = -1};
    fxmon_result result = ops->claim(store, &progress, error);
    progress.lane = REPLAY_LANE;
    progress.stream = letter->stream;
    fxi_free(progress.checkpoint);
    progress.checkpoint = NULL;
    if (result == FXMON_DONE)
        result = ops->begin(store, error);
    if (result != FXMON_DONE)
        return result;
    result = ops->put_rows(store, rows, count, error);
    if (result == FXMON_DONE) {
        int64_t next = letter->offset + 1 > progress.next_offset ? letter->offset + 1 : progress.next_offset;
        result = ops->commit(store, &progress, next, error);
    }
    if (result != FXMON_DONE)
        ops->rollback(store);
    return result;
}

static fxmon_result put_message(const fxmon_store_ops *ops, void *store, const fxmon_message *message, const fxmon_dead_letter *letter, fxmon_error *error)
{
    fxmon_row *rows = make_rows(message, letter);
    if (!rows) {
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for %u rows", message->count);
        return FXMON_RETRY;
    }
    fxmon_result result = put(ops, store, rows, message->count, letter, error);
    fxi_free(rows);
    if (result != FXMON_DONE && error->code == FXMON_E_DUPLICATE) {
        fxi_error_clear(error);
        result = FXMON_DONE;
    }
    return result;
}

fxmon_result fxi_replay(const fxmon_store_ops *ops, void *store, const fxmon_dead_letter *letter, int64_t id, int64_t now, fxmon_error *error)
{
    fxi_decoder *decoder = fxi_decoder_new();
    fxmon_error own = {0};
    const fxmon_message *message = NULL;
    if (!decoder)
        fxi_fail(&own, FXMON_E_NOMEM, "", "out of memory for a decoder");
    else
        message = fxi_message_decode(decoder, letter->data, letter->length, &own);
    fxmon_result result = message ? put_message(ops, store, message, letter, &own) : own.code == FXMON_E_NOMEM ? FXMON_RETRY : FXMON_REFUSED;
    fxi_decoder_free(decoder);
    if (result == FXMON_DONE)
        result = ops->dead_resolve(store, id, now, &own);
    if (result != FXMON_DONE && error)
        *error = own;
    return result;
}
