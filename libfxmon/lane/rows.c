/*
 * lane/rows.c - see rows.h.
 *
 * A message is applied whole before anything is delivered: statistics need each quote exactly once and in order, a destination may need it several
 * times. So the batch is kept here, as values, and drivers get it again and again until one call says that it is done.
 */
#include "lane/rows.h"

#include <math.h>
#include <string.h>

#include "base/env.h"
#include "base/error.h"
#include "base/mem.h"

static int parse_track(fxi_rows *rows, const char *track)
{
    if (!track || strcmp(track, "all") == 0)
        return FXMON_OK;
    size_t capacity = 0;
    for (const char *word = track; *word;) {
        size_t length = strcspn(word, ",");
        size_t from = 0, to = length;
        while (from < to && (word[from] == ' ' || word[from] == '\t'))
            from++;
        while (to > from && (word[to - 1] == ' ' || word[to - 1] == '\t'))
            to--;
        if (to > from && to - from < 8) {
            void *grown = fxi_grow(rows->track, &capacity, rows->track_count + 1, sizeof rows->track[0]);
            if (!grown)
                return FXMON_E_NOMEM;
            rows->track = grown;
            char *code = rows->track[rows->track_count++];
            memset(code, 0, 8);
            for (size_t i = from; i < to; i++)
                code[i - from] = word[i] >= 'a' && word[i] <= 'z' ? (char)(word[i] - 'a' + 'A') : word[i];
        }
        word += length;
        word += *word == ',';
    }
    return FXMON_OK;
}

int fxi_rows_open(fxi_rows *rows, size_t window, bool crosses, const char *track, fxmon_error *error)
{
    memset(rows, 0, sizeof *rows);
    rows->newest_time = INT64_MIN;
    rows->crosses = crosses;
    rows->series = fxi_series_new(window);
    if (!rows->series || (crosses && parse_track(rows, track) != FXMON_OK)) {
        fxi_rows_free(rows);
        return fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for the statistics");
    }
    return FXMON_OK;
}

int fxi_rows_of(fxi_rows *rows, const fxmon_env *env, bool always_crosses)
{
    bool asked = fxi_env_bool(env, "crosses", false);
    int code = fxi_rows_open(rows, (size_t)fxi_env_integer(env, "window", 20), asked || always_crosses,
                             fxi_env_text(env, "track", NULL), NULL);
    rows->quiet_crosses = !asked;
    return code;
}

void fxi_rows_free(fxi_rows *rows)
{
    fxi_series_free(rows->series);
    for (size_t i = 0; i < rows->source_count; i++)
        fxi_free(rows->sources[i]);
    fxi_free(rows->sources);
    fxi_free(rows->rows);
    fxi_free(rows->track);
    memset(rows, 0, sizeof *rows);
}

void fxi_rows_clear(fxi_rows *rows)
{
    rows->count = 0;
    rows->source_used = 0;
    rows->repeats = rows->late = 0;
    rows->newest_time = INT64_MIN;
}

void fxi_rows_drop(fxi_rows *rows)
{
    fxi_rows_clear(rows);
    if (rows->series)
        fxi_series_clear(rows->series);
}

int fxi_rows_restore(fxi_rows *rows, const void *checkpoint, size_t size, fxmon_error *error)
{
    fxi_rows_drop(rows);
    if (size == 0)
        return FXMON_OK;
    int code = fxi_series_restore(rows->series, checkpoint, size);
    if (code != FXMON_OK)
        return fxi_fail(error, code, "checkpoint", "the saved statistics cannot be used: %s", fxmon_strerror(code));
    return FXMON_OK;
}

/* The batch's own copy of a source name; the last one is nearly always the right one. */
static const char *intern_source(fxi_rows *rows, const char *source)
{
    for (size_t i = rows->source_used; i-- > 0;)
        if (strcmp(*rows->sources[i], source) == 0)
            return *rows->sources[i];
    if (rows->source_used == rows->source_count) {
        void *grown = fxi_grow(rows->sources, &rows->source_capacity, rows->source_count + 1, sizeof rows->sources[0]);
        if (!grown)
            return NULL;
        rows->sources = grown;
        rows->sources[rows->source_count] = fxi_calloc(1, FXMON_SOURCE_TEXT);
        if (!rows->sources[rows->source_count])
            return NULL;
        rows->source_count++;
    }
    char *name = *rows->sources[rows->source_used++];
    size_t length = strnlen(source, FXMON_SOURCE_TEXT - 1);
    memcpy(name, source, length);
    name[length] = '\0';
    return name;
}

