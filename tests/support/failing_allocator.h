/*
 * tests/support/failing_allocator.h - an allocator that fails on request and counts what is alive.
 *
 * For allocation-failure walks. In each test (Check forks one process a test):
 *
 *     failing_allocator_install();                     // first of all calls into the library
 *     for (long nth = 1;; nth++) {
 *         failing_allocator_fail(nth);                 // the nth allocation from here on returns NULL, once
 *         int code = thing_under_test();               // must fail cleanly, or succeed
 *         bool reached = failing_allocator_failed();   // did it get that far?
 *         failing_allocator_fail(0);                   // no more failures
 *         ... check the code, clean up ...
 *         ck_assert_int_eq(failing_allocator_alive(), blocks_before);
 *         if (!reached) break;                         // nth was past the last allocation: the walk is complete
 *     }
 */
#ifndef FXMON_TEST_FAILING_ALLOCATOR_H
#define FXMON_TEST_FAILING_ALLOCATOR_H

#include <stdbool.h>

/** Make the library use this allocator. May be called again. Ends the process if the library has allocated before. */
void failing_allocator_install(void);
/** The nth allocation (or growth) from now on fails, and only it; 0: none. */
void failing_allocator_fail(long nth);
/** From the nth on every one fails, until failing_allocator_fail. */
void failing_allocator_fail_from(long nth);
bool failing_allocator_failed(void); /* since the last failing_allocator_fail... */
long failing_allocator_alive(void);  /* blocks that are not freed */
long failing_allocator_count(void);  /* allocations and growths since the last failing_allocator_fail... */

#endif
