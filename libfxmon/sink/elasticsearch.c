/*
 * sink/elasticsearch.c - rows into Elasticsearch or OpenSearch: elasticsearch+http://host:9200, opensearch+https://user:password@host.
 *
 * Every document once in effect. Each has the id of the record that it came from and is sent by `create`, so a repetition is answered 409 and that counts as done. An id
 * is unique within one index only, and a data stream is a row of indices: what was written before a rollover would not be found by a `create` after it. Three things
 * close that gap. The lane's progress is kept in the server and written after each batch, so that only what one batch had sent can come again. When a place is
 * claimed, the highest offset that the stream holds is asked for: rows up to it are looked up by their ids before they are sent, rows beyond it cannot be there. And
 * after a request that got no answer the rows of that batch are looked up before they are sent again. What remains is a request of a process that was given up for dead,
 * applied after all, with a rollover between it and its repetition; who cannot have that takes index-mode=plain, one index, where ids hold without exception.
 * Indices named by the day of the rates would close the gap too, but a log of daily rates since 1999 would need seven thousand of them.
 *
 * What the server refuses for good is told to the lane after the flush, as dead letters, and those go into an index of their own with the rest of the batch.
 */
#include "sink/elasticsearch.h"

#include <string.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"

#define OPEN_LIMIT (5 * FXMON_SECOND)
#define LOAD_LIMIT (5 * FXMON_SECOND)
#define FLUSH_LIMIT (25 * FXMON_SECOND)
#define PLACES 4096 /* partitions of one lane */

extern const fxmon_sink_ops fxi_sink_elasticsearch;

typedef struct elastic_sink {
    fxi_elastic e;
    fxi_elastic_bulk bulk;
    fxi_elastic_place *places;
    size_t place_count, place_capacity;
    char log[FXI_ELASTIC_LOG];
    bool recalled; /* the batch's rows were looked up as far as its place needs */
} elastic_sink;

/* ---- open and close ---- */

static void sink_close(void *state)
{
    elastic_sink *s = state;
    if (s) {
        fxi_elastic_disconnect(&s->e);
        fxi_elastic_bulk_free(&s->bulk);
        fxi_free(s->places);
        fxi_free(s);
    }
}

/* A log that cannot be read again has no identity, and what it brings is new each time: so is its name. */
static void new_log(elastic_sink *s)
{
    char text[96];
    fxi_buf b;
    fxi_buf_init(&b, sizeof text);
    fxi_buf_printf(&b, "%lld.%lld.%lld.%lld", (long long)s->e.env->now(s->e.env->user), (long long)s->e.env->monotonic(s->e.env->user), (long long)getpid(),
                   (long long)(intptr_t)s);
    fxi_elastic_log_name(b.data ? b.data : "", s->log);
    fxi_buf_free(&b);
}

static fxmon_result sink_open(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    *state = NULL;
    elastic_sink *s = fxi_calloc(1, sizeof *s);
    if (!s) {
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory opening a sink");
        return FXMON_FATAL;
    }
    fxi_elastic_bulk_init(&s->bulk);
    fxmon_result result = fxi_elastic_connect(&s->e, env, url, error);
    if (result == FXMON_DONE) {
        fxi_elastic_http_begin(s->e.http, OPEN_LIMIT);
        result = fxi_elastic_setup(&s->e, error);
    }
    if (result != FXMON_DONE) {
        sink_close(s);
        return result;
    }
    new_log(s);
    *state = s;
    return FXMON_DONE;
}

/* ---- the batch ---- */

static bool put_row(elastic_sink *s, const fxmon_row *row)
{
    fxi_elastic_item item = {.partition = row->partition, .offset = row->offset, .row = true};
    size_t mark = fxi_elastic_bulk_begin(&s->bulk, s->e.names.rates, &item);
    fxi_elastic_row_id(row, s->log, &s->bulk.text);
    fxi_elastic_bulk_id(&s->bulk, mark, &item);
    fxi_elastic_row(row, s->log, &s->bulk.text);
    return fxi_elastic_bulk_end(&s->bulk, mark, &item);
}

/* All of them or none. */
static fxmon_result sink_write(void *state, const fxmon_row *rows, size_t count, fxmon_error *error)
{
    elastic_sink *s = state;
    size_t items = s->bulk.count, bytes = s->bulk.text.length;
    for (size_t i = 0; i < count; i++)
        if (!put_row(s, &rows[i])) {
            s->bulk.count = items;
            s->bulk.text.length = bytes;
            fxi_fail(error, FXMON_E_NOMEM, "", "no room for a batch of %lld rows", (long long)count);
            return FXMON_FATAL;
        }
    s->recalled = s->recalled && count == 0;
    return FXMON_DONE;
}

