/* tests/support/failing_allocator.c - malloc with a counter in front. Atomics, because lanes allocate from their threads. */
#include "failing_allocator.h"

#include <fxmon/core.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static atomic_long calls, alive, fail_at, failures;
static atomic_bool for_ever, installed;

static bool fails_now(void)
{
    long call = atomic_fetch_add(&calls, 1) + 1, at = atomic_load(&fail_at);
    if (at == 0 || call < at || (call > at && !atomic_load(&for_ever))) {
        return false;
    }
    atomic_fetch_add(&failures, 1);
    return true;
}

static void *counted_alloc(void *user, size_t size)
{
    (void)user;
    void *block = fails_now() ? NULL : malloc(size);
    if (block != NULL) {
        atomic_fetch_add(&alive, 1);
    }
    return block;
}

static void *counted_resize(void *user, void *old, size_t size)
{
    (void)user;
    if (fails_now()) {
        return NULL;
    }
    if (old == NULL) {
        atomic_fetch_add(&alive, 1);
    }
    return realloc(old, size);
}

static void counted_release(void *user, void *old)
{
    (void)user;
    if (old != NULL) {
        atomic_fetch_sub(&alive, 1);
    }
    free(old);
}

void failing_allocator_install(void)
{
    static const fxmon_allocator counted = {counted_alloc, counted_resize, counted_release, NULL};
    if (!atomic_exchange(&installed, true) && fxmon_allocator_set(&counted) != FXMON_OK) {
        fprintf(stderr, "failing_allocator_install: the library has allocated already\n");
        abort();
    }
}

static void arm(long nth, bool ever)
{
    atomic_store(&fail_at, 0);
    atomic_store(&calls, 0);
    atomic_store(&failures, 0);
    atomic_store(&for_ever, ever);
    atomic_store(&fail_at, nth);
}

void failing_allocator_fail(long nth)
{
    arm(nth, false);
}

void failing_allocator_fail_from(long nth)
{
    arm(nth, true);
}

bool failing_allocator_failed(void)
{
    return atomic_load(&failures) > 0;
}

long failing_allocator_alive(void)
{
    return atomic_load(&alive);
}

long failing_allocator_count(void)
{
    return atomic_load(&calls);
}
