/*
 * lane/lane_place.c - a lane in one partition: claim it, restore what was computed, go to its place in the log, commit its batches, give it up.
 *
 * Every partition has its own batch and its own commit, so the place that is compared and set is always one row, a partition that moves to another
 * process takes nothing of the others with it, and the statistics of a partition are a function of that partition alone.
 *
 * A failed commit keeps its batch: the stream is paused but still polled, so that a log with a group protocol does not take partitions away, and the
 * same batch is offered again after the backoff. After FENCED another process owns the place: batch and statistics are dropped, and there is no new
 * claim before the stream has been read successfully, which is how a stale owner learns that the partition is no longer its own. Two owners of a file
 * log, which has no group protocol, would fence each other for ever; the growing random wait lets one of them work.
 */
#include "base/crash.h"
#include "base/error.h"
#include "base/mem.h"
#include "lane/lane_private.h"

fxi_place *fxi_lane_place(const fxi_lane *lane, int32_t partition)
{
    for (size_t i = 0; i < lane->place_count; i++)
        if (lane->places[i]->partition == partition)
            return lane->places[i];
    return NULL;
}

fxi_place *fxi_place_new(fxi_lane *lane, int32_t partition)
{
    fxi_place **grown = fxi_grow(lane->places, &lane->place_capacity, lane->place_count + 1, sizeof *grown);
    if (!grown)
        return NULL;
    lane->places = grown;
    fxi_place *place = fxi_calloc(1, sizeof *place);
    if (!place)
        return NULL;
    place->held = lane->config.stage->place_new(lane->config.stage_state);
    if (!place->held) {
        fxi_free(place);
        return NULL;
    }
    place->partition = partition;
    place->progress = (fxmon_progress){.lane = lane->key, .stream = lane->stream_name, .partition = partition, .next_offset = -1, .checkpoint_offset = -1};
    place->position = place->end = -1;
    place->fresh = true;
    fxi_retry_init(&place->fence_retry, lane->retry_base, lane->retry_cap, lane->seed + 2 + (uint64_t)(uint32_t)partition);
    lane->places[lane->place_count++] = place;
    return place;
}

static void forget_checkpoint(fxi_place *place)
{
    fxi_free(place->progress.checkpoint);
    place->progress.checkpoint = NULL;
    place->progress.checkpoint_size = 0;
}

static void forget_batch(fxi_lane *lane, fxi_place *place)
{
    lane->held_rates -= place->batch_rates;
    fxi_dead_batch_clear(&place->letters);
    place->batch_messages = place->batch_dead = place->batch_bytes = place->batch_rates = 0;
    place->commit_now = false;
}

/* The destination takes again: read on, in every partition. */
static void resume(fxi_lane *lane)
{
    for (size_t i = 0; i < lane->place_count; i++) {
        fxi_place *place = lane->places[i];
        if (place->paused && lane->config.stream->pause)
            lane->config.stream->pause(lane->stream, place->partition, false);
        place->paused = false;
    }
}

/* Its batch is gone: others may go on. */
static void not_offered(fxi_lane *lane, const fxi_place *place)
{
    if (lane->offered != place)
        return;
    lane->offered = NULL;
    resume(lane);
}

void fxi_place_give_up(fxi_lane *lane, fxi_place *place, bool release)
{
    if (lane->config.stage->drop)
        lane->config.stage->drop(place->held);
    lane->config.stage->place_free(place->held);
    forget_batch(lane, place);
    forget_checkpoint(place);
    not_offered(lane, place);
    if (release)
        FXI_CRASH("place.release");
    fxi_dead_batch_free(&place->letters);
    if (release && lane->config.stream->release)
        lane->config.stream->release(lane->stream, place->partition);
    size_t at = 0;
    while (lane->places[at] != place)
        at++;
    for (lane->place_count--; at < lane->place_count; at++)
        lane->places[at] = lane->places[at + 1];
    fxi_free(place);
}

