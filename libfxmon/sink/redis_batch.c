/*
 * sink/redis_batch.c - rows into what is left of them per pair. See redis_batch.h.
 *
 * A row is in the chain of its pair when it is newer than every row before it. The rows that Redis is to see are those of the chain that are newer than
 * what Redis has, whatever the borders of the batches were: a list that is pushed to twice, or by a replay, stays what one undisturbed run makes of the log.
 */
#include "sink/redis_batch.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"

#define KEY_SIZE (sizeof(fxmon_pair) + 1)
#define LINE_MAXIMUM 4096
#define SAME_SCORE INT64_C(1000) /* ns: times this near may be one score, a double of seconds */
#define DAY (86400 * FXMON_SECOND)

int fxi_redis_batch_open(fxi_redis_batch *batch, const fxi_redis_shape *shape, fxmon_error *error)
{
    memset(batch, 0, sizeof *batch);
    batch->shape = *shape;
    fxi_buf_init(&batch->line, LINE_MAXIMUM);
    batch->map = fxi_map_new(KEY_SIZE);
    return batch->map ? FXMON_OK : fxi_fail(error, FXMON_E_NOMEM, "", "out of memory opening a sink");
}

void fxi_redis_batch_free(fxi_redis_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        fxi_free(batch->entries[i]->chain);
        fxi_free(batch->entries[i]->series);
        fxi_free(batch->entries[i]);
    }
    fxi_free(batch->entries);
    fxi_free(batch->touched);
    fxi_map_free(batch->map);
    fxi_buf_free(&batch->line);
    memset(batch, 0, sizeof *batch);
}

void fxi_redis_batch_clear(fxi_redis_batch *batch)
{
    for (size_t i = 0; i < batch->touched_count; i++) {
        fxi_redis_entry *e = batch->touched[i];
        e->touched = e->has_before = false;
        e->chain_count = e->series_count = 0;
    }
    batch->touched_count = 0;
    batch->rows = 0;
}

static fxi_redis_entry *new_entry(fxi_redis_batch *batch, const char *key)
{
    fxi_redis_entry **grown = fxi_grow(batch->entries, &batch->capacity, batch->count + 1, sizeof *grown);
    if (!grown) {
        return NULL;
    }
    batch->entries = grown;
    fxi_redis_entry *e = fxi_calloc(1, sizeof *e);
    if (!e || fxi_map_put(batch->map, key, batch->count) != FXMON_OK) {
        fxi_free(e);
        return NULL;
    }
    memcpy(e->pair.text, key, sizeof e->pair.text);
    e->cross = key[sizeof e->pair.text] != 0;
    e->published = INT64_MIN;
    batch->entries[batch->count++] = e;
    return e;
}

/* The entry of a row, among those of this batch. */
static fxi_redis_entry *touch(fxi_redis_batch *batch, const fxmon_row *row)
{
    char key[KEY_SIZE];
    uint64_t index;
    memcpy(key, row->pair.text, sizeof row->pair.text);
    key[sizeof row->pair.text] = row->kind == FXMON_ROW_CROSS;
    fxi_redis_entry *e = fxi_map_get(batch->map, key, &index) ? batch->entries[index] : new_entry(batch, key);
    if (!e || e->touched) {
        return e;
    }
    fxi_redis_entry **grown = fxi_grow(batch->touched, &batch->touched_capacity, batch->touched_count + 1, sizeof *grown);
    if (!grown) {
        return NULL;
    }
    batch->touched = grown;
    batch->touched[batch->touched_count++] = e;
    e->touched = true;
    return e;
}

bool fxi_redis_newer(const fxi_redis_point *a, const fxi_redis_point *b)
{
    if (a->time != b->time) {
        return a->time > b->time;
    }
    return a->partition != b->partition ? a->partition > b->partition : a->offset > b->offset;
}

int64_t fxi_redis_day(int64_t time)
{
    return time / DAY - (time % DAY < 0);
}

/* The end of the chain is enough, and of the series what may be among its newest: what is left over is cut when twice as much is there. */
static bool keep(fxi_redis_point **points, size_t *count, size_t *capacity, size_t wanted, const fxi_redis_point *point)
{
    if (*count >= 2 * wanted && *count >= 64) {
        memmove(*points, *points + (*count - wanted), wanted * sizeof **points);
        *count = wanted;
    }
    fxi_redis_point *grown = fxi_grow(*points, capacity, *count + 1, sizeof *grown);
    if (!grown) {
        return false;
    }
    *points = grown;
    grown[(*count)++] = *point;
    return true;
}

