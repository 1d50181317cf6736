/* tests/support/memory_store.h - a store in memory for tests of who asks a store: rates given by the test, alerts kept, failures on demand. */
#ifndef FXT_MEMORY_STORE_H
#define FXT_MEMORY_STORE_H
#include <fxmon/plugin.h>
enum { FXT_STORE_ROWS = 3000, FXT_STORE_ALERTS = 2000, FXT_STORE_EVENTS = 700 };
typedef struct fxt_memory_store {
    fxmon_stored_rate rate[FXT_STORE_ROWS]; /* oldest first */
    fxmon_alert alert[FXT_STORE_ALERTS];
    fxmon_stored_event event[FXT_STORE_EVENTS];
    size_t rates, alerts, events;
    int64_t next_id;
    bool away;        /* every call answers RETRY */
    int opened;       /* now open */
} fxt_memory_store;
/** There is one at a time: what `open` of the table connects to. */
extern fxt_memory_store *fxt_memory;
extern const fxmon_store_ops fxt_memory_ops;
void fxt_memory_rate(fxt_memory_store *m, const char *pair, const char *rate, int64_t time, double volatility, const char *source);
void fxt_memory_event(fxt_memory_store *m, int64_t alert_id, const char *pair, const char *rate, int64_t time);
#endif