static fxmon_result sink_dead(void *state, const fxmon_dead_letter *letter, fxmon_error *error)
{
    elastic_sink *s = state;
    char id[FXI_ELASTIC_KEY];
    fxi_elastic_item item = {.partition = letter->partition, .offset = letter->offset};
    fxi_elastic_letter_id(letter, id);
    size_t mark = fxi_elastic_bulk_begin(&s->bulk, s->e.names.letters, &item);
    fxi_buf_puts(&s->bulk.text, id);
    fxi_elastic_bulk_id(&s->bulk, mark, &item);
    fxi_elastic_letter(letter, &s->bulk.text);
    if (fxi_elastic_bulk_end(&s->bulk, mark, &item))
        return FXMON_DONE;
    fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a dead letter of %lld bytes", (long long)letter->length);
    return FXMON_FATAL;
}

static void sink_discard(void *state)
{
    elastic_sink *s = state;
    fxi_elastic_bulk_clear(&s->bulk);
    s->recalled = false;
}

/* ---- places ---- */

static fxi_elastic_place *place_of(elastic_sink *s, const fxmon_progress *progress, bool *fresh, fxmon_error *error)
{
    char id[FXI_ELASTIC_KEY];
    fxi_elastic_place_id(progress->lane, progress->stream, progress->partition, id);
    *fresh = false;
    for (size_t i = 0; i < s->place_count; i++)
        if (s->places[i].partition == progress->partition && strcmp(s->places[i].id, id) == 0)
            return &s->places[i];
    fxi_elastic_place *grown = s->place_count < PLACES ? fxi_grow(s->places, &s->place_capacity, s->place_count + 1, sizeof *grown) : NULL;
    if (!grown) {
        fxi_fail(error, FXMON_E_NOMEM, "", "no room for partition %d", (int)progress->partition);
        return NULL;
    }
    s->places = grown;
    fxi_elastic_place *place = &s->places[s->place_count++];
    memset(place, 0, sizeof *place);
    place->partition = progress->partition;
    place->seen = -1;
    memcpy(place->id, id, sizeof id);
    *fresh = true;
    return place;
}

static fxmon_result sink_load(void *state, fxmon_progress *progress, fxmon_error *error)
{
    elastic_sink *s = state;
    bool fresh;
    fxi_elastic_place *place = place_of(s, progress, &fresh, error);
    if (!place)
        return FXMON_FATAL;
    if (progress->stream && progress->stream[0])
        fxi_elastic_log_name(progress->stream, s->log);
    fxi_elastic_http_begin(s->e.http, LOAD_LIMIT);
    return fxi_elastic_place_claim(&s->e, place, progress, s->log, error);
}

/* ---- flush ---- */

/* Rows that may be in an earlier index of the data stream: all of the batch after a request without an answer, otherwise those that the stream held at the claim. */
static fxmon_result recall(elastic_sink *s, const fxi_elastic_place *place, fxmon_error *error)
{
    fxmon_result result = FXMON_DONE;
    if (s->e.streams && s->bulk.unknown) {
        result = fxi_elastic_refresh(&s->e, s->e.names.rates, error);
        for (size_t i = 0; result == FXMON_DONE && i < s->bulk.count; i++)
            if (i == 0 || s->bulk.items[i].partition != s->bulk.items[i - 1].partition)
                result = fxi_elastic_bulk_recall(&s->bulk, &s->e, s->e.names.rates, s->bulk.items[i].partition, INT64_MAX, error);
        s->bulk.unknown = result != FXMON_DONE;
    } else if (place && place->seen >= 0 && !s->recalled) {
        result = fxi_elastic_bulk_recall(&s->bulk, &s->e, s->e.names.rates, place->partition, place->seen, error);
        s->recalled = result == FXMON_DONE;
    }
    return result;
}

/* A dead letter that the server does not take either: the log of the program is what is left. */
static void log_letters(elastic_sink *s)
{
    const fxi_elastic_bulk *b = &s->bulk;
    for (size_t i = b->refused_told; i < b->refused_count; i++)
        if (!b->items[b->refused[i].item].row)
            fxi_log(s->e.env, FXMON_LOG_ERROR, "elasticsearch", "the dead letter of record %lld of partition %d is refused: %s: %s",
                    (long long)b->items[b->refused[i].item].offset, (int)b->items[b->refused[i].item].partition, b->refused[i].type, b->refused[i].reason);
}

