/*
 * Reading a rate message is the hottest text work of every lane, so there are two ways. The fast one knows the layout that producers write
 *
 *   {"timestamp":"...","base":"USD","rates":{"USD/EUR":0.847,...},"source":"..."} [+ ingested_at, next_update, bids, asks in this order]
 *
 * with or without a space after colons and commas, without escapes; at the first byte that is different it gives up and the general way
 * (message_general.c) decides and finds the words for an error. So both always give the same answer: a fuzz target compares them.
 *
 * A stream repeats its pairs in the same order, message after message. The decoder leaves the pairs of the last message where they are: a pair
 * that stands again at its place is recognised by one compare of eight bytes and needs no second check for shape, base and repetition.
 */
#include "codec/message.h"

#include <string.h>

#include "base/decimal.h"
#include "base/mem.h"
#include "codec/decoder.h"

#define PAIR_BYTES 7 /* AAA/BBB, the only shape the fast way takes */
#define FIRST_ROOM 16

fxi_decoder *fxi_decoder_new(void)
{
    return fxi_calloc(1, sizeof(fxi_decoder));
}

void fxi_decoder_free(fxi_decoder *d)
{
    if (d != NULL) {
        fxi_free(d->message.rates);
        fxi_free(d);
    }
}

fxmon_rate *fxi_decoder_room(fxi_decoder *d)
{
    fxmon_message *m = &d->message;

    if (m->count == m->capacity) {
        uint32_t wanted = m->capacity == 0 ? FIRST_ROOM : m->capacity * 2;
        fxmon_rate *grown;

        if (m->count >= FXI_MESSAGE_PAIRS) {
            return NULL;
        }
        grown = fxi_realloc(m->rates, wanted * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        memset(grown + m->capacity, 0, (wanted - m->capacity) * sizeof *grown);
        m->rates = grown;
        m->capacity = wanted;
    }
    return &m->rates[m->count];
}

/* p behind `text`, NULL if it is not there (or p is NULL: steps can be chained). */
static inline const char *pass(const char *p, const char *end, const char *text, size_t length)
{
    if (p == NULL || (size_t)(end - p) < length || memcmp(p, text, length) != 0) {
        return NULL;
    }
    return p + length;
}

/* A literal with an optional space behind it. */
static inline const char *pass_spaced(const char *p, const char *end, const char *text, size_t length)
{
    p = pass(p, end, text, length);
    return p != NULL && p < end && *p == ' ' ? p + 1 : p;
}

#define PASS(p, end, text) pass(p, end, text, sizeof(text) - 1)
#define PASS_SPACED(p, end, text) pass_spaced(p, end, text, sizeof(text) - 1)

/* A plain string: what follows its closing quote; NULL if it has anything but printable ASCII without backslashes. */
static inline const char *take_string(const char *p, const char *end, const char **text, size_t *length)
{
    p = PASS(p, end, "\"");
    if (p == NULL) {
        return NULL;
    }
    *text = p;
    while (p < end && *p != '"') {
        if (*p < 0x20 || *p > 0x7E || *p == '\\') { /* char may be signed: beyond ASCII is below 0x20 or above 0x7E */
            return NULL;
        }
        p++;
    }
    *length = (size_t)(p - *text);
    return p < end ? p + 1 : NULL;
}

static inline const char *take_time(const char *p, const char *end, int64_t *out)
{
    const char *text = NULL;
    size_t length = 0;

    p = take_string(p, end, &text, &length);
    return p != NULL && length < FXI_DECODER_TIME && fxmon_time_parse(text, length, out) == FXMON_OK && *out >= 0 ? p : NULL;
}

/* "AAA/BBB" in quotes at p with 9 bytes of room: is it well-formed, and on this base? */
static bool is_plain_pair(const char *p, const char base[8])
{
    for (int i = 1; i <= 3; i++) {
        if (p[i] != base[i - 1] || p[i + 4] < 'A' || p[i + 4] > 'Z') {
            return false;
        }
    }
    return p[0] == '"' && p[4] == '/' && p[8] == '"' && memcmp(p + 1, p + 5, 3) != 0;
}

/* The members of "rates", p behind its opening brace; what follows its closing brace. */
static const char *take_rates(fxi_decoder *d, const char *p, const char *end, uint32_t known)
{
    fxmon_message *m = &d->message;
    bool fresh = false; /* a pair that the last message had not in this place */

    m->count = 0;
    for (;;) {
        fxmon_rate *rate = fxi_decoder_room(d);
        uint64_t here, before;
        int code;

        if (rate == NULL || end - p < PAIR_BYTES + 4) {
            return NULL;
        }
        memcpy(&here, p + 1, 8);
        memcpy(&before, rate->pair.text, 8);
        if (m->count >= known || p[0] != '"' || p[8] != '"' || memcmp(&here, &before, PAIR_BYTES) != 0) {
            if (!is_plain_pair(p, m->base)) {
                return NULL;
            }
            memset(&rate->pair, 0, sizeof rate->pair);
            memcpy(rate->pair.text, p + 1, PAIR_BYTES);
            fresh = true;
        }
        p = PASS_SPACED(p + PAIR_BYTES + 2, end, ":");
        p = p != NULL ? fxi_decimal_scan(p, end, &rate->mid, &code) : NULL;
        if (p == NULL || p == end || rate->mid.mantissa <= 0 || (rate->mid.scale == 0 && rate->mid.mantissa > fxi_pow10[18])) {
            return NULL;
        }
        rate->bid = rate->ask = (fxmon_decimal){0, 0};
        m->count++;
        if (*p != ',') {
            break;
        }
        p += p + 1 < end && p[1] == ' ' ? 2 : 1;
    }
    if (fresh) {
        fxi_pairset_clear(&d->pairs);
        for (uint32_t i = 0; i < m->count; i++) {
            if (!fxi_pairset_add(&d->pairs, m->rates, i)) {
                return NULL;
            }
        }
    }
    return PASS(p, end, "}");
}

/* "bids" or "asks" with the pairs of "rates" in the same order (some may be left out), p behind the opening brace. */
static const char *take_side(fxmon_message *m, const char *p, const char *end, bool ask)
{
    uint32_t index = 0;

    for (;;) {
        fxmon_decimal *side;
        int code;

        if (end - p < PAIR_BYTES + 4 || p[0] != '"' || p[8] != '"') {
            return NULL;
        }
        while (index < m->count && memcmp(p + 1, m->rates[index].pair.text, PAIR_BYTES) != 0) {
            index++;
        }
        if (index == m->count) {
            return NULL;
        }
        side = ask ? &m->rates[index].ask : &m->rates[index].bid;
        index++;
        p = PASS_SPACED(p + PAIR_BYTES + 2, end, ":");
        p = p != NULL ? fxi_decimal_scan(p, end, side, &code) : NULL;
        if (p == NULL || p == end || side->mantissa <= 0 || (side->scale == 0 && side->mantissa > fxi_pow10[18])) {
            return NULL;
        }
        if (*p != ',') {
            return PASS(p, end, "}");
        }
        p += p + 1 < end && p[1] == ' ' ? 2 : 1;
    }
}

/* The optional members behind "source", in the order in which fxmon writes them; up to and with the closing brace. */
static const char *take_optional(fxmon_message *m, const char *p, const char *end)
{
    const char *next;

    m->ingested = m->next_update = 0;
    if (p < end && *p == '}') {
        return p + 1;
    }
    next = PASS_SPACED(PASS_SPACED(p, end, ","), end, "\"ingested_at\":");
    if (next != NULL && (p = take_time(next, end, &m->ingested)) == NULL) {
        return NULL;
    }
    next = PASS_SPACED(PASS_SPACED(p, end, ","), end, "\"next_update\":");
    if (next != NULL && (p = take_time(next, end, &m->next_update)) == NULL) {
        return NULL;
    }
    next = PASS(PASS_SPACED(PASS_SPACED(p, end, ","), end, "\"bids\":"), end, "{");
    if (next != NULL && (p = take_side(m, next, end, false)) == NULL) {
        return NULL;
    }
    next = PASS(PASS_SPACED(PASS_SPACED(p, end, ","), end, "\"asks\":"), end, "{");
    if (next != NULL && (p = take_side(m, next, end, true)) == NULL) {
        return NULL;
    }
    return PASS(p, end, "}");
}

bool fxi_message_decode_fast(fxi_decoder *d, const char *data, size_t length)
{
    fxmon_message *m = &d->message;
    const char *p = data, *end = data + length, *text = NULL;
    uint32_t known = d->known;
    size_t bytes = 0;

    d->known = 0; /* until the end is reached */
    p = take_time(PASS_SPACED(PASS(p, end, "{"), end, "\"timestamp\":"), end, &m->time);
    p = take_string(PASS_SPACED(PASS_SPACED(p, end, ","), end, "\"base\":"), end, &text, &bytes);
    if (p == NULL || bytes != 3) {
        return false;
    }
    if (memcmp(m->base, text, 3) != 0 || m->base[3] != '\0') {
        memset(m->base, 0, sizeof m->base);
        memcpy(m->base, text, 3);
        known = 0;
    }
    for (int i = 0; i < 3; i++) {
        if (text[i] < 'A' || text[i] > 'Z') {
            return false;
        }
    }
    p = PASS(PASS_SPACED(PASS_SPACED(p, end, ","), end, "\"rates\":"), end, "{");
    p = p != NULL ? take_rates(d, p, end, known) : NULL;
    p = take_string(PASS_SPACED(PASS_SPACED(p, end, ","), end, "\"source\":"), end, &text, &bytes);
    if (p == NULL || bytes == 0 || bytes >= sizeof m->source) {
        return false;
    }
    memset(m->source, 0, sizeof m->source);
    memcpy(m->source, text, bytes);
    p = take_optional(m, p, end);
    if (p == NULL) {
        return false;
    }
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
        p++;
    }
    if (p < end) {
        return false;
    }
    d->known = m->count;
    return true;
}

const fxmon_message *fxi_message_decode(fxi_decoder *d, const char *data, size_t length, fxmon_error *error)
{
    if (length > 0 && fxi_message_is_packed((unsigned char)data[0])) {
        return fxi_message_decode_packed(d, data, length, error) == FXMON_OK ? &d->message : NULL;
    }
    if (fxi_message_decode_fast(d, data, length)) {
        return &d->message;
    }
    return fxi_message_decode_general(d, data, length, error) == FXMON_OK ? &d->message : NULL;
}
