/*
 * core/book.c - the newest quote of every pair, and a rate for any pair that one or two of them give.
 *
 * Quotes stay where they were first put (a map from the pair finds them), and a sorted array of positions gives the order: adding a pair moves
 * 4-byte numbers, not quotes. Currencies are the nodes of a graph whose edges are the quotes; each node keeps the list of its edges.
 * A cross goes over the edges of whichever end has fewer, so that in a book on one hub (a fetch: 166 currencies on USD) it looks at one edge, and in a full matrix at
 * as many as there are currencies. Paths longer than two legs are not searched: three spreads and three ages make no price.
 */
#include "base/map.h"
#include "base/mem.h"
#include "core/cross.h"

#include <fxmon/core.h>

#include <math.h>
#include <string.h>

typedef struct node {
    uint32_t *edge; /* positions in quote[] */
    size_t edges, capacity;
} node;

struct fxmon_book {
    fxi_map *pairs;      /* fxmon_pair -> position in quote[] */
    fxi_map *currencies; /* 8 bytes -> position in node[] */
    fxmon_quote *quote;
    uint32_t *order; /* positions in quote[], sorted by pair */
    node *node;
    size_t quotes, quote_capacity, order_capacity, nodes, node_capacity;
};

fxmon_book *fxmon_book_new(void)
{
    fxmon_book *book = fxi_calloc(1, sizeof(*book));
    if (book == NULL)
        return NULL;
    book->pairs = fxi_map_new(sizeof(fxmon_pair));
    book->currencies = fxi_map_new(8);
    if (book->pairs == NULL || book->currencies == NULL) {
        fxmon_book_free(book);
        return NULL;
    }
    return book;
}

void fxmon_book_free(fxmon_book *book)
{
    if (book == NULL)
        return;
    for (size_t i = 0; i < book->nodes; i++)
        fxi_free(book->node[i].edge);
    fxi_free(book->node);
    fxi_free(book->order);
    fxi_free(book->quote);
    fxi_map_free(book->currencies);
    fxi_map_free(book->pairs);
    fxi_free(book);
}

/* Makes room for one more item; the array stays as it was when there is no memory. */
static bool make_room(void **array, size_t *capacity, size_t used, size_t item)
{
    if (used < *capacity)
        return true;
    void *larger = fxi_grow(*array, capacity, used + 1, item);
    if (larger == NULL)
        return false;
    *array = larger;
    return true;
}

/* The node of a currency, with room for one more edge; SIZE_MAX without memory. A node without edges does no harm. */
static size_t node_prepare(fxmon_book *book, const char code[8])
{
    uint64_t at = book->nodes;
    if (!fxi_map_get(book->currencies, code, &at)) {
        if (!make_room((void **)&book->node, &book->node_capacity, book->nodes, sizeof(node)) ||
            fxi_map_put(book->currencies, code, at) != FXMON_OK)
            return SIZE_MAX;
        book->node[at] = (node){NULL, 0, 0};
        book->nodes++;
    }
    node *n = &book->node[at];
    return make_room((void **)&n->edge, &n->capacity, n->edges, sizeof(uint32_t)) ? (size_t)at : SIZE_MAX;
}

static const node *node_find(const fxmon_book *book, const char code[8])
{
    uint64_t at;
    return fxi_map_get(book->currencies, code, &at) && book->node[at].edges > 0 ? &book->node[at] : NULL;
}

static void order_insert(fxmon_book *book, uint32_t position)
{
    const fxmon_pair *pair = &book->quote[position].pair;
    size_t low = 0, high = book->quotes;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (fxmon_pair_compare(pair, &book->quote[book->order[middle]].pair) < 0)
            high = middle;
        else
            low = middle + 1;
    }
    memmove(book->order + low + 1, book->order + low, (book->quotes - low) * sizeof(book->order[0]));
    book->order[low] = position;
}

/* Everything that can fail comes first, so that a failure leaves the book as it was. */
static int pair_insert(fxmon_book *book, const fxmon_quote *quote)
{
    char base[8], other[8];
    fxmon_pair_base(&quote->pair, base);
    fxmon_pair_quote(&quote->pair, other);
    if (book->quotes >= UINT32_MAX || !make_room((void **)&book->quote, &book->quote_capacity, book->quotes, sizeof(*quote)) ||
        !make_room((void **)&book->order, &book->order_capacity, book->quotes, sizeof(book->order[0])))
        return FXMON_E_NOMEM;
    size_t first = node_prepare(book, base), second = node_prepare(book, other);
    if (first == SIZE_MAX || second == SIZE_MAX || fxi_map_put(book->pairs, &quote->pair, book->quotes) != FXMON_OK)
        return FXMON_E_NOMEM;
    uint32_t position = (uint32_t)book->quotes;
    book->quote[position] = *quote;
    order_insert(book, position);
    book->quotes++;
    book->node[first].edge[book->node[first].edges++] = position;
    if (second != first)
        book->node[second].edge[book->node[second].edges++] = position;
    return FXMON_OK;
}

