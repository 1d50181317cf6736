/* lane/store_stage.h - lane into a store: rows, dead letters and progress in one transaction. */
#ifndef FXI_STORE_STAGE_H
#define FXI_STORE_STAGE_H
#include "lane/stage.h"
extern const fxi_stage_ops fxi_store_stage;
/** State for fxi_store_stage. Texts are copied; nothing is opened. */
int fxi_store_stage_new(const fxmon_store_ops *ops, const char *url, void **state, fxmon_error *error);
#endif
