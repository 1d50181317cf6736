/* store/postgresql_health.c - what programs say of themselves, rebalances, and where lanes stand. Rows nobody waits for any more go with the next one. */
#include "store/postgresql.h"

#include "base/error.h"

fxmon_result fxi_postgresql_health_put(void *state, const fxmon_health *h, fxmon_error *error)
{
    fxi_postgresql_parameters q = {.count = 0};
    const int64_t numbers[] = {h->heartbeat, h->messages, h->rows, h->dead_letters, h->last_offset, h->lag};
    fxi_postgresql_add_text(&q, h->component);
    fxi_postgresql_add_text(&q, h->instance);
    fxi_postgresql_add_text(&q, h->status);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        fxi_postgresql_add_integer(&q, numbers[i]);
    }
    fxi_postgresql_add_text(&q, h->detail);
    fxi_postgresql_add_integer(&q, h->producer);
    fxi_postgresql_add_text(&q, h->group);
    fxi_postgresql_add_text(&q, h->member);
    fxi_postgresql_add_text(&q, h->partitions);
    fxi_postgresql_add_text(&q, h->version);
    fxi_postgresql_add_integer(&q, h->started);
    fxi_postgresql_add_integer(&q, h->interval);
    fxi_postgresql_add_integer(&q, h->messages_last_minute);
    fxi_postgresql_add_integer(&q, h->lag_ns);
    return fxi_postgresql_ask(state, FXI_PG_HEALTH_PUT, &q, FXI_POSTGRESQL_CALL, "writing health to", NULL, error);
}

static void read_health(const PGresult *a, int row, fxmon_health *h)
{
    *h = (fxmon_health){.heartbeat = fxi_postgresql_integer(a, row, 3),
                        .messages = fxi_postgresql_integer(a, row, 4),
                        .rows = fxi_postgresql_integer(a, row, 5),
                        .dead_letters = fxi_postgresql_integer(a, row, 6),
                        .last_offset = fxi_postgresql_integer(a, row, 7),
                        .lag = fxi_postgresql_integer(a, row, 8),
                        .producer = fxi_postgresql_integer(a, row, 10) != 0,
                        .started = fxi_postgresql_integer(a, row, 15),
                        .interval = fxi_postgresql_integer(a, row, 16),
                        .messages_last_minute = fxi_postgresql_integer(a, row, 17),
                        .lag_ns = fxi_postgresql_integer(a, row, 18)};
    fxi_postgresql_text_into(a, row, 0, h->component, sizeof(h->component));
    fxi_postgresql_text_into(a, row, 1, h->instance, sizeof(h->instance));
    fxi_postgresql_text_into(a, row, 2, h->status, sizeof(h->status));
    fxi_postgresql_text_into(a, row, 9, h->detail, sizeof(h->detail));
    fxi_postgresql_text_into(a, row, 11, h->group, sizeof(h->group));
    fxi_postgresql_text_into(a, row, 12, h->member, sizeof(h->member));
    fxi_postgresql_text_into(a, row, 13, h->partitions, sizeof(h->partitions));
    fxi_postgresql_text_into(a, row, 14, h->version, sizeof(h->version));
}

fxmon_result fxi_postgresql_health_each(void *state, fxmon_health_fn fn, void *user, fxmon_error *error)
{
    PGresult *answer;
    fxmon_result result = fxi_postgresql_ask(state, FXI_PG_HEALTH_EACH, NULL, FXI_POSTGRESQL_CALL, "reading health from", &answer, error);
    for (int row = 0; result == FXMON_DONE && row < PQntuples(answer); row++) {
        fxmon_health health;
        read_health(answer, row, &health);
        if (!fn(user, &health)) {
            break;
        }
    }
    if (result == FXMON_DONE) {
        PQclear(answer);
    }
    return result;
}

fxmon_result fxi_postgresql_source_put(void *state, const fxmon_source_health *h, fxmon_error *error)
{
    fxi_postgresql_parameters q = {.count = 0};
    const char *const texts[] = {h->source, h->component, h->instance, h->log, h->status, h->error};
    const int64_t figures[] = {h->heartbeat, h->answered, h->failed, h->failures, h->publications, h->published, h->announced,
                               h->expected,  h->missed,   h->cadence, h->delay,   h->weekdays,     h->quota,     h->quota_used};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        fxi_postgresql_add_text(&q, texts[i]);
    }
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        fxi_postgresql_add_integer(&q, figures[i]);
    }
    return fxi_postgresql_ask(state, FXI_PG_SOURCE_PUT, &q, FXI_POSTGRESQL_CALL, "writing a source to", NULL, error);
}

static void read_source(const PGresult *a, int row, fxmon_source_health *h)
{
    *h = (fxmon_source_health){.heartbeat = fxi_postgresql_integer(a, row, 6),
                               .answered = fxi_postgresql_integer(a, row, 7),
                               .failed = fxi_postgresql_integer(a, row, 8),
                               .failures = fxi_postgresql_integer(a, row, 9),
                               .publications = fxi_postgresql_integer(a, row, 10),
                               .published = fxi_postgresql_integer(a, row, 11),
                               .announced = fxi_postgresql_integer(a, row, 12),
                               .expected = fxi_postgresql_integer(a, row, 13),
                               .missed = fxi_postgresql_integer(a, row, 14),
                               .cadence = fxi_postgresql_integer(a, row, 15),
                               .delay = fxi_postgresql_integer(a, row, 16),
                               .weekdays = fxi_postgresql_integer(a, row, 17) != 0,
                               .quota = fxi_postgresql_integer(a, row, 18),
                               .quota_used = fxi_postgresql_integer(a, row, 19)};
    fxi_postgresql_text_into(a, row, 0, h->source, sizeof(h->source));
    fxi_postgresql_text_into(a, row, 1, h->component, sizeof(h->component));
    fxi_postgresql_text_into(a, row, 2, h->instance, sizeof(h->instance));
    fxi_postgresql_text_into(a, row, 3, h->log, sizeof(h->log));
    fxi_postgresql_text_into(a, row, 4, h->status, sizeof(h->status));
    fxi_postgresql_text_into(a, row, 5, h->error, sizeof(h->error));
}