static bool price_valid(fxmon_decimal price, bool optional)
{
    return price.scale >= 0 && price.scale <= 18 && (price.mantissa > 0 || (optional && price.mantissa == 0));
}

int fxmon_book_add(fxmon_book *book, const fxmon_quote *quote, bool *changed)
{
    fxmon_quote clean;
    if (changed != NULL)
        *changed = false;
    if (book == NULL || quote == NULL)
        return FXMON_E_ARGUMENT;
    if (!price_valid(quote->mid, false) || !price_valid(quote->bid, true) || !price_valid(quote->ask, true))
        return FXMON_E_RANGE;
    clean = *quote;
    clean.source[sizeof(clean.source) - 1] = '\0';
    if (fxmon_pair_parse(quote->pair.text, strnlen(quote->pair.text, sizeof(quote->pair.text)), &clean.pair) != FXMON_OK)
        return FXMON_E_PAIR;
    uint64_t at;
    if (fxi_map_get(book->pairs, &clean.pair, &at)) {
        if (clean.time < book->quote[at].time)
            return FXMON_OK;
        book->quote[at] = clean;
    } else {
        int code = pair_insert(book, &clean);
        if (code != FXMON_OK)
            return code;
    }
    if (changed != NULL)
        *changed = true;
    return FXMON_OK;
}

size_t fxmon_book_count(const fxmon_book *book)
{
    return book->quotes;
}

const fxmon_quote *fxmon_book_at(const fxmon_book *book, size_t index)
{
    return index < book->quotes ? &book->quote[book->order[index]] : NULL;
}

static const fxmon_quote *book_get(const fxmon_book *book, const fxmon_pair *pair)
{
    uint64_t at;
    return fxi_map_get(book->pairs, pair, &at) ? &book->quote[at] : NULL;
}

const fxmon_quote *fxmon_book_find(const fxmon_book *book, const char *pair)
{
    fxmon_pair canonical;
    if (pair == NULL || fxmon_pair_parse(pair, strlen(pair), &canonical) != FXMON_OK)
        return NULL;
    return book_get(book, &canonical);
}

int fxmon_book_rate(const fxmon_book *book, const char *pair, fxmon_decimal *out)
{
    fxmon_pair canonical;
    if (pair == NULL || fxmon_pair_parse(pair, strlen(pair), &canonical) != FXMON_OK)
        return FXMON_E_PAIR;
    const fxmon_quote *quote = book_get(book, &canonical);
    if (quote == NULL)
        return FXMON_E_NOT_FOUND;
    *out = quote->mid;
    return FXMON_OK;
}

/* ---- crosses ------------------------------------------------------------------------------ */

/* One way from base to quote. */
typedef struct path {
    const fxmon_quote *quote[2];
    bool inverted[2];
    size_t legs;
    char hub[8];
} path;

static int64_t path_time(const path *p)
{
    return p->legs == 2 && p->quote[1]->time < p->quote[0]->time ? p->quote[1]->time : p->quote[0]->time;
}

/* The rate at one side of the market. A leg that is divided by gives its other side: selling the cross buys that leg. */
static double path_side(const path *p, bool bid)
{
    fxi_leg leg[2];
    for (size_t i = 0; i < p->legs; i++)
        leg[i] = (fxi_leg){bid != p->inverted[i] ? p->quote[i]->bid : p->quote[i]->ask, p->inverted[i]};
    return fxi_cross_legs(leg, p->legs); /* NAN where a side is absent */
}

static double path_mid(const path *p)
{
    fxi_leg leg[2];
    for (size_t i = 0; i < p->legs; i++)
        leg[i] = (fxi_leg){p->quote[i]->mid, p->inverted[i]};
    return fxi_cross_legs(leg, p->legs);
}

static double path_spread(const path *p)
{
    double spread = (path_side(p, false) - path_side(p, true)) / path_mid(p);
    return isnan(spread) ? INFINITY : spread;
}

/* Of two paths with as many legs: is a better than b? */
static bool path_better(const path *a, const path *b)
{
    if (path_time(a) != path_time(b))
        return path_time(a) > path_time(b);
    double spread_a = path_spread(a), spread_b = path_spread(b);
    if (spread_a != spread_b)
        return spread_a < spread_b;
    int hubs = memcmp(a->hub, b->hub, sizeof(a->hub));
    if (hubs != 0)
        return hubs < 0;
    /* the same legs the other way round: as quoted comes before inverted */
    return a->inverted[0] + a->inverted[1] < b->inverted[0] + b->inverted[1];
}

