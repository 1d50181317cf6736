/*
 * tests/support/property.h - what property tests share: a seed that is printed (FXMON_TEST_SEED repeats a run), how many cases to try
 * (FXMON_TEST_SCALE multiplies), and a locale with a decimal comma.
 */
#ifndef FXMON_TEST_PROPERTY_H
#define FXMON_TEST_PROPERTY_H

#include "base/random.h"

#include <stdbool.h>

/** Seeds r from FXMON_TEST_SEED or the clock, and prints the seed with the name of the test. */
void property_seed(fxi_random *r, const char *test);
/** count times FXMON_TEST_SCALE (1). */
long property_cases(long count);
/** Any value of a type is likely: few bits, many bits, runs of ones, near powers of ten. */
int64_t property_integer(fxi_random *r);
/** Switches to a locale that writes 0,5; false (and says so) when this machine has none. */
bool property_comma_locale(void);

#endif
