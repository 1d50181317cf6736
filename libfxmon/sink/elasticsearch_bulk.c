/*
 * sink/elasticsearch_bulk.c - a batch of documents on its way: each item is pending, done or refused, and only pending ones are sent again.
 *
 * A batch goes in chunks. A chunk that is too large for the server (413), or that it has no room for now (429), is halved for the next time, since a bulk above the
 * server's memory for bulks would be answered 429 for ever; after 413 the size never grows again beyond what was refused. A bulk that is refused as a whole (400) is halved
 * too, down to the one document that spoils it.
 */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/map.h"
#include "base/sha256.h"
#include "sink/elasticsearch.h"

#define TEXT_MAXIMUM ((size_t)1024 * 1024 * 1024)
#define CHUNK_MOST ((size_t)8 * 1024 * 1024) /* bytes of a request */
#define CHUNK_LEAST ((size_t)1024)           /* halving ends here: that is one document */
#define CHUNK_ITEMS 20000
#define ANSWER_ITEM 1024                     /* bytes of an answer for each item, */
#define ANSWER_BASE ((size_t)65536)          /* and besides */
#define RECALL_IDS 2000                      /* ids of one question; a server answers at most 10,000 hits */
#define MISSED_MOST 2                        /* an index that is not there: it is made again, and then that was the last time */

enum { PENDING, DONE, REFUSED };

void fxi_elastic_bulk_init(fxi_elastic_bulk *b)
{
    memset(b, 0, sizeof *b);
    fxi_buf_init(&b->text, TEXT_MAXIMUM);
    fxi_buf_init(&b->part, CHUNK_MOST * 2);
    b->chunk_bytes = b->ceiling = CHUNK_MOST;
}

static void forget_refused(fxi_elastic_bulk *b)
{
    for (size_t i = 0; i < b->refused_count; i++) {
        fxi_free(b->refused[i].type);
        fxi_free(b->refused[i].reason);
    }
    b->refused_count = b->refused_told = 0;
}

void fxi_elastic_bulk_free(fxi_elastic_bulk *b)
{
    forget_refused(b);
    fxi_buf_free(&b->text);
    fxi_buf_free(&b->part);
    fxi_free(b->items);
    fxi_free(b->chunk);
    fxi_free(b->refused);
}

void fxi_elastic_bulk_clear(fxi_elastic_bulk *b)
{
    forget_refused(b);
    fxi_buf_clear(&b->text);
    b->count = b->first = 0;
    b->unknown = b->missing = false;
}

/* ---- filling ---- */

size_t fxi_elastic_bulk_begin(fxi_elastic_bulk *b, const char *index, fxi_elastic_item *item)
{
    size_t mark = b->text.length;
    fxi_buf_puts(&b->text, "{\"create\":{\"_index\":\"");
    fxi_buf_puts(&b->text, index);
    fxi_buf_puts(&b->text, "\",\"_id\":\"");
    item->id_at = (uint32_t)(b->text.length - mark);
    return mark;
}

/* After the id's text: the rest of the action's line. */
void fxi_elastic_bulk_id(fxi_elastic_bulk *b, size_t mark, fxi_elastic_item *item)
{
    item->id_length = (uint32_t)(b->text.length - mark - item->id_at);
    fxi_buf_puts(&b->text, "\"}}\n");
    item->action = (uint32_t)(b->text.length - mark);
}

bool fxi_elastic_bulk_end(fxi_elastic_bulk *b, size_t mark, fxi_elastic_item *item)
{
    fxi_buf_putc(&b->text, '\n');
    fxi_elastic_item *grown = b->text.failed ? NULL : fxi_grow(b->items, &b->capacity, b->count + 1, sizeof *grown);
    if (!grown) {
        b->text.failed = false;
        b->text.length = mark;
        return false;
    }
    b->items = grown;
    item->at = mark;
    item->length = (uint32_t)(b->text.length - mark);
    item->state = PENDING;
    item->missed = 0;
    b->items[b->count++] = *item;
    return true;
}

/* ---- chunks ---- */

static fxi_elastic_id id_at(void *user, size_t index)
{
    const fxi_elastic_bulk *b = user;
    const fxi_elastic_item *item = &b->items[b->chunk[index]];
    return (fxi_elastic_id){b->text.data + item->at + item->id_at, item->id_length};
}

