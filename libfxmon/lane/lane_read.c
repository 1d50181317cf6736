/*
 * lane/lane_read.c - what arrives from the stream: data, and news about partitions.
 *
 * The rule of this file: nothing that arrives may be lost or block. A record becomes part of the batch, or a dead letter of the batch, or it is dropped
 * because the lane will read it again (position stays). Offsets below the place are repeats of the stream and are dropped.
 */
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/instance.h"
#include "base/mem.h"
#include "lane/lane_private.h"

#define NAME_MAXIMUM 512

/* What the stage's answer means for the lane. FXI_STEP_ON: the record is dealt with. */
static enum fxi_lane_step stage_answer(fxi_lane *lane, fxi_place *place, fxmon_result result, const fxmon_error *error)
{
    switch (result) {
    case FXMON_DONE:
        return FXI_STEP_ON;
    case FXMON_RETRY:
    case FXMON_WAIT:
        place->reseek = true;
        fxi_lane_backoff(lane, error, "the destination");
        return FXI_STEP_WAIT;
    case FXMON_FENCED:
        fxi_place_fenced(lane, place, error);
        return FXI_STEP_WAIT;
    default:
        return fxi_lane_fail(lane, error);
    }
}

/* `applied`: the record was understood, but refused. Without data it is no record, but a gap. */
static enum fxi_lane_step bury(fxi_lane *lane, fxi_place *place, const fxmon_record *record, bool applied, const char *reason, const char *text)
{
    fxmon_error error;
    fxi_error_clear(&error);
    fxmon_dead_letter letter = {.lane = lane->key, .stream = lane->stream_name, .partition = place->partition, .offset = record->offset,
                                .data = record->data ? record->data : "", .length = record->data ? record->length : 0,
                                .reason = reason, .text = text, .first_seen = lane->env->now(lane->env->user)};
    enum fxi_lane_step step = stage_answer(lane, place, lane->config.stage->dead(place->held, &letter, &error), &error);
    if (step != FXI_STEP_ON)
        return step;
    place->batch_dead++;
    if (record->data && !fxi_dead_log_add(lane->config.dead_log, &place->letters, &letter, applied, record->hops)) {
        fxi_fail(&error, FXMON_E_NOMEM, "dlq", "out of memory for a dead letter");
        return fxi_lane_fail(lane, &error);
    }
    return FXI_STEP_ON;
}

static enum fxi_lane_step apply(fxi_lane *lane, fxi_place *place, const fxmon_record *record)
{
    fxmon_error error;
    fxi_error_clear(&error);
    if (record->oversize)
        return bury(lane, place, record, false, fxmon_errname(FXMON_E_TOO_LARGE), "longer than the option max-record allows");
    const fxmon_message *message = fxi_message_decode(lane->decoder, record->data, record->length, &error);
    if (!message && error.code == FXMON_E_NOMEM)
        return fxi_lane_fail(lane, &error);
    if (!message)
        return bury(lane, place, record, false, fxmon_errname(error.code), error.text);
    fxmon_result result = lane->config.stage->apply(place->held, message, record, &error);
    if (result == FXMON_REFUSED)
        return bury(lane, place, record, true, fxmon_errname(error.code), error.text);
    enum fxi_lane_step step = stage_answer(lane, place, result, &error);
    if (step != FXI_STEP_ON)
        return step;
    place->batch_rates += message->count;
    lane->held_rates += message->count;
    if (message->time > place->newest_time)
        place->newest_time = message->time;
    if (message->time > lane->counted.newest_time)
        lane->counted.newest_time = message->time;
    return FXI_STEP_ON;
}

/* Below the stored place: the effect is there already, only the statistics are needed. What was a dead letter then is none again. */
static enum fxi_lane_step replay(fxi_lane *lane, fxi_place *place, const fxmon_record *record)
{
    fxmon_error error;
    fxi_error_clear(&error);
    lane->counted.replayed++;
    if (record->oversize || !lane->config.stage->replay)
        return FXI_STEP_ON;
    const fxmon_message *message = fxi_message_decode(lane->decoder, record->data, record->length, &error);
    if (!message)
        return error.code == FXMON_E_NOMEM ? fxi_lane_fail(lane, &error) : FXI_STEP_ON;
    fxmon_result result = lane->config.stage->replay(place->held, message, record, &error);
    return result == FXMON_REFUSED ? FXI_STEP_ON : stage_answer(lane, place, result, &error);
}

