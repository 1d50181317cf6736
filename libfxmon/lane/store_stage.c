/*
 * lane/store_stage.c - a lane into a store.
 *
 * Rows, dead letters and the new place in the log go into one transaction whose last statement compares the place with what is stored: after a
 * kill either all of it is there or nothing, and of two processes that both think they own the lane one is fenced. Because of that no statement here
 * tries to be clever: on anything but success the transaction is rolled back and the same batch is offered again.
 */
#include "lane/store_stage.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/message.h"
#include "lane/env.h"
#include "lane/fence.h"
#include "lane/health.h"
#include "lane/rows.h"

#define REFUSED_TEXT_MAXIMUM 4096 /* bytes of a refused row, as JSON, in its dead letter */

struct store_stage {
    const fxmon_store_ops *ops;
    const fxmon_env *env;
    void *store;
    char *url;
    fxi_rows rows;
    fxi_letters letters;
    fxi_health health;
    fxi_complaint health_complaint, legs_complaint;
    int64_t row_count, repeat_count, late_count, refused_count, newest_time;
    int64_t batch_refused;
};

int fxi_store_stage_new(const fxmon_store_ops *ops, const char *url, const char *component, void **state, fxmon_error *error)
{
    struct store_stage *s = fxi_calloc(1, sizeof *s);
    if (s)
        s->url = fxi_strdup(url);
    if (!s || !s->url) {
        fxi_free(s);
        return fxi_fail(error, FXMON_E_NOMEM, "sink", "out of memory");
    }
    s->ops = ops;
    fxi_health_init(&s->health, component);
    *state = s;
    return FXMON_OK;
}

static fxmon_result store_open(void *state, const fxmon_env *env, fxmon_error *error)
{
    struct store_stage *s = state;
    s->env = env;
    if (!s->rows.series &&
        fxi_rows_open(&s->rows, (size_t)fxi_env_integer(env, "window", 20), fxi_env_bool(env, "crosses", false),
                      env->option ? env->option(env->user, "track") : NULL, error) != FXMON_OK)
        return FXMON_FATAL;
    return s->ops->open(env, s->url, false, &s->store, error);
}

static fxmon_result store_claim(void *state, fxmon_progress *progress, fxmon_error *error)
{
    struct store_stage *s = state;
    return s->ops->claim(s->store, progress, error);
}

static fxmon_result store_restore(void *state, const void *checkpoint, size_t size, fxmon_error *error)
{
    struct store_stage *s = state;
    fxi_letters_clear(&s->letters);
    return fxi_rows_restore(&s->rows, checkpoint, size, error) == FXMON_OK ? FXMON_DONE : FXMON_FATAL;
}

static fxmon_result apply(struct store_stage *s, const fxmon_message *message, const fxmon_record *record, bool quiet, fxmon_error *error)
{
    int code = fxi_rows_apply(&s->rows, message, record, quiet);
    if (code == FXMON_OK)
        return FXMON_DONE;
    fxi_fail(error, code, "", "%s while computing the statistics", fxmon_strerror(code));
    return code == FXMON_E_NOMEM ? FXMON_FATAL : FXMON_REFUSED;
}

static fxmon_result store_replay(void *state, const fxmon_message *message, const fxmon_record *record, fxmon_error *error)
{
    return apply(state, message, record, true, error);
}

static fxmon_result store_apply(void *state, const fxmon_message *message, const fxmon_record *record, fxmon_error *error)
{
    struct store_stage *s = state;
    fxmon_result result = apply(s, message, record, false, error);
    if (s->rows.legs_missing) {
        fxi_complain(&s->legs_complaint, s->env, "consume",
                     "crosses are not complete: a message has not all tracked currencies (one message a pair?); "
                     "let fxmon-produce publish them with --crosses");
        s->rows.legs_missing = false;
    }
    return result;
}

static fxmon_result store_dead(void *state, const fxmon_dead_letter *letter, fxmon_error *error)
{
    struct store_stage *s = state;
    if (fxi_letters_add(&s->letters, letter) == FXMON_OK)
        return FXMON_DONE;
    fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a dead letter");
    return FXMON_FATAL;
}

/* The store will not take this row: its dead letter is the row itself. */
static fxmon_result put_refused(struct store_stage *s, const fxmon_progress *progress, const fxmon_row *row, const fxmon_error *why,
                                fxmon_error *error)
{
    fxi_buf text;
    fxi_buf_init(&text, REFUSED_TEXT_MAXIMUM);
    fxi_row_encode(row, &text);
    fxmon_dead_letter letter = {
        .lane = progress->lane, .stream = progress->stream, .partition = row->partition, .offset = row->offset,
        .data = text.failed || !text.data ? "" : text.data, .length = text.failed ? 0 : text.length,
        .reason = fxmon_errname(why->code), .text = why->text, .first_seen = s->env->now(s->env->user)};
    fxmon_result result = s->ops->put_dead(s->store, &letter, error);
    fxi_buf_free(&text);
    s->batch_refused += result == FXMON_DONE;
    return result;
}

