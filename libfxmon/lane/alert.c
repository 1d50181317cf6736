/*
 * lane/alert.c - the alert lane's stage.
 *
 * Everything the lane decides is in one transaction: the events, the states of the alerts that changed, the last price of each pair, and the place in
 * the log. So a crash at any moment repeats the batch from the same states and makes the same events with the same ids, and a lane that was fenced has
 * written nothing. The states are in the store, not in a checkpoint: after a claim the set of alerts is read, and that is all there is to restore.
 *
 * Each partition has its own set, in the states that its own quotes have led to: a pair comes on one partition, so an alert is decided in one of them.
 *
 * The set is read again when the store's generation of alerts has changed, always between two batches, when memory and store say the same: what is
 * added arms with the next record, what is edited has a new version and begins anew, what is removed is gone.
 */
#include "lane/alert.h"

#include <string.h>

#include "base/crash.h"
#include "base/error.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "core/alert.h"
#include "lane/fence.h"
#include "lane/relay.h"
#include "lane/rows.h"

#define RELAY_BUDGET (FXMON_SECOND / 10) /* for notifiers after a commit and in idle */
#define RELAY_FAREWELL (3 * FXMON_SECOND) /* for what is left in the outbox when the lane ends */

struct fxi_alert_stage {
    const fxmon_store_ops *ops;
    const fxmon_env *env;
    void *store;
    char *url;
    fxi_relay *relay;
    const fxmon_env *notify_env;
    fxi_complaint set_complaint;
    int64_t event_count;
};

/* One partition: the alerts as its quotes have left them. */
struct alert_place {
    fxi_alert_stage *stage;
    char *lane, *stream; /* of the claim: whose last prices, and the events' identity */
    fxmon_alerts *alerts; /* NULL: to be read from the store */
    int64_t generation;
    bool batch_begun;
    /* the batch */
    fxmon_event *event;
    size_t events, event_room;
    fxmon_quote *last;  /* newest quote of each pair */
    bool *last_changed; /* since the last commit; as long as last */
    size_t lasts, last_room, changed_room;
    fxi_map *last_index;
    fxi_letters letters;
    /* of a pass over the store */
    fxmon_result result;
    fxmon_error *error;
};

int fxi_alert_stage_new(const fxmon_store_ops *store, const char *url, fxi_alert_stage **out, fxmon_error *error)
{
    fxi_alert_stage *s = fxi_calloc(1, sizeof *s);
    if (s) {
        s->ops = store;
        s->url = fxi_strdup(url);
        s->relay = fxi_relay_new();
    }
    if (!s || !s->url || !s->relay) {
        fxi_alert_stage_free(s);
        return fxi_fail(error, FXMON_E_NOMEM, "store", "out of memory");
    }
    *out = s;
    return FXMON_OK;
}

int fxi_alert_stage_notify(fxi_alert_stage *s, const fxmon_env *env, const fxmon_notify_ops *notify, const char *url, fxmon_error *error)
{
    if (s->store)
        return fxi_fail(error, FXMON_E_STATE, "notify", "destinations are added before the lane runs");
    s->notify_env = env;
    return fxi_relay_add(s->relay, notify, url, error);
}

void fxi_alert_stage_free(fxi_alert_stage *s)
{
    if (!s)
        return;
    if (s->relay)
        fxi_relay_free(s->relay);
    if (s->store)
        s->ops->close(s->store);
    fxi_free(s->url);
    fxi_free(s);
}

static void *alert_place_new(void *state)
{
    struct alert_place *p = fxi_calloc(1, sizeof *p);
    if (p && (p->last_index = fxi_map_new(sizeof(fxmon_pair)))) {
        p->stage = state;
        return p;
    }
    fxi_free(p);
    return NULL;
}

static void alert_place_free(void *held)
{
    struct alert_place *p = held;
    fxmon_alerts_free(p->alerts);
    fxi_map_free(p->last_index);
    fxi_letters_free(&p->letters);
    fxi_free(p->event);
    fxi_free(p->last);
    fxi_free(p->last_changed);
    fxi_free(p->lane);
    fxi_free(p->stream);
    fxi_free(p);
}

/* ---- reading the set ------------------------------------------------------------------------------------ */

static bool take_alert(void *user, const fxmon_alert *alert, const fxmon_alert_state *state)
{
    struct alert_place *p = user;
    fxmon_error why;
    if (state && state->version != alert->version)
        state = NULL; /* edited since: begins anew */
    int code = fxmon_alerts_insert(p->alerts, alert, state, &why);
    if (code == FXMON_E_NOMEM) {
        p->result = FXMON_FATAL;
        if (p->error)
            *p->error = why;
        return false;
    }
    if (code != FXMON_OK)
        fxi_log(p->stage->env, FXMON_LOG_WARNING, "alert", "alert %lld is left out: %s", (long long)alert->id, why.text);
    return true;
}

