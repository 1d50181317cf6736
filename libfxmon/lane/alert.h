/*
 * lane/alert.h - the alert stage: rates -> alerts -> history, states and outbox of a store in one transaction; afterwards outbox -> notifiers.
 * fxmon_alerting makes one, fxmon_notify adds destinations to it; the lane owns it from then on and frees it through ops->close.
 */
#ifndef FXI_ALERT_STAGE_H
#define FXI_ALERT_STAGE_H
#include "lane/stage.h"

typedef struct fxi_alert_stage fxi_alert_stage;

extern const fxi_stage_ops fxi_alert_stage_ops;

/** Opens nothing: the lane's ops->open does. `url` is copied. */
int fxi_alert_stage_new(const fxmon_store_ops *store, const char *url, fxi_alert_stage **out, fxmon_error *error);
/** One more destination of the outbox, before open. `url` is copied and, redacted, names the destination in the outbox. FXMON_E_EXISTS when given twice. */
/** `env` is the notifiers': its stopping() turns true with the first request to stop, so that a command that hangs does not hold the lane. */
int fxi_alert_stage_notify(fxi_alert_stage *stage, const fxmon_env *env, const fxmon_notify_ops *notify, const char *url, fxmon_error *error);
/** For a stage that was never given to a lane. */
void fxi_alert_stage_free(fxi_alert_stage *stage);
#endif
