/*
 * serve/hub.c - the live stage. The lane's thread applies messages under a lock that nobody else holds for long; readers get a snapshot with a
 * number, built when the first of them asks after a change and shared by all who ask after that. So a reader costs the lane one copy of the table per
 * change at most, however many readers there are, and none when nobody looks (a replay of years of log).
 *
 * No progress is kept: the statistics must be those of the whole log, and reading it again costs less than trusting a saved state.
 */
#include "serve/hub.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "core/series.h"

typedef struct entry {
    fxi_live live;       /* line as a ring: begins at `first` */
    uint32_t first;
} entry;

typedef struct series_key { fxmon_pair pair; char source[FXMON_SOURCE_TEXT]; } series_key;
_Static_assert(sizeof(series_key) <= 64, "a key of the map");

struct fxi_hub {
    bool claimed; /* the lane has begun */
    pthread_mutex_t lock;
    fxi_series *series;
    fxi_map *index;
    entry **entries;
    size_t count, capacity;
    int64_t refused;         /* series past FXI_HUB_SERIES */
    bool changed;            /* since the generation was last bumped */
    atomic_uint_fast64_t generation;
    atomic_int_fast64_t newest;
    fxi_snapshot *snapshot;  /* newest built; one reference is the hub's */
};

fxi_hub *fxi_hub_new(size_t window)
{
    fxi_hub *hub = fxi_calloc(1, sizeof *hub);
    if (!hub)
        return NULL;
    hub->series = fxi_series_new(window);
    hub->index = fxi_map_new(sizeof(series_key));
    if (!hub->series || !hub->index || pthread_mutex_init(&hub->lock, NULL) != 0) {
        fxi_series_free(hub->series);
        fxi_map_free(hub->index);
        fxi_free(hub);
        return NULL;
    }
    atomic_init(&hub->generation, 1);
    atomic_init(&hub->newest, 0);
    return hub;
}

static void snapshot_free(fxi_snapshot *s)
{
    if (s) {
        fxi_free(s->live);
        fxi_free(s);
    }
}

void fxi_hub_free(fxi_hub *hub)
{
    if (!hub)
        return;
    for (size_t i = 0; i < hub->count; i++)
        fxi_free(hub->entries[i]);
    fxi_free(hub->entries);
    fxi_map_free(hub->index);
    fxi_series_free(hub->series);
    snapshot_free(hub->snapshot);
    pthread_mutex_destroy(&hub->lock);
    fxi_free(hub);
}

static void make_key(series_key *key, const fxmon_pair *pair, const char *source)
{
    size_t length = strnlen(source, sizeof key->source - 1);
    memset(key, 0, sizeof *key);
    key->pair = *pair;
    memcpy(key->source, source, length);
}

/* The entry of a series, made if new. NULL with *code: no memory, or OK when there are too many. */
static entry *find_entry(fxi_hub *hub, const fxmon_pair *pair, const char *source, int *code)
{
    series_key key;
    uint64_t at;
    entry *e, **grown;
    make_key(&key, pair, source);
    *code = FXMON_OK;
    if (fxi_map_get(hub->index, &key, &at))
        return hub->entries[at];
    if (hub->count >= FXI_HUB_SERIES) {
        hub->refused++;
        return NULL;
    }
    *code = FXMON_E_NOMEM;
    if (!(grown = fxi_grow(hub->entries, &hub->capacity, hub->count + 1, sizeof *hub->entries)))
        return NULL;
    hub->entries = grown;
    if (!(e = fxi_calloc(1, sizeof *e)))
        return NULL;
    if (fxi_map_put(hub->index, &key, hub->count) != FXMON_OK) {
        fxi_free(e);
        return NULL;
    }
    e->live.quote.pair = key.pair;
    memcpy(e->live.quote.source, key.source, sizeof key.source);
    e->live.volatility = NAN;
    hub->entries[hub->count++] = e;
    *code = FXMON_OK;
    return e;
}

static void push_point(entry *e, int64_t time, fxmon_decimal rate)
{
    fxi_live *l = &e->live;
    l->line[(e->first + l->points) % FXI_HUB_LINE] = (fxi_point){time, rate};
    if (l->points < FXI_HUB_LINE)
        l->points++;
    else
        e->first = (e->first + 1) % FXI_HUB_LINE;
}

