/* replay: keeps what every source promises. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "source/source.h"

/* A file of this run, newest first, with a header, a bad line and one that is too long to be a line. */
static const char *recording(void)
{
    static char url[128];
    char path[64];
    snprintf(path, sizeof path, "replay-%ld.csv", (long)getpid());
    snprintf(url, sizeof url, "replay:%s", path);
    FILE *file = fopen(path, "w");
    if (!file)
        abort();
    fputs("Date,USD,JPY,GBP,\n", file);
    fputs("2015-12-31,1.0887,131.07,0.73395,\n2015-12-30,1.0926,131.66,0.73799,\nnonsense,1,2,3,\n", file);
    fputs("2015-12-29,1.0952,131.87,N/A,\n2015-12-28,1.0978,132.17,0.7367,\n", file);
    fclose(file);
    return url;
}

#define SOURCE_NAME "replay"
#define SOURCE_OPS fxi_source_replay
#define SOURCE_URL recording()
#define SOURCE_ENDS 1
#define SOURCE_TYPO "replay:rates.csv?sped=1"
#define SOURCE_MEANT "speed"
#define SOURCE_BAD                                                                                                     \
    {"replay:", FXMON_E_ARGUMENT, "from"}, {"replay:/nonexistent/file", FXMON_E_NOT_FOUND, ""},                        \
        {"replay:/", FXMON_E_IO, "from"}, {"replay:x?speed=0", FXMON_E_RANGE, "speed"},                                \
        {"replay:x?speed=fast", FXMON_E_SYNTAX, "speed"}, {"replay:x?format=xml", FXMON_E_OPTION, "format"},           \
        {"replay:x?shift=tomorrow", FXMON_E_OPTION, "shift"}, {"replay:x?order=random", FXMON_E_OPTION, "order"},      \
        {"replay:x?strict=perhaps", FXMON_E_SYNTAX, "strict"}, {"replay:x?date=today", FXMON_E_SYNTAX, "date"},        \
        {"replay:x?nothing=1", FXMON_E_OPTION, "nothing"}, {"replay:/dev/null?order=reverse", FXMON_E_UNSUPPORTED, "order"},

#include "source.inc"
