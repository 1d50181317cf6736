/*
 * lane/lane_read.c - what arrives from the stream: data, and news about the partition.
 *
 * The rule of this file: nothing that arrives may be lost or block. A record becomes part of the batch, or a dead letter of the batch, or it is dropped
 * because the lane will read it again (position stays). Offsets below the place are repeats of the stream and are dropped.
 */
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "lane/env.h"
#include "lane/lane_private.h"

#define NAME_MAXIMUM 512

bool fxi_lane_batch_full(const fxi_lane *lane)
{
    return lane->batch_messages >= lane->batch_maximum || lane->batch_bytes >= lane->batch_bytes_maximum ||
           lane->batch_rates >= FXI_LANE_RATES;
}

static void drop_records(fxi_lane *lane)
{
    lane->record_count = lane->record_index = 0;
    lane->reseek = true;
}

/* What the stage's answer means for the lane. FXI_STEP_ON: the record is dealt with. */
static enum fxi_lane_step stage_answer(fxi_lane *lane, fxmon_result result, const fxmon_error *error)
{
    switch (result) {
    case FXMON_DONE:
        return FXI_STEP_ON;
    case FXMON_RETRY:
    case FXMON_WAIT:
        drop_records(lane);
        fxi_lane_backoff(lane, error, "the destination");
        return FXI_STEP_WAIT;
    case FXMON_FENCED:
        fxi_lane_fenced(lane);
        return FXI_STEP_WAIT;
    default:
        return fxi_lane_fail(lane, error);
    }
}

static enum fxi_lane_step bury(fxi_lane *lane, const fxmon_record *record, int64_t offset, const char *reason, const char *text)
{
    fxmon_error error;
    fxi_error_clear(&error);
    fxmon_dead_letter letter = {.lane = lane->key, .stream = lane->stream_name, .partition = lane->progress.partition, .offset = offset,
                                .data = record->data ? record->data : "", .length = record->data ? record->length : 0,
                                .reason = reason, .text = text, .first_seen = lane->env->now(lane->env->user)};
    enum fxi_lane_step step = stage_answer(lane, lane->config.stage->dead(lane->config.stage_state, &letter, &error), &error);
    if (step == FXI_STEP_ON)
        lane->batch_dead++;
    return step;
}

static enum fxi_lane_step apply(fxi_lane *lane, const fxmon_record *record)
{
    fxmon_error error;
    fxi_error_clear(&error);
    if (record->oversize)
        return bury(lane, record, record->offset, fxmon_errname(FXMON_E_TOO_LARGE), "longer than the option max-record allows");
    const fxmon_message *message = fxi_message_decode(lane->decoder, record->data, record->length, &error);
    if (!message && error.code == FXMON_E_NOMEM)
        return fxi_lane_fail(lane, &error);
    if (!message)
        return bury(lane, record, record->offset, fxmon_errname(error.code), error.text);
    fxmon_result result = lane->config.stage->apply(lane->config.stage_state, message, record, &error);
    if (result == FXMON_REFUSED)
        return bury(lane, record, record->offset, fxmon_errname(error.code), error.text);
    enum fxi_lane_step step = stage_answer(lane, result, &error);
    if (step == FXI_STEP_ON)
        lane->batch_rates += message->count;
    if (step == FXI_STEP_ON && message->time > lane->counted.newest_time)
        lane->counted.newest_time = message->time;
    return step;
}

/* Below the stored place: the effect is there already, only the statistics are needed. What was a dead letter then is none again. */
static enum fxi_lane_step replay(fxi_lane *lane, const fxmon_record *record)
{
    fxmon_error error;
    fxi_error_clear(&error);
    lane->counted.replayed++;
    if (record->oversize || !lane->config.stage->replay)
        return FXI_STEP_ON;
    const fxmon_message *message = fxi_message_decode(lane->decoder, record->data, record->length, &error);
    if (!message)
        return error.code == FXMON_E_NOMEM ? fxi_lane_fail(lane, &error) : FXI_STEP_ON;
    fxmon_result result = lane->config.stage->replay(lane->config.stage_state, message, record, &error);
    return result == FXMON_REFUSED ? FXI_STEP_ON : stage_answer(lane, result, &error);
}

static enum fxi_lane_step take_record(fxi_lane *lane, const fxmon_record *record)
{
    if (lane->position >= 0 && record->offset < lane->position)
        return FXI_STEP_ON;
    if (lane->end >= 0 && record->offset >= lane->end) {
        lane->position = lane->end;
        lane->finishing = true;
        return FXI_STEP_ON;
    }
    if (lane->progress.next_offset >= 0 && record->offset < lane->progress.next_offset) {
        enum fxi_lane_step step = replay(lane, record);
        if (step == FXI_STEP_ON)
            lane->position = record->offset + 1;
        return step;
    }
    if (lane->batch_messages == 0)
        lane->batch_since = fxi_lane_now(lane);
    enum fxi_lane_step step = apply(lane, record);
    if (step != FXI_STEP_ON)
        return step;
    lane->position = record->offset + 1;
    lane->batch_messages++;
    lane->batch_bytes += (int64_t)record->length;
    return FXI_STEP_ON;
}

