/*
 * lane/breaker.h - a circuit breaker for one destination or source. Time is an argument (monotonic ns); any thread may call.
 */
#ifndef FXI_BREAKER_H
#define FXI_BREAKER_H
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum fxi_breaker_state { FXI_BREAKER_CLOSED, FXI_BREAKER_OPEN, FXI_BREAKER_HALF_OPEN };

typedef struct fxi_breaker_settings {
    int threshold;         /* consecutive failures that open it; at least 1 */
    int64_t cooldown;      /* ns it stays open before one probe is admitted */
    int64_t maximum;       /* largest cooldown with a factor above 1 */
    double factor;         /* growth of the cooldown with each failed probe; 1: none */
    int64_t probe_timeout; /* ns after which a probe without a result counts as failed */
} fxi_breaker_settings;

/** How often it changed its state, and how many calls it refused. */
typedef struct fxi_breaker_counts {
    uint64_t opened;    /* closed -> open */
    uint64_t probed;    /* open -> half-open */
    uint64_t closed;    /* half-open -> closed */
    uint64_t reopened;  /* half-open -> open, a failed probe */
    uint64_t timed_out; /* of these, probes that gave no result in time */
    uint64_t refused;
} fxi_breaker_counts;

typedef struct fxi_breaker {
    pthread_mutex_t mutex;
    fxi_breaker_settings settings;
    enum fxi_breaker_state state;
    int failures;        /* consecutive, while closed */
    uint64_t generation; /* one more with each change of state */
    int64_t cooldown;    /* current length */
    int64_t opened_at;
    int64_t probe_until;
    fxi_breaker_counts counts;
} fxi_breaker;

void fxi_breaker_init(fxi_breaker *breaker, const fxi_breaker_settings *settings);
void fxi_breaker_destroy(fxi_breaker *breaker);
/** May a call be made now? true: *ticket goes to fxi_breaker_result with the outcome. false: *retry_after ns until it makes sense to ask again. */
bool fxi_breaker_admit(fxi_breaker *breaker, int64_t now, uint64_t *ticket, int64_t *retry_after);
/** The outcome of an admitted call; ignored when the state has changed since. */
void fxi_breaker_result(fxi_breaker *breaker, uint64_t ticket, bool success, int64_t now);
/** The state at this moment, without admitting anything. */
enum fxi_breaker_state fxi_breaker_state_at(fxi_breaker *breaker, int64_t now);
fxi_breaker_counts fxi_breaker_counts_of(fxi_breaker *breaker);
#endif