static void path_offer(path *best, const path *candidate)
{
    if (best->legs == 0 || path_better(candidate, best))
        *best = *candidate;
}

/* The quotes of from/to and of to/from, whichever exist. */
static size_t edges_between(const fxmon_book *book, const char *from, const char *to, const fxmon_quote *quote[2], bool inverted[2])
{
    fxmon_pair pair;
    size_t found = 0;
    for (int way = 0; way < 2; way++) {
        if (fxmon_pair_make(way == 0 ? from : to, way == 0 ? to : from, &pair) != FXMON_OK)
            continue;
        quote[found] = book_get(book, &pair);
        if (quote[found] == NULL)
            continue;
        inverted[found++] = way == 1;
    }
    return found;
}

/* All paths over one edge of the currency `near`, which is the base of the wanted pair if `forward`, else its quote. */
static void paths_over(const fxmon_book *book, const fxmon_quote *edge, const char *near, const char *far, bool forward, path *best)
{
    char hub[8], base[8];
    const fxmon_quote *other[2];
    bool inverted[2];
    fxmon_pair_base(&edge->pair, base);
    fxmon_pair_quote(&edge->pair, hub);
    bool near_is_base = memcmp(base, near, sizeof(base)) == 0;
    if (!near_is_base)
        memcpy(hub, base, sizeof(hub));
    if (memcmp(hub, near, sizeof(hub)) == 0 || memcmp(hub, far, sizeof(hub)) == 0)
        return;
    size_t found = forward ? edges_between(book, hub, far, other, inverted) : edges_between(book, far, hub, other, inverted);
    for (size_t i = 0; i < found; i++) {
        path candidate = {.legs = 2};
        int mine = forward ? 0 : 1;
        candidate.quote[mine] = edge;
        candidate.inverted[mine] = forward ? !near_is_base : near_is_base;
        candidate.quote[1 - mine] = other[i];
        candidate.inverted[1 - mine] = inverted[i];
        memcpy(candidate.hub, hub, sizeof(hub));
        path_offer(best, &candidate);
    }
}

static void cross_identity(const fxmon_book *book, const node *n, fxmon_cross *out)
{
    out->mid = out->bid = out->ask = 1.0;
    out->time = book->quote[n->edge[0]].time;
    for (size_t i = 1; i < n->edges; i++)
        if (book->quote[n->edge[i]].time > out->time)
            out->time = book->quote[n->edge[i]].time;
}

static void cross_fill(const path *p, fxmon_cross *out)
{
    out->legs = (int)p->legs;
    out->mid = path_mid(p);
    out->bid = path_side(p, true);
    out->ask = path_side(p, false);
    if (isnan(out->bid) || isnan(out->ask))
        out->bid = out->ask = NAN;
    out->time = path_time(p);
    for (size_t i = 0; i < p->legs; i++)
        out->leg[i] = *p->quote[i];
    if (p->legs == 2) {
        int64_t newer = p->quote[0]->time == out->time ? p->quote[1]->time : p->quote[0]->time;
        if (__builtin_sub_overflow(newer, out->time, &out->skew))
            out->skew = INT64_MAX;
    }
}

int fxmon_book_cross(const fxmon_book *book, const char *pair, fxmon_cross *out)
{
    char base[8], quote[8];
    path best = {.legs = 0};
    if (book == NULL || pair == NULL || out == NULL)
        return FXMON_E_ARGUMENT;
    memset(out, 0, sizeof(*out));
    if (fxmon_pair_parse(pair, strlen(pair), &out->pair) != FXMON_OK)
        return FXMON_E_PAIR;
    fxmon_pair_base(&out->pair, base);
    fxmon_pair_quote(&out->pair, quote);
    const node *from = node_find(book, base), *to = node_find(book, quote);
    if (from == NULL || to == NULL)
        return FXMON_E_NOT_FOUND;
    if (from == to) {
        cross_identity(book, from, out);
        return FXMON_OK;
    }
    const fxmon_quote *edge[2];
    bool inverted[2];
    size_t found = edges_between(book, base, quote, edge, inverted);
    for (size_t i = 0; i < found; i++) {
        path candidate = {.quote = {edge[i]}, .inverted = {inverted[i]}, .legs = 1};
        path_offer(&best, &candidate);
    }
    bool forward = from->edges <= to->edges;
    const node *fewer = forward ? from : to;
    for (size_t i = 0; i < fewer->edges && found == 0; i++)
        paths_over(book, &book->quote[fewer->edge[i]], forward ? base : quote, forward ? quote : base, forward, &best);
    if (best.legs == 0)
        return FXMON_E_NOT_FOUND;
    cross_fill(&best, out);
    return FXMON_OK;
}
