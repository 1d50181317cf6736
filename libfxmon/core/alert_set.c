/*
 * core/alert_set.c - which alerts there are, and the integer keys they are compared by.
 *
 * Exactness. The levels of a pair are integers at one scale, that of the finest level or price seen; a price of that scale or a coarser one has an
 * exact key too, so comparing is comparing integers and no double is ever near. Keys are even (twice the scaled value): a price with more decimals
 * than the keys have gets the odd number above its floor, which compares rightly with every level. When a finer level or price arrives all keys
 * are multiplied, which keeps their order. A level for which no common scale fits 62 bits is "wide": it stands outside the book, and each tick
 * compares it as a decimal. Prices too large for a key are above every level that has one.
 *
 * Memory. Checking a quote never allocates: insert reserves room for the alert in every list that it could ever stand in.
 */
#include "core/alert_set.h"

#include "base/decimal.h"
#include "base/error.h"
#include "base/mem.h"

#include <string.h>

/* ---- keys ---------------------------------------------------------------------------------------------- */

static fxmon_decimal trimmed(fxmon_decimal value)
{
    while (value.scale > 0 && value.mantissa % 10 == 0) {
        value.mantissa /= 10;
        value.scale--;
    }
    return value;
}

/* Key of a value that is exact at the scale. False when it does not fit. */
static bool exact_key(fxmon_decimal value, int32_t scale, int64_t *key)
{
    int64_t product;
    if (value.scale > scale || __builtin_mul_overflow(value.mantissa, fxi_pow10[scale - value.scale], &product))
        return false;
    if (product >= FXI_KEY_LIMIT / 2 || product <= -FXI_KEY_LIMIT / 2)
        return false;
    *key = product * 2;
    return true;
}

static int64_t price_key(fxmon_decimal price, int32_t scale)
{
    int64_t key;
    if (price.scale > scale) {
        int64_t divisor = fxi_pow10[price.scale - scale];
        int64_t floor = price.mantissa / divisor, rest = price.mantissa % divisor;
        if (rest < 0) {
            floor--;
            rest += divisor;
        }
        return exact_key((fxmon_decimal){floor, scale}, scale, &key) ? key + (rest != 0) : price.mantissa > 0 ? FXI_KEY_BEYOND : -FXI_KEY_BEYOND;
    }
    return exact_key(price, scale, &key) ? key : price.mantissa > 0 ? FXI_KEY_BEYOND : -FXI_KEY_BEYOND;
}

static int64_t largest_key(const fxi_alert_book *book)
{
    if (book->count == 0)
        return 0;
    const fxi_book_block *last = book->block[book->blocks - 1];
    int64_t high = last->key[last->count - 1], low = book->first[0];
    return high > -low ? high : -low;
}

static bool scale_fits(const fxi_alert_pair *pair, int32_t scale)
{
    int64_t factor = fxi_pow10[scale - pair->scale];
    int64_t limit = (FXI_KEY_LIMIT - 1) / factor;
    return largest_key(&pair->levels) <= limit && largest_key(&pair->clears) <= limit;
}

static void set_fast_path(fxi_alert_pair *pair)
{
    pair->price_scale = pair->mid.scale;
    pair->factor = 0;
    pair->limit = 0;
    if (pair->mid.scale <= pair->scale) {
        int64_t power = fxi_pow10[pair->scale - pair->mid.scale];
        if (power < FXI_KEY_LIMIT / 2) {
            pair->factor = 2 * power;
            pair->limit = (uint64_t)((FXI_KEY_LIMIT - 1) / pair->factor);
        }
    }
}

/* All keys at a finer scale. */
static void grow_scale(fxmon_alerts *alerts, fxi_alert_pair *pair, int32_t scale)
{
    int64_t factor = fxi_pow10[scale - pair->scale];
    fxi_book_range all = {{0, 0}, {pair->levels.blocks, 0}};
    while (!fxi_book_range_empty(&all)) {
        int64_t key;
        uint32_t number;
        fxi_book_range_next(&pair->levels, &all, &key, &number);
        fxi_alert_slot *slot = &alerts->slot[number];
        slot->high *= factor;
        slot->low *= factor;
        slot->level *= factor;
    }
    fxi_alert_book_scale(&pair->levels, factor);
    fxi_alert_book_scale(&pair->clears, factor);
    pair->scale = scale;
    if (pair->last_time == INT64_MIN)
        return;
    pair->price = price_key(pair->mid, scale);
    if (pair->gap_high >= pair->gap_low) {
        pair->gap_high = price_key(pair->gap_high_price, scale);
        pair->gap_low = price_key(pair->gap_low_price, scale);
    }
    set_fast_path(pair);
    fxi_alert_pair_gap(pair);
}

