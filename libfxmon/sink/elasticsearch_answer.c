/*
 * sink/elasticsearch_answer.c - what the server answered, read strictly. Pure: tested and fuzzed without a server.
 *
 * A bulk counts only when its whole answer is understood: complete JSON, as many items as were sent, in their order and with their ids. Anything else is an
 * unknown outcome, never a failure of the documents: a proxy, or a server of another version, may have garbled an answer to a bulk that was applied.
 */
#include <string.h>

#include "base/error.h"
#include "base/value.h"
#include "codec/json.h"
#include "sink/elasticsearch.h"

#define PATH_NAME 64 /* longest member name in a path */

/* ---- a value by its path ---- */

/* The span at a path of member names; "0" is the first of an array. */
static bool find(const fxi_json_span *from, const char *path, fxi_json_span *out)
{
    *out = *from;
    while (*path) {
        char name[PATH_NAME];
        size_t length = strcspn(path, ".");
        fxi_json_span inner;
        if (length >= sizeof name)
            return false;
        memcpy(name, path, length);
        name[length] = '\0';
        if (out->type == FXI_JSON_ARRAY && strcmp(name, "0") == 0) {
            fxi_json j;
            fxi_json_init(&j, out->text, out->length);
            fxi_json_next(&j);
            int type = fxi_json_value(&j, &inner);
            if (type == FXI_JSON_ARRAY_END || type == FXI_JSON_ERROR)
                return false;
        } else if (!fxi_json_find(out, name, &inner)) {
            return false;
        }
        *out = inner;
        path += length;
        path += *path == '.';
    }
    return out->type != 0;
}

/* The whole of a valid body as a span; false if it is no JSON. */
static bool whole(const char *body, size_t length, fxi_json_span *out)
{
    fxi_json j;
    if (!fxi_json_valid(body, length, NULL))
        return false;
    fxi_json_init(&j, body, length);
    return fxi_json_value(&j, out) != FXI_JSON_ERROR;
}

static bool number_of(const fxi_json_span *span, int64_t *out)
{
    return span->type == FXI_JSON_NUMBER && fxi_integer_parse(span->text, span->length, out) == FXMON_OK;
}

bool fxi_elastic_number(const char *body, size_t length, const char *path, int64_t *out)
{
    fxi_json_span all, found;
    return whole(body, length, &all) && find(&all, path, &found) && number_of(&found, out);
}

long fxi_elastic_text(const char *body, size_t length, const char *path, char *out, size_t size)
{
    fxi_json_span all, found;
    return whole(body, length, &all) && find(&all, path, &found) ? fxi_json_span_string(&found, out, size) : -1;
}

/* ---- words ---- */

/* A text of the server, cut to fit and without control characters: it may end in a log or on a terminal. */
static void copy_words(const fxi_json_span *span, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    if (span->type != FXI_JSON_STRING)
        return;
    for (size_t i = 0; i < span->length && n + 1 < size; i++) {
        unsigned char c = (unsigned char)span->text[i];
        if (c == '\\' && i + 1 < span->length) {
            c = (unsigned char)span->text[++i];
            if (c == 'u') {
                i += 4;
                c = '?';
            } else if (c != '"' && c != '\\' && c != '/') {
                c = ' ';
            }
        }
        out[n++] = c < 0x20 || c >= 0x7f ? '?' : (char)c;
    }
    out[n] = '\0';
}

static void error_words(const fxi_json_span *error, char type[64], char words[FXI_ELASTIC_WORDS])
{
    fxi_json_span span;
    if (error->type == FXI_JSON_STRING) { /* {"error":"no handler found ..."} */
        copy_words(error, words, FXI_ELASTIC_WORDS);
        return;
    }
    if (fxi_json_find(error, "type", &span))
        copy_words(&span, type, 64);
    if (fxi_json_find(error, "reason", &span))
        copy_words(&span, words, FXI_ELASTIC_WORDS);
}

void fxi_elastic_reason(const char *body, size_t length, char type[64], char words[FXI_ELASTIC_WORDS])
{
    fxi_json_span all, error;
    type[0] = words[0] = '\0';
    if (whole(body, length, &all) && fxi_json_find(&all, "error", &error))
        error_words(&error, type, words);
}

/* ---- bulk ---- */

static bool ends_block(const char *type)
{
    return strcmp(type, "cluster_block_exception") == 0;
}

