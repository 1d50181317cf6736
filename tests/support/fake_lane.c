/* tests/support/fake_lane.c - see fake_lane.h. Memory of its own, so that counts of the library's memory stay true. */
#include "fake_lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

fxt_log *fxt_log_now;
fxt_store *fxt_store_now;

static void *grown(void *old, size_t *capacity, size_t need, size_t item)
{
    if (need <= *capacity)
        return old;
    *capacity = need * 2 + 16;
    old = realloc(old, *capacity * item);
    if (!old)
        abort();
    return old;
}

static fxmon_result say(fxmon_error *error, int code, fxmon_result result)
{
    if (error) {
        memset(error, 0, sizeof *error);
        error->code = code;
        snprintf(error->text, sizeof error->text, "on purpose");
    }
    return result;
}

/* ---- the log --------------------------------------------------------------------------------------------- */

void fxt_log_add(fxt_log *log, const char *line)
{
    log->line = grown(log->line, &log->capacity, log->count + 1, sizeof log->line[0]);
    log->line[log->count] = strdup(line);
    if (!log->line[log->count++])
        abort();
}

void fxt_log_rate(fxt_log *log, int i)
{
    char line[256];
    snprintf(line, sizeof line,
             "{\"timestamp\":\"2026-02-04T%02d:%02d:%02dZ\",\"base\":\"USD\",\"rates\":{\"USD/EUR\":0.84%03d,\"USD/GBP\":0.78%03d},\"source\":\"test\"}",
             i / 3600 % 24, i / 60 % 60, i % 60, i * 37 % 1000, i * 91 % 1000);
    fxt_log_add(log, line);
}

void fxt_log_free(fxt_log *log)
{
    for (size_t i = 0; i < log->count; i++)
        free(log->line[i]);
    free(log->line);
    memset(log, 0, sizeof *log);
}

static fxmon_result log_open(const fxmon_env *env, const char *url, const char *group, void **state, fxmon_error *error)
{
    (void)env;
    (void)url;
    (void)group;
    (void)error;
    fxt_log_now->ask_again = true;
    fxt_log_now->at = -1;
    fxt_log_now->paused = fxt_log_now->gap_told = false;
    fxt_log_now->open++;
    *state = fxt_log_now;
    return FXMON_DONE;
}

static const char *log_identity(void *state)
{
    return ((fxt_log *)state)->pipe ? "" : "memlog:1";
}

static bool stream_fault(void)
{
    return fxt_store_now && ++fxt_store_now->stream_calls == fxt_store_now->stream_fault_at;
}

static fxmon_result log_read(void *state, fxmon_record *records, size_t max, size_t *count, int timeout_ms, fxmon_error *error)
{
    fxt_log *log = state;
    (void)timeout_ms;
    *count = 0;
    if (stream_fault())
        return say(error, FXMON_E_IO, FXMON_RETRY);
    memset(records, 0, max * sizeof *records);
    if (log->ask_again) {
        records[0].kind = FXMON_ASSIGNED;
        *count = 1;
        log->ask_again = false;
        if (log->pipe)
            log->at = 0;
        return FXMON_DONE;
    }
    if (log->at < 0 || log->paused)
        return FXMON_DONE;
    if (log->at < log->first) {
        if (!log->gap_told) {
            records[0] = (fxmon_record){.kind = FXMON_GAP, .from = log->at, .offset = log->first};
            *count = 1;
        }
        log->gap_told = true;
        return FXMON_DONE;
    }
    while (*count < max && *count < 7 && log->at < (int64_t)log->count) {
        fxmon_record *r = &records[(*count)++];
        r->offset = log->at;
        r->data = log->line[log->at++];
        r->length = strlen(r->data);
    }
    return *count == 0 && log->closed ? FXMON_END : FXMON_DONE;
}

static fxmon_result log_seek(void *state, int32_t partition, int64_t offset, fxmon_error *error)
{
    fxt_log *log = state;
    (void)partition;
    if (stream_fault())
        return say(error, FXMON_E_IO, FXMON_RETRY);
    log->at = offset == FXMON_OFFSET_FIRST ? log->first : offset == FXMON_OFFSET_END ? (int64_t)log->count : offset;
    log->gap_told = false;
    return FXMON_DONE;
}