int64_t fxi_alert_pair_key(fxmon_alerts *alerts, fxi_alert_pair *pair, fxmon_decimal price)
{
    int64_t key, headroom;
    if (price.scale > pair->scale && exact_key(price, price.scale, &key) && !__builtin_mul_overflow(key, 1000, &headroom) &&
        headroom < FXI_KEY_LIMIT && scale_fits(pair, price.scale))
        grow_scale(alerts, pair, price.scale);
    pair->mid = price;
    set_fast_path(pair);
    return price_key(price, pair->scale);
}

void fxi_alert_pair_gap(fxi_alert_pair *pair)
{
    if (pair->last_time == INT64_MIN) {
        pair->down = INT64_MAX; /* no price yet: every tick is busy */
        pair->up = INT64_MIN;
        return;
    }
    pair->down = pair->levels.down > pair->clears.down ? pair->levels.down : pair->clears.down;
    pair->up = pair->levels.up < pair->clears.up ? pair->levels.up : pair->clears.up;
}

/* ---- worst prices of open episodes --------------------------------------------------------------------- */

static void worsen(fxi_alert_slot *slot, fxmon_decimal price)
{
    int order = fxmon_decimal_compare(price, slot->state.worst);
    if (slot->rule.condition == FXMON_ABOVE ? order > 0 : order < 0)
        slot->state.worst = price;
}

void fxi_alert_pair_worst(const fxi_alert_pair *pair, fxi_alert_slot *slot)
{
    bool high = slot->rule.condition == FXMON_ABOVE;
    fxmon_decimal extreme = fxi_extremes_since(&pair->extremes, slot->state.since, high);
    if (extreme.mantissa != 0)
        worsen(slot, extreme);
    if (pair->gap_high >= pair->gap_low && pair->gap_time >= slot->state.since)
        worsen(slot, high ? pair->gap_high_price : pair->gap_low_price);
}

void fxi_alert_pair_fold(fxmon_alerts *alerts, fxi_alert_pair *pair)
{
    for (size_t i = 0; i < pair->opens; i++) {
        fxi_alert_slot *slot = &alerts->slot[pair->open[i]];
        fxmon_decimal before = slot->state.worst;
        fxi_alert_pair_worst(pair, slot);
        if (before.mantissa != slot->state.worst.mantissa || before.scale != slot->state.worst.scale)
            fxi_alerts_mark(alerts, pair->open[i]);
    }
    fxi_extremes_clear(&pair->extremes);
    pair->gap_high = INT64_MIN;
    pair->gap_low = INT64_MAX;
}

/* ---- lists ------------------------------------------------------------------------------------------------ */

static void list_add(uint32_t *list, size_t *count, uint32_t *place, uint32_t number)
{
    list[(*count)++] = number;
    *place = (uint32_t)*count;
}

void fxi_alerts_mark(fxmon_alerts *alerts, uint32_t number)
{
    if (alerts->slot[number].dirty)
        return;
    alerts->slot[number].dirty = true;
    alerts->dirty[alerts->dirties++] = number;
}

static void watch_set(fxmon_alerts *alerts, fxi_alert_pair *pair, uint32_t number, bool wanted)
{
    fxi_alert_slot *slot = &alerts->slot[number];
    if (wanted && slot->watch_at == 0) {
        list_add(pair->watch, &pair->watches, &slot->watch_at, number);
    } else if (!wanted && slot->watch_at != 0) {
        uint32_t last = pair->watch[--pair->watches];
        pair->watch[slot->watch_at - 1] = last;
        alerts->slot[last].watch_at = slot->watch_at;
        slot->watch_at = 0;
    }
}

static void open_set(fxmon_alerts *alerts, fxi_alert_pair *pair, uint32_t number, bool wanted)
{
    fxi_alert_slot *slot = &alerts->slot[number];
    if (wanted && slot->open_at == 0) {
        list_add(pair->open, &pair->opens, &slot->open_at, number);
    } else if (!wanted && slot->open_at != 0) {
        uint32_t last = pair->open[--pair->opens];
        pair->open[slot->open_at - 1] = last;
        alerts->slot[last].open_at = slot->open_at;
        slot->open_at = 0;
    }
}

