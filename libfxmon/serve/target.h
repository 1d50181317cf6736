/* serve/target.h - a request target as segments and parameters. The raw path is split first and each segment decoded exactly once. Pure. */
#ifndef FXI_TARGET_H
#define FXI_TARGET_H
#include <fxmon/core.h>

#define FXI_TARGET_SEGMENTS 8
#define FXI_TARGET_SEGMENT 64 /* with its NUL */
#define FXI_TARGET_PARAMS 16
#define FXI_TARGET_NAME 32
#define FXI_TARGET_VALUE 128

typedef struct fxi_target {
    size_t segments, params;
    char segment[FXI_TARGET_SEGMENTS][FXI_TARGET_SEGMENT];
    struct { char name[FXI_TARGET_NAME], value[FXI_TARGET_VALUE]; } param[FXI_TARGET_PARAMS];
} fxi_target;

/** FXMON_E_SYNTAX with a sentence: the path cannot be meant (HTTP 400). FXMON_E_RANGE: a parameter too long, too many or twice (422). */
int fxi_target_parse(const char *raw, size_t length, fxi_target *out, fxmon_error *error);
const char *fxi_target_param(const fxi_target *target, const char *name); /* NULL if absent */
#endif
