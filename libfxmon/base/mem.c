/*
 * base/mem.c - the one door to memory.
 *
 * The allocator is the library's only process-wide setting. It may be replaced only before the first allocation, because a
 * block must go back to the allocator it came from; `in_use` remembers that the first allocation has happened. The flag is
 * written once and otherwise only read, so threads do not fight over its cache line.
 */
#include "base/mem.h"

#include <fxmon/core.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static void *system_alloc(void *user, size_t size)
{
    (void)user;
    return malloc(size);
}

static void *system_resize(void *user, void *old, size_t size)
{
    (void)user;
    return realloc(old, size);
}

static void system_release(void *user, void *old)
{
    (void)user;
    free(old);
}

static fxmon_allocator allocator = {system_alloc, system_resize, system_release, NULL};
static atomic_bool in_use;

static void mark_in_use(void)
{
    if (!atomic_load_explicit(&in_use, memory_order_relaxed)) {
        atomic_store_explicit(&in_use, true, memory_order_relaxed);
    }
}

int fxmon_allocator_set(const fxmon_allocator *replacement)
{
    if (replacement == NULL || replacement->alloc == NULL || replacement->resize == NULL || replacement->release == NULL) {
        return FXMON_E_ARGUMENT;
    }
    if (atomic_load(&in_use)) {
        return FXMON_E_STATE;
    }
    allocator = *replacement;
    return FXMON_OK;
}

void fxmon_free_memory(void *memory)
{
    fxi_free(memory);
}

void *fxi_alloc(size_t size)
{
    mark_in_use();
    if (size > PTRDIFF_MAX) {
        return NULL;
    }
    return allocator.alloc(allocator.user, size == 0 ? 1 : size);
}

void *fxi_calloc(size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        return NULL;
    }
    void *memory = fxi_alloc(total);
    if (memory != NULL) {
        memset(memory, 0, total);
    }
    return memory;
}

void *fxi_realloc(void *old, size_t size)
{
    if (old == NULL) {
        return fxi_alloc(size);
    }
    if (size > PTRDIFF_MAX) {
        return NULL;
    }
    return allocator.resize(allocator.user, old, size == 0 ? 1 : size);
}

void *fxi_grow(void *old, size_t *capacity, size_t need, size_t item)
{
    if (old != NULL && need <= *capacity) {
        return old;
    }
    size_t wanted = *capacity < 8 ? 8 : *capacity;
    while (wanted < need) {
        if (wanted > SIZE_MAX / 2) {
            return NULL;
        }
        wanted *= 2;
    }
    size_t total;
    if (__builtin_mul_overflow(wanted, item, &total)) {
        return NULL;
    }
    void *grown = fxi_realloc(old, total);
    if (grown != NULL) {
        *capacity = wanted;
    }
    return grown;
}

void fxi_free(void *memory)
{
    if (memory != NULL) {
        allocator.release(allocator.user, memory);
    }
}

char *fxi_strdup(const char *text)
{
    return text == NULL ? NULL : fxi_strndup(text, strlen(text));
}

char *fxi_strndup(const char *text, size_t length)
{
    if (text == NULL) {
        return NULL;
    }
    size_t used = strnlen(text, length);
    if (used == SIZE_MAX) {
        return NULL;
    }
    char *copy = fxi_alloc(used + 1);
    if (copy != NULL) {
        memcpy(copy, text, used);
        copy[used] = '\0';
    }
    return copy;
}
