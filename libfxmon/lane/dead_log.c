/*
 * lane/dead_log.c - see dead_log.h.
 *
 * Letters are encoded when they are set aside, because the record's bytes are gone with the next read; appended they are all at once, just before the
 * commit. A log of dead letters that is away makes the lane wait as a destination does, but only a lane that has a letter to append.
 *
 * Nothing may feed itself: the log that is read is refused, a topic that ends in .dlq gets no .dlq of its own by "auto", and a record that has been a
 * dead letter HOPS_MAXIMUM times (its header fxmon-hops counts) is set aside in the destination only.
 */
#include "lane/dead_log.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash.h"
#include "base/env.h"
#include "base/error.h"
#include "base/instance.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/url.h"
#include "codec/dead_letter.h"

#define SUFFIX ".dlq"
#define HOPS_MAXIMUM 8
#define TOPIC_TEXT 300
#define BATCH_BYTES ((size_t)1 << 30) /* a batch of records in base64 is below it */
#define REFUSALS_SAID 10

struct fxi_dead_log {
    const fxmon_env *env;
    const fxmon_stream_ops *stream;
    char *url;
    char shown[TOPIC_TEXT]; /* url without secrets */
    char topic[TOPIC_TEXT]; /* of the log that is read */
    char instance[64];
    void *writer;
    long refused;
};

/* Where things stand in the batch's text. */
struct fxi_dead_part {
    size_t key, data, length;
    fxi_dead_header headers[FXI_DEAD_HEADERS];
    size_t header_count;
};

/* ---- which log ------------------------------------------------------------------------------------------------ */

static bool ends_in_suffix(const char *path)
{
    size_t length = strlen(path), suffix = sizeof SUFFIX - 1;
    return length >= suffix && strcmp(path + length - suffix, SUFFIX) == 0;
}

/* kafka://a:1,b:2/fx-rates?x=y becomes kafka://a:1,b:2/fx-rates.dlq?x=y; NULL with *code OK: none. */
static char *automatic(const char *from, int *code)
{
    fxi_url url;
    *code = fxi_url_parse(from, &url, NULL);
    if (*code != FXMON_OK)
        return NULL;
    bool wanted = strcmp(url.scheme, "kafka") == 0 && strlen(url.path) > 1 && !ends_in_suffix(url.path);
    fxi_url_free(&url);
    if (!wanted)
        return NULL;
    fxi_buf text;
    fxi_buf_init(&text, 4096);
    size_t path = strcspn(from, "?");
    fxi_buf_add(&text, from, path);
    fxi_buf_puts(&text, SUFFIX);
    fxi_buf_puts(&text, from + path);
    char *made = fxi_buf_take(&text);
    fxi_buf_free(&text);
    *code = made ? FXMON_OK : FXMON_E_NOMEM;
    return made;
}

/* "host:port,host:port" of a URL, behind user and password. */
static const char *hosts_of(const char *url, size_t *length)
{
    const char *slashes = strstr(url, "//"), *begin = slashes ? slashes + 2 : url + strlen(url);
    const char *end = begin + strcspn(begin, "/?");
    for (const char *p = begin; p < end; p++)
        if (*p == '@')
            begin = p + 1;
    *length = (size_t)(end - begin);
    return begin;
}

static size_t word_length(const char *text, size_t length)
{
    const char *comma = memchr(text, ',', length);
    return comma ? (size_t)(comma - text) : length;
}

/* Do they have a host in common? */
static bool share_host(const char *url, const char *other)
{
    size_t left, right;
    for (const char *a = hosts_of(url, &left); left > 0;) {
        size_t length = word_length(a, left);
        for (const char *b = hosts_of(other, &right); right > 0;) {
            size_t word = word_length(b, right);
            if (word == length && memcmp(a, b, word) == 0)
                return true;
            word += word < right; /* the comma */
            b += word;
            right -= word;
        }
        length += length < left;
        a += length;
        left -= length;
    }
    return false;
}

static bool same_folder(const char *a, const char *b)
{
    char first[PATH_MAX], second[PATH_MAX];
    return strcmp(a, b) == 0 || (realpath(a, first) && realpath(b, second) && strcmp(first, second) == 0);
}

