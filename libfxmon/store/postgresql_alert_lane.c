/*
 * store/postgresql_alert_lane.c - what the alert lane puts into its transaction.
 *
 * Events go to the server one by one, because the answer says whether one is there already. States of alerts and last prices are only kept here until the
 * commit: each is one statement then, which travels with the COMMIT, whatever their number.
 *
 * Numbers of events must become visible in their order: a destination that was served up to 7 would never see a 6 that commits later. So the first
 * event of a transaction takes a lock that is held until it ends, before it gets its number.
 */
#include "store/postgresql.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"

#define COLUMN_MAXIMUM (64 << 20) /* bytes of one array parameter */
#define LANE_MAXIMUM 200

static fxmon_result put_one(fxi_postgresql *p, const fxmon_event *event, const char *message, fxmon_error *error)
{
    fxi_postgresql_parameters q = {.count = 0};
    char source[FXMON_SOURCE_TEXT];
    memcpy(source, event->source, sizeof(source));
    source[sizeof(source) - 1] = '\0';
    if (!fxi_utf8_valid(source, strlen(source))) {
        fxi_utf8_tidy(source);
    }
    fxi_postgresql_add_text(&q, event->id);
    fxi_postgresql_add_integer(&q, event->alert_id);
    fxi_postgresql_add_integer(&q, event->version);
    fxi_postgresql_add_integer(&q, event->kind);
    fxi_postgresql_add_integer(&q, event->condition);
    fxi_postgresql_add_integer(&q, event->severity);
    fxi_postgresql_add_text(&q, event->pair.text);
    fxi_postgresql_add_decimal(&q, event->threshold);
    fxi_postgresql_add_decimal(&q, event->rate);
    fxi_postgresql_add_integer(&q, event->time);
    fxi_postgresql_add_integer(&q, event->duration);
    fxi_postgresql_add_decimal(&q, event->worst);
    fxi_postgresql_add_integer(&q, event->suppressed);
    fxi_postgresql_add_text(&q, source);
    fxi_postgresql_add_integer(&q, p->stream);
    fxi_postgresql_add_integer(&q, event->partition);
    fxi_postgresql_add_integer(&q, event->offset);
    fxi_postgresql_add_text(&q, message);
    fxi_postgresql_add_integer(&q, p->env->now(p->env->user));
    return fxi_postgresql_ask(p, FXI_PG_EVENT_ADD, &q, FXI_POSTGRESQL_CALL, "adding an alert event to", NULL, error);
}

fxmon_result fxi_postgresql_put_event(void *state, const fxmon_event *event, fxmon_error *error)
{
    fxi_postgresql *p = state;
    char message[sizeof(((fxmon_stored_event *)NULL)->message)];
    fxmon_result result = fxi_postgresql_writing(p, "adding an alert event to", error);
    if (result == FXMON_DONE && !p->has_events) {
        result = fxi_postgresql_ask(p, FXI_PG_EVENT_LOCK, NULL, FXI_POSTGRESQL_CALL, "waiting for another alert lane of", NULL, error);
        p->has_events = result == FXMON_DONE;
    }
    if (result != FXMON_DONE) {
        return result;
    }
    fxmon_event_message(event, message, sizeof(message));
    fxi_utf8_tidy(message);
    return put_one(p, event, message, error);
}

/* ---- kept until the commit ---------------------------------------------------------------------------------------- */

fxmon_result fxi_postgresql_put_alert_state(void *state, const fxmon_alert_state *a, fxmon_error *error)
{
    fxi_postgresql *p = state;
    fxi_postgresql_pending *kept = &p->pending;
    uint64_t index;
    fxmon_result result = fxi_postgresql_writing(p, "keeping the state of an alert in", error);
    if (result != FXMON_DONE) {
        return result;
    }
    if (kept->state_of == NULL && (kept->state_of = fxi_map_new(sizeof(int64_t))) == NULL) {
        return fxi_postgresql_no_memory(error);
    }
    if (!fxi_map_get(kept->state_of, &a->alert_id, &index)) {
        fxmon_alert_state *grown = fxi_grow(kept->state, &kept->state_room, kept->states + 1, sizeof(*grown));
        if (grown == NULL) {
            return fxi_postgresql_no_memory(error);
        }
        kept->state = grown;
        index = kept->states;
        if (fxi_map_put(kept->state_of, &a->alert_id, index) != FXMON_OK) {
            return fxi_postgresql_no_memory(error);
        }
        kept->states++;
    }
    kept->state[index] = *a;
    return FXMON_DONE;
}