static fxmon_row *new_row(fxi_rows *rows, const fxmon_message *message, const fxmon_record *record, const char *source)
{
    fxmon_row *grown = fxi_grow(rows->rows, &rows->capacity, rows->count + 1, sizeof *grown);
    if (!grown)
        return NULL;
    rows->rows = grown;
    fxmon_row *row = &grown[rows->count++];
    memset(row, 0, sizeof *row);
    row->time = message->time;
    row->ingested = message->ingested;
    row->volatility = NAN;
    row->source = source;
    row->partition = record->partition;
    row->offset = record->offset;
    return row;
}

/* Which rate of the message is BASE/code, or -1. */
static long leg_of(const fxmon_message *message, const char *code)
{
    fxmon_pair pair;
    if (fxmon_pair_make(message->base, code, &pair) != FXMON_OK)
        return -1;
    for (uint32_t i = 0; i < message->count; i++)
        if (fxmon_pair_compare(&message->rates[i].pair, &pair) == 0)
            return (long)i;
    return -1;
}

static int add_cross(fxi_rows *rows, const fxmon_message *message, const fxmon_record *record, const char *source, const fxmon_rate *a,
                     const fxmon_rate *b)
{
    char first[8], second[8];
    fxmon_row *row = new_row(rows, message, record, source);
    if (!row)
        return FXMON_E_NOMEM;
    fxmon_pair_quote(&a->pair, first);
    fxmon_pair_quote(&b->pair, second);
    if (fxmon_pair_make(first, second, &row->pair) != FXMON_OK) {
        rows->count--; /* USD/USD among the legs gives no pair of its own */
        return FXMON_OK;
    }
    row->kind = FXMON_ROW_CROSS;
    row->cross = fxmon_cross_mid(a->mid, b->mid);
    return FXMON_OK;
}

/* All i<j crosses of the legs in the order of `track`. A cross is new when one of its legs is. */
static int add_crosses(fxi_rows *rows, const fxmon_message *message, const fxmon_record *record, const char *source, const bool *fresh)
{
    size_t wanted = rows->track ? rows->track_count : message->count;
    for (size_t i = 0; i < wanted; i++) {
        long a = rows->track ? leg_of(message, rows->track[i]) : (long)i;
        if (a < 0) {
            rows->legs_missing |= strcmp(rows->track[i], message->base) != 0;
            continue;
        }
        for (size_t j = i + 1; j < wanted; j++) {
            long b = rows->track ? leg_of(message, rows->track[j]) : (long)j;
            if (b < 0 || !(fresh[a] || fresh[b]))
                continue;
            int code = add_cross(rows, message, record, source, &message->rates[a], &message->rates[b]);
            if (code != FXMON_OK)
                return code;
        }
    }
    return FXMON_OK;
}

static int add_quote(fxi_rows *rows, const fxmon_message *message, const fxmon_record *record, const char *source, const fxmon_rate *rate,
                     bool *fresh)
{
    enum fxi_verdict verdict;
    double volatility;
    uint32_t samples;
    int code = fxi_series_apply(rows->series, message->source, message->time, rate, &verdict, &volatility, &samples);
    if (code != FXMON_OK)
        return code;
    *fresh = verdict == FXI_NEW;
    if (!source)
        return FXMON_OK;
    if (verdict == FXI_REPEAT) {
        rows->repeats++;
        return FXMON_OK;
    }
    fxmon_row *row = new_row(rows, message, record, source);
    if (!row)
        return FXMON_E_NOMEM;
    row->pair = rate->pair;
    row->rate = rate->mid;
    row->bid = rate->bid;
    row->ask = rate->ask;
    row->samples = samples;
    row->kind = FXMON_ROW_QUOTE;
    row->volatility = volatility;
    if (verdict == FXI_LATE) {
        row->kind = FXMON_ROW_LATE;
        row->volatility = NAN;
        rows->late++;
    } else if (message->time > rows->newest_time) {
        rows->newest_time = message->time;
    }
    return FXMON_OK;
}