static bool add_to_chain(fxi_redis_batch *batch, fxi_redis_entry *e, const fxmon_row *row, const fxi_redis_point *point)
{
    if (e->chain_count > 0 && !fxi_redis_newer(point, &e->chain[e->chain_count - 1])) {
        return true;
    }
    if (e->chain_count == 0) {
        e->first = *point;
    } else if (fxi_redis_day(point->time) > fxi_redis_day(e->newest.time)) {
        e->has_before = true;
        e->before = e->chain[e->chain_count - 1];
    }
    size_t wanted = e->cross || batch->shape.history == 0 ? 1 : batch->shape.history;
    if (!keep(&e->chain, &e->chain_count, &e->chain_capacity, wanted, point)) {
        return false;
    }
    size_t length = row->source ? strnlen(row->source, sizeof e->source - 1) : 0;
    e->newest = *row;
    memcpy(e->source, row->source ? row->source : "", length);
    e->source[length] = '\0';
    e->newest.source = e->source;
    return true;
}

size_t fxi_redis_entry_past(const fxi_redis_entry *e, size_t wanted)
{
    size_t cut = e->series_count > wanted ? e->series_count - wanted : 0;
    while (cut > 0 && e->series[cut].time - e->series[cut - 1].time <= SAME_SCORE) {
        cut--;
    }
    return cut;
}

/*
 * The series keeps the newest by score, late rows among them. Rows mostly come in order of time; the place in the vector is made right by walking back,
 * so that its end is always the newest. Cutting never parts rows whose scores may be equal.
 */
static bool add_to_series(fxi_redis_batch *batch, fxi_redis_entry *e, const fxi_redis_point *point)
{
    if (e->series_count >= 2 * batch->shape.series && e->series_count >= 64) {
        size_t cut = fxi_redis_entry_past(e, batch->shape.series);
        memmove(e->series, e->series + cut, (e->series_count - cut) * sizeof *e->series);
        e->series_count -= cut;
    }
    fxi_redis_point *grown = fxi_grow(e->series, &e->series_capacity, e->series_count + 1, sizeof *grown);
    if (!grown) {
        return false;
    }
    e->series = grown;
    size_t at = e->series_count++;
    for (; at > 0 && grown[at - 1].time > point->time; at--) {
        grown[at] = grown[at - 1];
    }
    grown[at] = *point;
    return true;
}

int fxi_redis_batch_add(fxi_redis_batch *batch, const fxmon_row *row, fxmon_error *error)
{
    fxi_redis_point point = {.time = row->time, .offset = row->offset, .partition = row->partition, .price = row->rate};
    fxi_redis_entry *e = touch(batch, row);
    bool done = e != NULL;
    if (done && row->kind != FXMON_ROW_LATE) {
        done = add_to_chain(batch, e, row, &point);
    }
    if (done && row->kind != FXMON_ROW_CROSS && batch->shape.series > 0) {
        done = add_to_series(batch, e, &point);
    }
    batch->rows += done;
    return done ? FXMON_OK : fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a batch of %lld rows", (long long)batch->rows);
}

void fxi_redis_batch_done(fxi_redis_batch *batch)
{
    for (size_t i = 0; i < batch->touched_count; i++) {
        fxi_redis_entry *e = batch->touched[i];
        if (e->chain_count > 0 && e->newest.time > e->published) {
            e->published = e->newest.time;
        }
    }
    fxi_redis_batch_clear(batch);
}

const char *fxi_redis_entry_hash(const fxi_redis_entry *entry)
{
    return entry->cross ? "latest_cross:" : "latest:";
}

void fxi_redis_entry_ask(const fxi_redis_batch *batch, const fxi_redis_entry *entry, fxi_buf *out)
{
    static const char *const fields[FXI_REDIS_FIELDS] = {"time", "partition", "offset", "rate", "reference", "bid", "ask", "volatility"};
    fxi_redis_command(out, 2 + FXI_REDIS_FIELDS);
    fxi_redis_text(out, "HMGET");
    fxi_redis_key(out, batch->shape.prefix, fxi_redis_entry_hash(entry), &entry->pair);
    for (size_t i = 0; i < FXI_REDIS_FIELDS; i++) {
        fxi_redis_text(out, fields[i]);
    }
}

/* A hash that is not ours to read (a time or a rate that is none) counts as absent and is written anew. */
void fxi_redis_entry_saw(fxi_redis_entry *e, const char *const fields[FXI_REDIS_FIELDS], const size_t lengths[FXI_REDIS_FIELDS])
{
    fxi_redis_seen seen = {.has_bid = fields[5] != NULL, .has_ask = fields[6] != NULL, .has_volatility = fields[7] != NULL};
    int64_t partition = 0;
    seen.there = fields[0] && fields[1] && fields[2] && fields[3] && fxmon_time_parse(fields[0], lengths[0], &seen.newest.time) == FXMON_OK &&
                 fxi_integer_parse(fields[1], lengths[1], &partition) == FXMON_OK &&
                 fxi_integer_parse(fields[2], lengths[2], &seen.newest.offset) == FXMON_OK &&
                 (e->cross || fxmon_decimal_parse(fields[3], lengths[3], &seen.newest.price) == FXMON_OK);
    seen.newest.partition = (int32_t)partition;
    if (!fields[4] || fxmon_decimal_parse(fields[4], lengths[4], &seen.reference) != FXMON_OK) {
        seen.reference = (fxmon_decimal){0, 0};
    }
    e->seen = seen;
}
