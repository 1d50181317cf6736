/*
 * lane/lane.c - the state machine of a lane.
 *
 *   open stage -> open stream -> assigned -> claim: restore the checkpoint, seek to it -> replay up to the stored place -> apply, commit, apply, commit ...
 *
 * Everything that can fail answers at once; this file alone waits. A failed commit keeps its batch: the stream is paused but still polled, so that a
 * log with a group protocol does not take the partition away, and the same batch is offered again after the backoff. After FENCED another process owns
 * the place: batch and statistics are dropped, and there is no new claim before the stream has been read successfully, which is how a stale owner
 * learns that the partition is no longer its own. Two owners of a file log, which has no group protocol, would fence each other for ever; the
 * growing random wait lets one of them work.
 *
 * Statistics are a function of the log up to the place. The checkpoint is taken between two batches and stored in the commit itself, so what is
 * restored and replayed is exactly what an undisturbed run computes.
 */
#include "lane/lane.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "lane/lane_private.h"

#define IDLE_EVERY FXMON_SECOND

int64_t fxi_lane_now(const fxi_lane *lane)
{
    return lane->env->monotonic(lane->env->user);
}

static int64_t wall(const fxi_lane *lane)
{
    return lane->env->now(lane->env->user);
}

/* ---- what others see ------------------------------------------------------------------------------- */

void fxi_lane_show(fxi_lane *lane, const char *state)
{
    fxmon_status status = lane->counted;
    if (lane->stage_open && lane->config.stage->count)
        lane->config.stage->count(lane->config.stage_state, &status);
    status.lane = lane->name;
    status.destination = lane->destination;
    status.state = state;
    status.next_offset = lane->progress.next_offset;
    status.end_offset = lane->log_end > status.next_offset ? lane->log_end : status.next_offset;
    status.last_error = lane->error;
    if (status.next_offset >= 0 && status.end_offset > status.next_offset && status.newest_time > 0) {
        int64_t age = wall(lane) - status.newest_time;
        status.lag_ns = age > 0 ? age : 0;
    }
    pthread_mutex_lock(&lane->mutex);
    lane->shown = status;
    pthread_mutex_unlock(&lane->mutex);
}

static void lane_status(void *state, fxmon_status *out)
{
    fxi_lane *lane = state;
    pthread_mutex_lock(&lane->mutex);
    *out = lane->shown;
    pthread_mutex_unlock(&lane->mutex);
}

/* ---- trouble ------------------------------------------------------------------------------------------ */

enum fxi_lane_step fxi_lane_fail(fxi_lane *lane, const fxmon_error *error)
{
    lane->error = *error;
    if (lane->error.code == FXMON_OK)
        fxi_fail(&lane->error, FXMON_E_IO, "", "the driver failed and did not say why");
    lane->phase = FXI_LANE_ENDED;
    fxi_lane_show(lane, "failed");
    return FXI_STEP_FAILED;
}

static bool attempt_allowed(fxi_lane *lane, uint64_t *ticket)
{
    int64_t now = fxi_lane_now(lane), later;
    if (now < lane->wait_until)
        return false;
    if (fxi_breaker_admit(&lane->breaker, now, ticket, &later))
        return true;
    lane->wait_until = now + later;
    return false;
}

/*
 * A lane that follows waits for as long as it takes. One that was asked for what is there until the end is run by cron or by a script: it must come back,
 * and its next run goes on where it stood.
 */
static void count_failure(fxi_lane *lane, const fxi_retry *retry)
{
    lane->given_up = lane->give_up_after > 0 && retry->attempts >= lane->give_up_after;
}

static void backoff(fxi_lane *lane, const fxmon_error *error, const char *what)
{
    lane->error = *error;
    lane->counted.retries++;
    lane->wait_until = fxi_lane_now(lane) + fxi_retry_delay(&lane->retry, wall(lane), error->retry_at);
    count_failure(lane, &lane->retry);
    fxi_complain(&lane->complaint, lane->env, lane->name, "%s: %s", what, error->text[0] ? error->text : fxmon_strerror(error->code));
    fxi_lane_show(lane, "retrying");
}