#define FRESH_MAXIMUM 1024 /* pairs of a message, as the codec allows (FXI_MESSAGE_PAIRS) */

int fxi_rows_apply(fxi_rows *rows, const fxmon_message *message, const fxmon_record *record, bool quiet)
{
    bool fresh[FRESH_MAXIMUM] = {false};
    if (message->count > FRESH_MAXIMUM)
        return FXMON_E_TOO_LARGE;
    const char *source = quiet ? NULL : intern_source(rows, message->source);
    if (!quiet && !source)
        return FXMON_E_NOMEM;
    for (uint32_t i = 0; i < message->count; i++) {
        int code = add_quote(rows, message, record, source, &message->rates[i], &fresh[i]);
        if (code != FXMON_OK)
            return code;
    }
    return rows->crosses && !quiet ? add_crosses(rows, message, record, source, fresh) : FXMON_OK;
}

fxmon_result fxi_rows_take(fxi_rows *rows, const fxmon_message *message, const fxmon_record *record, bool quiet, fxmon_error *error)
{
    int code = fxi_rows_apply(rows, message, record, quiet);
    if (code == FXMON_OK)
        return FXMON_DONE;
    fxi_fail(error, code, "", "%s while computing the statistics", fxmon_strerror(code));
    return code == FXMON_E_NOMEM ? FXMON_FATAL : FXMON_REFUSED;
}

void fxi_rows_complain(fxi_rows *rows, const fxmon_env *env, fxi_complaint *complaint)
{
    if (!rows->legs_missing || rows->quiet_crosses)
        return;
    fxi_complain(complaint, env, "consume",
                 "crosses are not complete: a message has not all tracked currencies (one message a pair?); "
                 "let fxmon-produce publish them with --crosses");
    rows->legs_missing = false;
}

/* ---- dead letters ------------------------------------------------------------------------------- */

int fxi_letters_add(fxi_letters *letters, const fxmon_dead_letter *letter)
{
    fxmon_dead_letter *grown = fxi_grow(letters->letters, &letters->capacity, letters->count + 1, sizeof *grown);
    if (!grown)
        return FXMON_E_NOMEM;
    letters->letters = grown;
    fxmon_dead_letter *copy = &grown[letters->count];
    *copy = *letter;
    copy->lane = fxi_strdup(letter->lane ? letter->lane : "");
    copy->stream = fxi_strdup(letter->stream ? letter->stream : "");
    copy->reason = fxi_strdup(letter->reason ? letter->reason : "");
    copy->text = fxi_strdup(letter->text ? letter->text : "");
    char *data = fxi_alloc(letter->length + 1);
    if (data && letter->length)
        memcpy(data, letter->data, letter->length);
    if (data)
        data[letter->length] = '\0';
    copy->data = data;
    letters->count++;
    if (copy->lane && copy->stream && copy->reason && copy->text && copy->data)
        return FXMON_OK;
    letters->count--;
    fxi_free((void *)copy->lane);
    fxi_free((void *)copy->stream);
    fxi_free((void *)copy->reason);
    fxi_free((void *)copy->text);
    fxi_free((void *)copy->data);
    return FXMON_E_NOMEM;
}

void fxi_letters_clear(fxi_letters *letters)
{
    for (size_t i = 0; i < letters->count; i++) {
        fxmon_dead_letter *letter = &letters->letters[i];
        fxi_free((void *)letter->lane);
        fxi_free((void *)letter->stream);
        fxi_free((void *)letter->reason);
        fxi_free((void *)letter->text);
        fxi_free((void *)letter->data);
    }
    letters->count = 0;
}

void fxi_letters_free(fxi_letters *letters)
{
    fxi_letters_clear(letters);
    fxi_free(letters->letters);
    memset(letters, 0, sizeof *letters);
}
