/*
 * core/alert_check.c - what one quote does to a set of alerts.
 *
 * Quiet ticks, nearly all of them, end in fxmon_alerts_check itself: same pair, newer, no level between the last price and this one, nothing due.
 * A busy tick collects the events that come in no order of their own (from alerts that wait for a time, are new, or cross their clear level) as
 * slot numbers in the order (threshold, id), and remembers the range of thresholds the price went over; fxmon_alert_next merges the two
 * and steps each alert as it comes to it. So a storm of a hundred thousand events at a round number needs no memory, and the order is fixed.
 *
 * Stepping an alert twice with one sample does nothing the second time, so an alert may be in both without harm.
 */
#include "core/alert_set.h"

#include <string.h>

#define FETCH_AHEAD 4 /* alerts: stepping one takes longer than memory takes for the next */

/* ---- one alert ------------------------------------------------------------------------------------------ */

static int position_of(const fxi_alert_pair *pair, const fxi_alert_slot *slot)
{
    if (!slot->wide)
        return (pair->price > slot->high) - (pair->price < slot->low);
    fxmon_decimal clear = slot->rule.clear.mantissa != 0 ? slot->rule.clear : slot->rule.threshold;
    int level = fxmon_decimal_compare(pair->mid, slot->rule.threshold), other = fxmon_decimal_compare(pair->mid, clear);
    return level > 0 && other > 0 ? 1 : level < 0 && other < 0 ? -1 : 0;
}

/* Would this sample make an event of the alert? Changes nothing. */
static bool is_eventful(const fxi_alert_pair *pair, const fxi_alert_slot *slot, int64_t time)
{
    fxmon_alert_state state = slot->state;
    fxmon_event event;
    bool ended;
    return slot->rule.active && fxi_alert_step(&slot->rule, &state, position_of(pair, slot), time, pair->mid, &event, &ended) != 0;
}

/* Apply the sample; the kind of event, or 0. */
static int step_slot(fxmon_alerts *alerts, fxi_alert_pair *pair, uint32_t number, fxmon_event *event)
{
    fxi_alert_slot *slot = &alerts->slot[number];
    if (!slot->rule.active)
        return 0;
    int position = position_of(pair, slot);
    fxmon_alert_state before = slot->state;
    if (slot->open_at != 0 && position != 0 && position != before.side) {
        fxi_alert_pair_worst(pair, slot); /* the episode ends: its worst price is wanted now */
        before = slot->state;
    }
    bool ended;
    int kind = fxi_alert_step(&slot->rule, &slot->state, position, alerts->time, pair->mid, event, &ended);
    if (ended)
        slot->rule.active = false;
    const fxmon_alert_state *after = &slot->state;
    bool fresh = slot->fresh;
    /* on a level the book cannot know on which side of the cursor the alert belongs: look again until the price is off it */
    slot->fresh = fresh && !slot->wide && (pair->price == slot->high || pair->price == slot->low);
    if (kind != 0 || before.side != after->side || before.phase != after->phase || before.suppressed != after->suppressed) {
        slot->state.last_time = alerts->time;
        fxi_alerts_mark(alerts, number);
        fxi_alerts_relist(alerts, pair, number);
    } else if (fresh) {
        fxi_alerts_relist(alerts, pair, number);
    }
    return kind;
}

static void fill_event(const fxmon_alerts *alerts, const fxi_alert_slot *slot, int kind, fxmon_event *event)
{
    event->alert_id = slot->rule.id;
    event->version = slot->rule.version;
    event->kind = kind;
    event->condition = slot->rule.condition;
    event->severity = slot->rule.severity;
    event->pair = slot->rule.pair;
    event->threshold = slot->rule.threshold;
    event->rate = alerts->rate;
    event->time = alerts->time;
    memcpy(event->source, alerts->source, sizeof event->source);
    event->partition = alerts->partition;
    event->offset = alerts->offset;
    fxi_event_identify(event, alerts->stream);
}

/* ---- the queue of a busy tick ------------------------------------------------------------------------------- */

static bool slot_before(const fxi_alert_slot *a, const fxi_alert_slot *b)
{
    int order = a->wide || b->wide ? fxmon_decimal_compare(a->rule.threshold, b->rule.threshold)
                                   : (a->level > b->level) - (a->level < b->level);
    return order != 0 ? order < 0 : a->rule.id < b->rule.id;
}

static void sift_down(const fxi_alert_slot *slot, uint32_t *heap, size_t root, size_t count)
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && slot_before(&slot[heap[child]], &slot[heap[child + 1]]))
            child++;
        if (!slot_before(&slot[heap[root]], &slot[heap[child]]))
            return;
        uint32_t swap = heap[root];
        heap[root] = heap[child];
        heap[child] = swap;
    }
}

