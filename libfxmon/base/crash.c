/* base/crash.c - see crash.h. Empty in a release build. */
#include "base/crash.h"

#if FXI_CRASH_POINTS
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* "NAME" or "NAME:N": the pass that is meant, 0 when it is another point. */
static long pass_of(const char *wanted, const char *name)
{
    size_t length = strlen(name);
    if (!wanted || strncmp(wanted, name, length) != 0 || (wanted[length] != '\0' && wanted[length] != ':'))
        return 0;
    return wanted[length] == ':' ? strtol(wanted + length + 1, NULL, 10) : 1;
}

void fxi_crash(const char *name)
{
    static atomic_long crash_passes, stop_passes; /* of the one point that each variable names */
    long pass = pass_of(getenv("FXMON_CRASH_AT"), name);
    if (pass > 0 && atomic_fetch_add(&crash_passes, 1) + 1 == pass)
        raise(SIGKILL);
    pass = pass_of(getenv("FXMON_STOP_AT"), name);
    if (pass > 0 && atomic_fetch_add(&stop_passes, 1) + 1 == pass)
        raise(SIGSTOP);
}
#endif
