/* sink/redis_place.c - see redis_place.h. */
#include "sink/redis_place.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"
#include "sink/redis_batch.h"

#define KEY_MAXIMUM 4096
#define PIPE_SECONDS 86400

void fxi_redis_places_open(fxi_redis_places *places, uint64_t random)
{
    static const char digits[] = "0123456789abcdef";
    memset(places, 0, sizeof *places);
    for (size_t i = 0; i < sizeof places->owner - 1; i++, random >>= 4) {
        places->owner[i] = digits[random & 15];
    }
}

void fxi_redis_places_free(fxi_redis_places *places)
{
    for (size_t i = 0; i < places->count; i++) {
        fxi_free(places->places[i]->key);
        fxi_free(places->places[i]);
    }
    fxi_free(places->places);
    places->places = NULL;
    places->count = places->capacity = 0;
}

/* Colons part the key, so those of a lane's name are escaped; the stream's may stay, for only the partition follows. */
static char *key_of(const fxmon_progress *progress)
{
    fxi_buf key;
    fxi_buf_init(&key, KEY_MAXIMUM);
    fxi_buf_puts(&key, "fxmon:progress:");
    for (const char *p = progress->lane ? progress->lane : ""; *p; p++) {
        if (*p == ':' || *p == '%') {
            fxi_buf_puts(&key, *p == ':' ? "%3A" : "%25");
        } else {
            fxi_buf_putc(&key, *p);
        }
    }
    fxi_buf_putc(&key, ':');
    fxi_buf_puts(&key, progress->stream ? progress->stream : "");
    fxi_buf_putc(&key, ':');
    fxi_buf_int(&key, progress->partition);
    char *text = fxi_buf_take(&key);
    fxi_buf_free(&key);
    return text;
}

fxi_redis_place *fxi_redis_places_find(fxi_redis_places *places, const fxmon_progress *progress, fxmon_error *error)
{
    fxi_redis_place **grown, *place;
    char *key = key_of(progress);
    for (size_t i = 0; key && i < places->count; i++) {
        if (strcmp(places->places[i]->key, key) == 0) {
            fxi_free(key);
            return places->places[i];
        }
    }
    grown = key ? fxi_grow(places->places, &places->capacity, places->count + 1, sizeof *grown) : NULL;
    places->places = grown ? grown : places->places;
    place = grown ? fxi_calloc(1, sizeof *place) : NULL;
    if (!place) {
        fxi_free(key);
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory remembering progress");
        return NULL;
    }
    place->key = key;
    place->next_offset = -1;
    place->lasting = !progress->stream || strncmp(progress->stream, "pipe/", 5) != 0;
    places->places[places->count++] = place;
    return place;
}

void fxi_redis_place_ask(const fxi_redis_place *place, const char *prefix, fxi_buf *out)
{
    fxi_redis_command(out, 4);
    fxi_redis_text(out, "HMGET");
    fxi_redis_key(out, prefix, place->key, NULL);
    fxi_redis_text(out, "owner");
    fxi_redis_text(out, "next_offset");
}

static const char *field(const redisReply *reply, size_t index)
{
    return reply->type == REDIS_REPLY_ARRAY && index < reply->elements && reply->element[index]->type == REDIS_REPLY_STRING ? reply->element[index]->str
                                                                                                                            : NULL;
}

static int64_t number(const redisReply *reply, size_t index, int64_t fallback)
{
    const char *text = field(reply, index);
    int64_t value;
    return text && fxi_integer_parse(text, strlen(text), &value) == FXMON_OK ? value : fallback;
}