static enum fxi_lane_step take_record(fxi_lane *lane, fxi_place *place, const fxmon_record *record)
{
    if (place->position >= 0 && record->offset < place->position)
        return FXI_STEP_ON;
    if (place->end >= 0 && record->offset >= place->end) {
        place->position = place->end;
        place->done = true;
        return FXI_STEP_ON;
    }
    if (place->progress.next_offset >= 0 && record->offset < place->progress.next_offset) {
        enum fxi_lane_step step = replay(lane, place, record);
        if (step == FXI_STEP_ON)
            place->position = record->offset + 1;
        return step;
    }
    if (place->batch_messages == 0)
        place->batch_since = fxi_lane_now(lane);
    enum fxi_lane_step step = apply(lane, place, record);
    if (step != FXI_STEP_ON)
        return step;
    place->position = record->offset + 1;
    place->batch_messages++;
    place->batch_bytes += (int64_t)record->length;
    if (lane->held_rates >= FXI_LANE_HELD)
        place->commit_now = true;
    return FXI_STEP_ON;
}

/* Records [from, offset) are gone. Statistics can't be exact after that, and perhaps rows are missing: by default a person decides. */
static enum fxi_lane_step take_gap(fxi_lane *lane, fxi_place *place, const fxmon_record *record)
{
    fxmon_error error;
    int64_t from = record->from > place->position ? record->from : place->position;
    if (lane->gap_halts) {
        fxi_fail(&error, FXMON_E_GAP, "on-gap", "records %lld to %lld are gone from %.100s; with on-gap=earliest the lane goes on behind them",
                 (long long)from, (long long)(record->offset - 1), lane->from);
        return fxi_lane_fail(lane, &error);
    }
    int64_t lost = place->progress.next_offset > from ? place->progress.next_offset : from;
    if (record->offset > lost) {
        fxi_fail(&error, FXMON_E_GAP, "", "records [%lld, %lld) are gone from the log", (long long)lost, (long long)record->offset);
        fxmon_record nothing = {.kind = FXMON_GAP, .partition = place->partition, .offset = lost};
        enum fxi_lane_step step = bury(lane, place, &nothing, false, fxmon_errname(FXMON_E_GAP), error.text);
        if (step != FXI_STEP_ON)
            return step;
        if (place->batch_messages == 0)
            place->batch_since = fxi_lane_now(lane);
        place->batch_messages++;
        place->commit_now = true;
    }
    fxi_log(lane->env, FXMON_LOG_WARNING, lane->name, "records [%lld, %lld) of partition %d are gone from the log; going on behind them",
            (long long)from, (long long)record->offset, place->partition);
    place->position = record->offset;
    place->checkpoint_now = true;
    place->reseek = true;
    return FXI_STEP_WAIT;
}

/*
 * A pipe has no identity that a second run could recognise: each run of one is a log of its own. Asked when there is something to
 * read, not before: a file log that is yet to be made has no identity, and its progress must not be kept under the name of a pipe.
 */
static int name_stream(fxi_lane *lane, fxmon_error *error)
{
    const char *identity = lane->config.stream->identity ? lane->config.stream->identity(lane->stream) : "";
    lane->replayable = identity && *identity;
    fxi_buf text;
    fxi_buf_init(&text, NAME_MAXIMUM);
    if (lane->replayable) {
        fxi_buf_puts(&text, identity);
    } else {
        char instance[64];
        fxi_instance(instance);
        fxi_buf_puts(&text, "pipe/");
        fxi_buf_puts(&text, instance);
        fxi_buf_putc(&text, '/');
        fxi_buf_int(&text, lane->env->now(lane->env->user));
    }
    fxi_free(lane->stream_name);
    lane->stream_name = fxi_buf_take(&text);
    fxi_buf_free(&text);
    return lane->stream_name ? FXMON_OK : fxi_fail(error, FXMON_E_NOMEM, "from", "out of memory");
}

static enum fxi_lane_step take_assignment(fxi_lane *lane, const fxmon_record *record)
{
    fxmon_error error;
    lane->seen_assignment = true;
    lane->idle_member = record->partition < 0;
    if (lane->idle_member || fxi_lane_place(lane, record->partition))
        return FXI_STEP_ON;
    if (lane->place_count == 0 && name_stream(lane, &error) != FXMON_OK)
        return fxi_lane_fail(lane, &error);
    if (fxi_place_new(lane, record->partition))
        return FXI_STEP_ON;
    fxi_fail(&error, FXMON_E_NOMEM, "from", "out of memory for partition %d", record->partition);
    return fxi_lane_fail(lane, &error);
}

/* Somebody else is to have it. What was read of it and not looked at is theirs. */
static void take_revocation(fxi_lane *lane, fxi_place *place)
{
    if (!lane->revoked_at)
        lane->revoked_at = fxi_lane_now(lane);
    place->release = true;
    place->commit_now = place->phase == FXI_PLACE_RUN && place->batch_messages > 0;
}

static enum fxi_lane_step take_data(fxi_lane *lane, fxi_place *place, const fxmon_record *record)
{
    if (place->phase != FXI_PLACE_RUN || place->reseek || place->done || place->release)
        return FXI_STEP_ON; /* it will be read again, or is not wanted */
    if (place->paused && lane->replayable) {
        place->reseek = true; /* the stream went on although it was asked to pause */
        return FXI_STEP_ON;
    }
    return record->kind == FXMON_GAP ? take_gap(lane, place, record) : take_record(lane, place, record);
}