/* `why` has another code than FENCED when it was no other process: what had been written is gone. */
void fxi_place_fenced(fxi_lane *lane, fxi_place *place, const fxmon_error *why)
{
    if (lane->config.stage->drop)
        lane->config.stage->drop(place->held);
    forget_batch(lane, place);
    not_offered(lane, place);
    place->reseek = place->done = false; /* the end may have been reached with a batch that is gone */
    place->phase = FXI_PLACE_FENCED;
    int64_t now = fxi_lane_now(lane);
    bool gone = why->code != FXMON_OK && why->code != FXMON_E_FENCED; /* nobody to give way to */
    if (gone || now - place->claimed_at > place->fence_retry.cap)
        fxi_retry_reset(&place->fence_retry);
    place->wait_until = now + fxi_retry_delay(&place->fence_retry, 0, 0);
    if (gone)
        lane->error = *why;
    else
        fxi_fail(&lane->error, FXMON_E_FENCED, "", "another process took over %s of %.150s, partition %d", lane->key, lane->from, place->partition);
    fxi_log(lane->env, FXMON_LOG_WARNING, lane->name, "%s", lane->error.text);
    fxi_lane_show(lane, "waiting");
}

/* ---- claiming ------------------------------------------------------------------------------------------------------ */

/* Where to read from: the checkpoint, or the beginning when the statistics have to be computed anew, or the stored place when there are none. */
static int64_t first_to_read(const fxi_lane *lane, const fxi_place *place, int64_t first, int64_t end)
{
    const fxmon_progress *progress = &place->progress;
    if (progress->next_offset < 0)
        return lane->start_end ? end : first;
    if (!lane->config.stage->save)
        return progress->next_offset;
    return progress->checkpoint ? progress->checkpoint_offset : first < progress->next_offset ? first : progress->next_offset;
}

static enum fxi_lane_step go_to_place(fxi_lane *lane, fxi_place *place)
{
    fxmon_error error;
    int64_t first = 0, end = 0;
    fxi_error_clear(&error);
    fxmon_result result = lane->config.stream->bounds(lane->stream, place->partition, &first, &end, &error);
    if (result != FXMON_DONE)
        return fxi_lane_stream_trouble(lane, result, &error, "look at");
    if (place->progress.next_offset > end) {
        fxi_fail(&error, FXMON_E_GAP, "from", "the log ends at %lld, but this lane has read up to %lld: was %.120s cut or replaced?",
                 (long long)end, (long long)place->progress.next_offset, lane->from);
        return fxi_lane_fail(lane, &error);
    }
    int64_t start = first_to_read(lane, place, first, end);
    result = lane->config.stream->seek(lane->stream, place->partition, start, &error);
    if (result != FXMON_DONE)
        return fxi_lane_stream_trouble(lane, result, &error, "seek");
    place->position = start;
    place->log_end = end;
    if (lane->until_end && place->end < 0)
        place->end = end;
    place->done = place->done || (place->end >= 0 && start >= place->end);
    return FXI_STEP_ON;
}

static enum fxi_lane_step restore(fxi_lane *lane, fxi_place *place)
{
    fxmon_error error;
    const fxi_stage_ops *stage = lane->config.stage;
    fxmon_progress *progress = &place->progress;
    fxi_error_clear(&error);
    bool usable = progress->checkpoint && progress->checkpoint_offset >= 0 && progress->checkpoint_offset <= progress->next_offset;
    if (!usable)
        forget_checkpoint(place);
    if (!stage->restore)
        return FXI_STEP_ON;
    fxmon_result result = stage->restore(place->held, progress->checkpoint, progress->checkpoint_size, &error);
    if (result == FXMON_FATAL && (error.code == FXMON_E_CORRUPT || error.code == FXMON_E_STATE)) { /* damaged, or of another window */
        fxi_log(lane->env, FXMON_LOG_WARNING, lane->name, "%s; replaying the log from its beginning", error.text);
        forget_checkpoint(place);
        result = stage->restore(place->held, NULL, 0, &error);
    }
    return result == FXMON_DONE ? FXI_STEP_ON : fxi_lane_fail(lane, &error);
}