void fxi_alerts_relist(fxmon_alerts *alerts, fxi_alert_pair *pair, uint32_t number)
{
    fxi_alert_slot *slot = &alerts->slot[number];
    int64_t due = INT64_MAX;
    if (slot->rule.active)
        due = slot->fresh || slot->wide ? INT64_MIN : fxi_alert_due(&slot->rule, &slot->state);
    watch_set(alerts, pair, number, due != INT64_MAX);
    open_set(alerts, pair, number, slot->rule.active && fxi_alert_open(&slot->rule, &slot->state));
    if (due < pair->due)
        pair->due = due;
}

/* ---- the set -------------------------------------------------------------------------------------------- */

fxmon_alerts *fxmon_alerts_new(void)
{
    fxmon_alerts *alerts = fxi_calloc(1, sizeof *alerts);
    if (alerts == NULL)
        return NULL;
    alerts->pairs = fxi_map_new(sizeof(fxmon_pair));
    alerts->ids = fxi_map_new(sizeof(int64_t));
    if (alerts->pairs == NULL || alerts->ids == NULL) {
        fxmon_alerts_free(alerts);
        return NULL;
    }
    return alerts;
}

static void pair_free(fxi_alert_pair *pair)
{
    fxi_alert_book_free(&pair->levels);
    fxi_alert_book_free(&pair->clears);
    fxi_free(pair->watch);
    fxi_free(pair->open);
    fxi_free(pair->queue);
    fxi_free(pair);
}

void fxmon_alerts_free(fxmon_alerts *alerts)
{
    if (alerts == NULL)
        return;
    for (size_t i = 0; i < alerts->pair_count; i++)
        pair_free(alerts->pair[i]);
    fxi_map_free(alerts->pairs);
    fxi_map_free(alerts->ids);
    fxi_free(alerts->pair);
    fxi_free(alerts->slot);
    fxi_free(alerts->spare);
    fxi_free(alerts->dirty);
    fxi_free(alerts);
}

fxi_alert_pair *fxi_alerts_pair(const fxmon_alerts *alerts, const fxmon_pair *name)
{
    uint64_t index;
    return fxi_map_get(alerts->pairs, name->text, &index) ? alerts->pair[index] : NULL;
}

static fxi_alert_pair *pair_make(fxmon_alerts *alerts, const fxmon_pair *name)
{
    fxi_alert_pair *pair = fxi_alerts_pair(alerts, name);
    if (pair != NULL)
        return pair;
    fxi_alert_pair **grown = fxi_grow(alerts->pair, &alerts->pair_room, alerts->pair_count + 1, sizeof *grown);
    if (grown == NULL)
        return NULL;
    alerts->pair = grown;
    pair = fxi_calloc(1, sizeof *pair);
    if (pair == NULL)
        return NULL;
    if (fxi_map_put(alerts->pairs, name->text, alerts->pair_count) != FXMON_OK) {
        fxi_free(pair);
        return NULL;
    }
    pair->name = *name;
    pair->last_time = INT64_MIN;
    pair->late_before = INT64_MIN;
    pair->due = INT64_MAX;
    pair->gap_high = INT64_MIN;
    pair->gap_low = INT64_MAX;
    fxi_alert_book_init(&pair->levels);
    fxi_alert_book_init(&pair->clears);
    fxi_alert_pair_gap(pair);
    alerts->pair[alerts->pair_count++] = pair;
    return pair;
}

static bool room(uint32_t **list, size_t *capacity, size_t need)
{
    uint32_t *grown = fxi_grow(*list, capacity, need, sizeof **list);
    if (grown != NULL)
        *list = grown;
    return grown != NULL;
}

/* Room for one more alert in every list, so that nothing after this fails but the books and the map. */
static bool reserve(fxmon_alerts *alerts, fxi_alert_pair *pair)
{
    if (alerts->slots == UINT32_MAX - 1)
        return false;
    fxi_alert_slot *grown = fxi_grow(alerts->slot, &alerts->slot_room, alerts->slots + 1, sizeof *grown);
    if (grown == NULL)
        return false;
    alerts->slot = grown;
    return room(&alerts->spare, &alerts->spare_room, alerts->slots + 1) && room(&alerts->dirty, &alerts->dirty_room, alerts->slots + 1) &&
           room(&pair->watch, &pair->watch_room, pair->count + 1) && room(&pair->open, &pair->open_room, pair->count + 1) &&
           room(&pair->queue, &pair->queue_room, pair->count + 1);
}