static fxmon_result begin_lasts(fxi_postgresql *p, const char *lane, fxmon_error *error)
{
    fxi_postgresql_pending *kept = &p->pending;
    if (kept->last_of == NULL && (kept->last_of = fxi_map_new(sizeof(fxmon_pair))) == NULL) {
        return fxi_postgresql_no_memory(error);
    }
    if (kept->lane != NULL && strcmp(kept->lane, lane) == 0) {
        return FXMON_DONE;
    }
    if (kept->lasts > 0) {
        fxi_fail(error, FXMON_E_STATE, NULL, "%s: last prices of two lanes in one transaction", p->name);
        return FXMON_FATAL;
    }
    fxi_free(kept->lane);
    kept->lane = fxi_strndup(lane, LANE_MAXIMUM);
    return kept->lane == NULL ? fxi_postgresql_no_memory(error) : FXMON_DONE;
}

fxmon_result fxi_postgresql_put_last(void *state, const char *lane, const fxmon_quote *quote, fxmon_error *error)
{
    fxi_postgresql *p = state;
    fxi_postgresql_pending *kept = &p->pending;
    uint64_t index;
    fxmon_result result = fxi_postgresql_writing(p, "keeping a price in", error);
    if (result == FXMON_DONE) {
        result = begin_lasts(p, lane, error);
    }
    if (result != FXMON_DONE) {
        return result;
    }
    if (!fxi_map_get(kept->last_of, &quote->pair, &index)) {
        fxmon_quote *grown = fxi_grow(kept->last, &kept->last_room, kept->lasts + 1, sizeof(*grown));
        if (grown == NULL) {
            return fxi_postgresql_no_memory(error);
        }
        kept->last = grown;
        index = kept->lasts;
        if (fxi_map_put(kept->last_of, &quote->pair, index) != FXMON_OK) {
            return fxi_postgresql_no_memory(error);
        }
        kept->lasts++;
    }
    kept->last[index] = *quote;
    if (!fxi_utf8_valid(quote->source, strlen(quote->source))) {
        fxi_utf8_tidy(kept->last[index].source);
    }
    return FXMON_DONE;
}

void fxi_postgresql_forget_pending(fxi_postgresql *p)
{
    fxi_postgresql_pending *kept = &p->pending;
    if (kept->states > 0) {
        fxi_map_free(kept->state_of);
        kept->state_of = NULL;
        kept->states = 0;
    }
    if (kept->lasts > 0) {
        fxi_map_free(kept->last_of);
        kept->last_of = NULL;
        kept->lasts = 0;
    }
}

static fxmon_result queue_columns(fxi_postgresql *p, enum fxi_postgresql_statement which, const char *first, size_t columns, int *queued, fxmon_error *error)
{
    fxi_postgresql_parameters q = {.count = 0};
    bool prepares, fine = true;
    if (first != NULL) {
        fxi_postgresql_add_text(&q, first);
    }
    for (size_t i = 0; i < columns; i++) {
        fine = fxi_postgresql_array_end(&p->column[i]) && fine;
        fxi_postgresql_add_array(&q, &p->column[i]);
    }
    if (!fine) {
        return fxi_postgresql_no_memory(error);
    }
    if (!fxi_postgresql_queue(p, which, &q, &prepares)) {
        return fxi_postgresql_fail(p, NULL, "keeping the state of alerts in", error);
    }
    *queued += 1 + prepares;
    return FXMON_DONE;
}