static fxmon_result log_pause(void *state, int32_t partition, bool paused)
{
    (void)partition;
    ((fxt_log *)state)->paused = paused && !((fxt_log *)state)->pause_kept;
    return FXMON_DONE;
}

static fxmon_result log_bounds(void *state, int32_t partition, int64_t *first, int64_t *end, fxmon_error *error)
{
    fxt_log *log = state;
    (void)partition;
    if (stream_fault())
        return say(error, FXMON_E_IO, FXMON_RETRY);
    *first = log->first;
    *end = (int64_t)log->count;
    return FXMON_DONE;
}

static void log_close(void *state)
{
    ((fxt_log *)state)->open--;
}

const fxmon_stream_ops fxt_log_ops = {.size = sizeof(fxmon_stream_ops), .schemes = "memlog", .open_reader = log_open, .identity = log_identity,
                                      .read = log_read, .seek = log_seek, .pause = log_pause, .bounds = log_bounds, .close_reader = log_close};

/* ---- the store ------------------------------------------------------------------------------------------------ */

static bool fault(fxt_store *s, fxmon_result *result, fxmon_error *error)
{
    long call = ++s->calls;
    if (s->fault == FXT_NONE || call < s->fault_at || call >= s->fault_at + s->fault_count || s->fault == FXT_DONE_BUT_FENCED)
        return false;
    *result = s->fault == FXT_RETRY ? FXMON_RETRY : s->fault == FXT_FATAL ? FXMON_FATAL : FXMON_FENCED;
    say(error, s->fault == FXT_FATAL ? FXMON_E_CONFIG : s->fault == FXT_FENCED ? FXMON_E_FENCED : FXMON_E_BUSY, *result);
    if (s->fault == FXT_FENCED)
        s->epoch++;
    return true;
}

static fxmon_result store_open(const fxmon_env *env, const char *url, bool read_only, void **state, fxmon_error *error)
{
    fxmon_result result;
    (void)env;
    (void)url;
    (void)read_only;
    if (fxt_store_now->fault != FXT_FENCED && fault(fxt_store_now, &result, error))
        return result;
    fxt_store_now->open++;
    *state = fxt_store_now;
    return FXMON_DONE;
}

static void store_close(void *state)
{
    ((fxt_store *)state)->open--;
}

static void undo(fxt_store *s)
{
    s->rows = s->committed_rows;
    s->deads = s->committed_deads;
    s->in_transaction = false;
}

static fxmon_result store_claim(void *state, fxmon_progress *progress, fxmon_error *error)
{
    fxt_store *s = state;
    fxmon_result result;
    if (s->fault != FXT_FENCED && fault(s, &result, error))
        return result;
    if (s->claims++ == 0 && s->epoch == 0)
        s->next_offset = s->checkpoint_offset = -1;
    undo(s);
    progress->epoch = ++s->epoch;
    progress->next_offset = s->next_offset;
    progress->checkpoint_offset = s->checkpoint_offset;
    if (s->checkpoint) {
        progress->checkpoint = fxi_alloc(s->checkpoint_size); /* the lane frees it as the library's */
        if (!progress->checkpoint)
            return say(error, FXMON_E_NOMEM, FXMON_FATAL);
        memcpy(progress->checkpoint, s->checkpoint, s->checkpoint_size);
        progress->checkpoint_size = s->checkpoint_size;
    }
    return FXMON_DONE;
}

static fxmon_result store_begin(void *state, fxmon_error *error)
{
    fxt_store *s = state;
    fxmon_result result;
    if (s->in_transaction)
        abort(); /* the stage forgot to roll back */
    if (fault(s, &result, error))
        return result;
    s->in_transaction = true;
    return FXMON_DONE;
}

static fxmon_result store_put_rows(void *state, const fxmon_row *rows, size_t count, fxmon_error *error)
{
    fxt_store *s = state;
    fxmon_result result;
    if (fault(s, &result, error))
        return result;
    for (size_t i = 0; i < count; i++) {
        s->row = grown(s->row, &s->row_capacity, s->rows + 1, sizeof s->row[0]);
        fxt_row *r = &s->row[s->rows++];
        memset(r, 0, sizeof *r);
        memcpy(r->pair, rows[i].pair.text, sizeof r->pair);
        snprintf(r->source, sizeof r->source, "%s", rows[i].source);
        r->offset = rows[i].offset;
        r->rate = rows[i].rate;
        r->volatility = rows[i].volatility;
        r->cross = rows[i].cross;
        r->kind = rows[i].kind;
        r->samples = rows[i].samples;
    }
    return FXMON_DONE;
}