fxmon_result fxi_postgresql_source_each(void *state, fxmon_source_fn fn, void *user, fxmon_error *error)
{
    PGresult *answer;
    fxmon_result result = fxi_postgresql_ask(state, FXI_PG_SOURCE_EACH, NULL, FXI_POSTGRESQL_CALL, "reading sources from", &answer, error);
    for (int row = 0; result == FXMON_DONE && row < PQntuples(answer); row++) {
        fxmon_source_health source;
        read_source(answer, row, &source);
        if (!fn(user, &source)) {
            break;
        }
    }
    if (result == FXMON_DONE) {
        PQclear(answer);
    }
    return result;
}

fxmon_result fxi_postgresql_rebalance_put(void *state, const fxmon_rebalance *r, fxmon_error *error)
{
    fxi_postgresql_parameters q = {.count = 0};
    fxi_postgresql_add_integer(&q, r->time);
    fxi_postgresql_add_text(&q, r->component);
    fxi_postgresql_add_text(&q, r->instance);
    fxi_postgresql_add_text(&q, r->group);
    fxi_postgresql_add_text(&q, r->member);
    fxi_postgresql_add_text(&q, r->kind);
    fxi_postgresql_add_text(&q, r->partitions);
    fxi_postgresql_add_text(&q, r->assigned);
    fxi_postgresql_add_integer(&q, r->generation);
    fxi_postgresql_add_integer(&q, r->duration);
    fxi_postgresql_add_text(&q, r->reason);
    return fxi_postgresql_ask(state, FXI_PG_REBALANCE_PUT, &q, FXI_POSTGRESQL_CALL, "noting a rebalance in", NULL, error);
}

fxmon_result fxi_postgresql_rebalance_each(void *state, int64_t limit, int64_t offset, fxmon_rebalance_fn fn, void *user, fxmon_error *error)
{
    fxi_postgresql_parameters q = {.count = 0};
    PGresult *a;
    fxi_postgresql_add_integer(&q, limit);
    fxi_postgresql_add_integer(&q, offset);
    fxmon_result result = fxi_postgresql_ask(state, FXI_PG_REBALANCE_EACH, &q, FXI_POSTGRESQL_CALL, "reading rebalances from", &a, error);
    for (int row = 0; result == FXMON_DONE && row < PQntuples(a); row++) {
        fxmon_rebalance event = {.time = fxi_postgresql_integer(a, row, 1),
                                 .generation = (int32_t)fxi_postgresql_integer(a, row, 9),
                                 .duration = fxi_postgresql_integer(a, row, 10)};
        fxi_postgresql_text_into(a, row, 2, event.component, sizeof(event.component));
        fxi_postgresql_text_into(a, row, 3, event.instance, sizeof(event.instance));
        fxi_postgresql_text_into(a, row, 4, event.group, sizeof(event.group));
        fxi_postgresql_text_into(a, row, 5, event.member, sizeof(event.member));
        fxi_postgresql_text_into(a, row, 6, event.kind, sizeof(event.kind));
        fxi_postgresql_text_into(a, row, 7, event.partitions, sizeof(event.partitions));
        fxi_postgresql_text_into(a, row, 8, event.assigned, sizeof(event.assigned));
        fxi_postgresql_text_into(a, row, 11, event.reason, sizeof(event.reason));
        if (!fn(user, &event, fxi_postgresql_integer(a, row, 0))) {
            break;
        }
    }
    if (result == FXMON_DONE) {
        PQclear(a);
    }
    return result;
}

fxmon_result fxi_postgresql_place_each(void *state, fxmon_place_fn fn, void *user, fxmon_error *error)
{
    PGresult *answer;
    fxmon_result result = fxi_postgresql_ask(state, FXI_PG_PLACE_EACH, NULL, FXI_POSTGRESQL_CALL, "reading places from", &answer, error);
    for (int row = 0; result == FXMON_DONE && row < PQntuples(answer); row++) {
        fxmon_place place = {.partition = (int32_t)fxi_postgresql_integer(answer, row, 2),
                             .next_offset = fxi_postgresql_integer(answer, row, 3),
                             .epoch = fxi_postgresql_integer(answer, row, 4),
                             .updated = fxi_postgresql_integer(answer, row, 6)};
        fxi_postgresql_text_into(answer, row, 0, place.lane, sizeof(place.lane));
        fxi_postgresql_text_into(answer, row, 1, place.stream, sizeof(place.stream));
        fxi_postgresql_text_into(answer, row, 5, place.owner, sizeof(place.owner));
        if (!fn(user, &place)) {
            break;
        }
    }
    if (result == FXMON_DONE) {
        PQclear(answer);
    }
    return result;
}
