/*
 * stream/kafka_pending.c - which records of a batch are on their way already.
 *
 * An append that was not acknowledged in time is called again with the same records, perhaps with more behind them. What librdkafka has of them is not given to it twice:
 * it goes on trying for as long as the writer lives, and the broker drops what its own retries repeat. So a batch is recognised by its first records, told by
 * their hashes. Another batch is another matter: the old records may still arrive, which an append that failed does not rule out.
 */
#include <string.h>

#include "base/mem.h"
#include "stream/kafka.h"

#define INDEX_BITS 24 /* records of a batch: 16 million, the option batch ends at one */

/* FNV-1a, 64 bits: told apart are records of one writer that follow one another, not an attacker's. */
static uint64_t hash(const fxmon_blob *record)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (const char *p = record->key; p && *p; p++) {
        h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
    }
    h = (h ^ 0x100) * UINT64_C(1099511628211);
    const char *data = record->data;
    size_t left = record->length;
    for (; left >= sizeof(uint64_t); left -= sizeof(uint64_t), data += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, data, sizeof word);
        h = (h ^ word) * UINT64_C(0x9FB21C651E98DF25);
        h ^= h >> 32;
    }
    while (left-- > 0) {
        h = (h ^ (unsigned char)*data++) * UINT64_C(1099511628211);
    }
    return h ^ record->length;
}

void fxi_kafka_pending_free(fxi_kafka_pending *p)
{
    fxi_free(p->records);
    *p = (fxi_kafka_pending){.records = NULL};
}

void fxi_kafka_pending_clear(fxi_kafka_pending *p)
{
    p->count = p->arrived = p->failed = 0;
    p->turn++;
}

size_t fxi_kafka_pending_match(fxi_kafka_pending *p, const fxmon_blob *records, size_t count)
{
    bool same = p->count <= count;
    for (size_t i = 0; same && i < p->count; i++) {
        same = p->records[i].hash == hash(&records[i]);
    }
    if (!same) {
        fxi_kafka_pending_clear(p);
    }
    return p->count;
}

bool fxi_kafka_pending_room(fxi_kafka_pending *p, size_t count)
{
    if (count >= (size_t)1 << INDEX_BITS) {
        return false;
    }
    struct fxi_kafka_pending_record *grown = fxi_grow(p->records, &p->capacity, count, sizeof *grown);
    if (grown) {
        p->records = grown;
    }
    return grown != NULL;
}

void fxi_kafka_pending_add(fxi_kafka_pending *p, const fxmon_blob *record)
{
    p->records[p->count].hash = hash(record);
    p->records[p->count++].state = FXI_KAFKA_FLIES;
}

void *fxi_kafka_pending_mark(const fxi_kafka_pending *p, size_t index)
{
    return (void *)(uintptr_t)((uint64_t)p->turn << INDEX_BITS | index);
}

void fxi_kafka_pending_report(fxi_kafka_pending *p, void *mark, bool arrived)
{
    uint64_t value = (uintptr_t)mark;
    size_t index = value & (((uint64_t)1 << INDEX_BITS) - 1);
    if (value >> INDEX_BITS != p->turn || index >= p->count || p->records[index].state != FXI_KAFKA_FLIES) {
        return;
    }
    p->records[index].state = arrived ? FXI_KAFKA_ARRIVED : FXI_KAFKA_FAILED;
    p->arrived += arrived;
    p->failed += !arrived;
}

void fxi_kafka_pending_again(fxi_kafka_pending *p, size_t index)
{
    if (p->records[index].state == FXI_KAFKA_FAILED) {
        p->records[index].state = FXI_KAFKA_FLIES;
        p->failed--;
    }
}