static fxmon_result store_put_dead(void *state, const fxmon_dead_letter *letter, fxmon_error *error)
{
    fxt_store *s = state;
    fxmon_result result;
    if (fault(s, &result, error))
        return result;
    s->dead = grown(s->dead, &s->dead_capacity, s->deads + 1, sizeof s->dead[0]);
    fxt_dead *d = &s->dead[s->deads++];
    memset(d, 0, sizeof *d);
    d->offset = letter->offset;
    snprintf(d->reason, sizeof d->reason, "%s", letter->reason);
    snprintf(d->data, sizeof d->data, "%s", letter->data);
    return FXMON_DONE;
}

static fxmon_result store_commit(void *state, const fxmon_progress *before, int64_t next_offset, fxmon_error *error)
{
    fxt_store *s = state;
    fxmon_result result;
    if (fault(s, &result, error))
        return result;
    if (!s->in_transaction)
        abort();
    if (before->next_offset != s->next_offset || before->epoch != s->epoch)
        return say(error, FXMON_E_FENCED, FXMON_FENCED);
    s->committed_rows = s->rows;
    s->committed_deads = s->deads;
    s->next_offset = next_offset;
    if (before->checkpoint) {
        free(s->checkpoint);
        s->checkpoint = malloc(before->checkpoint_size);
        if (!s->checkpoint)
            abort();
        memcpy(s->checkpoint, before->checkpoint, before->checkpoint_size);
        s->checkpoint_size = before->checkpoint_size;
        s->checkpoint_offset = next_offset;
    }
    s->commits++;
    s->in_transaction = false;
    if (s->fault == FXT_DONE_BUT_FENCED && s->calls >= s->fault_at && s->fault_count-- > 0) {
        s->epoch++;
        return say(error, FXMON_E_FENCED, FXMON_FENCED);
    }
    return FXMON_DONE;
}

static void store_rollback(void *state)
{
    undo(state);
}

const fxmon_store_ops fxt_store_ops = {.size = sizeof(fxmon_store_ops), .schemes = "memstore", .open = store_open, .close = store_close,
                                       .claim = store_claim, .begin = store_begin, .put_rows = store_put_rows, .put_dead = store_put_dead,
                                       .commit = store_commit, .rollback = store_rollback};

void fxt_store_free(fxt_store *store)
{
    free(store->row);
    free(store->dead);
    free(store->checkpoint);
    memset(store, 0, sizeof *store);
}

bool fxt_store_same(const fxt_store *a, const fxt_store *b)
{
    return a->committed_rows == b->committed_rows && a->committed_deads == b->committed_deads && a->next_offset == b->next_offset &&
           memcmp(a->row, b->row, a->committed_rows * sizeof a->row[0]) == 0 &&
           (a->committed_deads == 0 || memcmp(a->dead, b->dead, a->committed_deads * sizeof a->dead[0]) == 0);
}

/* ---- the env ----------------------------------------------------------------------------------------------------- */

static int64_t env_now(void *user)
{
    fxt_env *e = user;
    e->now += e->pace;
    return e->now;
}

static bool env_stopping(void *user)
{
    (void)user;
    return false;
}

static void env_log(void *user, int level, const char *component, const char *text)
{
    (void)component;
    (void)text;
    ((fxt_env *)user)->warnings += level <= FXMON_LOG_WARNING;
}

static const char *env_option(void *user, const char *name)
{
    const char *const *o = ((fxt_env *)user)->options;
    for (; o && o[0]; o += 2)
        if (strcmp(o[0], name) == 0)
            return o[1];
    const fxmon_option_info *row = fxmon_option_find(name);
    return row ? row->initial : NULL;
}

void fxt_env_init(fxt_env *e, const char *const *options)
{
    memset(e, 0, sizeof *e);
    e->now = INT64_C(1770201000) * FXMON_SECOND;
    e->options = options;
    e->env = (fxmon_env){.size = sizeof(fxmon_env), .user = e, .now = env_now, .monotonic = env_now, .stopping = env_stopping, .log = env_log,
                         .option = env_option};
}