/* Keys of the slot at the pair's scale, grown if need be; a slot whose levels do not fit is wide. */
static void set_keys(fxmon_alerts *alerts, fxi_alert_pair *pair, fxi_alert_slot *slot)
{
    fxmon_decimal level = trimmed(slot->rule.threshold);
    fxmon_decimal clear = slot->rule.clear.mantissa != 0 ? trimmed(slot->rule.clear) : level;
    int32_t scale = level.scale > clear.scale ? level.scale : clear.scale;
    int64_t level_key = 0, clear_key = 0;
    if (scale < pair->scale)
        scale = pair->scale;
    slot->wide = !exact_key(level, scale, &level_key) || !exact_key(clear, scale, &clear_key) || !scale_fits(pair, scale);
    if (slot->wide)
        return;
    if (scale > pair->scale)
        grow_scale(alerts, pair, scale);
    slot->level = level_key;
    slot->high = level_key > clear_key ? level_key : clear_key;
    slot->low = level_key > clear_key ? clear_key : level_key;
}

static int64_t clear_key_of(const fxi_alert_slot *slot)
{
    return slot->high == slot->level ? slot->low : slot->high;
}

static int list_slot(fxi_alert_pair *pair, fxi_alert_slot *slot, uint32_t number)
{
    int64_t price = pair->last_time == INT64_MIN ? INT64_MIN : pair->price;
    int64_t id = slot->rule.id;
    int code = fxi_alert_book_insert(&pair->levels, slot->level, id, number, price);
    if (code != FXMON_OK || slot->high == slot->low)
        return code;
    code = fxi_alert_book_insert(&pair->clears, clear_key_of(slot), id, number, price);
    if (code != FXMON_OK)
        fxi_alert_book_remove(&pair->levels, slot->level, id);
    return code;
}

static int fail_memory(fxmon_error *error, int64_t id)
{
    return fxi_fail(error, FXMON_E_NOMEM, "", "no memory for alert %lld", (long long)id);
}

int fxmon_alerts_insert(fxmon_alerts *alerts, const fxmon_alert *alert, const fxmon_alert_state *state, fxmon_error *error)
{
    fxi_error_clear(error);
    if (alerts == NULL || alert == NULL)
        return fxi_fail(error, FXMON_E_ARGUMENT, alerts == NULL ? "alerts" : "alert", "NULL where an alert or a set of alerts is expected");
    fxi_alerts_drain(alerts);
    int code = fxi_alert_validate(alert, error);
    if (code != FXMON_OK)
        return code;
    uint64_t there;
    if (fxi_map_get(alerts->ids, &alert->id, &there))
        return fxi_fail(error, FXMON_E_EXISTS, "id", "alert %lld is in the set already", (long long)alert->id);
    fxi_alert_pair *pair = pair_make(alerts, &alert->pair);
    if (pair == NULL || !reserve(alerts, pair))
        return fail_memory(error, alert->id);
    uint32_t number = alerts->spares > 0 ? alerts->spare[alerts->spares - 1] : (uint32_t)alerts->slots;
    fxi_alert_slot *slot = &alerts->slot[number];
    *slot = (fxi_alert_slot){.rule = *alert, .used = true, .fresh = true};
    if (state != NULL)
        slot->state = *state;
    slot->state.alert_id = alert->id;
    slot->state.version = alert->version;
    if (fxi_map_put(alerts->ids, &alert->id, number) != FXMON_OK)
        return fail_memory(error, alert->id);
    set_keys(alerts, pair, slot);
    slot->listed = alert->active && !slot->wide;
    if (slot->listed && list_slot(pair, slot, number) != FXMON_OK) {
        fxi_map_remove(alerts->ids, &alert->id);
        return fail_memory(error, alert->id);
    }
    if (alerts->spares > 0)
        alerts->spares--;
    else
        alerts->slots++;
    if (alert->id > alerts->last_id)
        alerts->last_id = alert->id;
    pair->count++;
    if (state != NULL && state->side != 0)
        fxi_alerts_last(alerts, &alert->pair, state->last_time);
    fxi_alert_pair_gap(pair);
    fxi_alerts_relist(alerts, pair, number);
    return FXMON_OK;
}

int fxmon_alerts_add(fxmon_alerts *alerts, const char *rule, fxmon_error *error)
{
    fxmon_alert alert;
    if (alerts == NULL || rule == NULL)
        return fxi_fail(error, FXMON_E_ARGUMENT, alerts == NULL ? "alerts" : "rule", "NULL where a rule or a set of alerts is expected");
    int code = fxmon_alert_parse(rule, strlen(rule), &alert, error);
    if (code != FXMON_OK)
        return code;
    if (alerts->last_id == INT64_MAX)
        return fxi_fail(error, FXMON_E_RANGE, "id", "there is no number after %lld", (long long)alerts->last_id);
    alert.id = alerts->last_id + 1;
    return fxmon_alerts_insert(alerts, &alert, NULL, error);
}

