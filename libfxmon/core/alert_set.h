/* core/alert_set.h - the inside of fxmon_alerts, shared by alert_set.c (who is in it) and alert_check.c (what a quote does). */
#ifndef FXI_ALERT_SET_H
#define FXI_ALERT_SET_H
#include "base/map.h"
#include "core/alert.h"
#include "core/alert_book.h"
#include "core/alert_extreme.h"

#define FXI_KEY_LIMIT (INT64_C(1) << 62) /* levels have smaller keys; prices beyond are cut to FXI_KEY_BEYOND, above every level */
#define FXI_KEY_BEYOND INT64_MAX

/** One alert. high and low are the keys of the levels that its price has to be beyond. */
typedef struct fxi_alert_slot {
    int64_t high, low, level; /* level: key of the threshold, the alert's place in the order of events */
    fxmon_alert rule;
    fxmon_alert_state state;
    uint32_t watch_at, open_at; /* place + 1 in the pair's lists; 0: not in it */
    bool used, fresh, listed, wide, dirty, queued;
} fxi_alert_slot;

/** All alerts of one pair. The first members are what a quiet tick reads. */
typedef struct fxi_alert_pair {
    fxmon_pair name;
    int64_t last_time;          /* INT64_MIN: no sample yet */
    int64_t late_before;        /* what an earlier run saw: samples up to here are late */
    int64_t down, up;           /* nothing is crossed while down <= key <= up */
    int64_t due;                /* nothing waits for a time before this */
    int64_t factor;             /* key = mantissa * factor for prices of price_scale ... */
    uint64_t limit;             /* ... with a mantissa up to this */
    int32_t price_scale, scale; /* scale: decimals of the keys */
    int64_t gap_high, gap_low;  /* extreme keys since the last busy tick (its time: gap_time); high < low: none */
    int64_t price;              /* key of the last price */
    fxmon_decimal mid, gap_high_price, gap_low_price;
    int64_t gap_time;
    fxi_alert_book levels;      /* thresholds */
    fxi_alert_book clears;      /* clear levels: their events are not in the order of their keys */
    uint32_t *watch, *open, *queue; /* slots: waiting for a time; with an open episode; with an event in the current tick */
    size_t watches, opens, queued, watch_room, open_room, queue_room;
    size_t count;
    fxi_extremes extremes;
} fxi_alert_pair;

struct fxmon_alerts {
    fxi_alert_pair *recent;     /* of the last check */
    fxi_map *pairs, *ids;       /* pair text -> index into pair; id -> slot */
    fxi_alert_pair **pair;
    size_t pair_count, pair_room;
    fxi_alert_slot *slot;
    size_t slots, slot_room;
    uint32_t *spare, *dirty;    /* free slots; slots whose state was not saved yet */
    size_t spares, spare_room, dirties, dirty_room;
    int64_t last_id;
    /* the iteration under way; walking == NULL: none */
    fxi_alert_pair *walking;
    int64_t generation;
    fxi_book_range range;
    size_t queue_at;
    int64_t time, offset;
    int32_t partition;
    fxmon_decimal rate;
    const char *stream;
    char source[FXMON_SOURCE_TEXT];
};

/** Apply what the last iteration did not fetch. Called before anything else happens to the set. */
void fxi_alerts_drain(fxmon_alerts *alerts);
/** Bring the lists (watch, open, dirty) in line with the slot's state. No allocation: insert has reserved the room. */
void fxi_alerts_relist(fxmon_alerts *alerts, fxi_alert_pair *pair, uint32_t slot);
void fxi_alerts_mark(fxmon_alerts *alerts, uint32_t slot);
/** The key of a price; grows the scale of the pair when that loses nothing. */
int64_t fxi_alert_pair_key(fxmon_alerts *alerts, fxi_alert_pair *pair, fxmon_decimal price);
void fxi_alert_pair_gap(fxi_alert_pair *pair);
/** The worst price of an open episode, brought up to the last sample. */
void fxi_alert_pair_worst(const fxi_alert_pair *pair, fxi_alert_slot *slot);
/** Move the extremes into the episodes and start them afresh. */
void fxi_alert_pair_fold(fxmon_alerts *alerts, fxi_alert_pair *pair);
fxi_alert_pair *fxi_alerts_pair(const fxmon_alerts *alerts, const fxmon_pair *name);
#endif
