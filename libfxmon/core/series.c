/*
 * core/series.c - the state of every (pair, source).
 *
 * The key of a series is its pair with the number of its source in the last two bytes, which a canonical pair leaves free: one 16-byte
 * look-up. Mostly not even that happens: messages repeat their pairs in one order, so every series remembers which one came after it last time,
 * and a compare of 16 bytes confirms the guess. The source of the last rate is remembered likewise.
 *
 * A checkpoint is the newest quote and the prices in the window of each series; the volatility is a function of those alone (volatility.c), so a restored
 * state continues bit for bit. The bytes are little-endian with a checksum at the end, and every length in them is checked before it is used.
 */
#include "core/series.h"

#include "base/map.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

#define SOURCES_MAXIMUM 65535
#define SERIES_MAXIMUM 1000000
#define CHECKPOINT_MAGIC "FXSERIES"
#define CHECKPOINT_VERSION 1
#define HEADER_SIZE (8 + 4 + 4 + 4 + 4) /* magic, version, window, sources, series */
#define DECIMAL_SIZE 9                  /* mantissa, scale */
#define ENTRY_SIZE (16 + 8 + 3 * DECIMAL_SIZE + 4) /* key, time, mid, bid, ask, prices; then the prices */
#define CHECKSUM_SIZE 8

typedef struct entry {
    fxmon_pair key; /* the pair; the source in bytes 14 and 15, little-endian */
    int64_t time;
    fxmon_decimal mid, bid, ask;
    fxmon_volatility *volatility;
    uint32_t follower; /* the series that was applied after this one last time */
} entry;

struct fxi_series {
    size_t window;
    fxi_map *keys;    /* entry.key -> position in entry[] */
    fxi_map *sources; /* FXMON_SOURCE_TEXT bytes -> position in source[] */
    entry *entry;
    char (*source)[FXMON_SOURCE_TEXT];
    size_t entries, entry_capacity, source_count, source_capacity;
    uint32_t last_entry, last_source;
};

fxi_series *fxi_series_new(size_t window)
{
    fxmon_volatility *probe = fxmon_volatility_new(window); /* its own judgement of the window's size */
    fxi_series *s = probe == NULL ? NULL : fxi_calloc(1, sizeof(*s));
    fxmon_volatility_free(probe);
    if (s == NULL)
        return NULL;
    s->window = window;
    s->keys = fxi_map_new(sizeof(fxmon_pair));
    s->sources = fxi_map_new(FXMON_SOURCE_TEXT);
    if (s->keys == NULL || s->sources == NULL) {
        fxi_series_free(s);
        return NULL;
    }
    return s;
}

static void key_number(fxmon_pair *key, size_t source)
{
    key->text[14] = (char)(source & 0xFF);
    key->text[15] = (char)(source >> 8);
}

static size_t key_source(const fxmon_pair *key)
{
    return (size_t)(unsigned char)key->text[14] | (size_t)(unsigned char)key->text[15] << 8;
}

void fxi_series_clear(fxi_series *s)
{
    for (size_t i = 0; i < s->entries; i++) {
        fxi_map_remove(s->keys, &s->entry[i].key);
        fxmon_volatility_free(s->entry[i].volatility);
    }
    for (size_t i = 0; i < s->source_count; i++)
        fxi_map_remove(s->sources, s->source[i]);
    s->entries = s->source_count = 0;
    s->last_entry = s->last_source = 0;
}

void fxi_series_free(fxi_series *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->entries; i++)
        fxmon_volatility_free(s->entry[i].volatility);
    fxi_free(s->entry);
    fxi_free(s->source);
    fxi_map_free(s->sources);
    fxi_map_free(s->keys);
    fxi_free(s);
}

