/*
 * lane/lane.c - the state machine of a lane.
 *
 *   open stage -> open stream -> work: for each partition that is assigned
 *                                claim: restore the checkpoint, seek to it -> replay up to the stored place -> apply, commit, apply, commit ...
 *
 * Everything that can fail answers at once; this file alone waits. The thread of the lane is also the one that polls the stream, and it goes on polling
 * while the destination is away: every driver's call is bounded far below the time after which a group gives a silent member up.
 *
 * Statistics are a function of the log up to the place. The checkpoint is taken between two batches and stored in the commit itself, so what is
 * restored and replayed is exactly what an undisturbed run computes.
 */
#include "lane/lane.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "lane/lane_private.h"

#define JOIN_EVERY (FXMON_SECOND / 20)
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

/* One number for all partitions: what is next, and the end, summed; their difference is the lag. */
static void show_places(const fxi_lane *lane, fxmon_status *status)
{
    int64_t now = wall(lane);
    if (lane->place_count == 0) {
        status->next_offset = lane->shown.lane ? lane->shown.next_offset : -1;
        status->end_offset = lane->shown.lane ? lane->shown.end_offset : -1;
        return;
    }
    bool several = lane->place_count > 1;
    status->next_offset = several ? 0 : lane->places[0]->progress.next_offset;
    for (size_t i = 0; i < lane->place_count; i++) {
        const fxi_place *place = lane->places[i];
        int64_t stored = place->progress.next_offset, next = stored >= 0 ? stored : place->position;
        int64_t behind = next >= 0 && place->log_end > next ? place->log_end - next : 0;
        if (several && stored > 0)
            status->next_offset += stored;
        status->end_offset += behind;
        if (stored >= 0 && behind > 0 && place->newest_time > 0 && now - place->newest_time > status->lag_ns)
            status->lag_ns = now - place->newest_time;
    }
    status->end_offset += status->next_offset;
}