static int remember_last(struct alert_place *p, const fxmon_quote *quote)
{
    uint64_t index;
    if (!fxi_map_get(p->last_index, quote->pair.text, &index)) {
        fxmon_quote *last = fxi_grow(p->last, &p->last_room, p->lasts + 1, sizeof *last);
        if (last)
            p->last = last;
        bool *changed = fxi_grow(p->last_changed, &p->changed_room, p->lasts + 1, sizeof *changed);
        if (changed)
            p->last_changed = changed;
        if (!last || !changed || fxi_map_put(p->last_index, quote->pair.text, p->lasts) != FXMON_OK)
            return FXMON_E_NOMEM;
        index = p->lasts++;
        p->last[index].time = INT64_MIN;
    }
    if (quote->time > p->last[index].time) {
        p->last[index] = *quote;
        p->last_changed[index] = true;
    }
    return FXMON_OK;
}

static bool take_last(void *user, const fxmon_quote *quote)
{
    struct alert_place *p = user;
    uint64_t index;
    if (fxi_alerts_last(p->alerts, &quote->pair, quote->time) == FXMON_OK && remember_last(p, quote) == FXMON_OK) {
        if (fxi_map_get(p->last_index, quote->pair.text, &index))
            p->last_changed[index] = false;
        return true;
    }
    p->result = FXMON_FATAL;
    fxi_fail(p->error, FXMON_E_NOMEM, "", "out of memory for last prices");
    return false;
}

static fxmon_result read_set(struct alert_place *p, fxmon_error *error)
{
    fxmon_alerts *before = p->alerts;
    int64_t generation = 0;
    fxmon_result result = p->stage->ops->alert_generation(p->stage->store, &generation, error); /* first: what changes meanwhile is seen next time */
    if (result != FXMON_DONE || (before && generation == p->generation))
        return result;
    p->alerts = fxmon_alerts_new();
    p->result = p->alerts ? FXMON_DONE : FXMON_FATAL;
    p->error = error;
    if (!p->alerts)
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for alerts");
    if (p->result == FXMON_DONE)
        result = p->stage->ops->alert_each(p->stage->store, true, take_alert, p, error);
    if (result == FXMON_DONE && p->result == FXMON_DONE)
        result = p->stage->ops->each_last(p->stage->store, p->lane, take_last, p, error);
    p->error = NULL;
    if (p->result != FXMON_DONE)
        result = p->result;
    if (result != FXMON_DONE) {
        fxmon_alerts_free(p->alerts);
        p->alerts = before;
        return result;
    }
    fxmon_alerts_free(before);
    p->generation = generation;
    return FXMON_DONE;
}

/* ---- the batch -------------------------------------------------------------------------------------------- */

static void forget_batch(struct alert_place *p)
{
    p->events = 0;
    p->batch_begun = false;
    for (size_t i = 0; i < p->lasts; i++)
        p->last_changed[i] = false;
    fxi_letters_clear(&p->letters);
}

static int evaluate(struct alert_place *p, const fxmon_quote *quote, const fxmon_record *record)
{
    fxmon_event event;
    fxmon_alert_iter it = fxi_alerts_at(p->alerts, quote, p->stream, record->partition, record->offset);
    while (fxmon_alert_next(&it, &event)) {
        fxmon_event *grown = fxi_grow(p->event, &p->event_room, p->events + 1, sizeof *grown);
        if (!grown)
            return FXMON_E_NOMEM;
        p->event = grown;
        p->event[p->events++] = event;
    }
    return remember_last(p, quote);
}

static fxmon_result alert_apply(void *held, const fxmon_message *message, const fxmon_record *record, fxmon_error *error)
{
    struct alert_place *p = held;
    if (!p->batch_begun) {
        fxmon_error why;
        fxi_error_clear(&why);
        if (read_set(p, &why) == FXMON_DONE)
            fxi_relieve(&p->stage->set_complaint, p->stage->env, "alert", "reading alerts");
        else
            fxi_complain(&p->stage->set_complaint, p->stage->env, "alert", "cannot see whether alerts have changed: %s", why.text);
        p->batch_begun = true;
    }
    fxmon_quote quote = {.time = message->time};
    memcpy(quote.source, message->source, sizeof quote.source);
    for (uint32_t i = 0; i < message->count; i++) {
        const fxmon_rate *rate = &message->rates[i];
        quote.pair = rate->pair;
        quote.mid = rate->mid;
        quote.bid = rate->bid;
        quote.ask = rate->ask;
        if (evaluate(p, &quote, record) != FXMON_OK) {
            fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for %zu events of one batch", p->events);
            return FXMON_FATAL;
        }
    }
    return FXMON_DONE;
}

static fxmon_result alert_dead(void *held, const fxmon_dead_letter *letter, fxmon_error *error)
{
    struct alert_place *p = held;
    if (fxi_letters_add(&p->letters, letter) == FXMON_OK)
        return FXMON_DONE;
    fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a dead letter");
    return FXMON_FATAL;
}

static bool put_state(void *user, const fxmon_alert *alert, const fxmon_alert_state *state)
{
    struct alert_place *p = user;
    (void)alert;
    p->result = p->stage->ops->put_alert_state(p->stage->store, state, p->error);
    return p->result == FXMON_DONE;
}