void fxi_lane_backoff(fxi_lane *lane, const fxmon_error *error, const char *what)
{
    backoff(lane, error, what);
}

/* The outcome of a call to the destination that the breaker admitted. */
static void settle(fxi_lane *lane, uint64_t ticket, fxmon_result result, const fxmon_error *error, const char *what)
{
    int64_t now = fxi_lane_now(lane);
    fxi_breaker_result(&lane->breaker, ticket, result != FXMON_RETRY, now);
    if (result == FXMON_RETRY || result == FXMON_WAIT) {
        backoff(lane, error, what);
        if (fxi_breaker_state_at(&lane->breaker, now) == FXI_BREAKER_OPEN)
            fxi_lane_show(lane, "open");
    } else if (result == FXMON_DONE) {
        fxi_retry_reset(&lane->retry);
        fxi_relieve(&lane->complaint, lane->env, lane->name, what);
    }
}

enum fxi_lane_step fxi_lane_stream_trouble(fxi_lane *lane, fxmon_result result, const fxmon_error *error, const char *what)
{
    if (result != FXMON_RETRY && result != FXMON_WAIT)
        return fxi_lane_fail(lane, error);
    lane->error = *error;
    lane->counted.retries++;
    lane->stream_wait_until = fxi_lane_now(lane) + fxi_retry_delay(&lane->stream_retry, wall(lane), error->retry_at);
    count_failure(lane, &lane->stream_retry);
    fxi_complain(&lane->stream_complaint, lane->env, lane->name, "%s %s: %s", what, lane->from, error->text);
    fxi_lane_show(lane, "retrying");
    return FXI_STEP_WAIT;
}

void fxi_lane_forget_batch(fxi_lane *lane)
{
    lane->batch_messages = lane->batch_dead = lane->batch_bytes = lane->batch_rates = 0;
    lane->commit_now = false;
}

void fxi_lane_fenced(fxi_lane *lane)
{
    if (lane->config.stage->drop)
        lane->config.stage->drop(lane->config.stage_state);
    fxi_lane_forget_batch(lane);
    lane->record_count = lane->record_index = 0;
    lane->reseek = false;
    lane->finishing = lane->stopping; /* the end was reached with a batch that is gone */
    lane->phase = FXI_LANE_FENCED;
    int64_t now = fxi_lane_now(lane);
    if (now - lane->claimed_at > lane->fence_retry.cap)
        fxi_retry_reset(&lane->fence_retry);
    lane->wait_until = now + fxi_retry_delay(&lane->fence_retry, 0, 0);
    fxi_fail(&lane->error, FXMON_E_FENCED, "", "another process took over %s of %.150s", lane->key, lane->from);
    fxi_log(lane->env, FXMON_LOG_WARNING, lane->name, "%s", lane->error.text);
    fxi_lane_show(lane, "waiting");
}

/* ---- opening, claiming ------------------------------------------------------------------------------------ */

static enum fxi_lane_step open_stage(fxi_lane *lane)
{
    fxmon_error error;
    uint64_t ticket;
    fxi_error_clear(&error);
    if (!attempt_allowed(lane, &ticket))
        return FXI_STEP_WAIT;
    fxmon_result result = lane->config.stage->open(lane->config.stage_state, lane->env, &error);
    settle(lane, ticket, result, &error, "open");
    if (result == FXMON_RETRY)
        return FXI_STEP_WAIT;
    if (result != FXMON_DONE)
        return fxi_lane_fail(lane, &error);
    lane->stage_open = true;
    lane->phase = FXI_LANE_OPEN_STREAM;
    return FXI_STEP_ON;
}

static enum fxi_lane_step open_stream(fxi_lane *lane)
{
    fxmon_error error;
    fxi_error_clear(&error);
    if (fxi_lane_now(lane) < lane->stream_wait_until)
        return FXI_STEP_WAIT;
    if (!lane->stream) {
        fxmon_result result = lane->config.stream->open_reader(lane->env, lane->from, lane->group, &lane->stream, &error);
        if (result != FXMON_DONE) {
            lane->stream = NULL;
            return fxi_lane_stream_trouble(lane, result, &error, "open");
        }
    }
    lane->phase = FXI_LANE_UNASSIGNED;
    fxi_lane_show(lane, "waiting");
    return FXI_STEP_ON;
}

