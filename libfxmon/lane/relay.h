/* lane/relay.h - events of the outbox to notifiers: at least once, in order, each destination by itself. See relay.c. */
#ifndef FXI_RELAY_H
#define FXI_RELAY_H
#include <fxmon/fxmon.h>

typedef struct fxi_relay fxi_relay;

fxi_relay *fxi_relay_new(void);
void fxi_relay_free(fxi_relay *relay); /* closes the drivers */
/** Before open. FXMON_E_EXISTS when the destination is there already. */
int fxi_relay_add(fxi_relay *relay, const fxmon_notify_ops *ops, const char *url, fxmon_error *error);
size_t fxi_relay_count(const fxi_relay *relay);
/** Makes the destinations known to the store, so that one that is new begins with the events from now on. */
fxmon_result fxi_relay_open(fxi_relay *relay, const fxmon_env *env, const fxmon_store_ops *store_ops, void *store, fxmon_error *error);
/** Send what is waiting for at most `budget` ns plus one call of a driver. `last`: nothing comes after this, so waits between attempts are not kept. */
void fxi_relay_turn(fxi_relay *relay, int64_t budget, bool last);
/** One line on the first destination that is behind, "" when all are up to date. */
void fxi_relay_trouble(const fxi_relay *relay, char *out, size_t size);
#endif