/* Records [from, offset) are gone. Statistics can't be exact after that, and perhaps rows are missing: by default a person decides. */
static enum fxi_lane_step take_gap(fxi_lane *lane, const fxmon_record *record)
{
    fxmon_error error;
    int64_t from = record->from > lane->position ? record->from : lane->position;
    if (lane->gap_halts) {
        fxi_fail(&error, FXMON_E_GAP, "on-gap", "records %lld to %lld are gone from %.100s; with on-gap=earliest the lane goes on behind them",
                 (long long)from, (long long)(record->offset - 1), lane->from);
        return fxi_lane_fail(lane, &error);
    }
    int64_t lost = lane->progress.next_offset > from ? lane->progress.next_offset : from;
    if (record->offset > lost) {
        fxi_fail(&error, FXMON_E_GAP, "", "records [%lld, %lld) are gone from the log", (long long)lost, (long long)record->offset);
        fxmon_record nothing = {.kind = FXMON_GAP, .offset = lost};
        enum fxi_lane_step step = bury(lane, &nothing, lost, fxmon_errname(FXMON_E_GAP), error.text);
        if (step != FXI_STEP_ON)
            return step;
        if (lane->batch_messages == 0)
            lane->batch_since = fxi_lane_now(lane);
        lane->batch_messages++;
        lane->commit_now = true;
    }
    fxi_log(lane->env, FXMON_LOG_WARNING, lane->name, "records [%lld, %lld) are gone from the log; going on behind them", (long long)from,
            (long long)record->offset);
    lane->position = record->offset;
    lane->checkpoint_now = true;
    drop_records(lane);
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
        fxi_env_instance(instance);
        fxi_buf_puts(&text, "pipe/");
        fxi_buf_puts(&text, instance);
        fxi_buf_putc(&text, '/');
        fxi_buf_int(&text, lane->env->now(lane->env->user));
    }
    fxi_free(lane->stream_name);
    lane->stream_name = fxi_buf_take(&text);
    fxi_buf_free(&text);
    lane->progress.stream = lane->stream_name;
    return lane->stream_name ? FXMON_OK : fxi_fail(error, FXMON_E_NOMEM, "from", "out of memory");
}

static enum fxi_lane_step take_assignment(fxi_lane *lane, const fxmon_record *record)
{
    fxmon_error error;
    if (lane->assigned && record->partition != lane->progress.partition) {
        fxi_fail(&error, FXMON_E_UNSUPPORTED, "from", "partition %d and partition %d: a lane reads one partition", lane->progress.partition,
                 record->partition);
        return fxi_lane_fail(lane, &error);
    }
    if (name_stream(lane, &error) != FXMON_OK)
        return fxi_lane_fail(lane, &error);
    lane->assigned = true;
    lane->progress.partition = record->partition;
    if (lane->phase == FXI_LANE_UNASSIGNED)
        lane->phase = FXI_LANE_CLAIM;
    return FXI_STEP_ON;
}

static enum fxi_lane_step take(fxi_lane *lane, const fxmon_record *record)
{
    switch (record->kind) {
    case FXMON_ASSIGNED:
        return take_assignment(lane, record);
    case FXMON_REVOKED:
        lane->release = true;
        lane->commit_now = lane->batch_messages > 0;
        drop_records(lane);
        return FXI_STEP_WAIT;
    case FXMON_LOST:
        fxi_lane_fenced(lane);
        lane->assigned = false;
        lane->phase = FXI_LANE_UNASSIGNED;
        return FXI_STEP_WAIT;
    case FXMON_GAP:
        return lane->phase == FXI_LANE_RUN ? take_gap(lane, record) : FXI_STEP_ON;
    default:
        return lane->phase == FXI_LANE_RUN && !lane->reseek ? take_record(lane, record) : FXI_STEP_ON;
    }
}

enum fxi_lane_step fxi_lane_consume(fxi_lane *lane)
{
    while (lane->record_index < lane->record_count && !lane->finishing) {
        if (fxi_lane_batch_full(lane) || lane->commit_now)
            return FXI_STEP_ON;
        enum fxi_lane_step step = take(lane, &lane->records[lane->record_index]);
        if (step == FXI_STEP_FAILED)
            return step;
        if (step == FXI_STEP_WAIT)
            return FXI_STEP_ON; /* the records that were left are forgotten, the place is kept */
        lane->record_index++;
    }
    lane->record_count = lane->record_index = 0;
    if (lane->end >= 0 && lane->position >= lane->end)
        lane->finishing = true;
    return FXI_STEP_ON;
}

/* Continue at the place after records were dropped. */
static enum fxi_lane_step seek_again(fxi_lane *lane)
{
    fxmon_error error;
    fxi_error_clear(&error);
    if (lane->reseek && lane->phase == FXI_LANE_RUN && !lane->paused) {
        if (!lane->replayable) {
            fxi_fail(&error, FXMON_E_IO, "from", "the destination failed and a pipe cannot be read again");
            return fxi_lane_fail(lane, &error);
        }
        fxmon_result result = lane->config.stream->seek(lane->stream, lane->progress.partition, lane->position, &error);
        if (result != FXMON_DONE)
            return fxi_lane_stream_trouble(lane, result, &error, "seek");
        lane->reseek = false;
    }
    return FXI_STEP_ON;
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
    if (lane->phase == FXI_LANE_FENCED)
        lane->phase = FXI_LANE_CLAIM;
    lane->record_count = count;
    lane->record_index = 0;
    if (count == 0)
        return FXI_STEP_WAIT;
    return fxi_lane_consume(lane);
}