/* FXI_STEP_WAIT: the destination has to be waited for, or this place goes on elsewhere in the log. */
static enum fxi_lane_step take(fxi_lane *lane, const fxmon_record *record)
{
    if (record->kind == FXMON_ASSIGNED)
        return take_assignment(lane, record);
    fxi_place *place = fxi_lane_place(lane, record->partition);
    if (!place)
        return FXI_STEP_ON;
    if (record->kind == FXMON_REVOKED) {
        take_revocation(lane, place);
    } else if (record->kind == FXMON_LOST) {
        fxi_lane_note(lane->lost, place->partition);
        fxi_place_give_up(lane, place, false);
    } else {
        return take_data(lane, place, record);
    }
    return FXI_STEP_ON;
}

enum fxi_lane_step fxi_lane_unread(fxi_lane *lane)
{
    enum fxi_lane_step step = FXI_STEP_ON;
    for (; lane->record_index < lane->record_count && step != FXI_STEP_FAILED; lane->record_index++) {
        const fxmon_record *record = &lane->records[lane->record_index];
        fxi_place *place = fxi_lane_place(lane, record->partition);
        if (record->kind != FXMON_RECORD && record->kind != FXMON_GAP)
            step = take(lane, record); /* news of the group come once */
        else if (place && place->phase == FXI_PLACE_RUN)
            place->reseek = true;
    }
    lane->record_count = lane->record_index = 0;
    return step;
}

/* A batch that has to go out before this record may be looked at. */
static bool must_commit(const fxi_lane *lane, const fxmon_record *record)
{
    if (lane->offered)
        return false;
    const fxi_place *place = fxi_lane_place(lane, record->partition);
    return place && place->phase == FXI_PLACE_RUN && (fxi_place_full(lane, place) || place->commit_now);
}

enum fxi_lane_step fxi_lane_consume(fxi_lane *lane)
{
    while (lane->record_index < lane->record_count && !lane->finishing) {
        const fxmon_record *record = &lane->records[lane->record_index];
        if (must_commit(lane, record))
            return FXI_STEP_ON;
        enum fxi_lane_step step = take(lane, record);
        if (step == FXI_STEP_FAILED)
            return step;
        lane->record_index++;
    }
    lane->record_count = lane->record_index = 0;
    for (size_t i = 0; i < lane->place_count; i++) {
        fxi_place *place = lane->places[i];
        if (place->phase == FXI_PLACE_RUN && place->end >= 0 && place->position >= place->end)
            place->done = true;
    }
    fxi_lane_tell(lane);
    return FXI_STEP_ON;
}

/* Continue at the places after records were dropped. */
static enum fxi_lane_step seek_again(fxi_lane *lane)
{
    fxmon_error error;
    fxi_error_clear(&error);
    for (size_t i = 0; i < lane->place_count; i++) {
        fxi_place *place = lane->places[i];
        if (!place->reseek || place->phase != FXI_PLACE_RUN || place->paused || place->release)
            continue;
        if (!lane->replayable) {
            fxi_fail(&error, FXMON_E_IO, "from", "the destination failed and a pipe cannot be read again");
            return fxi_lane_fail(lane, &error);
        }
        fxmon_result result = lane->config.stream->seek(lane->stream, place->partition, place->position, &error);
        if (result != FXMON_DONE)
            return fxi_lane_stream_trouble(lane, result, &error, "seek");
        place->reseek = false;
    }
    return FXI_STEP_ON;
}

static void awaken(fxi_lane *lane)
{
    int64_t now = fxi_lane_now(lane);
    for (size_t i = 0; i < lane->place_count; i++) {
        fxi_place *place = lane->places[i];
        if (place->phase == FXI_PLACE_FENCED && now >= place->wait_until) {
            place->phase = FXI_PLACE_CLAIM;
            lane->awakened = true;
        }
    }
}

enum fxi_lane_step fxi_lane_read(fxi_lane *lane, int timeout_ms)
{
    fxmon_error error;
    size_t count = 0;
    fxi_error_clear(&error);
    enum fxi_lane_step step = seek_again(lane);
    if (step != FXI_STEP_ON)
        return step;
    fxmon_result result = lane->config.stream->read(lane->stream, lane->records, FXI_LANE_RECORDS, &count, timeout_ms, &error);
    if (result == FXMON_END) {
        lane->finishing = true;
        return FXI_STEP_ON;
    }
    if (result != FXMON_DONE && result != FXMON_WAIT)
        return fxi_lane_stream_trouble(lane, result, &error, "read");
    fxi_retry_reset(&lane->stream_retry);
    fxi_relieve(&lane->stream_complaint, lane->env, lane->name, "reading");
    awaken(lane);
    lane->record_count = count;
    lane->record_index = 0;
    if (count == 0)
        return FXI_STEP_WAIT;
    return fxi_lane_consume(lane);
}
