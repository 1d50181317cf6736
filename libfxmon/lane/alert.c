/*
 * lane/alert.c - the alert lane's stage.
 *
 * Everything the lane decides is in one transaction: the events, the states of the alerts that changed, the last price of each pair, and the place in
 * the log. So a crash at any moment repeats the batch from the same states and makes the same events with the same ids, and a lane that was fenced has
 * written nothing. The states are in the store, not in a checkpoint: after a claim the set of alerts is read, and that is all there is to restore.
 *
 * The set is read again when the store's generation of alerts has changed, always between two batches, when memory and store say the same: what is
 * added arms with the next record, what is edited has a new version and begins anew, what is removed is gone.
 */
#include "lane/alert.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "core/alert.h"
#include "lane/fence.h"
#include "lane/health.h"
#include "lane/relay.h"
#include "lane/rows.h"

#define RELAY_BUDGET (FXMON_SECOND / 10) /* for notifiers after a commit and in idle */
#define RELAY_FAREWELL (3 * FXMON_SECOND) /* for what is left in the outbox when the lane ends */

struct fxi_alert_stage {
    const fxmon_store_ops *ops;
    const fxmon_env *env;
    void *store;
    char *url;
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
    /* after it */
    fxi_relay *relay;
    const fxmon_env *notify_env;
    fxi_health health;
    fxi_complaint health_complaint, set_complaint;
    int64_t event_count;
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
        s->last_index = fxi_map_new(sizeof(fxmon_pair));
        fxi_health_init(&s->health, "alert");
    }
    if (!s || !s->url || !s->relay || !s->last_index) {
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
    fxmon_alerts_free(s->alerts);
    if (s->last_index)
        fxi_map_free(s->last_index);
    fxi_letters_free(&s->letters);
    fxi_free(s->event);
    fxi_free(s->last);
    fxi_free(s->last_changed);
    fxi_free(s->lane);
    fxi_free(s->stream);
    fxi_free(s->url);
    fxi_free(s);
}

/* ---- reading the set ------------------------------------------------------------------------------------ */

static bool take_alert(void *user, const fxmon_alert *alert, const fxmon_alert_state *state)
{
    fxi_alert_stage *s = user;
    fxmon_error why;
    if (state && state->version != alert->version)
        state = NULL; /* edited since: begins anew */
    int code = fxmon_alerts_insert(s->alerts, alert, state, &why);
    if (code == FXMON_E_NOMEM) {
        s->result = FXMON_FATAL;
        if (s->error)
            *s->error = why;
        return false;
    }
    if (code != FXMON_OK)
        fxi_log(s->env, FXMON_LOG_WARNING, "alert", "alert %lld is left out: %s", (long long)alert->id, why.text);
    return true;
}

static int remember_last(fxi_alert_stage *s, const fxmon_quote *quote)
{
    uint64_t index;
    if (!fxi_map_get(s->last_index, quote->pair.text, &index)) {
        fxmon_quote *last = fxi_grow(s->last, &s->last_room, s->lasts + 1, sizeof *last);
        if (last)
            s->last = last;
        bool *changed = fxi_grow(s->last_changed, &s->changed_room, s->lasts + 1, sizeof *changed);
        if (changed)
            s->last_changed = changed;
        if (!last || !changed || fxi_map_put(s->last_index, quote->pair.text, s->lasts) != FXMON_OK)
            return FXMON_E_NOMEM;
        index = s->lasts++;
        s->last[index].time = INT64_MIN;
    }
    if (quote->time > s->last[index].time) {
        s->last[index] = *quote;
        s->last_changed[index] = true;
    }
    return FXMON_OK;
}

static bool take_last(void *user, const fxmon_quote *quote)
{
    fxi_alert_stage *s = user;
    uint64_t index;
    if (fxi_alerts_last(s->alerts, &quote->pair, quote->time) == FXMON_OK && remember_last(s, quote) == FXMON_OK) {
        if (fxi_map_get(s->last_index, quote->pair.text, &index))
            s->last_changed[index] = false;
        return true;
    }
    s->result = FXMON_FATAL;
    fxi_fail(s->error, FXMON_E_NOMEM, "", "out of memory for last prices");
    return false;
}