static bool same_log(const char *from, const fxi_url *a, const char *to, const fxi_url *b)
{
    if (strcmp(a->scheme, b->scheme) != 0)
        return false;
    if (a->host || b->host)
        return a->host && b->host && strcmp(a->path, b->path) == 0 && share_host(from, to);
    return strcmp(a->scheme, "-") != 0 && same_folder(a->path, b->path);
}

static int look_at_urls(fxi_dead_log *log, const char *from, fxmon_error *error)
{
    fxi_url read, write;
    int code = fxi_url_parse(from, &read, error);
    if (code != FXMON_OK)
        return code;
    code = fxi_url_parse(log->url, &write, error);
    if (code != FXMON_OK) {
        fxi_url_free(&read);
        return code;
    }
    if (same_log(from, &read, log->url, &write))
        code = fxi_fail(error, FXMON_E_CONFIG, "dlq", "dlq: %.150s is the log that is read; dead letters would be read as records again and again", log->shown);
    fxi_url_redact(from, log->topic, sizeof log->topic);
    if (read.host && read.path[0] == '/' && strlen(read.path + 1) < sizeof log->topic)
        memcpy(log->topic, read.path + 1, strlen(read.path + 1) + 1);
    fxi_url_free(&read);
    fxi_url_free(&write);
    return code;
}

static int make(fxi_dead_log *log, const fxi_registry *registry, const char *from, fxmon_error *error)
{
    fxi_url_redact(log->url, log->shown, sizeof log->shown);
    fxi_instance(log->instance);
    fxmon_error problem = {0};
    log->stream = fxi_registry_find(registry, FXI_KIND_STREAM, log->url, "dlq", &problem);
    if (log->stream && (!log->stream->open_writer || !log->stream->append))
        fxi_fail(&problem, FXMON_E_UNSUPPORTED, "dlq", "dlq: %.150s can only be read", log->shown);
    else if (log->stream)
        look_at_urls(log, from, &problem);
    if (problem.code != FXMON_OK && error)
        *error = problem;
    return problem.code;
}

int fxi_dead_log_new(const fxmon_env *env, const fxi_registry *registry, const char *from, fxi_dead_log **out, fxmon_error *error)
{
    const char *option = fxi_env_text(env, "dlq", NULL);
    char *url = NULL;
    int code = FXMON_OK;
    *out = NULL;
    if (!option || strcmp(option, "none") == 0)
        return FXMON_OK;
    if (strcmp(option, "auto") == 0)
        url = automatic(from, &code);
    else if (!(url = fxi_strdup(option)))
        code = FXMON_E_NOMEM;
    if (!url) /* a URL of "from" that cannot be understood is told by its driver */
        return code == FXMON_E_NOMEM ? fxi_fail(error, code, "dlq", "out of memory") : FXMON_OK;
    fxi_dead_log *log = fxi_calloc(1, sizeof *log);
    if (!log) {
        fxi_free(url);
        return fxi_fail(error, FXMON_E_NOMEM, "dlq", "out of memory");
    }
    log->env = env;
    log->url = url;
    code = make(log, registry, from, error);
    if (code != FXMON_OK) {
        fxi_dead_log_free(log);
        return code;
    }
    *out = log;
    return FXMON_OK;
}

void fxi_dead_log_free(fxi_dead_log *log)
{
    if (!log)
        return;
    if (log->writer && log->stream->close_writer)
        log->stream->close_writer(log->writer);
    fxi_free(log->url);
    fxi_free(log);
}

/* ---- a batch ---------------------------------------------------------------------------------------------------- */

void fxi_dead_batch_clear(fxi_dead_batch *batch)
{
    fxi_buf_clear(&batch->text);
    batch->count = 0;
}

void fxi_dead_batch_free(fxi_dead_batch *batch)
{
    fxi_buf_free(&batch->text);
    fxi_free(batch->parts);
    *batch = (fxi_dead_batch){0};
}

