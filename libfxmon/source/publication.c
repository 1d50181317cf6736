/*
 * source/publication.c - from what a provider published to what was asked for.
 *
 * Providers publish all they have, in their order, on their base. What goes on the log is the tracked list, in the user's order, on the
 * user's base. Digits are the provider's own unless the base changes; then they are quotients, rounded to 12 significant digits because no
 * reference rate carries more than about ten and a double's tail would only pretend precision. The message says that it was
 * rebased, so nobody takes a computed number for a published one.
 */
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "source/source.h"

#define REBASE_DIGITS 12

/* ---- tracked currencies ---------------------------------------------------------------------------------------------------- */

static bool track_separator(char c)
{
    return c == ',' || c == ';' || c == '+' || c == ' ' || c == '\n' || c == '\t';
}

static int track_add(fxi_track *t, size_t *capacity, const char *word, size_t length, fxmon_error *error)
{
    char text[16];
    char code[8];
    fxmon_pair pair;
    if (length >= sizeof text)
        return fxi_fail(error, FXMON_E_CURRENCY, "track", "track: \"%.*s\" is no currency code", 40, word);
    memcpy(text, word, length);
    text[length] = '\0';
    if (fxmon_pair_make(text, strcmp(text, "XXX") == 0 ? "XTS" : "XXX", &pair))
        return fxi_fail(error, FXMON_E_CURRENCY, "track", "track: \"%s\" is no currency code such as EUR", text);
    fxmon_pair_base(&pair, code);
    for (uint32_t i = 0; i < t->count; i++)
        if (strcmp(t->code[i], code) == 0)
            return FXMON_OK;
    if (t->count == FXI_TRACK_MAXIMUM)
        return fxi_fail(error, FXMON_E_TOO_LARGE, "track", "track: more than %d currencies", FXI_TRACK_MAXIMUM);
    if (t->count == *capacity) {
        char(*grown)[8] = fxi_grow(t->code, capacity, t->count + 1, sizeof *grown);
        if (!grown)
            return fxi_fail(error, FXMON_E_NOMEM, "track", "out of memory");
        t->code = grown;
    }
    memset(t->code[t->count], 0, sizeof t->code[0]);
    memcpy(t->code[t->count++], code, strlen(code));
    return FXMON_OK;
}

int fxi_track_parse(fxi_track *t, const char *list, fxmon_error *error)
{
    size_t capacity = 0;
    memset(t, 0, sizeof *t);
    if (strcmp(list, "all") == 0) {
        t->all = true;
        return FXMON_OK;
    }
    for (const char *at = list; *at;) {
        size_t length = 0;
        while (at[length] && !track_separator(at[length]))
            length++;
        int code = length ? track_add(t, &capacity, at, length, error) : FXMON_OK;
        if (code) {
            fxi_track_free(t);
            return code;
        }
        at += length + (at[length] != '\0');
    }
    if (t->count)
        return FXMON_OK;
    return fxi_fail(error, FXMON_E_ARGUMENT, "track", "track: names no currency; give codes such as EUR,GBP or the word all");
}

void fxi_track_free(fxi_track *t)
{
    fxi_free(t->code);
    memset(t, 0, sizeof *t);
}

/* ---- publications ------------------------------------------------------------------------------------------------------------ */

static const fxmon_rate *published_rate(const fxmon_message *m, const char *code)
{
    for (uint32_t i = 0; i < m->count; i++) {
        char quote[8];
        fxmon_pair_quote(&m->rates[i].pair, quote);
        if (strcmp(quote, code) == 0)
            return &m->rates[i];
    }
    return NULL;
}

static bool publication_reserve(fxi_publication *p, size_t need)
{
    size_t capacity = p->message.capacity;
    if (need <= capacity)
        return true;
    fxmon_rate *grown = fxi_grow(p->message.rates, &capacity, need, sizeof *grown);
    if (!grown)
        return false;
    p->message.rates = grown;
    p->message.capacity = (uint32_t)capacity;
    return true;
}

