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
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/message.h"
#include "lane/env.h"
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
    fxi_rows rows;
    fxi_letters letters;
    size_t rows_written, letters_written; /* of the batch */
    fxi_complaint legs_complaint;
    int64_t row_count, repeat_count, late_count, refused_count, newest_time, batch_refused;
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
    if (!s->rows.series &&
        fxi_rows_open(&s->rows, (size_t)fxi_env_integer(env, "window", 20), fxi_env_bool(env, "crosses", false),
                      env->option ? env->option(env->user, "track") : NULL, error) != FXMON_OK)
        return FXMON_FATAL;
    fxmon_result result = FXMON_DONE;
    if (s->ops)
        result = s->ops->open(env, s->url, &s->sink, error);
    else if (s->custom.open)
        result = s->custom.open(s->user, error);
    s->opened = result == FXMON_DONE;
    return result;
}

static fxmon_result sink_claim(void *state, fxmon_progress *progress, fxmon_error *error)
{
    struct sink_stage *s = state;
    progress->next_offset = -1;
    return s->ops && s->ops->load ? s->ops->load(s->sink, progress, error) : FXMON_DONE;
}

static void forget_batch(struct sink_stage *s)
{
    fxi_letters_clear(&s->letters);
    s->rows_written = s->letters_written = 0;
    s->batch_refused = 0;
}

static fxmon_result sink_restore(void *state, const void *checkpoint, size_t size, fxmon_error *error)
{
    struct sink_stage *s = state;
    forget_batch(s);
    return fxi_rows_restore(&s->rows, checkpoint, size, error) == FXMON_OK ? FXMON_DONE : FXMON_FATAL;
}

static fxmon_result apply(struct sink_stage *s, const fxmon_message *message, const fxmon_record *record, bool quiet, fxmon_error *error)
{
    int code = fxi_rows_apply(&s->rows, message, record, quiet);
    if (code == FXMON_OK)
        return FXMON_DONE;
    fxi_fail(error, code, "", "%s while computing the statistics", fxmon_strerror(code));
    return code == FXMON_E_NOMEM ? FXMON_FATAL : FXMON_REFUSED;
}

static fxmon_result sink_replay(void *state, const fxmon_message *message, const fxmon_record *record, fxmon_error *error)
{
    return apply(state, message, record, true, error);
}

static fxmon_result sink_apply(void *state, const fxmon_message *message, const fxmon_record *record, fxmon_error *error)
{
    struct sink_stage *s = state;
    fxmon_result result = apply(s, message, record, false, error);
    if (s->rows.legs_missing) {
        fxi_complain(&s->legs_complaint, s->env, "consume",
                     "crosses are not complete: a message has not all tracked currencies (one message a pair?); "
                     "let fxmon-produce publish them with --crosses");
        s->rows.legs_missing = false;
    }
    return result;
}

static fxmon_result sink_dead(void *state, const fxmon_dead_letter *letter, fxmon_error *error)
{
    struct sink_stage *s = state;
    if (!s->ops || !s->ops->dead) {
        fxi_log(s->env, FXMON_LOG_WARNING, "consume", "record %lld cannot be used: %s: %s", (long long)letter->offset, letter->reason,
                letter->text);
        return FXMON_DONE;
    }
    if (fxi_letters_add(&s->letters, letter) == FXMON_OK)
        return FXMON_DONE;
    fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a dead letter");
    return FXMON_FATAL;
}

static fxmon_result write_rows(struct sink_stage *s, const fxmon_row *rows, size_t count, fxmon_error *error)
{
    return s->ops ? s->ops->write(s->sink, rows, count, error) : s->custom.write(s->user, rows, count, error);
}

static fxmon_result set_aside(struct sink_stage *s, const fxmon_progress *progress, const fxmon_row *row, const fxmon_error *why,
                              fxmon_error *error)
{
    fxi_buf text;
    fxi_buf_init(&text, REFUSED_TEXT_MAXIMUM);
    fxi_row_encode(row, &text);
    fxmon_dead_letter letter = {
        .lane = progress->lane, .stream = progress->stream, .partition = row->partition, .offset = row->offset,
        .data = text.failed || !text.data ? "" : text.data, .length = text.failed ? 0 : text.length,
        .reason = fxmon_errname(why->code), .text = why->text, .first_seen = s->env->now(s->env->user)};
    fxmon_result result = sink_dead(s, &letter, error);
    fxi_buf_free(&text);
    s->batch_refused += result == FXMON_DONE;
    return result;
}

/* What is left of the batch, at once; when that is refused, one row after the other. rows_written remembers the place over a RETRY. */
static fxmon_result write_batch(struct sink_stage *s, const fxmon_progress *progress, fxmon_error *error)
{
    if (s->rows_written == s->rows.count)
        return FXMON_DONE;
    fxmon_result result = write_rows(s, s->rows.rows + s->rows_written, s->rows.count - s->rows_written, error);
    if (result == FXMON_DONE)
        s->rows_written = s->rows.count;
    if (result != FXMON_REFUSED)
        return result;
    while (s->rows_written < s->rows.count) {
        const fxmon_row *row = &s->rows.rows[s->rows_written];
        fxmon_error why;
        fxi_error_clear(&why);
        result = write_rows(s, row, 1, &why);
        if (result == FXMON_REFUSED)
            result = set_aside(s, progress, row, &why, error);
        else if (result != FXMON_DONE && error)
            *error = why;
        if (result != FXMON_DONE)
            return result;
        s->rows_written++;
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

static fxmon_result sink_commit(void *state, fxmon_progress *progress, int64_t next_offset, fxmon_error *error)
{
    struct sink_stage *s = state;
    fxmon_result result = write_batch(s, progress, error);
    while (result == FXMON_DONE && s->letters_written < s->letters.count) {
        result = s->ops->dead(s->sink, &s->letters.letters[s->letters_written], error);
        s->letters_written += result == FXMON_DONE;
    }
    if (result == FXMON_DONE)
        result = flush(s, progress, next_offset, error);
    if (result != FXMON_DONE)
        return result;
    s->row_count += (int64_t)s->rows.count - s->batch_refused;
    s->refused_count += s->batch_refused;
    s->repeat_count += s->rows.repeats;
    s->late_count += s->rows.late;
    if (s->rows.newest_time > s->newest_time)
        s->newest_time = s->rows.newest_time;
    fxi_rows_clear(&s->rows);
    forget_batch(s);
    return FXMON_DONE;
}

static void sink_save(void *state, void **checkpoint, size_t *size)
{
    struct sink_stage *s = state;
    *checkpoint = fxi_series_save(s->rows.series, size);
}

static void sink_drop(void *state)
{
    struct sink_stage *s = state;
    if (s->ops && s->ops->discard && s->opened)
        s->ops->discard(s->sink);
    fxi_rows_drop(&s->rows);
    forget_batch(s);
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
    fxi_rows_free(&s->rows);
    fxi_letters_free(&s->letters);
    fxi_free(s->url);
    fxi_free(s);
}

const fxi_stage_ops fxi_sink_stage = {
    .kind = "sink", .open = sink_open, .claim = sink_claim, .replay = sink_replay, .restore = sink_restore, .apply = sink_apply,
    .dead = sink_dead, .commit = sink_commit, .save = sink_save, .drop = sink_drop, .count = sink_count, .close = sink_close,
};
