/* source/sim_levels.h - reference levels of currencies for sim:, dated. */
#ifndef FXI_SIM_LEVELS_H
#define FXI_SIM_LEVELS_H
#include <fxmon/core.h>
#define FXI_SIM_LEVELS_DATE "2015-12-31"
typedef struct fxi_sim_level {
    char code[8];
    fxmon_decimal per_dollar;
} fxi_sim_level;
const fxi_sim_level *fxi_sim_level_find(const char *code); /* NULL: none */
const fxi_sim_level *fxi_sim_level_at(size_t index);       /* sorted by code; NULL past the end */
#endif