static fxmon_result read_set(fxi_alert_stage *s, fxmon_error *error)
{
    fxmon_alerts *before = s->alerts;
    int64_t generation = 0;
    fxmon_result result = s->ops->alert_generation(s->store, &generation, error); /* first: what changes meanwhile is seen next time */
    if (result != FXMON_DONE || (before && generation == s->generation))
        return result;
    s->alerts = fxmon_alerts_new();
    s->result = s->alerts ? FXMON_DONE : FXMON_FATAL;
    s->error = error;
    if (!s->alerts)
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for alerts");
    if (s->result == FXMON_DONE)
        result = s->ops->alert_each(s->store, true, take_alert, s, error);
    if (result == FXMON_DONE && s->result == FXMON_DONE)
        result = s->ops->each_last(s->store, s->lane, take_last, s, error);
    s->error = NULL;
    if (s->result != FXMON_DONE)
        result = s->result;
    if (result != FXMON_DONE) {
        fxmon_alerts_free(s->alerts);
        s->alerts = before;
        return result;
    }
    fxmon_alerts_free(before);
    s->generation = generation;
    return FXMON_DONE;
}

/* ---- the batch -------------------------------------------------------------------------------------------- */

static void forget_batch(fxi_alert_stage *s)
{
    s->events = 0;
    s->batch_begun = false;
    for (size_t i = 0; i < s->lasts; i++)
        s->last_changed[i] = false;
    fxi_letters_clear(&s->letters);
}

static int evaluate(fxi_alert_stage *s, const fxmon_quote *quote, const fxmon_record *record)
{
    fxmon_event event;
    fxmon_alert_iter it = fxi_alerts_at(s->alerts, quote, s->stream, record->partition, record->offset);
    while (fxmon_alert_next(&it, &event)) {
        fxmon_event *grown = fxi_grow(s->event, &s->event_room, s->events + 1, sizeof *grown);
        if (!grown)
            return FXMON_E_NOMEM;
        s->event = grown;
        s->event[s->events++] = event;
    }
    return remember_last(s, quote);
}

static fxmon_result alert_apply(void *state, const fxmon_message *message, const fxmon_record *record, fxmon_error *error)
{
    fxi_alert_stage *s = state;
    if (!s->batch_begun) {
        fxmon_error why;
        fxi_error_clear(&why);
        if (read_set(s, &why) == FXMON_DONE)
            fxi_relieve(&s->set_complaint, s->env, "alert", "reading alerts");
        else
            fxi_complain(&s->set_complaint, s->env, "alert", "cannot see whether alerts have changed: %s", why.text);
        s->batch_begun = true;
    }
    fxmon_quote quote = {.time = message->time};
    memcpy(quote.source, message->source, sizeof quote.source);
    for (uint32_t i = 0; i < message->count; i++) {
        const fxmon_rate *rate = &message->rates[i];
        quote.pair = rate->pair;
        quote.mid = rate->mid;
        quote.bid = rate->bid;
        quote.ask = rate->ask;
        if (evaluate(s, &quote, record) != FXMON_OK) {
            fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for %zu events of one batch", s->events);
            return FXMON_FATAL;
        }
    }
    return FXMON_DONE;
}

static fxmon_result alert_dead(void *state, const fxmon_dead_letter *letter, fxmon_error *error)
{
    fxi_alert_stage *s = state;
    if (fxi_letters_add(&s->letters, letter) == FXMON_OK)
        return FXMON_DONE;
    fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a dead letter");
    return FXMON_FATAL;
}

static bool put_state(void *user, const fxmon_alert *alert, const fxmon_alert_state *state)
{
    fxi_alert_stage *s = user;
    (void)alert;
    s->result = s->ops->put_alert_state(s->store, state, s->error);
    return s->result == FXMON_DONE;
}