static void take_quote(fxi_hub *hub, entry *e, int64_t time, int64_t ingested, const fxmon_rate *rate)
{
    fxi_live *l = &e->live;
    l->previous = l->quote.mid;
    l->quote.time = time;
    l->quote.mid = rate->mid;
    l->quote.bid = rate->bid;
    l->quote.ask = rate->ask;
    l->ingested = ingested;
    push_point(e, time, rate->mid);
    hub->changed = true;
    if (time > atomic_load(&hub->newest))
        atomic_store(&hub->newest, time);
}

static int apply_rate(fxi_hub *hub, const fxmon_message *m, const fxmon_rate *rate)
{
    enum fxi_verdict verdict;
    double volatility;
    uint32_t samples;
    int code;
    entry *e = find_entry(hub, &rate->pair, m->source, &code); /* before the series: what fails here must not be counted there */
    if (!e)
        return code;
    code = fxi_series_apply(hub->series, m->source, m->time, rate, &verdict, &volatility, &samples);
    if (code != FXMON_OK || verdict != FXI_NEW)
        return code;
    take_quote(hub, e, m->time, m->ingested, rate);
    e->live.volatility = volatility;
    e->live.samples = samples;
    return FXMON_OK;
}

static fxmon_result hub_open(void *state, const fxmon_env *env, fxmon_error *error)
{
    (void)state;
    (void)env;
    (void)error;
    return FXMON_DONE;
}

void fxi_hub_publish(fxi_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    if (hub->changed)
        atomic_fetch_add(&hub->generation, 1);
    hub->changed = false;
    pthread_mutex_unlock(&hub->lock);
}

/* What was fed from a store before gives way to the log. */
static void clear_hub(fxi_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    for (size_t i = 0; i < hub->count; i++) {
        series_key key;
        make_key(&key, &hub->entries[i]->live.quote.pair, hub->entries[i]->live.quote.source);
        fxi_map_remove(hub->index, &key);
        fxi_free(hub->entries[i]);
    }
    hub->count = 0;
    fxi_series_clear(hub->series);
    hub->changed = true;
    atomic_store(&hub->newest, 0);
    pthread_mutex_unlock(&hub->lock);
    fxi_hub_publish(hub);
}

static fxmon_result hub_claim(void *state, fxmon_progress *progress, fxmon_error *error)
{
    fxi_hub *hub = state;
    (void)error;
    if (!hub->claimed)
        clear_hub(hub);
    hub->claimed = true;
    progress->next_offset = -1; /* "start", which is the first record */
    progress->checkpoint_offset = -1;
    return FXMON_DONE;
}

static fxmon_result hub_apply(void *state, const fxmon_message *message, const fxmon_record *record, fxmon_error *error)
{
    fxi_hub *hub = state;
    fxmon_result result = FXMON_DONE;
    (void)record;
    pthread_mutex_lock(&hub->lock);
    for (uint32_t i = 0; i < message->count; i++) {
        if (apply_rate(hub, message, &message->rates[i]) != FXMON_OK) {
            if (error)
                *error = (fxmon_error){.code = FXMON_E_NOMEM, .text = "out of memory"};
            result = FXMON_RETRY; /* what was applied is a repeat the next time */
            break;
        }
    }
    pthread_mutex_unlock(&hub->lock);
    return result;
}

static fxmon_result hub_commit(void *state, fxmon_progress *progress, int64_t next_offset, fxmon_error *error)
{
    (void)error;
    fxi_hub_publish(state);
    progress->next_offset = next_offset;
    return FXMON_DONE;
}

static fxmon_result hub_dead(void *state, const fxmon_dead_letter *letter, fxmon_error *error)
{
    (void)state; /* the lanes that write keep it; a viewer only looks on */
    (void)letter;
    (void)error;
    return FXMON_DONE;
}

/* All partitions go into one picture; what is claimed again only repeats what the picture has, and a repeat changes nothing. */
static void *hub_place_new(void *state)
{
    return state;
}

static void hub_place_free(void *held)
{
    (void)held;
}

static void hub_save(void *state, void **checkpoint, size_t *size)
{
    (void)state;
    *checkpoint = NULL;
    *size = 0;
}

static void hub_count(void *state, fxmon_status *status)
{
    status->newest_time = fxi_hub_newest(state);
}

static void hub_close(void *state)
{
    (void)state; /* the server still shows what is known */
}

const fxi_stage_ops fxi_hub_stage = {
    .kind = "live", .open = hub_open, .place_new = hub_place_new, .place_free = hub_place_free, .claim = hub_claim, .replay = hub_apply, .apply = hub_apply, .dead = hub_dead,
    .commit = hub_commit, .save = hub_save, .count = hub_count, .close = hub_close,
};

