/*
 * lane/sink_stage.c - a lane into a sink.
 *
 * A sink has no transaction: its promise is at least once, and what it remembers with a flush decides where the lane goes on. A batch is written
 * once and flushed until the flush succeeds, because after RETRY a driver still holds what it was given. A host's table becomes a driver of
 * four functions, so that there is one path for both.
 */
#include "lane/sink_stage.h"

#include <string.h>

#include "base/buf.h"
#include "base/crash.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/message.h"
#include "lane/rows.h"

#define REFUSED_TEXT_MAXIMUM 4096 /* bytes of a refused row, as JSON, in its dead letter */

struct sink_stage {
    const fxmon_sink_ops *ops; /* NULL: custom */
    fxmon_custom_sink custom;
    void *user;
    const fxmon_env *env;
    void *sink;
    char *url;
    bool opened;
    const struct sink_place *written; /* the driver holds rows of its batch that no flush has delivered yet */
    fxi_complaint legs_complaint;
    int64_t row_count, repeat_count, late_count, refused_count, newest_time;
};

/* One partition. */
struct sink_place {
    struct sink_stage *stage;
    fxi_rows rows;
    fxi_letters letters;
    size_t rows_written, letters_written; /* of the batch */
    size_t refused_taken;                 /* of those that the driver refused at a flush */
    bool refusing;                        /* it has told so, and they are not all taken yet */
    int64_t batch_refused;
};

int fxi_sink_stage_new(const fxmon_sink_ops *ops, const char *url, void **state, fxmon_error *error)
{
    struct sink_stage *s = fxi_calloc(1, sizeof *s);
    if (s)
        s->url = fxi_strdup(url);
    if (!s || !s->url) {
        fxi_free(s);
        return fxi_fail(error, FXMON_E_NOMEM, "sink", "out of memory");
    }
    s->ops = ops;
    *state = s;
    return FXMON_OK;
}

int fxi_sink_stage_custom(const fxmon_custom_sink *sink, void *user, void **state, fxmon_error *error)
{
    struct sink_stage *s = fxi_calloc(1, sizeof *s);
    if (!s)
        return fxi_fail(error, FXMON_E_NOMEM, "sink", "out of memory");
    memcpy(&s->custom, sink, sink->size < sizeof s->custom ? sink->size : sizeof s->custom);
    s->user = user;
    *state = s;
    return FXMON_OK;
}

static fxmon_result sink_open(void *state, const fxmon_env *env, fxmon_error *error)
{
    struct sink_stage *s = state;
    s->env = env;
    fxmon_result result = FXMON_DONE;
    if (s->ops)
        result = s->ops->open(env, s->url, &s->sink, error);
    else if (s->custom.open)
        result = s->custom.open(s->user, error);
    s->opened = result == FXMON_DONE;
    return result;
}

static void *sink_place_new(void *state)
{
    struct sink_stage *s = state;
    struct sink_place *place = fxi_calloc(1, sizeof *place);
    if (!place || fxi_rows_of(&place->rows, s->env, s->ops && s->ops->crosses) != FXMON_OK) {
        fxi_free(place);
        return NULL;
    }
    place->stage = s;
    return place;
}

static void forget_batch(struct sink_place *place)
{
    if (place->stage->written == place)
        place->stage->written = NULL;
    fxi_letters_clear(&place->letters);
    place->rows_written = place->letters_written = 0;
    place->refused_taken = 0;
    place->refusing = false;
    place->batch_refused = 0;
}

static void sink_drop(void *held)
{
    struct sink_place *place = held;
    struct sink_stage *s = place->stage;
    if (s->written == place && s->ops && s->ops->discard && s->opened)
        s->ops->discard(s->sink);
    fxi_rows_drop(&place->rows);
    forget_batch(place);
}

static void sink_place_free(void *held)
{
    struct sink_place *place = held;
    sink_drop(place);
    fxi_rows_free(&place->rows);
    fxi_letters_free(&place->letters);
    fxi_free(place);
}

static fxmon_result sink_claim(void *held, fxmon_progress *progress, fxmon_error *error)
{
    const struct sink_stage *s = ((struct sink_place *)held)->stage;
    progress->next_offset = -1;
    return s->ops && s->ops->load ? s->ops->load(s->sink, progress, error) : FXMON_DONE;
}