static fxmon_result put_batch(struct alert_place *p, const fxmon_progress *progress, int64_t next_offset, fxmon_error *error)
{
    fxmon_result result = FXMON_DONE;
    p->result = FXMON_DONE;
    p->error = error;
    if (p->alerts)
        fxi_alerts_changed(p->alerts, put_state, p);
    p->error = NULL;
    result = p->result;
    FXI_CRASH("alert.states");
    /* after the states: the event of an alert that fires once ends the alert */
    for (size_t i = 0; result == FXMON_DONE && i < p->events; i++)
        result = p->stage->ops->put_event(p->stage->store, &p->event[i], error);
    FXI_CRASH("alert.events");
    for (size_t i = 0; result == FXMON_DONE && i < p->lasts; i++)
        if (p->last_changed[i])
            result = p->stage->ops->put_last(p->stage->store, p->lane, &p->last[i], error);
    for (size_t i = 0; result == FXMON_DONE && i < p->letters.count; i++)
        result = p->stage->ops->put_dead(p->stage->store, &p->letters.letters[i], error);
    FXI_CRASH("alert.lasts");
    return result == FXMON_DONE ? p->stage->ops->commit(p->stage->store, progress, next_offset, error) : result;
}

static fxmon_result alert_commit(void *held, fxmon_progress *progress, int64_t next_offset, fxmon_error *error)
{
    struct alert_place *p = held;
    fxmon_result result = p->stage->ops->begin(p->stage->store, error);
    if (result != FXMON_DONE)
        return result;
    result = put_batch(p, progress, next_offset, error);
    if (result != FXMON_DONE) {
        p->stage->ops->rollback(p->stage->store);
        return fxi_fence_check(p->stage->ops, p->stage->store, progress, result, error);
    }
    p->stage->event_count += (int64_t)p->events;
    if (p->alerts)
        fxi_alerts_saved(p->alerts);
    FXI_CRASH("alert.committed");
    bool news = p->events > 0;
    forget_batch(p);
    if (news)
        fxi_relay_turn(p->stage->relay, RELAY_BUDGET, false);
    return FXMON_DONE;
}

/* ---- the rest of the stage ---------------------------------------------------------------------------------- */

static void alert_drop(void *held)
{
    struct alert_place *p = held;
    forget_batch(p);
    fxmon_alerts_free(p->alerts);
    p->alerts = NULL;
    for (size_t i = 0; i < p->lasts; i++)
        p->last[i].time = INT64_MIN; /* their places stay */
}

static fxmon_result alert_open(void *state, const fxmon_env *env, fxmon_error *error)
{
    fxi_alert_stage *s = state;
    s->env = env;
    fxmon_result result = s->ops->open(env, s->url, false, &s->store, error);
    if (result != FXMON_DONE)
        s->store = NULL;
    if (result == FXMON_DONE)
        result = fxi_relay_open(s->relay, s->notify_env ? s->notify_env : env, s->ops, s->store, error);
    if (result != FXMON_DONE && s->store) {
        s->ops->close(s->store);
        s->store = NULL;
    }
    return result;
}

static bool keep_text(char **kept, const char *text)
{
    char *copy = fxi_strdup(text);
    if (!copy)
        return false;
    fxi_free(*kept);
    *kept = copy;
    return true;
}

static fxmon_result alert_claim(void *held, fxmon_progress *progress, fxmon_error *error)
{
    struct alert_place *p = held;
    if (!keep_text(&p->lane, progress->lane) || !keep_text(&p->stream, progress->stream)) {
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory");
        return FXMON_FATAL;
    }
    fxmon_result result = p->stage->ops->claim(p->stage->store, progress, error);
    if (result != FXMON_DONE)
        return result;
    alert_drop(p);
    return read_set(p, error);
}

static void alert_idle(void *state, int64_t now, const fxmon_status *status)
{
    fxi_alert_stage *s = state;
    (void)now;
    if (!s->store)
        return;
    bool last = status->state && (strcmp(status->state, "ended") == 0 || strcmp(status->state, "failed") == 0);
    fxi_relay_turn(s->relay, last ? RELAY_FAREWELL : RELAY_BUDGET, last);
}

static void alert_count(void *state, fxmon_status *status)
{
    const fxi_alert_stage *s = state;
    status->events += s->event_count;
    if (status->last_error.code != FXMON_OK)
        return;
    fxi_relay_trouble(s->relay, status->last_error.text, sizeof status->last_error.text);
    if (status->last_error.text[0])
        status->last_error.code = FXMON_E_IO;
}

static void alert_close(void *state)
{
    fxi_alert_stage_free(state);
}

const fxi_stage_ops fxi_alert_stage_ops = {
    .kind = "alert", .open = alert_open, .place_new = alert_place_new, .place_free = alert_place_free, .claim = alert_claim, .apply = alert_apply, .dead = alert_dead, .commit = alert_commit,
    .drop = alert_drop, .idle = alert_idle, .count = alert_count, .close = alert_close,
};
