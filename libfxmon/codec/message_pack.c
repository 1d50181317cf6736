/*
 * The rate message as MessagePack: a map with the members of the JSON message, in the same order.
 *
 * A rate is written as a text with the provider's digits, "0.8470". MessagePack has no decimal: a 64-bit float would lose the closing zero, and with
 * more than fifteen digits the value; an array [mantissa, scale] is exact, but every reader would have to know our meaning of it, while a text becomes a number
 * in any language by the call that everybody knows (Decimal("0.8470"), float(...)). It is smaller too: 0.847 takes 6 bytes, a float 9. And all rates
 * have one type, so that nobody meets the exception only in production. Times are texts for the same reasons as in JSON.
 *
 * Strangers may write what is natural to them: a rate as an integer or as a 64-bit float, of which the shortest decimal is meant (that is what the number
 * was before it became a float); a time as MessagePack's own timestamp (extension -1). A 32-bit float is refused: 0.847 is 0.847000002861 in it, and
 * nobody can tell which digits were meant.
 *
 * Checks and their order are those of the JSON reader: first the whole record (complete, nothing behind it, no member twice), then the shape of
 * each member, then the values.
 */
#include "codec/message.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "codec/excerpt.h"
#include "codec/member.h"
#include "codec/pack.h"
#include "codec/rate.h"

#define MEMBERS_MAXIMUM 64 /* of a message, ignored ones included */
#define TIMESTAMP_EXTENSION (-1)

enum member { TIMESTAMP, BASE, RATES, SOURCE, INGESTED, NEXT_UPDATE, BIDS, ASKS, MEMBERS };
enum shape { TIME, TEXT, MAP };

static const struct {
    const char *name;
    enum shape shape;
    bool required;
} table[MEMBERS] = {
    [TIMESTAMP] = {"timestamp", TIME, true},     [BASE] = {"base", TEXT, true},
    [RATES] = {"rates", MAP, true},              [SOURCE] = {"source", TEXT, true},
    [INGESTED] = {"ingested_at", TIME, false},   [NEXT_UPDATE] = {"next_update", TIME, false},
    [BIDS] = {"bids", MAP, false},               [ASKS] = {"asks", MAP, false},
};

static const char *const expected[] = {[TIME] = "a text or a timestamp", [TEXT] = "a text", [MAP] = "a map"};

/* A value for an error text. */
static const char *show(const fxi_pack_item *item, char shown[FXI_EXCERPT])
{
    char number[FXMON_DOUBLE_TEXT] = "";

    switch (item->type) {
    case FXI_PACK_TEXT:
    case FXI_PACK_BYTES:
    case FXI_PACK_EXTENSION:
        return fxi_excerpt(item->text, item->length, shown);
    case FXI_PACK_SINGLE:
    case FXI_PACK_DOUBLE:
        if (!isfinite(item->real)) {
            return isnan(item->real) ? "NaN" : "infinite";
        }
        return fxi_excerpt(number, fxmon_double_format(item->real, number), shown);
    case FXI_PACK_NUMBER:
        snprintf(number, sizeof number, "%" PRIu64, item->number);
        return fxi_excerpt(number, strlen(number), shown);
    case FXI_PACK_NEGATIVE:
        snprintf(number, sizeof number, "%" PRId64, (int64_t)item->number);
        return fxi_excerpt(number, strlen(number), shown);
    default:
        return fxi_pack_type_name(item->type);
    }
}

static bool fits(const fxi_pack_item *item, enum shape shape)
{
    return shape == MAP ? item->type == FXI_PACK_MAP
                        : item->type == FXI_PACK_TEXT || (shape == TIME && item->type == FXI_PACK_EXTENSION && item->extension == TIMESTAMP_EXTENSION);
}

