/*
 * The general way through a rate message: any order of members, white space, escapes, unknown members; and the words for what is wrong.
 * Order of the checks: JSON at all and no member twice (the whole text), then the shape of each member, then the values, in the order
 * timestamp, base, rates, source, the optional ones. The first fault is the one that is told.
 */
#include "codec/message.h"

#include <string.h>

#include "base/error.h"
#include "codec/decoder.h"
#include "codec/excerpt.h"
#include "codec/json.h"
#include "codec/member.h"
#include "codec/rate.h"

enum member { TIMESTAMP, BASE, RATES, SOURCE, INGESTED, NEXT_UPDATE, BIDS, ASKS, MEMBERS };

static const struct {
    const char *name;
    int type;
    bool required;
} table[MEMBERS] = {
    [TIMESTAMP] = {"timestamp", FXI_JSON_STRING, true},  [BASE] = {"base", FXI_JSON_STRING, true},
    [RATES] = {"rates", FXI_JSON_OBJECT, true},          [SOURCE] = {"source", FXI_JSON_STRING, true},
    [INGESTED] = {"ingested_at", FXI_JSON_STRING, false}, [NEXT_UPDATE] = {"next_update", FXI_JSON_STRING, false},
    [BIDS] = {"bids", FXI_JSON_OBJECT, false},           [ASKS] = {"asks", FXI_JSON_OBJECT, false},
};

/* Find the members; every one that is there has its type, or is an optional one that is null (then as if absent). */
static int find_members(const char *data, size_t length, fxi_json_span found[MEMBERS], fxmon_error *error)
{
    fxi_json j;
    int token;

    memset(found, 0, MEMBERS * sizeof *found);
    fxi_json_init(&j, data, length);
    token = fxi_json_next(&j);
    if (token != FXI_JSON_OBJECT) {
        return fxi_fail(error, FXMON_E_MALFORMED, "", "a rate message is an object, this is %s", fxi_json_type_name(token));
    }
    while (fxi_json_next(&j) == FXI_JSON_NAME) {
        fxi_json_span ignored, *into = &ignored;

        for (int i = 0; i < MEMBERS; i++) {
            if (fxi_json_is(&j, table[i].name)) {
                into = &found[i];
            }
        }
        fxi_json_value(&j, into);
    }
    for (int i = 0; i < MEMBERS; i++) {
        if (found[i].type == FXI_JSON_NULL && !table[i].required) {
            found[i].type = 0;
        }
        if (found[i].type == 0) {
            if (table[i].required) {
                return fxi_fail(error, FXMON_E_MALFORMED, table[i].name, "member '%s' is missing: expected %s", table[i].name,
                                fxi_json_type_name(table[i].type));
            }
        } else if (found[i].type != table[i].type) {
            char shown[FXI_EXCERPT];

            return fxi_fail(error, FXMON_E_MALFORMED, table[i].name, "'%s' is %s (%s): expected %s", table[i].name,
                            fxi_json_type_name(found[i].type), fxi_excerpt(found[i].text, found[i].length, shown),
                            fxi_json_type_name(table[i].type));
        }
    }
    return FXMON_OK;
}

/* A string between its quotes as text; `room` holds it without its escapes. */
static fxi_member_text text_of(const fxi_json_span *span, char *room, size_t size)
{
    return (fxi_member_text){room, fxi_json_span_string(span, room, size), span->text, span->length};
}

static int take_time(const fxi_json_span *span, const char *field, int64_t *out, fxmon_error *error)
{
    char room[FXI_DECODER_TIME];
    fxi_member_text text = text_of(span, room, sizeof room);

    return fxi_member_time(&text, field, out, error);
}

static int take_base(const fxi_json_span *span, char base[8], fxmon_error *error)
{
    char room[8];
    fxi_member_text text = text_of(span, room, sizeof room);

    return fxi_member_base(&text, base, error);
}

static int take_source(const fxi_json_span *span, char source[FXMON_SOURCE_TEXT], fxmon_error *error)
{
    char room[FXMON_SOURCE_TEXT];
    fxi_member_text text = text_of(span, room, sizeof room);

    return fxi_member_source(&text, source, error);
}

/* The name that j has just passed as a pair on `base`. */
static int take_pair(const fxi_json *j, const char *member, const char base[8], fxmon_pair *out, fxmon_error *error)
{
    char room[32];
    fxi_member_text name = {room, fxi_json_string(j, room, sizeof room), j->text, j->length};

    return fxi_member_pair(&name, member, base, out, error);
}

