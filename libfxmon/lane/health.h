/* lane/health.h - the row by which a lane says that it lives, about every 5 s, and once when it ends. */
#ifndef FXI_HEALTH_H
#define FXI_HEALTH_H
#include <fxmon/fxmon.h>
#define FXI_HEALTH_EVERY (5 * FXMON_SECOND)
typedef struct fxi_health {
    char component[64], instance[64];
    int64_t written;    /* when the last row was, 0 never */
    bool ended;
} fxi_health;
/** component: "consume/sqlite", "alert". */
void fxi_health_init(fxi_health *health, const char *component);
/** Fills *row and says true when one is due: every FXI_HEALTH_EVERY while the destination answers, and once at the end. */
bool fxi_health_due(fxi_health *health, int64_t now, const fxmon_status *status, fxmon_health *row);
#endif