/* The number of a source, which is new if need be. */
static int source_number(fxi_series *s, const char *name, size_t *out)
{
    char text[FXMON_SOURCE_TEXT] = {0};
    uint64_t at = s->source_count;
    if (s->last_source < s->source_count && strncmp(s->source[s->last_source], name, FXMON_SOURCE_TEXT - 1) == 0) {
        *out = s->last_source;
        return FXMON_OK;
    }
    memcpy(text, name, strnlen(name, sizeof(text) - 1));
    if (!fxi_map_get(s->sources, text, &at)) {
        if (at >= SOURCES_MAXIMUM)
            return FXMON_E_TOO_LARGE;
        if (at >= s->source_capacity) {
            void *larger = fxi_grow(s->source, &s->source_capacity, at + 1, sizeof(s->source[0]));
            if (larger == NULL)
                return FXMON_E_NOMEM;
            s->source = larger;
        }
        if (fxi_map_put(s->sources, text, at) != FXMON_OK)
            return FXMON_E_NOMEM;
        memcpy(s->source[at], text, sizeof(text));
        s->source_count++;
    }
    s->last_source = (uint32_t)at;
    *out = (size_t)at;
    return FXMON_OK;
}

/* A new series with an empty window; the quote is the caller's to fill in. */
static int entry_insert(fxi_series *s, const fxmon_pair *key, size_t *out)
{
    if (s->entries >= SERIES_MAXIMUM)
        return FXMON_E_TOO_LARGE;
    if (s->entries >= s->entry_capacity) {
        void *larger = fxi_grow(s->entry, &s->entry_capacity, s->entries + 1, sizeof(s->entry[0]));
        if (larger == NULL)
            return FXMON_E_NOMEM;
        s->entry = larger;
    }
    fxmon_volatility *volatility = fxmon_volatility_new(s->window);
    if (volatility == NULL || fxi_map_put(s->keys, key, s->entries) != FXMON_OK) {
        fxmon_volatility_free(volatility);
        return FXMON_E_NOMEM;
    }
    s->entry[s->entries] = (entry){.key = *key, .volatility = volatility};
    *out = s->entries++;
    return FXMON_OK;
}

static bool entry_find(fxi_series *s, const fxmon_pair *key, size_t *out)
{
    uint64_t at;
    if (s->last_entry < s->entries) {
        uint32_t guess = s->entry[s->last_entry].follower;
        if (guess < s->entries && memcmp(&s->entry[guess].key, key, sizeof(*key)) == 0) {
            *out = guess;
            return true;
        }
    }
    if (!fxi_map_get(s->keys, key, &at))
        return false;
    *out = (size_t)at;
    return true;
}

static bool same_rate(const entry *e, const fxmon_rate *rate)
{
    return fxmon_decimal_compare(e->mid, rate->mid) == 0 && fxmon_decimal_compare(e->bid, rate->bid) == 0 &&
           fxmon_decimal_compare(e->ask, rate->ask) == 0;
}

static bool scale_valid(fxmon_decimal price)
{
    return price.scale >= 0 && price.scale <= 18;
}

int fxi_series_apply(fxi_series *s, const char *source, int64_t time, const fxmon_rate *rate, enum fxi_verdict *verdict,
                     double *volatility, uint32_t *samples)
{
    size_t number, at;
    bool known;
    if (!scale_valid(rate->mid) || !scale_valid(rate->bid) || !scale_valid(rate->ask))
        return FXMON_E_RANGE;
    int code = source_number(s, source, &number);
    if (code != FXMON_OK)
        return code;
    fxmon_pair key = rate->pair;
    key_number(&key, number);
    known = entry_find(s, &key, &at);
    if (!known) {
        code = entry_insert(s, &key, &at);
        if (code != FXMON_OK)
            return code;
    }
    if (s->last_entry < s->entries)
        s->entry[s->last_entry].follower = (uint32_t)at;
    s->last_entry = (uint32_t)at;
    entry *e = &s->entry[at];
    *volatility = NAN;
    if (known && time <= e->time) {
        *verdict = time == e->time && same_rate(e, rate) ? FXI_REPEAT : FXI_LATE;
    } else {
        *verdict = FXI_NEW;
        e->time = time;
        e->mid = rate->mid;
        e->bid = rate->bid;
        e->ask = rate->ask;
        fxmon_volatility_add(e->volatility, rate->mid); /* fails on the scale alone, which was checked */
        *volatility = fxmon_volatility_value(e->volatility);
    }
    *samples = (uint32_t)fxmon_volatility_count(e->volatility);
    return FXMON_OK;
}