static fxmon_result sink_restore(void *held, const void *checkpoint, size_t size, fxmon_error *error)
{
    struct sink_place *place = held;
    forget_batch(place);
    return fxi_rows_restore(&place->rows, checkpoint, size, error) == FXMON_OK ? FXMON_DONE : FXMON_FATAL;
}

static fxmon_result sink_replay(void *held, const fxmon_message *message, const fxmon_record *record, fxmon_error *error)
{
    return fxi_rows_take(&((struct sink_place *)held)->rows, message, record, true, error);
}

static fxmon_result sink_apply(void *held, const fxmon_message *message, const fxmon_record *record, fxmon_error *error)
{
    struct sink_place *place = held;
    fxmon_result result = fxi_rows_take(&place->rows, message, record, false, error);
    fxi_rows_complain(&place->rows, place->stage->env, &place->stage->legs_complaint);
    return result;
}

static fxmon_result sink_dead(void *held, const fxmon_dead_letter *letter, fxmon_error *error)
{
    struct sink_place *place = held;
    const struct sink_stage *s = place->stage;
    if (!s->ops || !s->ops->dead) {
        fxi_log(s->env, FXMON_LOG_WARNING, "consume", "record %lld cannot be used: %s: %s", (long long)letter->offset, letter->reason,
                letter->text);
        return FXMON_DONE;
    }
    if (fxi_letters_add(&place->letters, letter) == FXMON_OK)
        return FXMON_DONE;
    fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a dead letter");
    return FXMON_FATAL;
}

static fxmon_result write_rows(struct sink_stage *s, const fxmon_row *rows, size_t count, fxmon_error *error)
{
    return s->ops ? s->ops->write(s->sink, rows, count, error) : s->custom.write(s->user, rows, count, error);
}

static fxmon_result set_aside(struct sink_place *place, const fxmon_progress *progress, const fxmon_row *row, const fxmon_error *why,
                              fxmon_error *error)
{
    const fxmon_env *env = place->stage->env;
    fxi_buf text;
    fxi_buf_init(&text, REFUSED_TEXT_MAXIMUM);
    fxi_row_encode(row, &text);
    fxmon_dead_letter letter = {
        .lane = progress->lane, .stream = progress->stream, .partition = row->partition, .offset = row->offset,
        .data = text.failed || !text.data ? "" : text.data, .length = text.failed ? 0 : text.length,
        .reason = fxmon_errname(why->code), .text = why->text, .first_seen = env->now(env->user)};
    fxmon_result result = sink_dead(place, &letter, error);
    fxi_buf_free(&text);
    place->batch_refused += result == FXMON_DONE;
    return result;
}

/* What is left of the batch, at once; when that is refused, one row after the other. rows_written remembers the place over a RETRY. */
static fxmon_result write_batch(struct sink_place *place, const fxmon_progress *progress, fxmon_error *error)
{
    struct sink_stage *s = place->stage;
    const fxi_rows *rows = &place->rows;
    if (place->rows_written == rows->count)
        return FXMON_DONE;
    s->written = place;
    fxmon_result result = write_rows(s, rows->rows + place->rows_written, rows->count - place->rows_written, error);
    if (result == FXMON_DONE)
        place->rows_written = rows->count;
    if (result != FXMON_REFUSED)
        return result;
    while (place->rows_written < rows->count) {
        const fxmon_row *row = &rows->rows[place->rows_written];
        fxmon_error why;
        fxi_error_clear(&why);
        result = write_rows(s, row, 1, &why);
        if (result == FXMON_REFUSED)
            result = set_aside(place, progress, row, &why, error);
        else if (result != FXMON_DONE && error)
            *error = why;
        if (result != FXMON_DONE)
            return result;
        place->rows_written++;
    }
    return FXMON_DONE;
}

static fxmon_result flush(struct sink_stage *s, const fxmon_progress *progress, int64_t next_offset, fxmon_error *error)
{
    if (!s->ops)
        return s->custom.flush ? s->custom.flush(s->user, error) : FXMON_DONE;
    fxmon_progress after = *progress;
    after.next_offset = next_offset;
    return s->ops->flush(s->sink, &after, error);
}