static void forget_dirty(fxmon_alerts *alerts, uint32_t number)
{
    for (size_t i = 0; alerts->slot[number].dirty && i < alerts->dirties; i++) {
        if (alerts->dirty[i] == number) {
            alerts->dirty[i] = alerts->dirty[--alerts->dirties];
            alerts->slot[number].dirty = false;
        }
    }
}

int fxmon_alerts_remove(fxmon_alerts *alerts, int64_t id)
{
    uint64_t number;
    if (alerts == NULL)
        return FXMON_E_ARGUMENT;
    fxi_alerts_drain(alerts);
    if (!fxi_map_get(alerts->ids, &id, &number))
        return FXMON_E_NOT_FOUND;
    fxi_alert_slot *slot = &alerts->slot[number];
    fxi_alert_pair *pair = fxi_alerts_pair(alerts, &slot->rule.pair);
    if (slot->listed) {
        fxi_alert_book_remove(&pair->levels, slot->level, id);
        if (slot->high != slot->low)
            fxi_alert_book_remove(&pair->clears, clear_key_of(slot), id);
    }
    watch_set(alerts, pair, (uint32_t)number, false);
    open_set(alerts, pair, (uint32_t)number, false);
    forget_dirty(alerts, (uint32_t)number);
    fxi_map_remove(alerts->ids, &id);
    slot->used = false;
    alerts->spare[alerts->spares++] = (uint32_t)number;
    pair->count--;
    fxi_alert_pair_gap(pair);
    return FXMON_OK;
}

size_t fxmon_alerts_count(const fxmon_alerts *alerts)
{
    return alerts == NULL ? 0 : fxi_map_count(alerts->ids);
}

const fxmon_alert *fxmon_alerts_find(const fxmon_alerts *alerts, int64_t id)
{
    uint64_t number;
    return alerts != NULL && fxi_map_get(alerts->ids, &id, &number) ? &alerts->slot[number].rule : NULL;
}

/* What is kept per pair, written into the state as a reader expects it. */
static void complete_state(const fxi_alert_pair *pair, fxi_alert_slot *slot)
{
    if (slot->open_at != 0)
        fxi_alert_pair_worst(pair, slot);
    if (slot->state.side != 0 && slot->rule.active && pair->last_time != INT64_MIN)
        slot->state.last_time = pair->last_time;
}

const fxmon_alert_state *fxmon_alerts_state(const fxmon_alerts *alerts, int64_t id)
{
    uint64_t number;
    if (alerts == NULL || !fxi_map_get(alerts->ids, &id, &number))
        return NULL;
    fxi_alert_slot *slot = &alerts->slot[number];
    complete_state(fxi_alerts_pair(alerts, &slot->rule.pair), slot);
    return &slot->state;
}

const fxmon_alert *fxi_alerts_item(const fxmon_alerts *alerts, size_t index)
{
    const void *key;
    uint64_t number;
    return fxi_map_at(alerts->ids, index, &key, &number) ? &alerts->slot[number].rule : NULL;
}

int fxi_alerts_last(fxmon_alerts *alerts, const fxmon_pair *name, int64_t time)
{
    fxi_alerts_drain(alerts);
    fxi_alert_pair *pair = pair_make(alerts, name);
    if (pair == NULL)
        return FXMON_E_NOMEM;
    if (time > pair->late_before)
        pair->late_before = time;
    return FXMON_OK;
}

void fxi_alerts_changed(fxmon_alerts *alerts, bool (*fn)(void *user, const fxmon_alert *alert, const fxmon_alert_state *state), void *user)
{
    fxi_alerts_drain(alerts);
    for (size_t i = 0; i < alerts->pair_count; i++)
        fxi_alert_pair_fold(alerts, alerts->pair[i]);
    for (size_t i = 0; i < alerts->dirties; i++) {
        fxi_alert_slot *slot = &alerts->slot[alerts->dirty[i]];
        complete_state(fxi_alerts_pair(alerts, &slot->rule.pair), slot);
        if (!fn(user, &slot->rule, &slot->state))
            return;
    }
}

void fxi_alerts_saved(fxmon_alerts *alerts)
{
    for (size_t i = 0; i < alerts->dirties; i++)
        alerts->slot[alerts->dirty[i]].dirty = false;
    alerts->dirties = 0;
}