static void forget_checkpoint(fxi_lane *lane)
{
    fxi_free(lane->progress.checkpoint);
    lane->progress.checkpoint = NULL;
    lane->progress.checkpoint_size = 0;
}

/* Where to read from: the checkpoint, or the beginning when the statistics have to be computed anew, or the stored place when there are none. */
static int64_t first_to_read(const fxi_lane *lane, int64_t first, int64_t end)
{
    const fxmon_progress *progress = &lane->progress;
    if (progress->next_offset < 0)
        return lane->start_end ? end : first;
    if (!lane->config.stage->save)
        return progress->next_offset;
    return progress->checkpoint ? progress->checkpoint_offset : first < progress->next_offset ? first : progress->next_offset;
}

static enum fxi_lane_step place_lane(fxi_lane *lane)
{
    fxmon_error error;
    int64_t first = 0, end = 0;
    fxi_error_clear(&error);
    fxmon_result result = lane->config.stream->bounds(lane->stream, lane->progress.partition, &first, &end, &error);
    if (result != FXMON_DONE)
        return fxi_lane_stream_trouble(lane, result, &error, "look at");
    if (lane->progress.next_offset > end) {
        fxi_fail(&error, FXMON_E_GAP, "from", "the log ends at %lld, but this lane has read up to %lld: was %.120s cut or replaced?",
                 (long long)end, (long long)lane->progress.next_offset, lane->from);
        return fxi_lane_fail(lane, &error);
    }
    int64_t start = first_to_read(lane, first, end);
    result = lane->config.stream->seek(lane->stream, lane->progress.partition, start, &error);
    if (result != FXMON_DONE)
        return fxi_lane_stream_trouble(lane, result, &error, "seek");
    lane->position = start;
    lane->log_end = end;
    if (lane->until_end && lane->end < 0)
        lane->end = end;
    lane->finishing = lane->finishing || (lane->end >= 0 && start >= lane->end);
    return FXI_STEP_ON;
}

static enum fxi_lane_step restore(fxi_lane *lane)
{
    fxmon_error error;
    fxi_error_clear(&error);
    bool usable = lane->progress.checkpoint && lane->progress.checkpoint_offset >= 0 &&
                  lane->progress.checkpoint_offset <= lane->progress.next_offset;
    if (!usable)
        forget_checkpoint(lane);
    if (!lane->config.stage->restore)
        return FXI_STEP_ON;
    fxmon_result result = lane->config.stage->restore(lane->config.stage_state, lane->progress.checkpoint, lane->progress.checkpoint_size, &error);
    if (result == FXMON_FATAL && (error.code == FXMON_E_CORRUPT || error.code == FXMON_E_STATE)) { /* damaged, or of another window */
        fxi_log(lane->env, FXMON_LOG_WARNING, lane->name, "%s; replaying the log from its beginning", error.text);
        forget_checkpoint(lane);
        result = lane->config.stage->restore(lane->config.stage_state, NULL, 0, &error);
    }
    return result == FXMON_DONE ? FXI_STEP_ON : fxi_lane_fail(lane, &error);
}