fxmon_result fxi_redis_place_saw(const fxi_redis_places *places, fxi_redis_place *place, const fxmon_progress *progress, const redisReply *reply,
                                 fxmon_error *error)
{
    const char *owner = field(reply, 0);
    int64_t next_offset = number(reply, 1, -1);
    bool ours = owner && strcmp(owner, places->owner) == 0;
    bool expected = next_offset == place->next_offset || (place->in_doubt && next_offset == progress->next_offset);
    if (!place->lasting || !place->claimed || (ours && expected)) {
        place->in_doubt = false;
        return FXMON_DONE;
    }
    place->claimed = place->in_doubt = false;
    place->next_offset = -1;
    if (owner) {
        fxi_fail(error, FXMON_E_FENCED, "redis", "another process writes %.150s", place->key);
    } else {
        fxi_fail(error, FXMON_E_NOT_FOUND, "redis", "%.150s is gone: Redis was emptied, or restarted without its data; writing it anew", place->key);
    }
    return FXMON_FENCED;
}

static void put_text(fxi_buf *out, const char *name, const char *value)
{
    fxi_redis_text(out, name);
    fxi_redis_text(out, value);
}

static void put_number(fxi_buf *out, const char *name, int64_t value)
{
    fxi_redis_text(out, name);
    fxi_redis_integer(out, value);
}

static size_t put_expiry(const fxi_redis_place *place, const char *prefix, fxi_buf *out)
{
    if (place->lasting) {
        return 0;
    }
    fxi_redis_command(out, 3);
    fxi_redis_text(out, "EXPIRE");
    fxi_redis_key(out, prefix, place->key, NULL);
    fxi_redis_integer(out, PIPE_SECONDS);
    return 1;
}

size_t fxi_redis_place_encode(const fxi_redis_places *places, const fxi_redis_place *place, const fxmon_progress *progress, const char *prefix, fxi_buf *out)
{
    fxi_redis_command(out, 2 + 2 * (progress->checkpoint ? 5 : 3));
    fxi_redis_text(out, "HSET");
    fxi_redis_key(out, prefix, place->key, NULL);
    put_text(out, "owner", places->owner);
    put_number(out, "next_offset", progress->next_offset);
    put_number(out, "epoch", progress->epoch);
    if (progress->checkpoint) {
        put_number(out, "checkpoint_offset", progress->checkpoint_offset);
        fxi_redis_text(out, "checkpoint");
        fxi_redis_word(out, progress->checkpoint, progress->checkpoint_size);
    }
    return 1 + put_expiry(place, prefix, out);
}

void fxi_redis_place_wrote(fxi_redis_place *place, const fxmon_progress *progress)
{
    place->claimed = true;
    place->in_doubt = false;
    place->next_offset = progress->next_offset;
}

size_t fxi_redis_place_claim(const fxi_redis_places *places, const fxi_redis_place *place, const fxmon_progress *progress, const char *prefix, fxi_buf *out)
{
    static const char *const fields[] = {"next_offset", "epoch", "checkpoint_offset", "checkpoint"};
    (void)progress;
    fxi_redis_command(out, 4);
    fxi_redis_text(out, "HSET");
    fxi_redis_key(out, prefix, place->key, NULL);
    put_text(out, "owner", places->owner);
    size_t count = 1 + put_expiry(place, prefix, out);
    fxi_redis_command(out, 6);
    fxi_redis_text(out, "HMGET");
    fxi_redis_key(out, prefix, place->key, NULL);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        fxi_redis_text(out, fields[i]);
    }
    return count + 1;
}

fxmon_result fxi_redis_place_loaded(fxi_redis_place *place, fxmon_progress *progress, const redisReply *reply, fxmon_error *error)
{
    progress->next_offset = number(reply, 0, -1);
    progress->epoch = number(reply, 1, 0);
    int64_t checkpoint_offset = number(reply, 2, -1);
    if (field(reply, 3) && checkpoint_offset >= 0 && progress->next_offset >= 0) {
        progress->checkpoint_size = reply->element[3]->len;
        progress->checkpoint = fxi_alloc(progress->checkpoint_size);
        if (!progress->checkpoint) {
            fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a checkpoint of %lld bytes", (long long)progress->checkpoint_size);
            return FXMON_FATAL;
        }
        memcpy(progress->checkpoint, reply->element[3]->str, progress->checkpoint_size);
        progress->checkpoint_offset = checkpoint_offset;
    }
    place->claimed = true;
    place->in_doubt = false;
    place->next_offset = progress->next_offset;
    return FXMON_DONE;
}