size_t fxi_series_count(const fxi_series *s)
{
    return s->entries;
}

bool fxi_series_at(const fxi_series *s, size_t index, fxmon_quote *quote, double *volatility, uint32_t *samples)
{
    if (index >= s->entries)
        return false;
    const entry *e = &s->entry[index];
    quote->pair = e->key;
    key_number(&quote->pair, 0);
    quote->time = e->time;
    quote->mid = e->mid;
    quote->bid = e->bid;
    quote->ask = e->ask;
    memcpy(quote->source, s->source[key_source(&e->key)], sizeof(quote->source));
    *volatility = fxmon_volatility_value(e->volatility);
    *samples = (uint32_t)fxmon_volatility_count(e->volatility);
    return true;
}

/* ---- checkpoint --------------------------------------------------------------------------- */

static unsigned char *put_number(unsigned char *p, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *p++ = (unsigned char)(value >> 8 * i);
    return p;
}

static unsigned char *put_decimal(unsigned char *p, fxmon_decimal value)
{
    p = put_number(p, (uint64_t)value.mantissa, 8);
    return put_number(p, (uint64_t)value.scale, 1);
}

static uint64_t get_number(const unsigned char **p, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t)*(*p)++ << 8 * i;
    return value;
}

static fxmon_decimal get_decimal(const unsigned char **p)
{
    fxmon_decimal value;
    value.mantissa = (int64_t)get_number(p, 8);
    value.scale = (int32_t)get_number(p, 1);
    return value;
}

/* Every step is a bijection of the state, so that no change within one 8-byte word goes unseen. */
static uint64_t checksum(const unsigned char *bytes, size_t size)
{
    uint64_t sum = UINT64_C(0xCBF29CE484222325) ^ size;
    while (size > 0) {
        int step = size < 8 ? (int)size : 8;
        sum = (sum ^ get_number(&bytes, step)) * UINT64_C(0x9E3779B97F4A7C15);
        sum ^= sum >> 29;
        size -= (size_t)step;
    }
    return sum;
}

void *fxi_series_save(const fxi_series *s, size_t *size)
{
    size_t total = HEADER_SIZE + s->source_count * FXMON_SOURCE_TEXT + s->entries * ENTRY_SIZE + CHECKSUM_SIZE;
    for (size_t i = 0; i < s->entries; i++)
        total += fxmon_volatility_count(s->entry[i].volatility) * DECIMAL_SIZE;
    unsigned char *bytes = fxi_alloc(total), *p = bytes;
    if (bytes == NULL)
        return NULL;
    memcpy(p, CHECKPOINT_MAGIC, 8);
    p = put_number(p + 8, CHECKPOINT_VERSION, 4);
    p = put_number(p, s->window, 4);
    p = put_number(p, s->source_count, 4);
    p = put_number(p, s->entries, 4);
    for (size_t i = 0; i < s->source_count; i++, p += FXMON_SOURCE_TEXT)
        memcpy(p, s->source[i], FXMON_SOURCE_TEXT);
    for (size_t i = 0; i < s->entries; i++) {
        const entry *e = &s->entry[i];
        size_t prices = fxmon_volatility_count(e->volatility);
        memcpy(p, &e->key, 16);
        p = put_number(p + 16, (uint64_t)e->time, 8);
        p = put_decimal(p, e->mid);
        p = put_decimal(p, e->bid);
        p = put_decimal(p, e->ask);
        p = put_number(p, prices, 4);
        for (size_t k = 0; k < prices; k++)
            p = put_decimal(p, fxmon_volatility_price(e->volatility, k));
    }
    put_number(p, checksum(bytes, total - CHECKSUM_SIZE), CHECKSUM_SIZE);
    *size = total;
    return bytes;
}