static enum fxi_lane_step claim(fxi_lane *lane)
{
    fxmon_error error;
    uint64_t ticket;
    fxi_error_clear(&error);
    if (fxi_lane_now(lane) < lane->stream_wait_until || !attempt_allowed(lane, &ticket))
        return FXI_STEP_WAIT;
    forget_checkpoint(lane);
    lane->progress = (fxmon_progress){.lane = lane->key, .stream = lane->stream_name, .partition = lane->progress.partition, .next_offset = -1,
                                      .checkpoint_offset = -1};
    fxmon_result result = lane->config.stage->claim(lane->config.stage_state, &lane->progress, &error);
    lane->progress.lane = lane->key;
    lane->progress.stream = lane->stream_name;
    settle(lane, ticket, result, &error, "claim");
    if (result == FXMON_RETRY || result == FXMON_FENCED)
        return FXI_STEP_WAIT;
    if (result != FXMON_DONE)
        return fxi_lane_fail(lane, &error);
    enum fxi_lane_step step = restore(lane);
    lane->position = -1;
    if (step == FXI_STEP_ON && lane->replayable)
        step = place_lane(lane);
    forget_checkpoint(lane);
    if (step != FXI_STEP_ON)
        return step;
    lane->reseek = lane->paused = false;
    lane->claimed_at = lane->checkpoint_at = fxi_lane_now(lane);
    lane->checkpoint_now = lane->progress.next_offset < 0 || lane->progress.checkpoint_offset < 0;
    if (lane->replayable && lane->progress.next_offset < 0 && lane->start_end)
        lane->commit_now = true; /* so that "the end" stays this one, whatever happens before the first batch */
    lane->phase = FXI_LANE_RUN;
    fxi_lane_show(lane, "running");
    return FXI_STEP_ON;
}

/* ---- the batch ------------------------------------------------------------------------------------------------ */

static bool replaying(const fxi_lane *lane)
{
    return lane->position < lane->progress.next_offset;
}

static bool checkpoint_due(const fxi_lane *lane)
{
    if (!lane->config.stage->save || !lane->replayable || replaying(lane))
        return false;
    return lane->checkpoint_now || fxi_lane_now(lane) - lane->checkpoint_at >= lane->checkpoint_every ||
           ((lane->finishing || lane->release) && lane->position > lane->progress.checkpoint_offset);
}

static bool commit_due(const fxi_lane *lane)
{
    if (lane->commit_now)
        return true;
    bool last = lane->finishing || lane->release;
    if (lane->batch_messages == 0)
        return last && lane->progress.next_offset >= 0 && checkpoint_due(lane);
    return last || fxi_lane_batch_full(lane) || fxi_lane_now(lane) - lane->batch_since >= lane->batch_time;
}

static enum fxi_lane_step committed(fxi_lane *lane, int64_t next_offset, bool with_checkpoint)
{
    lane->progress.next_offset = next_offset;
    if (with_checkpoint) {
        lane->progress.checkpoint_offset = next_offset;
        lane->checkpoint_at = fxi_lane_now(lane);
        lane->checkpoint_now = false;
    }
    lane->counted.messages += lane->batch_messages;
    lane->counted.dead_letters += lane->batch_dead;
    lane->counted.commits++;
    fxi_error_clear(&lane->error);
    fxi_lane_forget_batch(lane);
    if (lane->paused && lane->config.stream->pause)
        lane->config.stream->pause(lane->stream, lane->progress.partition, false);
    lane->paused = false;
    if (lane->config.stream->committed)
        lane->config.stream->committed(lane->stream, lane->progress.partition, next_offset);
    fxi_lane_show(lane, replaying(lane) ? "replaying" : "running");
    return FXI_STEP_ON;
}

/* The batch waits. What was read but not looked at is given back to the log, so that the stream may be polled; a pipe cannot take back. */
static void hold(fxi_lane *lane)
{
    if (!lane->replayable || lane->paused)
        return;
    if (lane->record_index < lane->record_count)
        lane->reseek = true;
    lane->record_count = lane->record_index = 0;
    lane->paused = true;
    if (lane->config.stream->pause)
        lane->config.stream->pause(lane->stream, lane->progress.partition, true);
}