enum fxi_elastic_verdict fxi_elastic_judge(const fxi_elastic_result *r)
{
    if (r->status == 200 || r->status == 201 || r->status == 409) /* 409 to create: it is there already */
        return FXI_ELASTIC_DONE;
    if (r->status == 408 || r->status == 429 || (r->status >= 500 && r->status <= 599))
        return FXI_ELASTIC_RETRY;
    if (r->status == 401 || r->status == 403) /* a full disk is answered by 403 too */
        return ends_block(r->type) ? FXI_ELASTIC_RETRY : FXI_ELASTIC_FATAL;
    return r->status == 404 ? FXI_ELASTIC_MISSING : FXI_ELASTIC_REFUSED;
}

/* {"create":{"_id":"...","status":201,...}} */
static bool read_item(const fxi_json_span *item, const fxi_elastic_id *id, fxi_elastic_result *out)
{
    fxi_json j;
    fxi_json_span action, span;
    int64_t status;
    out->status = 0;
    out->type[0] = out->reason[0] = '\0';
    fxi_json_init(&j, item->text, item->length);
    if (fxi_json_next(&j) != FXI_JSON_OBJECT || fxi_json_next(&j) != FXI_JSON_NAME || fxi_json_value(&j, &action) != FXI_JSON_OBJECT ||
        fxi_json_next(&j) != FXI_JSON_OBJECT_END)
        return false;
    fxi_json_init(&j, action.text, action.length);
    fxi_json_next(&j);
    bool same = false;
    while (fxi_json_next(&j) == FXI_JSON_NAME) {
        bool is_id = fxi_json_is(&j, "_id"), is_status = fxi_json_is(&j, "status"), is_error = fxi_json_is(&j, "error");
        if (!is_id && !is_status && !is_error) {
            fxi_json_skip(&j);
            continue;
        }
        fxi_json_value(&j, &span);
        if (is_id)
            same = span.type == FXI_JSON_STRING && !span.escaped && span.length == id->length && memcmp(span.text, id->text, id->length) == 0;
        else if (is_status && number_of(&span, &status) && status >= 100 && status <= 599)
            out->status = (int)status;
        else if (is_error)
            error_words(&span, out->type, out->reason);
    }
    return same && out->status != 0;
}

/* All items, once without telling anybody and once telling. */
static bool read_items(const fxi_json_span *items, size_t count, fxi_elastic_id (*id_of)(void *, size_t),
                       void (*fn)(void *, size_t, const fxi_elastic_result *), void *user)
{
    fxi_json j;
    fxi_json_span item;
    fxi_elastic_result result;
    size_t seen = 0;
    fxi_json_init(&j, items->text, items->length);
    fxi_json_next(&j);
    for (int type; (type = fxi_json_value(&j, &item)) != FXI_JSON_ARRAY_END; seen++) {
        fxi_elastic_id id = {"", 0};
        if (type != FXI_JSON_OBJECT || seen == count)
            return false;
        id = id_of(user, seen);
        if (!read_item(&item, &id, &result))
            return false;
        if (fn)
            fn(user, seen, &result);
    }
    return seen == count;
}

static bool pass(const char **at, const char *end, const char *text, size_t length)
{
    if ((size_t)(end - *at) < length || memcmp(*at, text, length) != 0)
        return false;
    *at += length;
    return true;
}

/*
 * The answer that nearly every bulk gets, compared byte for byte with what it must be when all went well: a third of the sink's time went into reading it as JSON.
 * Whatever differs is read properly.
 */
static bool all_created(const char *body, size_t length, size_t count, fxi_elastic_id (*id_of)(void *, size_t), void *user)
{
    static const char begin[] = "{\"errors\":false,\"items\":[", before[] = "{\"create\":{\"_id\":\"", after[] = "\",\"status\":201}}";
    const char *at = body, *end = body + length;
    if (!pass(&at, end, begin, sizeof begin - 1))
        return false;
    for (size_t i = 0; i < count; i++) {
        fxi_elastic_id id = id_of(user, i);
        if ((i > 0 && !pass(&at, end, ",", 1)) || !pass(&at, end, before, sizeof before - 1) || !pass(&at, end, id.text, id.length) ||
            !pass(&at, end, after, sizeof after - 1))
            return false;
    }
    return end - at == 2 && memcmp(at, "]}", 2) == 0;
}