int fxi_hub_feed(fxi_hub *hub, const fxmon_stored_rate *r)
{
    fxmon_rate rate = {.pair = r->pair, .mid = r->rate, .bid = r->bid, .ask = r->ask};
    int code;
    entry *e;
    pthread_mutex_lock(&hub->lock);
    e = find_entry(hub, &r->pair, r->source, &code);
    if (e && (e->live.points == 0 || r->time > e->live.quote.time)) {
        take_quote(hub, e, r->time, r->ingested, &rate);
        e->live.volatility = r->volatility;
    }
    pthread_mutex_unlock(&hub->lock);
    return code;
}

bool fxi_hub_has(fxi_hub *hub, const fxmon_pair *pair, const char *source)
{
    series_key key;
    uint64_t at;
    bool found;
    make_key(&key, pair, source);
    pthread_mutex_lock(&hub->lock);
    found = fxi_map_get(hub->index, &key, &at);
    pthread_mutex_unlock(&hub->lock);
    return found;
}

uint64_t fxi_hub_generation(const fxi_hub *hub)
{
    return atomic_load_explicit(&((fxi_hub *)hub)->generation, memory_order_acquire);
}

int64_t fxi_hub_newest(const fxi_hub *hub)
{
    return atomic_load(&((fxi_hub *)hub)->newest);
}

static int compare_live(const void *a, const void *b)
{
    const fxi_live *x = a, *y = b;
    int order = fxmon_pair_compare(&x->quote.pair, &y->quote.pair);
    return order ? order : strcmp(x->quote.source, y->quote.source);
}

/* Called with the lock held. Series that never had a new quote (late or refused only) are left out. */
static fxi_snapshot *build_snapshot(const fxi_hub *hub)
{
    fxi_snapshot *s = fxi_calloc(1, sizeof *s);
    if (!s || !(s->live = fxi_calloc(hub->count ? hub->count : 1, sizeof *s->live))) {
        fxi_free(s);
        return NULL;
    }
    for (size_t i = 0; i < hub->count; i++) {
        const entry *e = hub->entries[i];
        fxi_live *l = &s->live[s->count];
        if (e->live.points == 0)
            continue;
        *l = e->live;
        for (uint32_t p = 0; p < l->points; p++)
            l->line[p] = e->live.line[(e->first + p) % FXI_HUB_LINE];
        s->count++;
    }
    qsort(s->live, s->count, sizeof *s->live, compare_live);
    s->references = 1;
    return s;
}

const fxi_snapshot *fxi_hub_snapshot(fxi_hub *hub)
{
    fxi_snapshot *s, *old = NULL;
    pthread_mutex_lock(&hub->lock);
    s = hub->snapshot;
    if (!s || s->generation != atomic_load(&hub->generation) ) {
        fxi_snapshot *fresh = build_snapshot(hub);
        if (fresh) {
            fresh->generation = atomic_load(&hub->generation);
            if (s && --s->references == 0)
                old = s;
            hub->snapshot = s = fresh;
        } else
            s = NULL;
    }
    if (s)
        s->references++;
    pthread_mutex_unlock(&hub->lock);
    snapshot_free(old);
    return s;
}

void fxi_snapshot_release(fxi_hub *hub, const fxi_snapshot *snapshot)
{
    fxi_snapshot *s = (fxi_snapshot *)snapshot;
    bool last;
    if (!s)
        return;
    pthread_mutex_lock(&hub->lock);
    last = --s->references == 0;
    pthread_mutex_unlock(&hub->lock);
    if (last)
        snapshot_free(s);
}

bool fxi_snapshot_leads(const fxi_snapshot *s, size_t index)
{
    const fxi_live *me = &s->live[index];
    for (size_t i = index; i-- > 0 && fxmon_pair_compare(&s->live[i].quote.pair, &me->quote.pair) == 0;)
        if (s->live[i].quote.time >= me->quote.time)
            return false;
    for (size_t i = index + 1; i < s->count && fxmon_pair_compare(&s->live[i].quote.pair, &me->quote.pair) == 0; i++)
        if (s->live[i].quote.time > me->quote.time)
            return false;
    return true;
}

long fxi_snapshot_find(const fxi_snapshot *s, const fxmon_pair *pair)
{
    for (size_t i = 0; i < s->count; i++)
        if (fxmon_pair_compare(&s->live[i].quote.pair, pair) == 0 && fxi_snapshot_leads(s, i))
            return (long)i;
    return -1;
}