/* The next pending items that fit, as indices; b->part only when they are no neighbours. False: out of memory. */
static bool take_chunk(fxi_elastic_bulk *b, const char **body, size_t *length)
{
    size_t bytes = 0;
    bool neighbours = true;
    b->chunk_count = 0;
    while (b->first < b->count && b->items[b->first].state != PENDING)
        b->first++;
    for (size_t i = b->first; i < b->count && b->chunk_count < CHUNK_ITEMS; i++) {
        const fxi_elastic_item *item = &b->items[i];
        if (item->state != PENDING)
            continue;
        if (b->chunk_count > 0 && bytes + item->length > b->chunk_bytes)
            break;
        size_t *grown = fxi_grow(b->chunk, &b->chunk_capacity, b->chunk_count + 1, sizeof *grown);
        if (!grown)
            return false;
        b->chunk = grown;
        neighbours = neighbours && (b->chunk_count == 0 || b->chunk[b->chunk_count - 1] + 1 == i);
        b->chunk[b->chunk_count++] = i;
        bytes += item->length;
    }
    *length = bytes;
    *body = b->chunk_count ? b->text.data + b->items[b->chunk[0]].at : "";
    if (neighbours)
        return true;
    fxi_buf_clear(&b->part);
    for (size_t i = 0; i < b->chunk_count; i++)
        fxi_buf_add(&b->part, b->text.data + b->items[b->chunk[i]].at, b->items[b->chunk[i]].length);
    *body = b->part.data;
    return !b->part.failed;
}

/* ---- results ---- */

static void refuse(fxi_elastic_bulk *b, size_t index, const fxi_elastic_result *result)
{
    struct fxi_elastic_refused *grown = fxi_grow(b->refused, &b->refused_capacity, b->refused_count + 1, sizeof *grown);
    char *type = fxi_strdup(result->type), *reason = fxi_strdup(result->reason);
    if (grown)
        b->refused = grown;
    if (!grown || !type || !reason) {
        fxi_free(type);
        fxi_free(reason);
        fxi_fail(&b->error, FXMON_E_NOMEM, "", "out of memory for a refused document");
        b->worst = FXMON_FATAL;
        return;
    }
    b->items[index].state = REFUSED;
    b->refused[b->refused_count++] = (struct fxi_elastic_refused){index, type, reason};
}

static void trouble(fxi_elastic_bulk *b, fxmon_result result, int code, const fxi_elastic_result *r)
{
    if (b->worst == FXMON_FATAL || (b->worst == FXMON_RETRY && result == FXMON_RETRY))
        return;
    b->worst = result;
    fxi_fail(&b->error, code, "", "the server answers %d to a document: %s%s%.200s", r->status, r->type, r->type[0] && r->reason[0] ? ": " : "", r->reason);
}

static void take_result(void *user, size_t index, const fxi_elastic_result *result)
{
    fxi_elastic_bulk *b = user;
    fxi_elastic_item *item = &b->items[b->chunk[index]];
    switch (fxi_elastic_judge(result)) {
    case FXI_ELASTIC_DONE:
        item->state = DONE;
        break;
    case FXI_ELASTIC_RETRY:
        b->unknown = b->unknown || result->status >= 500;
        trouble(b, FXMON_RETRY, result->status == 429 ? FXMON_E_RATE_LIMITED : FXMON_E_BUSY, result);
        break;
    case FXI_ELASTIC_FATAL:
        trouble(b, FXMON_FATAL, FXMON_E_CREDENTIALS, result);
        break;
    case FXI_ELASTIC_MISSING:
        if (++item->missed < MISSED_MOST) {
            b->missing = true;
            trouble(b, FXMON_RETRY, FXMON_E_NOT_FOUND, result);
            break;
        }
        __attribute__((fallthrough));
    default:
        refuse(b, b->chunk[index], result);
    }
}

static void shrink(fxi_elastic_bulk *b, size_t length)
{
    size_t half = length / 2;
    b->chunk_bytes = half > CHUNK_LEAST ? half : CHUNK_LEAST;
}

static void grow(fxi_elastic_bulk *b)
{
    size_t more = b->chunk_bytes + b->chunk_bytes / 8;
    b->chunk_bytes = more < b->ceiling ? more : b->ceiling;
}

/* The whole request was answered by something else than 200. DONE: go on with what is left. */
static fxmon_result whole_refused(fxi_elastic_bulk *b, const fxi_elastic_answer *answer, size_t length, fxmon_error *error)
{
    bool too_large = answer->status == 413;
    if (too_large || answer->status == 400) {
        if (b->chunk_count > 1) {
            shrink(b, length);
            if (too_large && b->chunk_bytes < b->ceiling)
                b->ceiling = b->chunk_bytes;
            return FXMON_DONE;
        }
        fxi_elastic_result r = {.status = answer->status};
        fxi_elastic_reason(answer->body, answer->length, r.type, r.reason);
        if (too_large && !r.reason[0])
            memcpy(r.reason, "larger than the server takes", sizeof "larger than the server takes");
        refuse(b, b->chunk[0], &r);
        if (b->worst == FXMON_FATAL && error)
            *error = b->error;
        return b->worst;
    }
    if (answer->status == 429)
        shrink(b, length);
    else
        b->unknown = true; /* a gateway answers 502 and 504 to what the server behind it has done */
    return fxi_elastic_refusal(answer, "a bulk", error);
}