int fxi_elastic_bulk_read(const char *body, size_t length, size_t count, fxi_elastic_id (*id_of)(void *user, size_t index),
                          void (*fn)(void *user, size_t index, const fxi_elastic_result *result), void *user, fxmon_error *error)
{
    fxi_json_span all, items;
    if (all_created(body, length, count, id_of, user)) {
        const fxi_elastic_result created = {.status = 201};
        for (size_t i = 0; i < count; i++)
            fn(user, i, &created);
        return FXMON_OK;
    }
    if (!whole(body, length, &all) || all.type != FXI_JSON_OBJECT)
        return fxi_fail(error, FXMON_E_MALFORMED, "", "the answer to a bulk is no complete JSON object (%lld bytes)", (long long)length);
    if (!fxi_json_find(&all, "items", &items) || items.type != FXI_JSON_ARRAY || !read_items(&items, count, id_of, NULL, user))
        return fxi_fail(error, FXMON_E_MALFORMED, "", "the answer to a bulk does not tell of the %lld documents in their order", (long long)count);
    read_items(&items, count, id_of, fn, user);
    return FXMON_OK;
}

/* ---- search ---- */

int fxi_elastic_hits_read(const char *body, size_t length, void (*fn)(void *user, const char *id, size_t length), void *user, fxmon_error *error)
{
    fxi_json_span all, hits, hit, id;
    fxi_json j;
    if (!whole(body, length, &all))
        return fxi_fail(error, FXMON_E_MALFORMED, "", "the answer to a search is no JSON");
    if (!find(&all, "hits.hits", &hits) || hits.type != FXI_JSON_ARRAY)
        return FXMON_OK; /* left out by filter_path when there is none */
    fxi_json_init(&j, hits.text, hits.length);
    fxi_json_next(&j);
    while (fxi_json_value(&j, &hit) == FXI_JSON_OBJECT) {
        if (fxi_json_find(&hit, "_id", &id) && id.type == FXI_JSON_STRING)
            fn(user, id.text, id.length);
    }
    return FXMON_OK;
}

/* ---- birth ---- */

/* What orders the indices behind a data stream: the number at the end of their names. A plain index has none. */
static int64_t generation(const char *name, size_t length)
{
    int64_t value;
    size_t from = length;
    while (from > 0 && name[from - 1] >= '0' && name[from - 1] <= '9')
        from--;
    if (from == 0 || name[from - 1] != '-')
        return 0;
    while (from + 1 < length && name[from] == '0')
        from++;
    return from < length && fxi_integer_parse(name + from, length - from, &value) == FXMON_OK ? value : 0;
}

static bool is_known(const fxi_json *j, const fxi_elastic_birth *known)
{
    return known->index[0] && fxi_json_is(j, known->index);
}

int fxi_elastic_birth_read(const char *body, size_t length, const fxi_elastic_birth *known, fxi_elastic_birth *newest, bool *born_again, fxmon_error *error)
{
    fxi_json_span all, settings, uuid;
    fxi_json j;
    int64_t highest = -1;
    bool there = false, same = false;
    memset(newest, 0, sizeof *newest);
    if (!whole(body, length, &all) || all.type != FXI_JSON_OBJECT)
        return fxi_fail(error, FXMON_E_MALFORMED, "", "the answer to a question about an index is no JSON object");
    fxi_json_init(&j, all.text, all.length);
    fxi_json_next(&j);
    while (fxi_json_next(&j) == FXI_JSON_NAME) {
        char name[sizeof newest->index], id[sizeof newest->uuid];
        bool is = is_known(&j, known);
        long name_length = fxi_json_string(&j, name, sizeof name);
        fxi_json_value(&j, &settings);
        if (name_length < 0 || !find(&settings, "settings.index.uuid", &uuid) || fxi_json_span_string(&uuid, id, sizeof id) < 0)
            continue;
        there = there || is;
        same = same || (is && strcmp(id, known->uuid) == 0);
        int64_t number = generation(name, (size_t)name_length);
        if (number > highest) {
            highest = number;
            memcpy(newest->index, name, sizeof name);
            memcpy(newest->uuid, id, sizeof id);
        }
    }
    if (!known->index[0])
        *born_again = false;
    else if (there)
        *born_again = !same;
    else /* old ones go with age, but then there are newer ones */
        *born_again = highest <= generation(known->index, strlen(known->index));
    return FXMON_OK;
}
