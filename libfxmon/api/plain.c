/* api/plain.c - see handle.h: system clocks, no log, default options. */
#include <string.h>

#include "api/handle.h"
#include "base/clock.h"
#include "base/error.h"

static int64_t plain_now(void *user)
{
    (void)user;
    return fxi_clock_wall();
}

static int64_t plain_monotonic(void *user)
{
    (void)user;
    return fxi_clock_monotonic();
}

static bool plain_stopping(void *user)
{
    (void)user;
    return false;
}

static void plain_log(void *user, int level, const char *component, const char *text)
{
    (void)user;
    (void)level;
    (void)component;
    (void)text;
}

static const char *plain_option(void *user, const char *name)
{
    const fxi_plain *plain = user;
    if (strcmp(name, "base") == 0 && (plain->base || plain->own_base))
        return plain->base;
    if (strcmp(name, "track") == 0 && plain->track)
        return plain->track;
    const fxmon_option_info *row = fxmon_option_find(name);
    return row ? row->initial : NULL;
}

void fxi_plain_init(fxi_plain *plain)
{
    memset(plain, 0, sizeof *plain);
    plain->env = (fxmon_env){.size = sizeof(fxmon_env), .user = plain, .now = plain_now, .monotonic = plain_monotonic,
                             .stopping = plain_stopping, .log = plain_log, .option = plain_option};
}

int fxi_result_code(fxmon_result result, fxmon_error *error, const char *what)
{
    static const int codes[] = {FXMON_OK, FXMON_E_BUSY, FXMON_E_IO, FXMON_E_REJECTED, FXMON_E_FENCED, FXMON_E_NO_DATA, FXMON_E_BUSY};
    if (result == FXMON_DONE)
        return FXMON_OK;
    if (error->code == FXMON_OK)
        fxi_fail(error, (size_t)result < sizeof codes / sizeof codes[0] ? codes[result] : FXMON_E_IO, "", "%s failed", what);
    return error->code;
}