/* All rows at once; when the store refuses, one after the other, so that only what is bad is set aside. */
static fxmon_result put_rows(struct store_stage *s, const fxmon_progress *progress, fxmon_error *error)
{
    if (s->rows.count == 0)
        return FXMON_DONE;
    fxmon_result result = s->ops->put_rows(s->store, s->rows.rows, s->rows.count, error);
    if (result != FXMON_REFUSED)
        return result;
    for (size_t i = 0; i < s->rows.count; i++) {
        fxmon_error why;
        fxi_error_clear(&why);
        result = s->ops->put_rows(s->store, &s->rows.rows[i], 1, &why);
        if (result == FXMON_REFUSED)
            result = put_refused(s, progress, &s->rows.rows[i], &why, error);
        else if (result != FXMON_DONE && error)
            *error = why;
        if (result != FXMON_DONE)
            return result;
    }
    return FXMON_DONE;
}

static fxmon_result put_batch(struct store_stage *s, const fxmon_progress *progress, int64_t next_offset, fxmon_error *error)
{
    fxmon_result result = put_rows(s, progress, error);
    for (size_t i = 0; result == FXMON_DONE && i < s->letters.count; i++)
        result = s->ops->put_dead(s->store, &s->letters.letters[i], error);
    return result == FXMON_DONE ? s->ops->commit(s->store, progress, next_offset, error) : result;
}

static fxmon_result store_commit(void *state, fxmon_progress *progress, int64_t next_offset, fxmon_error *error)
{
    struct store_stage *s = state;
    s->batch_refused = 0;
    fxmon_result result = s->ops->begin(s->store, error);
    if (result != FXMON_DONE)
        return result;
    result = put_batch(s, progress, next_offset, error);
    if (result != FXMON_DONE) {
        s->ops->rollback(s->store);
        return fxi_fence_check(s->ops, s->store, progress, result, error);
    }
    s->row_count += (int64_t)s->rows.count - s->batch_refused;
    s->refused_count += s->batch_refused;
    s->repeat_count += s->rows.repeats;
    s->late_count += s->rows.late;
    if (s->rows.newest_time > s->newest_time)
        s->newest_time = s->rows.newest_time;
    fxi_rows_clear(&s->rows);
    fxi_letters_clear(&s->letters);
    return FXMON_DONE;
}

static void store_save(void *state, void **checkpoint, size_t *size)
{
    struct store_stage *s = state;
    *checkpoint = fxi_series_save(s->rows.series, size);
}

static void store_drop(void *state)
{
    struct store_stage *s = state;
    fxi_rows_drop(&s->rows);
    fxi_letters_clear(&s->letters);
}

static void store_idle(void *state, int64_t now, const fxmon_status *status)
{
    struct store_stage *s = state;
    fxmon_health row;
    fxmon_error error;
    if (!s->store || !s->ops->health_put || !fxi_health_due(&s->health, now, status, &row))
        return;
    fxi_error_clear(&error);
    if (s->ops->health_put(s->store, &row, &error) == FXMON_DONE)
        fxi_relieve(&s->health_complaint, s->env, s->health.component, "writing the health row");
    else
        fxi_complain(&s->health_complaint, s->env, s->health.component, "cannot write the health row: %s", error.text);
}

static void store_count(void *state, fxmon_status *status)
{
    struct store_stage *s = state;
    status->rows += s->row_count;
    status->repeats += s->repeat_count;
    status->late += s->late_count;
    status->dead_letters += s->refused_count;
    if (s->newest_time > status->newest_time)
        status->newest_time = s->newest_time;
}

static void store_close(void *state)
{
    struct store_stage *s = state;
    if (s->store)
        s->ops->close(s->store);
    fxi_rows_free(&s->rows);
    fxi_letters_free(&s->letters);
    fxi_free(s->url);
    fxi_free(s);
}

const fxi_stage_ops fxi_store_stage = {
    .kind = "store", .open = store_open, .claim = store_claim, .replay = store_replay, .restore = store_restore, .apply = store_apply,
    .dead = store_dead, .commit = store_commit, .save = store_save, .drop = store_drop, .idle = store_idle, .count = store_count,
    .close = store_close,
};