bool fxi_dead_log_add(const fxi_dead_log *log, fxi_dead_batch *batch, const fxmon_dead_letter *letter, bool applied, int32_t hops)
{
    if (!log || hops >= HOPS_MAXIMUM)
        return true;
    if (batch->text.maximum == 0)
        fxi_buf_init(&batch->text, BATCH_BYTES);
    struct fxi_dead_part *grown = fxi_grow(batch->parts, &batch->capacity, batch->count + 1, sizeof *grown);
    if (!grown)
        return false;
    batch->parts = grown;
    struct fxi_dead_part *part = &grown[batch->count];
    fxi_dead_origin origin = {.topic = log->topic, .instance = log->instance, .applied = applied, .hops = hops + 1};
    fxi_buf *text = &batch->text;
    *part = (struct fxi_dead_part){.key = text->length};
    fxi_dead_letter_key(letter, &origin, text);
    fxi_buf_putc(text, '\0');
    if (!log->stream->lines) {
        fxi_dead_letter_headers(letter, &origin, text, part->headers);
        part->header_count = FXI_DEAD_HEADERS;
    }
    part->data = text->length;
    if (log->stream->lines)
        fxi_dead_letter_line(letter, &origin, text);
    else
        fxi_buf_add(text, letter->data, letter->length);
    part->length = text->length - part->data;
    batch->count += !text->failed;
    return !text->failed;
}

/* Parts [from, from + count) as records; the caller frees. */
static fxmon_blob *make_blobs(const fxi_dead_batch *batch, size_t from, size_t count)
{
    fxmon_blob *blobs = fxi_calloc(count, sizeof *blobs + FXI_DEAD_HEADERS * sizeof(fxmon_header));
    fxmon_header *header = blobs ? (fxmon_header *)(void *)(blobs + count) : NULL;
    const char *text = batch->text.data;
    for (size_t i = 0; blobs && i < count; i++, header += FXI_DEAD_HEADERS) {
        const struct fxi_dead_part *part = &batch->parts[from + i];
        for (size_t k = 0; k < part->header_count; k++)
            header[k] = (fxmon_header){part->headers[k].name, text + part->headers[k].value};
        blobs[i] = (fxmon_blob){.key = text + part->key, .data = text + part->data, .length = part->length,
                                .headers = part->header_count ? header : NULL, .header_count = part->header_count};
    }
    return blobs;
}

static fxmon_result append_parts(fxi_dead_log *log, const fxi_dead_batch *batch, size_t from, size_t count, fxmon_error *error)
{
    fxmon_blob *blobs = make_blobs(batch, from, count);
    if (!blobs) {
        fxi_fail(error, FXMON_E_NOMEM, "dlq", "out of memory for dead letters");
        return FXMON_RETRY;
    }
    fxmon_result result = log->stream->append(log->writer, blobs, count, error);
    fxi_free(blobs);
    return result;
}

/* One after the other: only what the log refuses is left out. It is in the destination, or in the messages. What went through before a RETRY comes again. */
static fxmon_result append_singly(fxi_dead_log *log, const fxi_dead_batch *batch, fxmon_error *error)
{
    for (size_t i = 0; i < batch->count; i++) {
        fxi_error_clear(error);
        fxmon_result result = append_parts(log, batch, i, 1, error);
        if (result == FXMON_REFUSED && log->refused++ < REFUSALS_SAID)
            fxi_log(log->env, FXMON_LOG_WARNING, "dlq", "%s refuses dead letter %s: %s", log->shown, batch->text.data + batch->parts[i].key, error->text);
        if (result != FXMON_DONE && result != FXMON_REFUSED)
            return result;
    }
    return FXMON_DONE;
}

fxmon_result fxi_dead_log_append(fxi_dead_log *log, fxi_dead_batch *batch, fxmon_error *error)
{
    fxmon_result result = FXMON_DONE;
    if (!log || batch->count == 0)
        return FXMON_DONE;
    if (!log->writer)
        result = log->stream->open_writer(log->env, log->url, &log->writer, error);
    if (result != FXMON_DONE)
        log->writer = NULL;
    else
        result = append_parts(log, batch, 0, batch->count, error);
    FXI_CRASH("letters.appended");
    if (result == FXMON_REFUSED && log->writer)
        result = append_singly(log, batch, error);
    if (result == FXMON_DONE)
        fxi_dead_batch_clear(batch);
    else if (result == FXMON_REFUSED || result == FXMON_FENCED || result == FXMON_END)
        result = FXMON_FATAL;
    return result;
}