static fxmon_result deliver_chunk(fxi_elastic_bulk *b, fxi_elastic *e, const char *body, size_t length, fxmon_error *error)
{
    fxi_elastic_answer answer;
    b->worst = FXMON_DONE;
    fxi_error_clear(&b->error);
    fxmon_result result = fxi_elastic_http_send(e->http, "POST", "/_bulk?filter_path=errors,items.*._id,items.*.status,items.*.error.type,items.*.error.reason",
                                                body, length, ANSWER_BASE + b->chunk_count * ANSWER_ITEM, &answer, error);
    if (result != FXMON_DONE) {
        b->unknown = true;
        return result;
    }
    if (answer.status != 200)
        return whole_refused(b, &answer, length, error);
    if (fxi_elastic_bulk_read(answer.body, answer.length, b->chunk_count, id_at, take_result, b, error) != FXMON_OK) {
        b->unknown = true;
        return FXMON_RETRY;
    }
    b->error.retry_at = answer.retry_at;
    if (b->worst == FXMON_DONE)
        grow(b);
    else if (b->error.code == FXMON_E_RATE_LIMITED)
        shrink(b, length);
    if (b->worst != FXMON_DONE && error)
        *error = b->error;
    return b->worst;
}

fxmon_result fxi_elastic_bulk_deliver(fxi_elastic_bulk *b, fxi_elastic *e, fxmon_error *error)
{
    fxmon_result result = FXMON_DONE;
    while (result == FXMON_DONE) {
        const char *body;
        size_t length;
        if (!take_chunk(b, &body, &length)) {
            fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a bulk");
            return FXMON_FATAL;
        }
        if (b->chunk_count == 0)
            return FXMON_DONE;
        result = deliver_chunk(b, e, body, length, error);
    }
    return result;
}

/* ---- what is there already ---- */

struct recall {
    fxi_elastic_bulk *bulk;
    fxi_map *map; /* hash of an id -> index of the item */
};

static void hash_of(const char *id, size_t length, uint8_t key[32])
{
    fxi_sha256(id, length, key);
}

static void found(void *user, const char *id, size_t length)
{
    struct recall *r = user;
    uint8_t key[32];
    uint64_t index;
    hash_of(id, length, key);
    if (fxi_map_get(r->map, key, &index))
        r->bulk->items[index].state = DONE;
}

static fxmon_result ask_ids(struct recall *r, fxi_elastic *e, const char *path, fxi_buf *body, size_t count, fxmon_error *error)
{
    fxi_elastic_answer answer;
    fxi_buf_puts(body, "]}}}");
    if (body->failed) {
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a search");
        return FXMON_FATAL;
    }
    fxmon_result result = fxi_elastic_http_send(e->http, "POST", path, body->data, body->length, ANSWER_BASE + count * ANSWER_ITEM, &answer, error);
    if (result != FXMON_DONE)
        return result;
    if (answer.status == 404)
        return FXMON_DONE;
    if (answer.status != 200)
        return fxi_elastic_refusal(&answer, "a search for ids", error);
    return fxi_elastic_hits_read(answer.body, answer.length, found, r, error) == FXMON_OK ? FXMON_DONE : FXMON_RETRY;
}

/* The next of the items that may be there, at most RECALL_IDS, into a search. */
static size_t take_ids(struct recall *r, size_t *from, int32_t partition, int64_t through, fxi_buf *body)
{
    fxi_elastic_bulk *b = r->bulk;
    size_t count = 0;
    fxi_buf_clear(body);
    fxi_buf_printf(body, "{\"size\":%d,\"_source\":false,\"query\":{\"ids\":{\"values\":[", RECALL_IDS);
    for (; *from < b->count && count < RECALL_IDS; ++*from) {
        const fxi_elastic_item *item = &b->items[*from];
        uint8_t key[32];
        if (item->state != PENDING || !item->row || item->partition != partition || item->offset > through)
            continue;
        const char *id = b->text.data + item->at + item->id_at;
        hash_of(id, item->id_length, key);
        if (fxi_map_put(r->map, key, *from) != FXMON_OK)
            body->failed = true;
        fxi_buf_putc(body, count++ ? ',' : ' ');
        fxi_buf_json(body, id, item->id_length);
    }
    return count;
}

fxmon_result fxi_elastic_bulk_recall(fxi_elastic_bulk *b, fxi_elastic *e, const char *index, int32_t partition, int64_t through, fxmon_error *error)
{
    struct recall r = {b, fxi_map_new(32)};
    fxi_buf path, body;
    fxi_buf_init(&path, 256);
    fxi_buf_init(&body, (size_t)1024 * 1024);
    fxi_buf_printf(&path, "/%s/_search?allow_partial_search_results=false&filter_path=hits.hits._id", index);
    fxmon_result result = FXMON_DONE;
    if (!r.map || path.failed) {
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a search");
        result = FXMON_FATAL;
    }
    for (size_t from = 0, count; result == FXMON_DONE && (count = take_ids(&r, &from, partition, through, &body)) > 0;)
        result = ask_ids(&r, e, path.data, &body, count, error);
    fxi_map_free(r.map);
    fxi_buf_free(&path);
    fxi_buf_free(&body);
    return result;
}
