/* lane/sink_stage.h - lane into a sink: a driver, or the four functions of a host. */
#ifndef FXI_SINK_STAGE_H
#define FXI_SINK_STAGE_H
#include "lane/stage.h"
extern const fxi_stage_ops fxi_sink_stage;
/** State for fxi_sink_stage over a driver. Texts are copied; nothing is opened. */
int fxi_sink_stage_new(const fxmon_sink_ops *ops, const char *url, void **state, fxmon_error *error);
/** The same over a host's table, which is copied; `user` goes to its functions. */
int fxi_sink_stage_custom(const fxmon_custom_sink *sink, void *user, void **state, fxmon_error *error);
#endif
