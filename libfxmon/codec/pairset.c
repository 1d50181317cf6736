/* Open addressing with linear steps. Pairs come from outside, but at most 1,024 of them: the worst a sender can do is half a million compares. */
#include "codec/pairset.h"

#include <string.h>

void fxi_pairset_clear(fxi_pairset *s)
{
    if (++s->now == 0) {
        memset(s->stamp, 0, sizeof s->stamp);
        s->now = 1;
    }
}

static size_t place_of(const fxmon_pair *pair)
{
    uint64_t low, high;

    memcpy(&low, pair->text, 8);
    memcpy(&high, pair->text + 8, 8);
    low = (low ^ (high * UINT64_C(0x9E3779B97F4A7C15))) * UINT64_C(0xD6E8FEB86659FD93);
    return (size_t)(low >> 40) & (FXI_PAIRSET_PLACES - 1);
}

static size_t seek(const fxi_pairset *s, const fxmon_rate *rates, const fxmon_pair *pair)
{
    size_t place = place_of(pair);

    while (s->stamp[place] == s->now && memcmp(&rates[s->index[place]].pair, pair, sizeof *pair) != 0) {
        place = (place + 1) & (FXI_PAIRSET_PLACES - 1);
    }
    return place;
}

int fxi_pairset_find(const fxi_pairset *s, const fxmon_rate *rates, const fxmon_pair *pair)
{
    size_t place = seek(s, rates, pair);

    return s->stamp[place] == s->now ? s->index[place] : -1;
}

bool fxi_pairset_add(fxi_pairset *s, const fxmon_rate *rates, size_t index)
{
    size_t place = seek(s, rates, &rates[index].pair);

    if (s->stamp[place] == s->now) {
        return false;
    }
    s->stamp[place] = s->now;
    s->index[place] = (uint16_t)index;
    return true;
}
