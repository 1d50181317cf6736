/*
 * base/map.c - a hash map from keys of one size to 64-bit values.
 *
 * Entries lie densely in insertion order (keys, values); beside them a table of slots holds, for each entry, its number and 32
 * bits of its hash. A look-up touches one slot and one key. At most two thirds of the slots are used; probing is linear and removal shifts
 * the followers back, so there are no grave marks that slow a long-lived map down. The hash is seeded with the map's address, so that
 * whoever chooses the keys cannot choose the collisions; nothing visible depends on it.
 */
#include "base/map.h"

#include "base/mem.h"

#include <fxmon/core.h>
#include <string.h>

#define FIRST_SLOTS 16
#define MOST_ENTRIES (UINT32_MAX / 4)

typedef struct slot {
    uint32_t hash;
    uint32_t entry; /* number of the entry + 1; 0: free */
} slot;

struct fxi_map {
    size_t key_size;
    uint64_t seed;
    slot *slots;
    uint32_t mask; /* slots - 1 */
    uint32_t count;
    size_t key_capacity, value_capacity;
    char *keys;
    uint64_t *values;
};

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t load_eight(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    return word;
}

#define MULTIPLIER_A UINT64_C(0x9E3779B97F4A7C15)
#define MULTIPLIER_B UINT64_C(0xD6E8FEB86659FD93)

static inline uint32_t hash_of(const fxi_map *map, const char *key)
{
    uint64_t hash = map->seed;
    size_t size = map->key_size;
    if (size == 16) {
        hash = mix(load_eight(key) ^ hash, load_eight(key + 8) ^ MULTIPLIER_A);
    } else {
        for (; size >= 8; size -= 8, key += 8) {
            hash = mix(hash ^ load_eight(key), MULTIPLIER_A);
        }
        if (size > 0) {
            uint64_t rest = 0;
            memcpy(&rest, key, size);
            hash = mix(hash ^ rest, MULTIPLIER_B);
        }
    }
    return (uint32_t)(mix(hash ^ MULTIPLIER_B, MULTIPLIER_A));
}

static inline bool same_key(const fxi_map *map, uint32_t entry, const char *key)
{
    const char *own = map->keys + (size_t)entry * map->key_size;
    if (map->key_size == 16) {
        return ((load_eight(own) ^ load_eight(key)) | (load_eight(own + 8) ^ load_eight(key + 8))) == 0;
    }
    if (map->key_size == 8) {
        return load_eight(own) == load_eight(key);
    }
    return memcmp(own, key, map->key_size) == 0;
}

fxi_map *fxi_map_new(size_t key_size)
{
    if (key_size == 0 || key_size > 64) {
        return NULL;
    }
    fxi_map *map = fxi_calloc(1, sizeof(*map));
    if (map == NULL) {
        return NULL;
    }
    map->slots = fxi_calloc(FIRST_SLOTS, sizeof(slot));
    if (map->slots == NULL) {
        fxi_free(map);
        return NULL;
    }
    map->key_size = key_size;
    map->mask = FIRST_SLOTS - 1;
    map->seed = mix((uint64_t)(uintptr_t)map, MULTIPLIER_B);
    return map;
}

void fxi_map_free(fxi_map *map)
{
    if (map != NULL) {
        fxi_free(map->slots);
        fxi_free(map->keys);
        fxi_free(map->values);
        fxi_free(map);
    }
}

size_t fxi_map_count(const fxi_map *map)
{
    return map->count;
}

/* The slot of the key, or the free slot where it would go. */
static inline uint32_t find_slot(const fxi_map *map, const char *key, uint32_t hash)
{
    uint32_t at = hash & map->mask;
    while (map->slots[at].entry != 0 && (map->slots[at].hash != hash || !same_key(map, map->slots[at].entry - 1, key))) {
        at = (at + 1) & map->mask;
    }
    return at;
}