enum fxi_lane_step fxi_place_claim(fxi_lane *lane, fxi_place *place)
{
    fxmon_error error;
    uint64_t ticket;
    fxi_error_clear(&error);
    if (fxi_lane_now(lane) < lane->stream_wait_until || !fxi_lane_attempt(lane, &ticket))
        return FXI_STEP_WAIT;
    forget_checkpoint(place);
    place->progress = (fxmon_progress){.lane = lane->key, .stream = lane->stream_name, .partition = place->partition, .next_offset = -1,
                                       .checkpoint_offset = -1};
    FXI_CRASH("place.claim");
    fxmon_result result = lane->config.stage->claim(place->held, &place->progress, &error);
    place->progress.lane = lane->key;
    place->progress.stream = lane->stream_name;
    fxi_lane_settle(lane, ticket, result, &error, "claim");
    if (result == FXMON_RETRY || result == FXMON_FENCED)
        return FXI_STEP_WAIT;
    if (result != FXMON_DONE)
        return fxi_lane_fail(lane, &error);
    FXI_CRASH("place.claimed");
    enum fxi_lane_step step = restore(lane, place);
    place->position = -1;
    if (step == FXI_STEP_ON && lane->replayable)
        step = go_to_place(lane, place);
    forget_checkpoint(place);
    if (step != FXI_STEP_ON)
        return step;
    place->reseek = false;
    if (place->paused && lane->config.stream->pause)
        lane->config.stream->pause(lane->stream, place->partition, false);
    place->paused = false;
    place->claimed_at = place->checkpoint_at = fxi_lane_now(lane);
    place->checkpoint_now = place->progress.next_offset < 0 || place->progress.checkpoint_offset < 0;
    if (lane->replayable && place->progress.next_offset < 0 && lane->start_end)
        place->commit_now = true; /* so that "the end" stays this one, whatever happens before the first batch */
    place->phase = FXI_PLACE_RUN;
    FXI_CRASH("place.sought");
    fxi_lane_show(lane, "running");
    return FXI_STEP_ON;
}

/* ---- the batch ------------------------------------------------------------------------------------------------------ */

bool fxi_place_full(const fxi_lane *lane, const fxi_place *place)
{
    return place->batch_messages >= lane->batch_maximum || place->batch_bytes >= lane->batch_bytes_maximum ||
           place->batch_rates >= (lane->config.stage->batch_rates ? lane->config.stage->batch_rates : FXI_LANE_RATES);
}

static bool replaying(const fxi_place *place)
{
    return place->position < place->progress.next_offset;
}

static bool last_commit(const fxi_lane *lane, const fxi_place *place)
{
    return lane->finishing || place->done || place->release;
}

static bool checkpoint_due(const fxi_lane *lane, const fxi_place *place)
{
    if (!lane->config.stage->save || !lane->replayable || replaying(place))
        return false;
    return place->checkpoint_now || fxi_lane_now(lane) - place->checkpoint_at >= lane->checkpoint_every ||
           (last_commit(lane, place) && place->position > place->progress.checkpoint_offset);
}

bool fxi_place_commit_due(const fxi_lane *lane, const fxi_place *place)
{
    if (place->phase != FXI_PLACE_RUN)
        return false;
    if (place->commit_now)
        return true;
    bool last = last_commit(lane, place);
    if (place->batch_messages == 0)
        return last && place->progress.next_offset >= 0 && checkpoint_due(lane, place);
    return last || fxi_place_full(lane, place) || fxi_lane_now(lane) - place->batch_since >= lane->batch_time;
}

static enum fxi_lane_step committed(fxi_lane *lane, fxi_place *place, int64_t next_offset, bool with_checkpoint)
{
    place->progress.next_offset = next_offset;
    if (with_checkpoint) {
        place->progress.checkpoint_offset = next_offset;
        place->checkpoint_at = fxi_lane_now(lane);
        place->checkpoint_now = false;
    }
    lane->counted.messages += place->batch_messages;
    lane->counted.dead_letters += place->batch_dead;
    lane->counted.commits++;
    lane->offered = NULL;
    fxi_error_clear(&lane->error);
    forget_batch(lane, place);
    resume(lane);
    if (lane->config.stream->committed)
        lane->config.stream->committed(lane->stream, place->partition, next_offset);
    FXI_CRASH("place.committed");
    fxi_lane_show(lane, replaying(place) ? "replaying" : "running");
    return FXI_STEP_ON;
}