static fxmon_result queue_states(fxi_postgresql *p, int *queued, fxmon_error *error)
{
    enum { COLUMNS = 10, WORST = 8 };
    fxi_postgresql_array *c = p->column;
    for (size_t i = 0; i < COLUMNS; i++) {
        fxi_postgresql_array_begin(&c[i], i == WORST ? FXI_POSTGRESQL_NUMERIC_TYPE : FXI_POSTGRESQL_INT8, COLUMN_MAXIMUM);
    }
    for (size_t i = 0; i < p->pending.states; i++) {
        const fxmon_alert_state *a = &p->pending.state[i];
        const int64_t numbers[WORST] = {a->alert_id, a->version, a->side, a->phase, a->since, a->fired, a->fired_count, a->suppressed};
        for (size_t k = 0; k < WORST; k++) {
            fxi_postgresql_array_integer(&c[k], numbers[k]);
        }
        fxi_postgresql_array_decimal(&c[WORST], a->worst);
        fxi_postgresql_array_integer(&c[WORST + 1], a->last_time);
    }
    return queue_columns(p, FXI_PG_STATE_PUT, NULL, COLUMNS, queued, error);
}

static fxmon_result queue_lasts(fxi_postgresql *p, int *queued, fxmon_error *error)
{
    static const uint32_t types[] = {FXI_POSTGRESQL_TEXT, FXI_POSTGRESQL_INT8, FXI_POSTGRESQL_NUMERIC_TYPE, FXI_POSTGRESQL_NUMERIC_TYPE,
                                     FXI_POSTGRESQL_NUMERIC_TYPE, FXI_POSTGRESQL_TEXT};
    enum { COLUMNS = sizeof(types) / sizeof(types[0]) };
    fxi_postgresql_array *c = p->column;
    for (size_t i = 0; i < COLUMNS; i++) {
        fxi_postgresql_array_begin(&c[i], types[i], COLUMN_MAXIMUM);
    }
    for (size_t i = 0; i < p->pending.lasts; i++) {
        const fxmon_quote *quote = &p->pending.last[i];
        fxi_postgresql_array_text(&c[0], quote->pair.text);
        fxi_postgresql_array_integer(&c[1], quote->time);
        fxi_postgresql_array_decimal(&c[2], quote->mid);
        fxi_postgresql_array_decimal(&c[3], quote->bid);
        fxi_postgresql_array_decimal(&c[4], quote->ask);
        fxi_postgresql_array_text(&c[5], quote->source);
    }
    return queue_columns(p, FXI_PG_LAST_PUT, p->pending.lane, COLUMNS, queued, error);
}

fxmon_result fxi_postgresql_queue_pending(fxi_postgresql *p, int *queued, fxmon_error *error)
{
    fxmon_result result = p->pending.states > 0 ? queue_states(p, queued, error) : FXMON_DONE;
    return result == FXMON_DONE && p->pending.lasts > 0 ? queue_lasts(p, queued, error) : result;
}

fxmon_result fxi_postgresql_each_last(void *state, const char *lane, bool (*fn)(void *user, const fxmon_quote *quote), void *user, fxmon_error *error)
{
    fxi_postgresql *p = state;
    fxi_postgresql_parameters q = {.count = 0};
    PGresult *answer;
    fxi_postgresql_add_text(&q, lane);
    fxmon_result result = fxi_postgresql_ask(p, FXI_PG_LAST_EACH, &q, FXI_POSTGRESQL_LONG, "reading prices from", &answer, error);
    if (result != FXMON_DONE) {
        return result;
    }
    for (int row = 0; row < PQntuples(answer); row++) {
        fxmon_quote quote = {.time = fxi_postgresql_integer(answer, row, 1)};
        fxi_postgresql_number(answer, row, 2, &quote.mid);
        fxi_postgresql_number(answer, row, 3, &quote.bid);
        fxi_postgresql_number(answer, row, 4, &quote.ask);
        fxi_postgresql_text_into(answer, row, 0, quote.pair.text, sizeof(quote.pair.text));
        fxi_postgresql_text_into(answer, row, 5, quote.source, sizeof(quote.source));
        if (!fn(user, &quote)) {
            break;
        }
    }
    PQclear(answer);
    return FXMON_DONE;
}