static enum fxi_lane_step commit(fxi_lane *lane)
{
    fxmon_error error;
    uint64_t ticket;
    fxi_error_clear(&error);
    if (!attempt_allowed(lane, &ticket))
        return FXI_STEP_WAIT;
    int64_t next_offset = lane->position >= 0 ? lane->position : lane->progress.next_offset;
    bool with_checkpoint = checkpoint_due(lane);
    if (with_checkpoint) {
        lane->progress.checkpoint_offset = next_offset;
        lane->config.stage->save(lane->config.stage_state, &lane->progress.checkpoint, &lane->progress.checkpoint_size);
        with_checkpoint = lane->progress.checkpoint != NULL;
    }
    int64_t before = lane->progress.next_offset;
    fxmon_result result = lane->config.stage->commit(lane->config.stage_state, &lane->progress, next_offset, &error);
    forget_checkpoint(lane);
    settle(lane, ticket, result, &error, "commit");
    if (result == FXMON_DONE)
        return committed(lane, next_offset, with_checkpoint);
    lane->progress.next_offset = before;
    if (with_checkpoint)
        lane->progress.checkpoint_offset = -1, lane->checkpoint_now = true;
    if (result == FXMON_FENCED) {
        fxi_lane_fenced(lane);
        return FXI_STEP_WAIT;
    }
    if (result != FXMON_RETRY && result != FXMON_WAIT)
        return fxi_lane_fail(lane, &error);
    hold(lane);
    return FXI_STEP_WAIT;
}

/* ---- a step ------------------------------------------------------------------------------------------------------- */

static void give_up_partition(fxi_lane *lane)
{
    if (lane->config.stage->drop)
        lane->config.stage->drop(lane->config.stage_state);
    fxi_lane_forget_batch(lane);
    lane->assigned = lane->release = lane->reseek = false;
    lane->phase = FXI_LANE_UNASSIGNED;
    fxi_lane_show(lane, "waiting");
}

static enum fxi_lane_step end_lane(fxi_lane *lane)
{
    lane->phase = FXI_LANE_ENDED;
    fxi_lane_show(lane, "ended");
    return FXI_STEP_ENDED;
}

/* Read, and say WAIT when nothing came. Between two attempts of a commit only news about the partition count. */
static enum fxi_lane_step listen(fxi_lane *lane, int timeout_ms)
{
    if (fxi_lane_now(lane) < lane->stream_wait_until)
        return FXI_STEP_WAIT;
    return fxi_lane_read(lane, timeout_ms);
}

static enum fxi_lane_step run(fxi_lane *lane, int timeout_ms)
{
    if (commit_due(lane)) {
        enum fxi_lane_step step = commit(lane);
        if (step == FXI_STEP_WAIT && lane->phase == FXI_LANE_RUN && lane->paused && !lane->finishing)
            return listen(lane, 0) == FXI_STEP_FAILED ? FXI_STEP_FAILED : FXI_STEP_WAIT;
        return step;
    }
    if (lane->release) {
        give_up_partition(lane);
        return FXI_STEP_ON;
    }
    if (lane->finishing)
        return end_lane(lane);
    if (lane->record_index < lane->record_count)
        return fxi_lane_consume(lane);
    return listen(lane, timeout_ms);
}

static enum fxi_lane_step lane_step(fxi_lane *lane, int timeout_ms)
{
    enum fxi_lane_step step;
    switch (lane->phase) {
    case FXI_LANE_OPEN_STAGE:
        return lane->finishing ? end_lane(lane) : open_stage(lane);
    case FXI_LANE_OPEN_STREAM:
        return lane->finishing ? end_lane(lane) : open_stream(lane);
    case FXI_LANE_UNASSIGNED:
        return lane->finishing ? end_lane(lane) : listen(lane, timeout_ms);
    case FXI_LANE_FENCED:
        if (lane->finishing)
            return end_lane(lane);
        if (fxi_lane_now(lane) < lane->wait_until)
            return FXI_STEP_WAIT;
        step = listen(lane, 0);
        return step == FXI_STEP_WAIT && lane->phase == FXI_LANE_CLAIM ? FXI_STEP_ON : step;
    case FXI_LANE_CLAIM:
        return lane->finishing ? end_lane(lane) : claim(lane);
    case FXI_LANE_RUN:
        return run(lane, timeout_ms);
    default:
        return FXI_STEP_ENDED;
    }
}