static bool same_name(const fxi_pack_item *a, const fxi_pack_item *b)
{
    return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

/* All members of the message: `found` has those that have a meaning. */
static int take_members(fxi_pack *p, uint64_t count, fxi_pack_item found[MEMBERS], fxmon_error *error)
{
    fxi_pack_item name[MEMBERS_MAXIMUM], value;
    size_t names = 0;
    int repeated = -1;

    for (uint64_t i = 0; i < count; i++) {
        fxi_pack_item *now = &name[names < MEMBERS_MAXIMUM ? names : MEMBERS_MAXIMUM - 1];

        if (!fxi_pack_value(p, now) || !fxi_pack_value(p, &value)) {
            return fxi_pack_fail(p, error);
        }
        if (now->type != FXI_PACK_TEXT) {
            return fxi_fail(error, FXMON_E_MALFORMED, "", "a member's name is %s: expected a text", fxi_pack_type_name(now->type));
        }
        for (int k = 0; k < MEMBERS; k++) {
            if (fxi_pack_is(now, table[k].name)) {
                found[k] = value;
            }
        }
        for (size_t k = 0; k < names && repeated < 0; k++) {
            repeated = same_name(&name[k], now) ? (int)k : -1;
        }
        if (++names > MEMBERS_MAXIMUM) {
            return fxi_fail(error, FXMON_E_MALFORMED, "", "a message of more than %d members", MEMBERS_MAXIMUM);
        }
    }
    if (repeated >= 0) {
        char field[40], shown[FXI_EXCERPT];

        fxi_excerpt_name(name[repeated].text, name[repeated].length, field, sizeof field);
        return fxi_fail(error, FXMON_E_MALFORMED, field, "the member %s stands there twice", fxi_excerpt(name[repeated].text, name[repeated].length, shown));
    }
    return FXMON_OK;
}

/* Find the members; every one that is there has its type, or is an optional one that is nil (then as if absent). */
static int find_members(const char *data, size_t length, fxi_pack_item found[MEMBERS], fxmon_error *error)
{
    fxi_pack p;
    fxi_pack_item root;
    int code;

    memset(found, 0, MEMBERS * sizeof *found);
    fxi_pack_init(&p, data, length);
    if (!fxi_pack_next(&p, &root)) {
        return fxi_pack_fail(&p, error);
    }
    if (root.type != FXI_PACK_MAP) {
        return fxi_fail(error, FXMON_E_MALFORMED, "", "a rate message is a map, this is %s", fxi_pack_type_name(root.type));
    }
    code = take_members(&p, root.number / 2, found, error);
    if (code == FXMON_OK && p.at != p.end) {
        p.problem = "something follows the message";
        code = fxi_pack_fail(&p, error);
    }
    for (int i = 0; i < MEMBERS && code == FXMON_OK; i++) {
        char shown[FXI_EXCERPT];

        if (found[i].type == FXI_PACK_NIL && !table[i].required) {
            found[i].type = FXI_PACK_NONE;
        }
        if (found[i].type == FXI_PACK_NONE && table[i].required) {
            code = fxi_fail(error, FXMON_E_MALFORMED, table[i].name, "member '%s' is missing: expected %s", table[i].name, expected[table[i].shape]);
        } else if (found[i].type != FXI_PACK_NONE && !fits(&found[i], table[i].shape)) {
            code = fxi_fail(error, FXMON_E_MALFORMED, table[i].name, "'%s' is %s (%s): expected %s", table[i].name,
                            fxi_pack_type_name(found[i].type), show(&found[i], shown), expected[table[i].shape]);
        }
    }
    return code;
}

static fxi_member_text text_of(const fxi_pack_item *item)
{
    return (fxi_member_text){item->text, (long)item->length, item->text, item->length};
}

static uint64_t number_of(const char *text, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++) {
        value = value << 8 | (unsigned char)text[i];
    }
    return value;
}

/* MessagePack's timestamp: seconds in 4 bytes; 30 bits of nanoseconds and 34 of seconds; 4 bytes of nanoseconds and 8 of signed seconds. */
static int take_timestamp(const fxi_pack_item *item, const char *field, int64_t *out, fxmon_error *error)
{
    uint64_t nanoseconds = 0, seconds;

    if (item->length == 4) {
        seconds = number_of(item->text, 4);
    } else if (item->length == 8) {
        seconds = number_of(item->text, 8);
        nanoseconds = seconds >> 34;
        seconds &= (UINT64_C(1) << 34) - 1;
    } else if (item->length == 12) {
        nanoseconds = number_of(item->text, 4);
        seconds = number_of(item->text + 4, 8);
    } else {
        return fxi_fail(error, FXMON_E_MALFORMED, field, "'%s' is a timestamp of %lld bytes: expected 4, 8 or 12", field, (long long)item->length);
    }
    if (nanoseconds >= (uint64_t)FXMON_SECOND) {
        return fxi_fail(error, FXMON_E_REJECTED, field, "'%s' is a timestamp with %lld nanoseconds: expected less than a second", field, (long long)nanoseconds);
    }
    if (seconds > (uint64_t)(INT64_MAX / FXMON_SECOND) ||
        __builtin_add_overflow((int64_t)seconds * FXMON_SECOND, (int64_t)nanoseconds, out)) {
        return fxi_fail(error, FXMON_E_REJECTED, field, "'%s' is a timestamp of %lld seconds: expected a time from 1970 to 2262", field, (long long)seconds);
    }
    return FXMON_OK;
}

static int take_time(const fxi_pack_item *item, const char *field, int64_t *out, fxmon_error *error)
{
    fxi_member_text text = text_of(item);

    return item->type == FXI_PACK_EXTENSION ? take_timestamp(item, field, out, error) : fxi_member_time(&text, field, out, error);
}

static int take_pair(const fxi_pack_item *name, const char *member, const char base[8], fxmon_pair *out, fxmon_error *error)
{
    fxi_member_text text = text_of(name);

    if (name->type != FXI_PACK_TEXT) {
        return fxi_fail(error, FXMON_E_MALFORMED, member, "'%s' has a name that is %s: expected a pair such as USD/EUR", member,
                        fxi_pack_type_name(name->type));
    }
    return fxi_member_pair(&text, member, base, out, error);
}