void fxi_lane_show(fxi_lane *lane, const char *state)
{
    fxmon_status status = lane->counted;
    status.last_error = lane->error; /* the stage may know of another */
    if (lane->stage_open && lane->config.stage->count)
        lane->config.stage->count(lane->config.stage_state, &status);
    status.lane = lane->name;
    status.destination = lane->destination;
    status.state = state;
    show_places(lane, &status);
    fxi_lane_member(lane, &status);
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

bool fxi_lane_attempt(fxi_lane *lane, uint64_t *ticket)
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

void fxi_lane_backoff(fxi_lane *lane, const fxmon_error *error, const char *what)
{
    lane->error = *error;
    lane->counted.retries++;
    lane->wait_until = fxi_lane_now(lane) + fxi_retry_delay(&lane->retry, wall(lane), error->retry_at);
    count_failure(lane, &lane->retry);
    fxi_complain(&lane->complaint, lane->env, lane->name, "%s: %s", what, error->text[0] ? error->text : fxmon_strerror(error->code));
    fxi_lane_show(lane, "retrying");
}

void fxi_lane_settle(fxi_lane *lane, uint64_t ticket, fxmon_result result, const fxmon_error *error, const char *what)
{
    int64_t now = fxi_lane_now(lane);
    fxi_breaker_result(&lane->breaker, ticket, result != FXMON_RETRY, now);
    if (result == FXMON_RETRY || result == FXMON_WAIT) {
        fxi_lane_backoff(lane, error, what);
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

/* ---- opening ------------------------------------------------------------------------------------ */

static enum fxi_lane_step open_stage(fxi_lane *lane)
{
    fxmon_error error;
    uint64_t ticket;
    fxi_error_clear(&error);
    if (!fxi_lane_attempt(lane, &ticket))
        return FXI_STEP_WAIT;
    fxmon_result result = lane->config.stage->open(lane->config.stage_state, lane->env, &error);
    fxi_lane_settle(lane, ticket, result, &error, "open");
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
        fxmon_result result = lane->config.stream->open_reader(lane->env, lane->from, lane->config.follow ? NULL : lane->group, &lane->stream, &error);
        if (result != FXMON_DONE) {
            lane->stream = NULL;
            return fxi_lane_stream_trouble(lane, result, &error, "open");
        }
    }
    lane->phase = FXI_LANE_WORK;
    fxi_lane_show(lane, "waiting");
    return FXI_STEP_ON;
}

/* ---- a step ------------------------------------------------------------------------------------------------------- */

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

/* Claims wait for the records of the last read: what is left of it may be of the same partition, and from another place in it. */
static enum fxi_lane_step claim_places(fxi_lane *lane)
{
    for (size_t i = 0; i < lane->place_count && !lane->finishing; i++) {
        fxi_place *place = lane->places[i];
        if (place->phase != FXI_PLACE_CLAIM || place->release || lane->record_index < lane->record_count)
            continue;
        enum fxi_lane_step step = fxi_place_claim(lane, place);
        if (step == FXI_STEP_FAILED)
            return step;
    }
    fxi_lane_tell(lane);
    return FXI_STEP_ON;
}

/* The batch that was offered before, or the one that has waited longest. */
static fxi_place *place_to_commit(const fxi_lane *lane)
{
    fxi_place *chosen = NULL;
    if (lane->offered)
        return lane->offered;
    for (size_t i = 0; i < lane->place_count; i++) {
        fxi_place *place = lane->places[i];
        if (fxi_place_commit_due(lane, place) && (!chosen || place->batch_since < chosen->batch_since))
            chosen = place;
    }
    return chosen;
}

/* Those that were revoked and hold nothing any more. */
static void release_places(fxi_lane *lane)
{
    for (size_t i = lane->place_count; i-- > 0;) {
        fxi_place *place = lane->places[i];
        if (!place->release || fxi_place_commit_due(lane, place))
            continue;
        fxi_lane_note(lane->revoked, place->partition);
        fxi_place_give_up(lane, place, true);
        fxi_lane_show(lane, "waiting");
    }
    fxi_lane_tell(lane);
}

static bool all_done(const fxi_lane *lane)
{
    if (lane->finishing)
        return true;
    if (lane->until_end && lane->idle_member && lane->place_count == 0)
        return true;
    for (size_t i = 0; i < lane->place_count; i++)
        if (!lane->places[i]->done || lane->places[i]->phase != FXI_PLACE_RUN)
            return false;
    return lane->place_count > 0;
}

static enum fxi_lane_step commit_place(fxi_lane *lane, fxi_place *place)
{
    enum fxi_lane_step step = fxi_place_commit(lane, place);
    if (step != FXI_STEP_WAIT)
        return step;
    if (lane->offered && lane->offered->release) { /* the next owner reads it again; keeping the group waiting would stop it too */
        fxi_lane_note(lane->revoked, lane->offered->partition);
        fxi_place_give_up(lane, lane->offered, true);
        return FXI_STEP_ON;
    }
    if (!lane->replayable || lane->finishing)
        return FXI_STEP_WAIT;
    if (fxi_lane_unread(lane) == FXI_STEP_FAILED || listen(lane, 0) == FXI_STEP_FAILED)
        return FXI_STEP_FAILED;
    return FXI_STEP_WAIT;
}

static enum fxi_lane_step work(fxi_lane *lane, int timeout_ms)
{
    enum fxi_lane_step step = claim_places(lane);
    if (step == FXI_STEP_FAILED)
        return step;
    fxi_place *place = place_to_commit(lane);
    if (place)
        return commit_place(lane, place);
    release_places(lane);
    if (all_done(lane))
        return end_lane(lane);
    if (lane->record_index < lane->record_count)
        return fxi_lane_consume(lane);
    if (!lane->replayable && lane->place_count > 0 && lane->places[0]->phase != FXI_PLACE_RUN)
        return FXI_STEP_WAIT; /* what a pipe gives now would be lost */
    lane->awakened = false;
    size_t claimable = lane->place_count;
    step = listen(lane, timeout_ms);
    return step == FXI_STEP_WAIT && (lane->awakened || claimable != lane->place_count) ? FXI_STEP_ON : step;
}

static enum fxi_lane_step lane_step(fxi_lane *lane, int timeout_ms)
{
    switch (lane->phase) {
    case FXI_LANE_OPEN_STAGE:
        return lane->finishing ? end_lane(lane) : open_stage(lane);
    case FXI_LANE_OPEN_STREAM:
        return lane->finishing ? end_lane(lane) : open_stream(lane);
    case FXI_LANE_WORK:
        return work(lane, timeout_ms);
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
    for (size_t i = 0; i < lane->place_count && lane->replayable; i++) {
        int64_t first, end;
        fxi_place *place = lane->places[i];
        if (place->phase == FXI_PLACE_RUN && lane->config.stream->bounds(lane->stream, place->partition, &first, &end, NULL) == FXMON_DONE)
            place->log_end = end;
        fxi_place_check(lane, place);
    }
    fxi_lane_show(lane, lane->shown.state);
    if (lane->stage_open && lane->config.stage->idle)
        lane->config.stage->idle(lane->config.stage_state, wall(lane), &lane->shown);
}

static int64_t earlier(int64_t until, int64_t at, int64_t now)
{
    return at > now && at < until ? at : until;
}

/* How long nothing will happen unless the stream has news. */
static int64_t next_wait(const fxi_lane *lane)
{
    int64_t now = fxi_lane_now(lane), until = lane->idle_at + IDLE_EVERY;
    if (lane->phase == FXI_LANE_OPEN_STAGE)
        until = earlier(until, lane->wait_until, now);
    until = earlier(until, lane->stream_wait_until, now);
    if (lane->place_count == 0)
        until = earlier(until, now + JOIN_EVERY, now); /* the driver is joining a group, whose steps go on in its reads */
    for (size_t i = 0; i < lane->place_count; i++) {
        const fxi_place *place = lane->places[i];
        bool due = fxi_place_commit_due(lane, place);
        if (due && lane->phase == FXI_LANE_WORK && place->phase == FXI_PLACE_RUN && lane->wait_until <= now)
            return 0; /* it has become due since the step looked */
        if (place->phase == FXI_PLACE_CLAIM || due)
            until = earlier(until, lane->wait_until, now);
        if (place->phase == FXI_PLACE_FENCED)
            until = earlier(until, place->wait_until, now);
        if (place->batch_messages && !due && place->batch_since + lane->batch_time < until)
            until = place->batch_since + lane->batch_time;
    }
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
    if (!lane->stream || !lane->config.stream->pollfd || lane->phase != FXI_LANE_WORK || lane->stream_wait_until > fxi_lane_now(lane))
        return -1;
    for (size_t i = 0; i < lane->place_count; i++) /* while the destination has to be waited for, news in the log change nothing */
        if (lane->places[i]->phase != FXI_PLACE_RUN || lane->places[i]->paused || fxi_place_commit_due(lane, lane->places[i]))
            return -1;
    return lane->config.stream->pollfd(lane->stream);
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
    while (lane->place_count > 0)
        fxi_place_give_up(lane, lane->places[lane->place_count - 1], false);
    if (lane->stream)
        lane->config.stream->close_reader(lane->stream);
    stage->close(lane->config.stage_state);
    fxi_lane_free(lane);
}

const fxi_worker_ops fxi_lane_worker = {.turn = lane_turn, .pollfd = lane_pollfd, .status = lane_status, .close = lane_close};
