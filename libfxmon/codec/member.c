/* See member.h. */
#include "codec/member.h"

#include <string.h>

#include "base/error.h"
#include "codec/excerpt.h"

static const char *show(const fxi_member_text *value, char shown[FXI_EXCERPT])
{
    return fxi_excerpt(value->shown, value->shown_length, shown);
}

int fxi_member_time(const fxi_member_text *value, const char *field, int64_t *out, fxmon_error *error)
{
    char shown[FXI_EXCERPT];
    int code = value->length < 0 ? FXMON_E_SYNTAX : fxmon_time_parse(value->text, (size_t)value->length, out);

    if (code == FXMON_OK && *out >= 0) {
        return FXMON_OK;
    }
    show(value, shown);
    if (code == FXMON_OK || code == FXMON_E_RANGE) {
        return fxi_fail(error, FXMON_E_REJECTED, field, "'%s' is %s: expected a time from 1970 to 2262", field, shown);
    }
    return fxi_fail(error, FXMON_E_REJECTED, field, "'%s' is %s: expected an RFC 3339 time with a zone, as 2026-02-04T10:30:00Z", field,
                    shown);
}

int fxi_member_base(const fxi_member_text *value, char base[8], fxmon_error *error)
{
    char shown[FXI_EXCERPT];
    bool good = value->length >= 3 && value->length <= 6;

    memset(base, 0, 8);
    for (long i = 0; i < value->length && good; i++) {
        char c = value->text[i];

        if (c >= 'a' && c <= 'z') {
            c = (char)(c - 'a' + 'A');
        }
        good = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        base[i] = c;
    }
    if (!good) {
        return fxi_fail(error, FXMON_E_REJECTED, "base", "'base' is %s: expected a currency code of 3 to 6 letters or digits", show(value, shown));
    }
    return FXMON_OK;
}

int fxi_member_source(const fxi_member_text *value, char source[FXMON_SOURCE_TEXT], fxmon_error *error)
{
    char shown[FXI_EXCERPT];

    memset(source, 0, FXMON_SOURCE_TEXT);
    if (value->length < 1 || value->length >= FXMON_SOURCE_TEXT || memchr(value->text, '\0', (size_t)value->length) != NULL) {
        return fxi_fail(error, FXMON_E_REJECTED, "source", "'source' is %s: expected 1 to %d bytes without NUL", show(value, shown),
                        FXMON_SOURCE_TEXT - 1);
    }
    memcpy(source, value->text, (size_t)value->length);
    return FXMON_OK;
}

int fxi_member_pair(const fxi_member_text *name, const char *member, const char base[8], fxmon_pair *out, fxmon_error *error)
{
    char pair_base[8] = "", shown[FXI_EXCERPT];

    if (name->length < 0 || fxmon_pair_parse(name->text, (size_t)name->length, out) != FXMON_OK) {
        return fxi_fail(error, FXMON_E_REJECTED, member, "'%s' has %s: expected a pair such as USD/EUR", member, show(name, shown));
    }
    fxmon_pair_base(out, pair_base);
    if (strcmp(pair_base, base) != 0) {
        return fxi_fail(error, FXMON_E_REJECTED, member, "'%s' has %s, but 'base' is %s: every pair of a message begins with its base", member,
                        out->text, base);
    }
    return FXMON_OK;
}

void fxi_member_field(const char *member, const fxmon_pair *pair, char out[40])
{
    size_t at = strlen(member);

    memcpy(out, member, at);
    out[at] = '.';
    memcpy(out + at + 1, pair->text, sizeof pair->text);
}

int fxi_member_bad_rate(const char *member, const fxmon_pair *pair, const char *shown, fxmon_error *error)
{
    char field[40];

    fxi_member_field(member, pair, field);
    return fxi_fail(error, FXMON_E_REJECTED, field, "the rate of %s is %s: expected a positive number from 1e-18 to 1e18", pair->text, shown);
}

fxmon_rate *fxi_member_room(fxi_decoder *d, fxmon_error *error)
{
    fxmon_rate *rate = fxi_decoder_room(d);

    if (rate == NULL && d->message.count >= FXI_MESSAGE_PAIRS) {
        fxi_fail(error, FXMON_E_REJECTED, "rates", "'rates' has more than %d pairs", FXI_MESSAGE_PAIRS);
    } else if (rate == NULL) {
        fxi_fail(error, FXMON_E_NOMEM, "rates", "out of memory for a message of %lld pairs", (long long)d->message.count + 1);
    } else {
        rate->mid = rate->bid = rate->ask = (fxmon_decimal){0, 0};
    }
    return rate;
}

int fxi_member_twice(const char *member, const fxmon_pair *pair, fxmon_error *error)
{
    return fxi_fail(error, FXMON_E_MALFORMED, member, "'%s' has %s twice, in two spellings", member, pair->text);
}

int fxi_member_absent(const char *member, const fxmon_pair *pair, fxmon_error *error)
{
    return fxi_fail(error, FXMON_E_REJECTED, member, "'%s' has %s, 'rates' has not", member, pair->text);
}

int fxi_member_none(fxmon_error *error)
{
    return fxi_fail(error, FXMON_E_REJECTED, "rates", "'rates' is empty: expected 1 to %d pairs", FXI_MESSAGE_PAIRS);
}