/* The batch waits, and with it all others. What was read but not looked at is given back to the log, so that the stream may be polled; a pipe cannot take back. */
static enum fxi_lane_step hold(fxi_lane *lane)
{
    if (!lane->replayable)
        return FXI_STEP_WAIT;
    if (fxi_lane_unread(lane) == FXI_STEP_FAILED)
        return FXI_STEP_FAILED;
    for (size_t i = 0; i < lane->place_count; i++) {
        fxi_place *place = lane->places[i];
        if (place->phase != FXI_PLACE_RUN || place->paused)
            continue;
        place->paused = true;
        if (lane->config.stream->pause)
            lane->config.stream->pause(lane->stream, place->partition, true);
    }
    return FXI_STEP_WAIT;
}

/* The batch is kept and offered again, or the lane ends. */
static enum fxi_lane_step keep_batch(fxi_lane *lane, fxi_place *place, fxmon_result result, const fxmon_error *error)
{
    if (result != FXMON_RETRY && result != FXMON_WAIT)
        return fxi_lane_fail(lane, error);
    lane->offered = place;
    return hold(lane);
}

enum fxi_lane_step fxi_place_commit(fxi_lane *lane, fxi_place *place)
{
    fxmon_error error;
    uint64_t ticket;
    fxi_error_clear(&error);
    if (!fxi_lane_attempt(lane, &ticket))
        return FXI_STEP_WAIT;
    fxmon_result result = fxi_dead_log_append(lane->config.dead_log, &place->letters, &error);
    if (result != FXMON_DONE) {
        fxi_lane_settle(lane, ticket, result, &error, "append dead letters");
        return keep_batch(lane, place, result, &error);
    }
    int64_t next_offset = place->position >= 0 ? place->position : place->progress.next_offset;
    bool with_checkpoint = checkpoint_due(lane, place);
    if (with_checkpoint) {
        place->progress.checkpoint_offset = next_offset;
        lane->config.stage->save(place->held, &place->progress.checkpoint, &place->progress.checkpoint_size);
        with_checkpoint = place->progress.checkpoint != NULL;
    }
    int64_t before = place->progress.next_offset;
    FXI_CRASH("place.commit");
    result = lane->config.stage->commit(place->held, &place->progress, next_offset, &error);
    FXI_CRASH("place.answered");
    forget_checkpoint(place);
    fxi_lane_settle(lane, ticket, result, &error, "commit");
    if (result == FXMON_DONE)
        return committed(lane, place, next_offset, with_checkpoint);
    place->progress.next_offset = before;
    if (with_checkpoint)
        place->progress.checkpoint_offset = -1, place->checkpoint_now = true;
    if (result == FXMON_FENCED) {
        fxi_place_fenced(lane, place, &error);
        return FXI_STEP_WAIT;
    }
    return keep_batch(lane, place, result, &error);
}

/* A destination that was emptied while nothing happens in the log would stay empty until something does. */
void fxi_place_check(fxi_lane *lane, fxi_place *place)
{
    fxmon_error error;
    uint64_t ticket;
    fxi_error_clear(&error);
    if (!lane->config.stage->check || !lane->replayable || lane->finishing || lane->offered || place->phase != FXI_PLACE_RUN || place->batch_messages > 0 ||
        place->position < place->progress.next_offset || !fxi_lane_attempt(lane, &ticket))
        return;
    bool trouble = lane->retry.attempts > 0;
    fxmon_result result = lane->config.stage->check(place->held, &place->progress, &error);
    fxi_lane_settle(lane, ticket, result, &error, "check");
    if (result == FXMON_FENCED)
        fxi_place_fenced(lane, place, &error);
    if (result == FXMON_DONE && trouble) {
        fxi_error_clear(&lane->error);
        fxi_lane_show(lane, "running");
    }
}