static bool rows_refused(const fxi_elastic_bulk *b)
{
    for (size_t i = b->refused_told; i < b->refused_count; i++)
        if (b->items[b->refused[i].item].row)
            return true;
    return false;
}

static fxmon_result deliver(elastic_sink *s, const fxi_elastic_place *place, fxmon_error *error)
{
    fxi_elastic_bulk *b = &s->bulk;
    fxmon_result result = recall(s, place, error);
    if (result == FXMON_DONE && b->missing) { /* somebody deleted an index, and the server does not make it by itself */
        result = fxi_elastic_setup(&s->e, error);
        b->missing = result != FXMON_DONE;
    }
    if (result == FXMON_DONE)
        result = fxi_elastic_bulk_deliver(b, &s->e, error);
    if (result == FXMON_DONE && b->refused_count > b->refused_told) {
        log_letters(s);
        if (rows_refused(b)) {
            const struct fxi_elastic_refused *r = &b->refused[b->refused_told];
            fxi_fail(error, FXMON_E_REJECTED, "", "%s: %.240s", r->type, r->reason);
            result = FXMON_REFUSED;
        }
        b->refused_told = b->refused_count;
    }
    return result;
}

static fxmon_result sink_flush(void *state, const fxmon_progress *progress, fxmon_error *error)
{
    elastic_sink *s = state;
    fxmon_result result = FXMON_DONE;
    fxi_elastic_place *place = NULL;
    bool fresh = false;
    fxi_elastic_http_begin(s->e.http, FLUSH_LIMIT);
    if (progress) {
        place = place_of(s, progress, &fresh, error);
        if (!place)
            return FXMON_FATAL;
        if (fresh)
            result = fxi_elastic_place_adopt(&s->e, place, progress, error);
        if (fresh && result != FXMON_DONE) {
            s->place_count--;
            return result;
        }
    }
    FXI_CRASH("elasticsearch.deliver");
    result = deliver(s, place, error);
    FXI_CRASH("elasticsearch.delivered");
    if (result == FXMON_DONE && place)
        result = fxi_elastic_place_save(&s->e, place, progress, error);
    FXI_CRASH("elasticsearch.saved");
    if (result == FXMON_DONE)
        sink_discard(s);
    return result;
}

static fxmon_result sink_check(void *state, const fxmon_progress *progress, fxmon_error *error)
{
    elastic_sink *s = state;
    bool fresh;
    fxi_elastic_place *place = place_of(s, progress, &fresh, error);
    if (!place || fresh) {
        s->place_count -= place != NULL;
        return FXMON_DONE;
    }
    fxi_elastic_http_begin(s->e.http, LOAD_LIMIT);
    return fxi_elastic_place_check(&s->e, place, error);
}

/* The rows that were refused, for the lane's dead letters: what is told is the document as it was sent. */
static fxmon_result sink_refused(void *state, size_t index, fxmon_dead_letter *letter, fxmon_error *error)
{
    elastic_sink *s = state;
    const fxi_elastic_bulk *b = &s->bulk;
    size_t row = 0;
    for (size_t i = 0; i < b->refused_count; i++) {
        const fxi_elastic_item *item = &b->items[b->refused[i].item];
        if (!item->row || row++ != index)
            continue;
        letter->partition = item->partition;
        letter->offset = item->offset;
        letter->data = b->text.data + item->at + item->action;
        letter->length = item->length - item->action - 1;
        fxi_fail(error, FXMON_E_REJECTED, "", "%.64s%s%.220s", b->refused[i].type, b->refused[i].type[0] ? ": " : "", b->refused[i].reason);
        return FXMON_DONE;
    }
    return FXMON_END;
}

const fxmon_sink_ops fxi_sink_elasticsearch = {
    .size = sizeof(fxmon_sink_ops),
    .schemes = "elasticsearch+http elasticsearch+https opensearch+http opensearch+https",
    .open = sink_open,
    .write = sink_write,
    .flush = sink_flush,
    .close = sink_close,
    .load = sink_load,
    .dead = sink_dead,
    .discard = sink_discard,
    .check = sink_check,
    .refused = sink_refused,
};
