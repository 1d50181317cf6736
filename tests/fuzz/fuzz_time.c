/* Any bytes as a time: what is taken has one canonical form, and that form is the same instant. The first eight bytes also serve as an instant. */
#include <fxmon/core.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int64_t time)
{
    char text[FXMON_TIME_TEXT];
    int64_t back;
    if (fxmon_time_parse(text, fxmon_time_format(time, text), &back) != FXMON_OK || back != time) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t time;
    if (fxmon_time_parse((const char *)data, size, &time) == FXMON_OK) {
        check(time);
    }
    if (size >= sizeof(time)) {
        memcpy(&time, data, sizeof(time));
        check(time);
    }
    return 0;
}