/* The rate of `code` on the base of p: the published one, or a quotient over the published base. */
static int publication_rate(const fxi_publication *p, const fxmon_message *published, const fxmon_rate *hub, const char *code,
                            fxmon_rate *out)
{
    const fxmon_rate *leg = published_rate(published, code);
    if (!hub) {
        if (!leg)
            return FXMON_E_NOT_FOUND;
        *out = *leg;
        return FXMON_OK;
    }
    const bool to_hub = strcmp(code, published->base) == 0;
    if (!leg && !to_hub)
        return FXMON_E_NOT_FOUND;
    memset(out, 0, sizeof *out);
    const fxmon_decimal one = {1, 0};
    double mid = fxmon_cross_mid(hub->mid, to_hub ? one : leg->mid);
    int rc = fxi_decimal_round(mid, REBASE_DIGITS, &out->mid);
    if (!rc)
        rc = fxmon_pair_make(p->message.base, code, &out->pair);
    return rc;
}

static void publication_take(fxi_publication *p, const fxmon_message *published, const fxmon_rate *hub, const char *code)
{
    if (strcmp(code, p->message.base) == 0)
        return; /* the identity row says nothing */
    if (publication_rate(p, published, hub, code, &p->message.rates[p->message.count]) == FXMON_OK) {
        p->message.count++;
        return;
    }
    if (p->missing++ == 0)
        memcpy(p->missed, code, strnlen(code, sizeof p->missed - 1) + 1);
}

static bool publication_digest(fxi_publication *p)
{
    /* one flat copy, so that padding and unused bytes cannot get into the digest */
    const size_t item = sizeof(fxmon_pair) + 3 * 12;
    const size_t size = sizeof p->message.base + p->message.count * item;
    uint8_t *flat = fxi_calloc(1, size);
    if (!flat)
        return false;
    uint8_t *at = flat;
    memcpy(at, p->message.base, sizeof p->message.base);
    at += sizeof p->message.base;
    for (uint32_t i = 0; i < p->message.count; i++) {
        const fxmon_rate *rate = &p->message.rates[i];
        const fxmon_decimal price[3] = {rate->mid, rate->bid, rate->ask};
        memcpy(at, rate->pair.text, sizeof rate->pair.text);
        at += sizeof rate->pair.text;
        for (size_t k = 0; k < 3; k++, at += 12) {
            memcpy(at, &price[k].mantissa, 8);
            memcpy(at + 8, &price[k].scale, 4);
        }
    }
    uint8_t digest[32];
    fxi_sha256(flat, size, digest);
    memcpy(p->digest, digest, sizeof p->digest);
    fxi_free(flat);
    return true;
}

int fxi_publication_make(fxi_publication *p, const fxmon_message *published, const fxi_track *track, const char *base,
                         fxmon_error *error)
{
    const bool rebased = base[0] && strcmp(base, published->base) != 0;
    const fxmon_rate *hub = rebased ? published_rate(published, base) : NULL;
    fxmon_rate *rates = p->message.rates;
    const uint32_t capacity = p->message.capacity;
    if (rebased && !hub)
        return fxi_fail(error, FXMON_E_CURRENCY, "base", "%s has no rate of %s, so its rates cannot be put on that base",
                        published->source, base);
    p->message = *published;
    p->message.rates = rates;
    p->message.capacity = capacity;
    p->message.count = 0;
    p->missing = 0;
    if (rebased) {
        memset(p->message.base, 0, sizeof p->message.base);
        memcpy(p->message.base, base, strnlen(base, sizeof p->message.base - 1));
        snprintf(p->message.source, sizeof p->message.source, "%.16s (rebased from %.6s)", published->source, published->base);
    }
    if (!publication_reserve(p, (track->all ? published->count + 1 : track->count) + 1))
        return fxi_fail(error, FXMON_E_NOMEM, "track", "out of memory");
    if (!track->all)
        for (uint32_t i = 0; i < track->count; i++)
            publication_take(p, published, hub, track->code[i]);
    if (track->all && rebased)
        publication_take(p, published, hub, published->base);
    for (uint32_t i = 0; track->all && i < published->count; i++) {
        char code[8];
        fxmon_pair_quote(&published->rates[i].pair, code);
        publication_take(p, published, hub, code);
    }
    if (p->message.count == 0)
        return fxi_fail(error, FXMON_E_NO_DATA, "track", "%s has no rate of the tracked currencies (first: %s)", published->source,
                        p->missed[0] ? p->missed : "none");
    if (!publication_digest(p))
        return fxi_fail(error, FXMON_E_NOMEM, "track", "out of memory");
    return FXMON_OK;
}

void fxi_publication_free(fxi_publication *p)
{
    fxi_free(p->message.rates);
    memset(p, 0, sizeof *p);
}