static fxmon_result put_batch(fxi_alert_stage *s, const fxmon_progress *progress, int64_t next_offset, fxmon_error *error)
{
    fxmon_result result = FXMON_DONE;
    s->result = FXMON_DONE;
    s->error = error;
    if (s->alerts)
        fxi_alerts_changed(s->alerts, put_state, s);
    s->error = NULL;
    result = s->result;
    /* after the states: the event of an alert that fires once ends the alert */
    for (size_t i = 0; result == FXMON_DONE && i < s->events; i++)
        result = s->ops->put_event(s->store, &s->event[i], error);
    for (size_t i = 0; result == FXMON_DONE && i < s->lasts; i++)
        if (s->last_changed[i])
            result = s->ops->put_last(s->store, s->lane, &s->last[i], error);
    for (size_t i = 0; result == FXMON_DONE && i < s->letters.count; i++)
        result = s->ops->put_dead(s->store, &s->letters.letters[i], error);
    return result == FXMON_DONE ? s->ops->commit(s->store, progress, next_offset, error) : result;
}

static fxmon_result alert_commit(void *state, fxmon_progress *progress, int64_t next_offset, fxmon_error *error)
{
    fxi_alert_stage *s = state;
    fxmon_result result = s->ops->begin(s->store, error);
    if (result != FXMON_DONE)
        return result;
    result = put_batch(s, progress, next_offset, error);
    if (result != FXMON_DONE) {
        s->ops->rollback(s->store);
        return fxi_fence_check(s->ops, s->store, progress, result, error);
    }
    s->event_count += (int64_t)s->events;
    if (s->alerts)
        fxi_alerts_saved(s->alerts);
    bool news = s->events > 0;
    forget_batch(s);
    if (news)
        fxi_relay_turn(s->relay, RELAY_BUDGET, false);
    return FXMON_DONE;
}

/* ---- the rest of the stage ---------------------------------------------------------------------------------- */

static void alert_drop(void *state)
{
    fxi_alert_stage *s = state;
    forget_batch(s);
    fxmon_alerts_free(s->alerts);
    s->alerts = NULL;
    for (size_t i = 0; i < s->lasts; i++)
        s->last[i].time = INT64_MIN; /* their places stay */
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

static fxmon_result alert_claim(void *state, fxmon_progress *progress, fxmon_error *error)
{
    fxi_alert_stage *s = state;
    if (!keep_text(&s->lane, progress->lane) || !keep_text(&s->stream, progress->stream)) {
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory");
        return FXMON_FATAL;
    }
    fxmon_result result = s->ops->claim(s->store, progress, error);
    if (result != FXMON_DONE)
        return result;
    alert_drop(s);
    return read_set(s, error);
}

static void alert_idle(void *state, int64_t now, const fxmon_status *status)
{
    fxi_alert_stage *s = state;
    if (!s->store)
        return;
    bool last = status->state && (strcmp(status->state, "ended") == 0 || strcmp(status->state, "failed") == 0);
    fxi_relay_turn(s->relay, last ? RELAY_FAREWELL : RELAY_BUDGET, last);
    fxmon_health row;
    fxmon_error error;
    if (!s->ops->health_put || !fxi_health_due(&s->health, now, status, &row))
        return;
    if (row.detail[0] == '\0')
        fxi_relay_trouble(s->relay, row.detail, sizeof row.detail);
    fxi_error_clear(&error);
    if (s->ops->health_put(s->store, &row, &error) == FXMON_DONE)
        fxi_relieve(&s->health_complaint, s->env, "alert", "writing the health row");
    else
        fxi_complain(&s->health_complaint, s->env, "alert", "cannot write the health row: %s", error.text);
}

static void alert_count(void *state, fxmon_status *status)
{
    const fxi_alert_stage *s = state;
    status->events += s->event_count;
}

static void alert_close(void *state)
{
    fxi_alert_stage_free(state);
}

const fxi_stage_ops fxi_alert_stage_ops = {
    .kind = "alert", .open = alert_open, .claim = alert_claim, .apply = alert_apply, .dead = alert_dead, .commit = alert_commit,
    .drop = alert_drop, .idle = alert_idle, .count = alert_count, .close = alert_close,
};
