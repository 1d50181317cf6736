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
#include "base/crash.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/message.h"
#include "lane/fence.h"
#include "lane/rows.h"

#define REFUSED_TEXT_MAXIMUM 4096 /* bytes of a refused row, as JSON, in its dead letter */

struct store_stage {
    const fxmon_store_ops *ops;
    const fxmon_env *env;
    void *store;
    char *url;
    fxi_complaint legs_complaint;
    int64_t row_count, repeat_count, late_count, refused_count, newest_time;
};

/* One partition. */
struct store_place {
    struct store_stage *stage;
    fxi_rows rows;
    fxi_letters letters;
    int64_t batch_refused;
};

int fxi_store_stage_new(const fxmon_store_ops *ops, const char *url, void **state, fxmon_error *error)
{
    struct store_stage *s = fxi_calloc(1, sizeof *s);
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

static fxmon_result store_open(void *state, const fxmon_env *env, fxmon_error *error)
{
    struct store_stage *s = state;
    s->env = env;
    return s->ops->open(env, s->url, false, &s->store, error);
}

static void *store_place_new(void *state)
{
    struct store_stage *s = state;
    struct store_place *place = fxi_calloc(1, sizeof *place);
    if (!place || fxi_rows_of(&place->rows, s->env, false) != FXMON_OK) {
        fxi_free(place);
        return NULL;
    }
    place->stage = s;
    return place;
}

static void store_place_free(void *held)
{
    struct store_place *place = held;
    fxi_rows_free(&place->rows);
    fxi_letters_free(&place->letters);
    fxi_free(place);
}

static fxmon_result store_claim(void *held, fxmon_progress *progress, fxmon_error *error)
{
    const struct store_stage *s = ((struct store_place *)held)->stage;
    return s->ops->claim(s->store, progress, error);
}

static fxmon_result store_restore(void *held, const void *checkpoint, size_t size, fxmon_error *error)
{
    struct store_place *place = held;
    fxi_letters_clear(&place->letters);
    return fxi_rows_restore(&place->rows, checkpoint, size, error) == FXMON_OK ? FXMON_DONE : FXMON_FATAL;
}

static fxmon_result store_replay(void *held, const fxmon_message *message, const fxmon_record *record, fxmon_error *error)
{
    return fxi_rows_take(&((struct store_place *)held)->rows, message, record, true, error);
}

static fxmon_result store_apply(void *held, const fxmon_message *message, const fxmon_record *record, fxmon_error *error)
{
    struct store_place *place = held;
    fxmon_result result = fxi_rows_take(&place->rows, message, record, false, error);
    fxi_rows_complain(&place->rows, place->stage->env, &place->stage->legs_complaint);
    return result;
}

static fxmon_result store_dead(void *held, const fxmon_dead_letter *letter, fxmon_error *error)
{
    struct store_place *place = held;
    if (fxi_letters_add(&place->letters, letter) == FXMON_OK)
        return FXMON_DONE;
    fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a dead letter");
    return FXMON_FATAL;
}

/* The store will not take this row: its dead letter is the row itself. */
static fxmon_result put_refused(struct store_place *place, const fxmon_progress *progress, const fxmon_row *row, const fxmon_error *why,
                                fxmon_error *error)
{
    const struct store_stage *s = place->stage;
    fxi_buf text;
    fxi_buf_init(&text, REFUSED_TEXT_MAXIMUM);
    fxi_row_encode(row, &text);
    fxmon_dead_letter letter = {
        .lane = progress->lane, .stream = progress->stream, .partition = row->partition, .offset = row->offset,
        .data = text.failed || !text.data ? "" : text.data, .length = text.failed ? 0 : text.length,
        .reason = fxmon_errname(why->code), .text = why->text, .first_seen = s->env->now(s->env->user)};
    fxmon_result result = s->ops->put_dead(s->store, &letter, error);
    fxi_buf_free(&text);
    place->batch_refused += result == FXMON_DONE;
    return result;
}

/* All rows at once; when the store refuses, one after the other, so that only what is bad is set aside. */
static fxmon_result put_rows(struct store_place *place, const fxmon_progress *progress, fxmon_error *error)
{
    const struct store_stage *s = place->stage;
    const fxi_rows *rows = &place->rows;
    if (rows->count == 0)
        return FXMON_DONE;
    fxmon_result result = s->ops->put_rows(s->store, rows->rows, rows->count, error);
    if (result != FXMON_REFUSED)
        return result;
    for (size_t i = 0; i < rows->count; i++) {
        fxmon_error why;
        fxi_error_clear(&why);
        result = s->ops->put_rows(s->store, &rows->rows[i], 1, &why);
        if (result == FXMON_REFUSED)
            result = put_refused(place, progress, &rows->rows[i], &why, error);
        else if (result != FXMON_DONE && error)
            *error = why;
        if (result != FXMON_DONE)
            return result;
    }
    return FXMON_DONE;
}

static fxmon_result put_batch(struct store_place *place, const fxmon_progress *progress, int64_t next_offset, fxmon_error *error)
{
    const struct store_stage *s = place->stage;
    FXI_CRASH("store.begun");
    fxmon_result result = put_rows(place, progress, error);
    FXI_CRASH("store.rows");
    for (size_t i = 0; result == FXMON_DONE && i < place->letters.count; i++)
        result = s->ops->put_dead(s->store, &place->letters.letters[i], error);
    FXI_CRASH("store.letters");
    return result == FXMON_DONE ? s->ops->commit(s->store, progress, next_offset, error) : result;
}

static fxmon_result store_commit(void *held, fxmon_progress *progress, int64_t next_offset, fxmon_error *error)
{
    struct store_place *place = held;
    struct store_stage *s = place->stage;
    place->batch_refused = 0;
    fxmon_result result = s->ops->begin(s->store, error);
    if (result != FXMON_DONE)
        return result;
    result = put_batch(place, progress, next_offset, error);
    if (result != FXMON_DONE) {
        s->ops->rollback(s->store);
        return fxi_fence_check(s->ops, s->store, progress, result, error);
    }
    s->row_count += (int64_t)place->rows.count - place->batch_refused;
    s->refused_count += place->batch_refused;
    s->repeat_count += place->rows.repeats;
    s->late_count += place->rows.late;
    if (place->rows.newest_time > s->newest_time)
        s->newest_time = place->rows.newest_time;
    fxi_rows_clear(&place->rows);
    fxi_letters_clear(&place->letters);
    return FXMON_DONE;
}

static void store_save(void *held, void **checkpoint, size_t *size)
{
    *checkpoint = fxi_series_save(((struct store_place *)held)->rows.series, size);
}

static void store_drop(void *held)
{
    struct store_place *place = held;
    fxi_rows_drop(&place->rows);
    fxi_letters_clear(&place->letters);
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
    fxi_free(s->url);
    fxi_free(s);
}

const fxi_stage_ops fxi_store_stage = {
    .kind = "store", .batch = 4000, .batch_rates = 32768, /* a transaction costs a database two to three milliseconds besides its rows */
    .open = store_open, .place_new = store_place_new, .place_free = store_place_free, .claim = store_claim, .replay = store_replay, .restore = store_restore, .apply = store_apply,
    .dead = store_dead, .commit = store_commit, .save = store_save, .drop = store_drop, .count = store_count,
    .close = store_close,
};
