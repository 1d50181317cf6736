/* tests/support/property.c */
#include "property.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

void property_seed(fxi_random *r, const char *test)
{
    const char *given = getenv("FXMON_TEST_SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10)
                                  : (uint64_t)now.tv_sec * 1000003u + (uint64_t)now.tv_nsec + (uint64_t)getpid() * 7919u;
    printf("%s: FXMON_TEST_SEED=%llu\n", test, (unsigned long long)seed);
    fflush(stdout);
    fxi_random_seed(r, seed);
}

long property_cases(long count)
{
    const char *scale = getenv("FXMON_TEST_SCALE");
    long times = scale == NULL ? 1 : strtol(scale, NULL, 10);
    return count * (times < 1 ? 1 : times);
}

int64_t property_integer(fxi_random *r)
{
    uint64_t value = fxi_random_next(r) >> fxi_random_below(r, 64);
    if (fxi_random_below(r, 4) == 0) {
        value = 1;
        for (uint64_t i = fxi_random_below(r, 19); i > 0; i--) {
            value *= 10;
        }
        value += fxi_random_below(r, 3) - 1;
    }
    if (fxi_random_below(r, 16) == 0) {
        value = (uint64_t)INT64_MAX - fxi_random_below(r, 3);
    }
    return (int64_t)(fxi_random_below(r, 2) == 0 ? value : 0 - value);
}

bool property_comma_locale(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "es_ES.UTF-8", "de_DE", "fr_FR"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (setlocale(LC_ALL, names[i]) != NULL && localeconv()->decimal_point[0] == ',') {
            return true;
        }
    }
    printf("no locale with a decimal comma on this machine: not tested under one\n");
    return false;
}