/* A heap sort: in place, and n log n whatever comes. */
static void sort_queue(const fxi_alert_slot *slot, uint32_t *queue, size_t count)
{
    for (size_t root = count / 2; root-- > 0;)
        sift_down(slot, queue, root, count);
    for (size_t last = count; last-- > 1;) {
        uint32_t swap = queue[0];
        queue[0] = queue[last];
        queue[last] = swap;
        sift_down(slot, queue, 0, last);
    }
}

static void enqueue_or_step(fxmon_alerts *alerts, fxi_alert_pair *pair, uint32_t number)
{
    fxi_alert_slot *slot = &alerts->slot[number];
    fxmon_event unused;
    if (slot->queued)
        return;
    if (is_eventful(pair, slot, alerts->time)) {
        slot->queued = true;
        pair->queue[pair->queued++] = number;
    } else {
        step_slot(alerts, pair, number, &unused);
    }
}

static void queue_waiting(fxmon_alerts *alerts, fxi_alert_pair *pair)
{
    if (alerts->time < pair->due)
        return;
    for (size_t i = pair->watches; i-- > 0;) /* backwards: a step may take its alert off the list, the last one fills its place */
        enqueue_or_step(alerts, pair, pair->watch[i]);
    pair->due = INT64_MAX;
    for (size_t i = 0; i < pair->watches; i++) {
        const fxi_alert_slot *slot = &alerts->slot[pair->watch[i]];
        int64_t due = slot->wide || slot->fresh ? INT64_MIN : slot->queued ? INT64_MAX : fxi_alert_due(&slot->rule, &slot->state);
        if (due < pair->due)
            pair->due = due;
    }
}

/* ---- extremes -------------------------------------------------------------------------------------------------- */

/* The samples since the last busy tick become one entry of the extremes; what comes now begins the next. */
static void close_gap(fxmon_alerts *alerts, fxi_alert_pair *pair)
{
    if (pair->opens == 0)
        fxi_extremes_clear(&pair->extremes);
    else if (pair->gap_high >= pair->gap_low &&
             !fxi_extremes_add(&pair->extremes, pair->gap_time, pair->gap_high_price, pair->gap_low_price))
        fxi_alert_pair_fold(alerts, pair);
    pair->gap_high = INT64_MIN;
    pair->gap_low = INT64_MAX;
}

static void begin_gap(fxi_alert_pair *pair, int64_t time)
{
    pair->gap_time = time;
    pair->gap_high = pair->gap_low = pair->price;
    pair->gap_high_price = pair->gap_low_price = pair->mid;
}

/* ---- the check ---------------------------------------------------------------------------------------------------- */

void fxi_alerts_drain(fxmon_alerts *alerts)
{
    fxmon_event unused;
    fxmon_alert_iter rest = {alerts, alerts->generation};
    while (alerts->walking != NULL && fxmon_alert_next(&rest, &unused))
        ;
}

static fxmon_alert_iter check_busy(fxmon_alerts *alerts, fxi_alert_pair *pair, const fxmon_quote *quote)
{
    bool first = pair->last_time == INT64_MIN;
    if (quote->time <= pair->late_before)
        return (fxmon_alert_iter){NULL, 0};
    close_gap(alerts, pair);
    pair->price = fxi_alert_pair_key(alerts, pair, quote->mid);
    pair->last_time = quote->time;
    alerts->time = quote->time;
    alerts->rate = quote->mid;
    memcpy(alerts->source, quote->source, sizeof alerts->source);
    alerts->source[sizeof alerts->source - 1] = '\0';
    if (alerts->stream == NULL) /* no log: the quote is its own identity */
        alerts->stream = alerts->source;
    pair->queued = 0;
    alerts->queue_at = 0;
    fxi_book_range clears = {{0, 0}, {0, 0}};
    alerts->range = clears;
    if (first) {
        fxi_alert_book_seek(&pair->levels, pair->price);
        fxi_alert_book_seek(&pair->clears, pair->price);
    } else {
        alerts->range = fxi_alert_book_move(&pair->levels, pair->price);
        clears = fxi_alert_book_move(&pair->clears, pair->price);
    }
    fxi_alert_pair_gap(pair);
    queue_waiting(alerts, pair);
    while (!fxi_book_range_empty(&clears)) {
        int64_t key;
        uint32_t number;
        fxi_book_range_next(&pair->clears, &clears, &key, &number);
        enqueue_or_step(alerts, pair, number);
    }
    sort_queue(alerts->slot, pair->queue, pair->queued);
    alerts->generation++;
    alerts->walking = pair;
    return (fxmon_alert_iter){alerts, alerts->generation};
}