/* The rows that a flush refused, to the dead letters, each once: refused_taken remembers the place over a RETRY. */
static fxmon_result take_refused(struct sink_place *place, const fxmon_progress *progress, fxmon_error *error)
{
    struct sink_stage *s = place->stage;
    while (place->refusing) {
        fxmon_error why;
        fxmon_dead_letter letter = {.lane = progress->lane, .stream = progress->stream, .first_seen = s->env->now(s->env->user)};
        fxi_error_clear(&why);
        fxmon_result result = s->ops->refused(s->sink, place->refused_taken, &letter, &why);
        if (result == FXMON_END) {
            place->refusing = false;
            break;
        }
        letter.reason = fxmon_errname(why.code);
        letter.text = why.text;
        if (result == FXMON_DONE)
            result = sink_dead(place, &letter, error);
        else if (error)
            *error = why;
        if (result != FXMON_DONE)
            return result;
        place->refused_taken++;
        place->batch_refused++;
    }
    return FXMON_DONE;
}

/* The letters into the driver's batch, and the batch on its way; again when that turned rows into letters. */
static fxmon_result deliver(struct sink_place *place, const fxmon_progress *progress, int64_t next_offset, fxmon_error *error)
{
    struct sink_stage *s = place->stage;
    fxmon_result result;
    do {
        result = take_refused(place, progress, error);
        while (result == FXMON_DONE && place->letters_written < place->letters.count) {
            s->written = place;
            result = s->ops->dead(s->sink, &place->letters.letters[place->letters_written], error);
            place->letters_written += result == FXMON_DONE;
        }
        FXI_CRASH("sink.letters");
        if (result == FXMON_DONE)
            result = flush(s, progress, next_offset, error);
        place->refusing = result == FXMON_REFUSED && s->ops && s->ops->refused;
    } while (place->refusing);
    return result;
}

static fxmon_result sink_commit(void *held, fxmon_progress *progress, int64_t next_offset, fxmon_error *error)
{
    struct sink_place *place = held;
    struct sink_stage *s = place->stage;
    fxmon_result result = write_batch(place, progress, error);
    FXI_CRASH("sink.written");
    if (result == FXMON_DONE)
        result = deliver(place, progress, next_offset, error);
    FXI_CRASH("sink.flushed");
    if (result != FXMON_DONE)
        return result;
    s->row_count += (int64_t)place->rows.count - place->batch_refused;
    s->refused_count += place->batch_refused;
    s->repeat_count += place->rows.repeats;
    s->late_count += place->rows.late;
    if (place->rows.newest_time > s->newest_time)
        s->newest_time = place->rows.newest_time;
    fxi_rows_clear(&place->rows);
    forget_batch(place);
    return FXMON_DONE;
}

static fxmon_result sink_check(void *held, const fxmon_progress *progress, fxmon_error *error)
{
    const struct sink_stage *s = ((struct sink_place *)held)->stage;
    return s->ops && s->ops->check ? s->ops->check(s->sink, progress, error) : FXMON_DONE;
}

static void sink_save(void *held, void **checkpoint, size_t *size)
{
    *checkpoint = fxi_series_save(((struct sink_place *)held)->rows.series, size);
}

static void sink_count(void *state, fxmon_status *status)
{
    struct sink_stage *s = state;
    status->rows += s->row_count;
    status->repeats += s->repeat_count;
    status->late += s->late_count;
    status->dead_letters += s->refused_count;
    if (s->newest_time > status->newest_time)
        status->newest_time = s->newest_time;
}

static void sink_close(void *state)
{
    struct sink_stage *s = state;
    if (s->opened && s->ops)
        s->ops->close(s->sink);
    else if (s->opened && s->custom.close)
        s->custom.close(s->user);
    fxi_free(s->url);
    fxi_free(s);
}

const fxi_stage_ops fxi_sink_stage = {
    .kind = "sink", .open = sink_open, .place_new = sink_place_new, .place_free = sink_place_free, .claim = sink_claim, .replay = sink_replay, .restore = sink_restore, .apply = sink_apply,
    .dead = sink_dead, .commit = sink_commit, .check = sink_check, .save = sink_save, .drop = sink_drop, .count = sink_count, .close = sink_close,
};
