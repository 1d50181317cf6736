/* tests/support/support.h - what test programs share. See failing_allocator.h and property.h. */
#ifndef FXMON_TEST_SUPPORT_H
#define FXMON_TEST_SUPPORT_H

#include "failing_allocator.h"
#include "property.h"

#include <check.h>

/** Runs the tests of one program; the result of main. */
int support_run(const char *name, TCase *tests);

#endif