bool fxi_map_get(const fxi_map *map, const void *key, uint64_t *value)
{
    const slot *found = &map->slots[find_slot(map, key, hash_of(map, key))];
    if (found->entry == 0) {
        return false;
    }
    if (value != NULL) {
        *value = map->values[found->entry - 1];
    }
    return true;
}

static int double_slots(fxi_map *map)
{
    uint32_t mask = map->mask * 2 + 1;
    slot *slots = fxi_calloc((size_t)mask + 1, sizeof(slot));
    if (slots == NULL) {
        return FXMON_E_NOMEM;
    }
    for (size_t i = 0; i <= map->mask; i++) {
        if (map->slots[i].entry != 0) {
            uint32_t at = map->slots[i].hash & mask;
            while (slots[at].entry != 0) {
                at = (at + 1) & mask;
            }
            slots[at] = map->slots[i];
        }
    }
    fxi_free(map->slots);
    map->slots = slots;
    map->mask = mask;
    return FXMON_OK;
}

static int make_room(fxi_map *map)
{
    if (map->count >= MOST_ENTRIES) {
        return FXMON_E_NOMEM;
    }
    char *keys = fxi_grow(map->keys, &map->key_capacity, (size_t)map->count + 1, map->key_size);
    if (keys == NULL) {
        return FXMON_E_NOMEM;
    }
    map->keys = keys;
    uint64_t *values = fxi_grow(map->values, &map->value_capacity, (size_t)map->count + 1, sizeof(*values));
    if (values == NULL) {
        return FXMON_E_NOMEM;
    }
    map->values = values;
    return ((uint64_t)map->count + 1) * 3 > ((uint64_t)map->mask + 1) * 2 ? double_slots(map) : FXMON_OK;
}

int fxi_map_put(fxi_map *map, const void *key, uint64_t value)
{
    uint32_t hash = hash_of(map, key);
    uint32_t at = find_slot(map, key, hash);
    if (map->slots[at].entry != 0) {
        map->values[map->slots[at].entry - 1] = value;
        return FXMON_OK;
    }
    int code = make_room(map);
    if (code != FXMON_OK) {
        return code;
    }
    at = find_slot(map, key, hash); /* the slots may have moved */
    memcpy(map->keys + (size_t)map->count * map->key_size, key, map->key_size);
    map->values[map->count] = value;
    map->count++;
    map->slots[at] = (slot){hash, map->count};
    return FXMON_OK;
}

/* Free a slot and pull back those behind it that had to give way to it. */
static void vacate(fxi_map *map, uint32_t hole)
{
    uint32_t at = hole;
    for (;;) {
        at = (at + 1) & map->mask;
        if (map->slots[at].entry == 0) {
            break;
        }
        uint32_t home = map->slots[at].hash & map->mask;
        if (((at - home) & map->mask) >= ((at - hole) & map->mask)) {
            map->slots[hole] = map->slots[at];
            hole = at;
        }
    }
    map->slots[hole] = (slot){0, 0};
}

bool fxi_map_remove(fxi_map *map, const void *key)
{
    uint32_t at = find_slot(map, key, hash_of(map, key));
    if (map->slots[at].entry == 0) {
        return false;
    }
    uint32_t gone = map->slots[at].entry - 1, last = map->count - 1;
    vacate(map, at);
    if (gone != last) { /* the last entry moves into the gap */
        char *last_key = map->keys + (size_t)last * map->key_size;
        uint32_t moved = find_slot(map, last_key, hash_of(map, last_key));
        map->slots[moved].entry = gone + 1;
        memcpy(map->keys + (size_t)gone * map->key_size, last_key, map->key_size);
        map->values[gone] = map->values[last];
    }
    map->count--;
    return true;
}

bool fxi_map_at(const fxi_map *map, size_t index, const void **key, uint64_t *value)
{
    if (index >= map->count) {
        return false;
    }
    if (key != NULL) {
        *key = map->keys + index * map->key_size;
    }
    if (value != NULL) {
        *value = map->values[index];
    }
    return true;
}