/* Two compares decide a quiet tick; everything before them is finding the pair and bringing the price to its scale. */
static inline bool is_quiet(fxi_alert_pair *pair, const fxmon_quote *quote)
{
    if (quote->mid.scale != pair->price_scale || (uint64_t)quote->mid.mantissa > pair->limit)
        return false;
    int64_t key = quote->mid.mantissa * pair->factor;
    if (key < pair->down || key > pair->up || quote->time >= pair->due)
        return false;
    if (key > pair->gap_high) {
        pair->gap_high = key;
        pair->gap_high_price.mantissa = quote->mid.mantissa;
        pair->gap_high_price.scale = quote->mid.scale;
    }
    if (key < pair->gap_low) {
        pair->gap_low = key;
        pair->gap_low_price.mantissa = quote->mid.mantissa;
        pair->gap_low_price.scale = quote->mid.scale;
    }
    pair->last_time = quote->time;
    pair->price = key;
    pair->mid.mantissa = quote->mid.mantissa; /* its scale is price_scale. Not as a struct: a wide load would wait for the caller's narrow stores */
    return true;
}

/* The usual case in full: the pair of the last check, and nothing to do. */
static inline bool is_over(const fxmon_alerts *alerts, const fxmon_quote *quote)
{
    fxi_alert_pair *pair = alerts->recent;
    if (pair == NULL || alerts->walking != NULL || memcmp(&pair->name, &quote->pair, sizeof quote->pair) != 0)
        return false;
    return quote->time <= pair->last_time || is_quiet(pair, quote);
}

static fxmon_alert_iter __attribute__((noinline)) check(fxmon_alerts *alerts, const fxmon_quote *quote, const char *stream,
                                                        int32_t partition, int64_t offset)
{
    const fxmon_alert_iter none = {NULL, 0};
    fxi_alerts_drain(alerts);
    fxi_alert_pair *pair = fxi_alerts_pair(alerts, &quote->pair);
    if (pair == NULL)
        return none;
    alerts->recent = pair;
    if (quote->time <= pair->last_time || is_quiet(pair, quote))
        return none;
    alerts->stream = stream;
    alerts->partition = partition;
    alerts->offset = offset;
    return check_busy(alerts, pair, quote);
}

fxmon_alert_iter fxi_alerts_at(fxmon_alerts *alerts, const fxmon_quote *quote, const char *stream, int32_t partition, int64_t offset)
{
    const fxmon_alert_iter none = {NULL, 0};
    return is_over(alerts, quote) ? none : check(alerts, quote, stream, partition, offset);
}

fxmon_alert_iter fxmon_alerts_check(fxmon_alerts *alerts, const fxmon_quote *quote)
{
    const fxmon_alert_iter none = {NULL, 0};
    if (alerts == NULL || quote == NULL || is_over(alerts, quote))
        return none;
    return check(alerts, quote, NULL, 0, quote->time);
}

/* Alerts at one level lie anywhere in memory: ask for one that will be stepped soon, while those before it are. */
static inline void fetch_ahead(const fxmon_alerts *alerts, const fxi_alert_pair *pair)
{
    size_t index = alerts->range.at.index + FETCH_AHEAD;
    if (alerts->range.at.block >= pair->levels.blocks)
        return;
    const fxi_book_block *block = pair->levels.block[alerts->range.at.block];
    if (index >= block->count)
        return;
    const char *slot = (const char *)&alerts->slot[block->slot[index]];
    for (size_t line = 0; line < sizeof alerts->slot[0]; line += 64)
        __builtin_prefetch(slot + line, 1);
}

/* The next alert of the tick to step, in the order (threshold, id); false when there is none. */
static bool next_slot(fxmon_alerts *alerts, fxi_alert_pair *pair, uint32_t *number)
{
    bool queued = alerts->queue_at < pair->queued;
    if (fxi_book_range_empty(&alerts->range)) {
        if (queued)
            *number = pair->queue[alerts->queue_at++];
        return queued;
    }
    if (queued) {
        fxi_book_range peek = alerts->range;
        int64_t key;
        uint32_t crossed;
        fxi_book_range_next(&pair->levels, &peek, &key, &crossed);
        if (!slot_before(&alerts->slot[crossed], &alerts->slot[pair->queue[alerts->queue_at]])) {
            *number = pair->queue[alerts->queue_at++];
            return true;
        }
    }
    int64_t key;
    fxi_book_range_next(&pair->levels, &alerts->range, &key, number);
    fetch_ahead(alerts, pair);
    return true;
}

bool fxmon_alert_next(fxmon_alert_iter *iter, fxmon_event *event)
{
    fxmon_alerts *alerts = iter->alerts;
    if (alerts == NULL || alerts->walking == NULL || iter->turn != alerts->generation)
        return false;
    fxi_alert_pair *pair = alerts->walking;
    uint32_t number;
    while (next_slot(alerts, pair, &number)) {
        alerts->slot[number].queued = false;
        int kind = step_slot(alerts, pair, number, event);
        if (kind != 0) {
            fill_event(alerts, &alerts->slot[number], kind, event);
            return true;
        }
    }
    alerts->walking = NULL;
    begin_gap(pair, alerts->time);
    return false;
}