/* One series from p; end is where the checksum begins. */
static int restore_entry(fxi_series *s, const unsigned char **p, const unsigned char *end)
{
    fxmon_pair key, plain, parsed;
    size_t at;
    if ((size_t)(end - *p) < ENTRY_SIZE)
        return FXMON_E_CORRUPT;
    memcpy(&key, *p, sizeof(key));
    *p += sizeof(key);
    plain = key;
    key_number(&plain, 0);
    if (fxmon_pair_parse(plain.text, strnlen(plain.text, sizeof(plain.text)), &parsed) != FXMON_OK ||
        fxmon_pair_compare(&plain, &parsed) != 0 || key_source(&key) >= s->source_count || fxi_map_get(s->keys, &key, &(uint64_t){0}))
        return FXMON_E_CORRUPT;
    int code = entry_insert(s, &key, &at);
    if (code != FXMON_OK)
        return code;
    entry *e = &s->entry[at];
    e->time = (int64_t)get_number(p, 8);
    e->mid = get_decimal(p);
    e->bid = get_decimal(p);
    e->ask = get_decimal(p);
    if (!scale_valid(e->mid) || !scale_valid(e->bid) || !scale_valid(e->ask))
        return FXMON_E_CORRUPT;
    size_t prices = (size_t)get_number(p, 4);
    if (prices > s->window || prices > (size_t)(end - *p) / DECIMAL_SIZE)
        return FXMON_E_CORRUPT;
    for (size_t i = 0; i < prices; i++)
        if (fxmon_volatility_add(e->volatility, get_decimal(p)) != FXMON_OK)
            return FXMON_E_CORRUPT;
    return FXMON_OK;
}

static int restore_sources(fxi_series *s, const unsigned char **p, const unsigned char *end, size_t count)
{
    size_t number;
    if (count > SOURCES_MAXIMUM || count > (size_t)(end - *p) / FXMON_SOURCE_TEXT)
        return FXMON_E_CORRUPT;
    for (size_t i = 0; i < count; i++, *p += FXMON_SOURCE_TEXT) {
        if (memchr(*p, '\0', FXMON_SOURCE_TEXT) == NULL)
            return FXMON_E_CORRUPT;
        int code = source_number(s, (const char *)*p, &number);
        if (code != FXMON_OK)
            return code;
        if (number != i) /* named twice */
            return FXMON_E_CORRUPT;
    }
    return FXMON_OK;
}

static int restore_all(fxi_series *s, const unsigned char *bytes, size_t size)
{
    if (size < HEADER_SIZE + CHECKSUM_SIZE || memcmp(bytes, CHECKPOINT_MAGIC, 8) != 0)
        return FXMON_E_CORRUPT;
    const unsigned char *p = bytes + 8, *end = bytes + size - CHECKSUM_SIZE, *sum = end;
    if (get_number(&sum, CHECKSUM_SIZE) != checksum(bytes, size - CHECKSUM_SIZE) || get_number(&p, 4) != CHECKPOINT_VERSION)
        return FXMON_E_CORRUPT;
    if (get_number(&p, 4) != s->window)
        return FXMON_E_STATE;
    size_t sources = (size_t)get_number(&p, 4), entries = (size_t)get_number(&p, 4);
    int code = restore_sources(s, &p, end, sources);
    for (size_t i = 0; i < entries && code == FXMON_OK; i++)
        code = restore_entry(s, &p, end);
    return code == FXMON_OK && p != end ? FXMON_E_CORRUPT : code;
}

int fxi_series_restore(fxi_series *s, const void *bytes, size_t size)
{
    fxi_series_clear(s);
    int code = bytes == NULL ? FXMON_E_CORRUPT : restore_all(s, bytes, size);
    if (code != FXMON_OK)
        fxi_series_clear(s);
    return code;
}