static int take_rate(const fxi_pack_item *item, const char *member, const fxmon_pair *pair, fxmon_decimal *out, fxmon_error *error)
{
    char digits[FXMON_DOUBLE_TEXT], field[40], shown[FXI_EXCERPT];
    const char *text = digits;
    size_t length = 0;

    switch (item->type) {
    case FXI_PACK_TEXT:
        text = item->text;
        length = item->length;
        break;
    case FXI_PACK_NUMBER:
        length = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, item->number);
        break;
    case FXI_PACK_DOUBLE:
        length = isfinite(item->real) ? fxmon_double_format(item->real, digits) : 0;
        break;
    case FXI_PACK_NEGATIVE:
        break;
    case FXI_PACK_SINGLE:
        fxi_member_field(member, pair, field);
        return fxi_fail(error, FXMON_E_MALFORMED, field, "the rate of %s is a 32-bit float (%s), which keeps seven digits: expected a text with the digits, "
                        "an integer or a 64-bit float", pair->text, show(item, shown));
    default:
        fxi_member_field(member, pair, field);
        return fxi_fail(error, FXMON_E_MALFORMED, field, "the rate of %s is %s: expected a text with the digits, an integer or a 64-bit float", pair->text,
                        fxi_pack_type_name(item->type));
    }
    if (fxi_rate_parse(text, length, out) == FXMON_OK) {
        return FXMON_OK;
    }
    return fxi_member_bad_rate(member, pair, show(item, shown), error);
}

static int take_rates(fxi_decoder *d, const fxi_pack_item *map, fxmon_error *error)
{
    fxmon_message *m = &d->message;
    fxi_pack_item name, value;
    fxi_pack p;

    m->count = 0;
    fxi_pairset_clear(&d->pairs);
    fxi_pack_init(&p, map->text, map->length);
    for (uint64_t i = 0; i < map->number; i += 2) {
        fxmon_rate *rate = fxi_member_room(d, error);
        int code = rate == NULL ? error->code : FXMON_OK;

        if (code == FXMON_OK && (!fxi_pack_value(&p, &name) || !fxi_pack_value(&p, &value))) {
            code = fxi_pack_fail(&p, error);
        }
        if (code == FXMON_OK) {
            code = take_pair(&name, "rates", m->base, &rate->pair, error);
        }
        if (code == FXMON_OK && !fxi_pairset_add(&d->pairs, m->rates, m->count)) {
            code = fxi_member_twice("rates", &rate->pair, error);
        }
        if (code == FXMON_OK) {
            code = take_rate(&value, "rates", &rate->pair, &rate->mid, error);
        }
        if (code != FXMON_OK) {
            return code;
        }
        m->count++;
    }
    return m->count == 0 ? fxi_member_none(error) : FXMON_OK;
}

static int take_side(fxi_decoder *d, const fxi_pack_item *map, bool ask, fxmon_error *error)
{
    const char *member = ask ? "asks" : "bids";
    fxi_pack_item name, value;
    fxi_pack p;

    fxi_pack_init(&p, map->text, map->length);
    for (uint64_t i = 0; i < map->number; i += 2) {
        fxmon_pair pair = {""};
        fxmon_decimal *side;
        int index, code;

        if (!fxi_pack_value(&p, &name) || !fxi_pack_value(&p, &value)) {
            return fxi_pack_fail(&p, error);
        }
        code = take_pair(&name, member, d->message.base, &pair, error);
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
        code = take_rate(&value, member, &pair, side, error);
        if (code != FXMON_OK) {
            return code;
        }
    }
    return FXMON_OK;
}

int fxi_message_decode_packed(fxi_decoder *d, const char *data, size_t length, fxmon_error *error)
{
    fxmon_message *m = &d->message;
    fxi_pack_item found[MEMBERS];
    fxi_member_text text;
    fxmon_error own;
    int code;

    d->known = 0;
    if (error == NULL) {
        error = &own;
    }
    code = find_members(data, length, found, error);
    if (code == FXMON_OK) {
        code = take_time(&found[TIMESTAMP], "timestamp", &m->time, error);
    }
    if (code == FXMON_OK) {
        text = text_of(&found[BASE]);
        code = fxi_member_base(&text, m->base, error);
    }
    if (code == FXMON_OK) {
        code = take_rates(d, &found[RATES], error);
    }
    if (code == FXMON_OK) {
        text = text_of(&found[SOURCE]);
        code = fxi_member_source(&text, m->source, error);
    }
    m->ingested = m->next_update = 0;
    if (code == FXMON_OK && found[INGESTED].type != FXI_PACK_NONE) {
        code = take_time(&found[INGESTED], "ingested_at", &m->ingested, error);
    }
    if (code == FXMON_OK && found[NEXT_UPDATE].type != FXI_PACK_NONE) {
        code = take_time(&found[NEXT_UPDATE], "next_update", &m->next_update, error);
    }
    if (code == FXMON_OK && found[BIDS].type != FXI_PACK_NONE) {
        code = take_side(d, &found[BIDS], false, error);
    }
    if (code == FXMON_OK && found[ASKS].type != FXI_PACK_NONE) {
        code = take_side(d, &found[ASKS], true, error);
    }
    return code;
}