/* Once a second: how far the log has grown, the stage's own business, what others see. */
static void idle(fxi_lane *lane)
{
    int64_t now = fxi_lane_now(lane);
    if (lane->idle_at && now - lane->idle_at < IDLE_EVERY)
        return;
    lane->idle_at = now;
    if (lane->phase == FXI_LANE_RUN && lane->replayable) {
        int64_t first, end;
        if (lane->config.stream->bounds(lane->stream, lane->progress.partition, &first, &end, NULL) == FXMON_DONE)
            lane->log_end = end;
    }
    fxi_lane_show(lane, lane->shown.state);
    if (lane->stage_open && lane->config.stage->idle)
        lane->config.stage->idle(lane->config.stage_state, wall(lane), &lane->shown);
}

/* How long nothing will happen unless the stream has news. */
static int64_t next_wait(const fxi_lane *lane)
{
    int64_t now = fxi_lane_now(lane), until = lane->idle_at + IDLE_EVERY;
    bool waits = lane->wait_until > now &&
                 (lane->phase == FXI_LANE_OPEN_STAGE || lane->phase == FXI_LANE_FENCED || lane->phase == FXI_LANE_CLAIM || commit_due(lane));
    if (waits && lane->wait_until < until)
        until = lane->wait_until;
    if (lane->stream_wait_until > now && lane->stream_wait_until < until)
        until = lane->stream_wait_until;
    if (lane->batch_messages && !commit_due(lane) && lane->batch_since + lane->batch_time < until)
        until = lane->batch_since + lane->batch_time;
    return until > now ? until - now : 0;
}

static int lane_turn(void *state, const fxi_turn *turn, int64_t *wait_ns, fxmon_error *error)
{
    fxi_lane *lane = state;
    enum fxi_lane_step step;
    *wait_ns = 0;
    int timeout_ms = turn->patience_ms;
    do {
        int stop = lane->config.stop ? fxi_stop_count(lane->config.stop) : 0;
        if (stop >= 2)
            end_lane(lane);
        if (stop == 1)
            lane->finishing = lane->stopping = true;
        int64_t wait = next_wait(lane) / 1000000;
        step = lane_step(lane, timeout_ms < wait ? timeout_ms : (int)wait);
        if (lane->given_up && step != FXI_STEP_FAILED)
            step = fxi_lane_fail(lane, &lane->error);
        if (step == FXI_STEP_ON || step == FXI_STEP_WAIT)
            idle(lane);
    } while (step == FXI_STEP_ON && fxi_lane_now(lane) < turn->deadline);
    if (step == FXI_STEP_WAIT)
        *wait_ns = next_wait(lane);
    if (step == FXI_STEP_FAILED) {
        if (error)
            *error = lane->error;
        return lane->error.code;
    }
    return step == FXI_STEP_ENDED ? FXMON_E_STOPPED : FXMON_OK;
}

static int lane_pollfd(void *state)
{
    fxi_lane *lane = state;
    int64_t now = fxi_lane_now(lane);
    bool listening = lane->stream && lane->config.stream->pollfd && !lane->paused && lane->stream_wait_until <= now &&
                     (lane->phase == FXI_LANE_UNASSIGNED || (lane->phase == FXI_LANE_RUN && !commit_due(lane)));
    return listening ? lane->config.stream->pollfd(lane->stream) : -1;
}

/* ---- life ------------------------------------------------------------------------------------------------------------- */

static void lane_close(void *state)
{
    fxi_lane *lane = state;
    const fxi_stage_ops *stage = lane->config.stage;
    if (lane->stage_open && stage->idle) {
        if (lane->phase != FXI_LANE_ENDED)
            fxi_lane_show(lane, "ended");
        stage->idle(lane->config.stage_state, wall(lane), &lane->shown);
    }
    if (lane->stream)
        lane->config.stream->close_reader(lane->stream);
    stage->close(lane->config.stage_state);
    forget_checkpoint(lane);
    fxi_lane_free(lane);
}

const fxi_worker_ops fxi_lane_worker = {.turn = lane_turn, .pollfd = lane_pollfd, .status = lane_status, .close = lane_close};