static int take_rate(const fxi_json_span *span, const char *member, const fxmon_pair *pair, fxmon_decimal *out, fxmon_error *error)
{
    char field[40], shown[FXI_EXCERPT];

    if (span->type == FXI_JSON_NUMBER && fxi_rate_parse(span->text, span->length, out) == FXMON_OK) {
        return FXMON_OK;
    }
    fxi_excerpt(span->text, span->length, shown);
    if (span->type == FXI_JSON_NUMBER) {
        return fxi_member_bad_rate(member, pair, shown, error);
    }
    fxi_member_field(member, pair, field);
    return fxi_fail(error, FXMON_E_MALFORMED, field, "the rate of %s is %s (%s): expected a number", pair->text,
                    fxi_json_type_name(span->type), shown);
}

static int take_rates(fxi_decoder *d, const fxi_json_span *span, fxmon_error *error)
{
    fxmon_message *m = &d->message;
    fxi_json j;

    m->count = 0;
    fxi_pairset_clear(&d->pairs);
    fxi_json_init(&j, span->text, span->length);
    fxi_json_next(&j);
    while (fxi_json_next(&j) == FXI_JSON_NAME) {
        fxmon_rate *rate = fxi_member_room(d, error);
        fxi_json_span value;
        int code;

        if (rate == NULL) {
            return error->code;
        }
        memset(&rate->pair, 0, sizeof rate->pair);
        code = take_pair(&j, "rates", m->base, &rate->pair, error);
        if (code != FXMON_OK) {
            return code;
        }
        if (!fxi_pairset_add(&d->pairs, m->rates, m->count)) {
            return fxi_member_twice("rates", &rate->pair, error);
        }
        fxi_json_value(&j, &value);
        code = take_rate(&value, "rates", &rate->pair, &rate->mid, error);
        if (code != FXMON_OK) {
            return code;
        }
        m->count++;
    }
    if (m->count == 0) {
        return fxi_member_none(error);
    }
    return FXMON_OK;
}

static int take_side(fxi_decoder *d, const fxi_json_span *span, bool ask, fxmon_error *error)
{
    const char *member = ask ? "asks" : "bids";
    fxi_json j;

    fxi_json_init(&j, span->text, span->length);
    fxi_json_next(&j);
    while (fxi_json_next(&j) == FXI_JSON_NAME) {
        fxmon_pair pair = {""};
        fxmon_decimal *side;
        fxi_json_span value;
        int index, code = take_pair(&j, member, d->message.base, &pair, error);

        if (code != FXMON_OK) {
            return code;
        }
        index = fxi_pairset_find(&d->pairs, d->message.rates, &pair);
        if (index < 0) {
            return fxi_member_absent(member, &pair, error);
        }
        side = ask ? &d->message.rates[index].ask : &d->message.rates[index].bid;
        if (side->mantissa != 0) {
            return fxi_member_twice(member, &pair, error);
        }
        fxi_json_value(&j, &value);
        code = take_rate(&value, member, &pair, side, error);
        if (code != FXMON_OK) {
            return code;
        }
    }
    return FXMON_OK;
}

int fxi_message_decode_general(fxi_decoder *d, const char *data, size_t length, fxmon_error *error)
{
    fxmon_message *m = &d->message;
    fxi_json_span found[MEMBERS];
    fxmon_error own;
    int code;

    d->known = 0;
    if (error == NULL) {
        error = &own;
    }
    if (!fxi_json_valid(data, length, error)) {
        return error->code;
    }
    code = find_members(data, length, found, error);
    if (code == FXMON_OK) {
        code = take_time(&found[TIMESTAMP], "timestamp", &m->time, error);
    }
    if (code == FXMON_OK) {
        code = take_base(&found[BASE], m->base, error);
    }
    if (code == FXMON_OK) {
        code = take_rates(d, &found[RATES], error);
    }
    if (code == FXMON_OK) {
        code = take_source(&found[SOURCE], m->source, error);
    }
    m->ingested = m->next_update = 0;
    if (code == FXMON_OK && found[INGESTED].type != 0) {
        code = take_time(&found[INGESTED], "ingested_at", &m->ingested, error);
    }
    if (code == FXMON_OK && found[NEXT_UPDATE].type != 0) {
        code = take_time(&found[NEXT_UPDATE], "next_update", &m->next_update, error);
    }
    if (code == FXMON_OK && found[BIDS].type != 0) {
        code = take_side(d, &found[BIDS], false, error);
    }
    if (code == FXMON_OK && found[ASKS].type != 0) {
        code = take_side(d, &found[ASKS], true, error);
    }
    return code;
}
