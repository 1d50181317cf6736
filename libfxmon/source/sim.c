/*
 * source/sim.c - sim:, made-up rates around real reference levels, for demonstrations, load and tests without a network.
 *
 * Message k is a pure function of (settings, k): its price is the level moved by cycles, drift, Gaussian noise and rare spikes, and every
 * random number comes from a generator seeded by (seed, pair, k). Nothing is carried from one message to the next, so any message can
 * be made without those before it, a restart goes on with the same numbers, and one pair's prices do not depend on which others are
 * tracked. The price to pay: no random walk. The slow movement comes from three cycles per pair instead, whose phases and
 * periods differ from pair to pair.
 *
 * Time is simulated too: message k bears start + k * step. It is due at (first call) + k * step; rate=max makes all of them due at once.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "source/sim_levels.h"
#include "source/source.h"

#define SIM_CYCLES 3
#define SIM_DEFAULT_INTERVAL FXMON_SECOND
#define SIM_MOVE_LIMIT 4.0    /* natural logarithm: no setting moves a price by more than a factor of 55 */
#define SIM_RATE_LIMIT 10000000
#define SIM_PI 3.14159265358979323846

/* A pair and what is constant about it. */
typedef struct sim_pair {
    fxmon_pair pair;
    uint64_t key;              /* hash of the pair's text */
    double level;
    int32_t digits;            /* decimals: a tenth of a pip, as brokers quote */
    double scale;              /* 10^digits */
    double period[SIM_CYCLES]; /* in messages */
    double phase[SIM_CYCLES];  /* radians */
} sim_pair;

typedef struct sim {
    const fxmon_env *env;
    int64_t seed, count;       /* count 0: no end */
    int64_t start, step;       /* ns; time of message k is start + k * step */
    int64_t rate;              /* messages a second that asked for this pace; 0: by interval */
    bool unpaced;              /* rate=max */
    double spike, spike_size, drift, noise, cycle, amplitude, spread;
    bool opened_known;
    int64_t opened;            /* wall clock of the first call */
    int64_t next_index;
    char base[8];
    uint32_t pairs;
    sim_pair *pair;
    fxmon_message message;
} sim;

static const char *const sim_settings[] = {"seed",  "interval", "pairs", "track",     "base",   "spike", "spike-size", "drift",
                                           "noise", "cycle",    "start", "amplitude", "spread", "count", "rate",       NULL};

/* ---- opening --------------------------------------------------------------------------------------------------------------- */

/* A round of SplitMix64: spreads a key over all 64 bits, so that neighbouring seeds give unrelated streams. */
static uint64_t sim_mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t sim_pair_key(const fxmon_pair *pair)
{
    uint64_t halves[2];
    memcpy(halves, pair->text, sizeof halves);
    return sim_mix(halves[0] ^ sim_mix(halves[1]));
}

/* Decimals of a price: five, three from 50 yen on as all yen pairs have, two from 1000 on, more for tiny prices. */
static int32_t sim_digits(const char *quote, double level)
{
    if (level >= 1000)
        return 2;
    if (level >= 100 || strcmp(quote, "JPY") == 0)
        return 3;
    int32_t digits = 5;
    for (double shown = level; shown < 0.1 && digits < 12; shown *= 10)
        digits++;
    return digits;
}

static int sim_add_pair(sim *s, const char *quote, fxmon_error *error)
{
    const fxi_sim_level *base = fxi_sim_level_find(s->base), *level = fxi_sim_level_find(quote);
    if (!base || !level)
        return fxi_fail(error, FXMON_E_CURRENCY, base ? "track" : "base", "sim: has no reference level of %s", base ? quote : s->base);
    if (strcmp(s->base, quote) == 0)
        return FXMON_OK;
    sim_pair *p = &s->pair[s->pairs];
    fxi_random random;
    if (fxmon_pair_make(s->base, quote, &p->pair))
        return fxi_fail(error, FXMON_E_CURRENCY, "track", "sim: %s/%s is no pair", s->base, quote);
    p->key = sim_pair_key(&p->pair);
    p->level = fxmon_cross_mid(base->per_dollar, level->per_dollar);
    p->digits = sim_digits(quote, p->level);
    p->scale = (double)fxi_pow10[p->digits];
    fxi_random_seed(&random, sim_mix((uint64_t)s->seed ^ p->key));
    for (int i = 0; i < SIM_CYCLES; i++) {
        /* one cycle as set, one a third, one about ten times as long; each a little different from pair to pair */
        static const double length[SIM_CYCLES] = {1.0, 0.31, 9.7};
        p->period[i] = s->cycle * length[i] * (0.8 + 0.4 * fxi_random_unit(&random)) / (double)s->step;
        p->phase[i] = 2 * SIM_PI * fxi_random_unit(&random);
    }
    s->pairs++;
    return FXMON_OK;
}

/* pairs=USD/EUR,USD/GBP: the quotes become the tracked list, the common base the base. */
static int sim_pair_list(sim *s, const char *list, char *track, size_t size, fxmon_error *error)
{
    size_t used = 0;
    s->base[0] = '\0';
    for (const char *at = list; *at;) {
        size_t length = strcspn(at, ",;+ ");
        fxmon_pair pair;
        char base[8] = "", quote[8] = "";
        if (length && fxmon_pair_parse(at, length, &pair))
            return fxi_fail(error, FXMON_E_PAIR, "pairs", "sim: pairs: \"%.*s\" is no pair such as USD/EUR", (int)(length > 40 ? 40 : length),
                            at);
        if (length) {
            fxmon_pair_base(&pair, base);
            fxmon_pair_quote(&pair, quote);
            if (s->base[0] && strcmp(s->base, base) != 0)
                return fxi_fail(error, FXMON_E_PAIR, "pairs", "sim: pairs: %s does not begin with %s; a message has one base", pair.text,
                                s->base);
            memcpy(s->base, base, sizeof s->base);
            int wrote = snprintf(track + used, size - used, "%s%s", used ? "," : "", quote);
            if (wrote < 0 || (size_t)wrote >= size - used)
                return fxi_fail(error, FXMON_E_TOO_LARGE, "pairs", "sim: pairs: the list is too long");
            used += (size_t)wrote;
        }
        at += length + (at[length] != '\0');
    }
    if (!used)
        return fxi_fail(error, FXMON_E_PAIR, "pairs", "sim: pairs: names no pair");
    return FXMON_OK;
}

static int sim_open_pairs(sim *s, const fxi_settings *settings, fxmon_error *error)
{
    char list[FXI_SETTING_TEXT], names[FXI_SETTING_TEXT] = FXI_TRACK_DEFAULT;
    fxi_track track = {0};
    memcpy(s->base, "USD", 4);
    int code = fxi_settings_currency(settings, "base", "base", s->base, error);
    if (!code && fxi_settings_text(settings, "pairs", NULL, list, sizeof list))
        code = sim_pair_list(s, list, names, sizeof names, error);
    else if (!code)
        (void)fxi_settings_text(settings, "track", "track", names, sizeof names);
    if (!code)
        code = fxi_track_parse(&track, names, error);
    if (code)
        return code;
    size_t most = track.count;
    if (track.all)
        for (most = 0; fxi_sim_level_at(most); most++)
            ;
    s->pair = fxi_calloc(most, sizeof *s->pair);
    s->message.rates = fxi_calloc(most, sizeof *s->message.rates);
    s->message.capacity = (uint32_t)most;
    if (!s->pair || !s->message.rates)
        code = fxi_fail(error, FXMON_E_NOMEM, "track", "out of memory");
    for (size_t i = 0; !code && i < most; i++)
        code = sim_add_pair(s, track.all ? fxi_sim_level_at(i)->code : track.code[i], error);
    if (!code && s->pairs == 0)
        code = fxi_fail(error, FXMON_E_NO_DATA, "track", "sim: nothing but the base %s is tracked", s->base);
    fxi_track_free(&track);
    return code;
}

static int sim_open_pace(sim *s, const fxi_settings *settings, fxmon_error *error)
{
    char text[FXI_SETTING_TEXT];
    s->step = SIM_DEFAULT_INTERVAL;
    int code = fxi_settings_duration(settings, "interval", "interval", 1000, 366 * 86400 * FXMON_SECOND, &s->step, error);
    if (code)
        return code;
    if (fxi_settings_text(settings, "rate", NULL, text, sizeof text) && strcmp(text, "max") == 0)
        s->unpaced = true;
    else
        code = fxi_settings_integer(settings, "rate", "rate", 1, SIM_RATE_LIMIT, &s->rate, error);
    if (!code && s->rate)
        s->step = FXMON_SECOND / s->rate;
    s->start = s->env->now ? s->env->now(s->env->user) : 0;
    if (!code && fxi_settings_text(settings, "start", NULL, text, sizeof text) && fxmon_time_parse(text, strlen(text), &s->start))
        code = fxi_fail(error, FXMON_E_SYNTAX, "start", "sim: start \"%.40s\" is no RFC 3339 time such as 2026-02-04T10:30:00Z", text);
    return code;
}

static int sim_open_shape(sim *s, const fxi_settings *settings, fxmon_error *error)
{
    int64_t cycle = 600 * FXMON_SECOND;
    s->seed = 1;
    s->spike = 0.001;
    s->spike_size = 0.01;
    s->noise = 0.0001;
    s->amplitude = 0.002;
    int code = fxi_settings_integer(settings, "seed", NULL, 0, INT64_MAX, &s->seed, error);
    if (!code)
        code = fxi_settings_integer(settings, "count", NULL, 1, INT64_MAX, &s->count, error);
    if (!code)
        code = fxi_settings_number(settings, "spike", 0, 1, &s->spike, error);
    if (!code)
        code = fxi_settings_number(settings, "spike-size", 0, 0.9, &s->spike_size, error);
    if (!code)
        code = fxi_settings_number(settings, "drift", -0.01, 0.01, &s->drift, error);
    if (!code)
        code = fxi_settings_number(settings, "noise", 0, 0.1, &s->noise, error);
    if (!code)
        code = fxi_settings_number(settings, "amplitude", 0, 0.5, &s->amplitude, error);
    if (!code)
        code = fxi_settings_number(settings, "spread", 0, 0.1, &s->spread, error);
    if (!code)
        code = fxi_settings_duration(settings, "cycle", NULL, 1000, 36500 * INT64_C(86400) * FXMON_SECOND, &cycle, error);
    s->cycle = (double)cycle;
    return code;
}

static void sim_close(void *state)
{
    sim *s = state;
    if (!s)
        return;
    fxi_free(s->pair);
    fxi_free(s->message.rates);
    fxi_free(s);
}

static fxmon_result sim_open(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    fxi_settings settings = {.env = env, .driver = "sim"};
    sim *s = NULL;
    int code = fxi_url_parse(url, &settings.url, error);
    if (code)
        return FXMON_FATAL;
    if (settings.url.path[0])
        code = fxi_fail(error, FXMON_E_SYNTAX, "from", "sim: takes settings only, as in sim:?seed=1&interval=1s, not \"%.60s\"",
                        settings.url.path);
    if (!code)
        code = fxi_settings_check(&settings, sim_settings, error);
    if (!code && !(s = fxi_calloc(1, sizeof *s)))
        code = fxi_fail(error, FXMON_E_NOMEM, "from", "out of memory");
    if (!code) {
        s->env = env;
        code = sim_open_shape(s, &settings, error);
    }
    if (!code)
        code = sim_open_pace(s, &settings, error);
    if (!code)
        code = sim_open_pairs(s, &settings, error);
    fxi_url_free(&settings.url);
    if (code) {
        sim_close(s);
        return FXMON_FATAL;
    }
    fxi_log(env, FXMON_LOG_INFO, "sim", "made-up rates of %u pairs around the levels of " FXI_SIM_LEVELS_DATE ", seed %lld", s->pairs,
            (long long)s->seed);
    *state = s;
    return FXMON_DONE;
}

/* ---- messages ---------------------------------------------------------------------------------------------------------------- */

static double sim_price(const sim *s, const sim_pair *p, int64_t index)
{
    fxi_random random;
    double position = (double)index;
    double move = s->drift * position;
    for (int i = 0; i < SIM_CYCLES; i++)
        move += s->amplitude * sin(2 * SIM_PI * position / p->period[i] + p->phase[i]);
    fxi_random_seed(&random, sim_mix((uint64_t)s->seed + sim_mix(p->key ^ sim_mix((uint64_t)index))));
    move += s->noise * fxi_random_normal(&random);
    if (fxi_random_unit(&random) < s->spike)
        move += fxi_random_unit(&random) < 0.5 ? -s->spike_size : s->spike_size;
    return p->level * exp(fmin(fmax(move, -SIM_MOVE_LIMIT), SIM_MOVE_LIMIT));
}

static void sim_quote(const sim *s, const sim_pair *p, int64_t index, fxmon_rate *out)
{
    double price = sim_price(s, p, index);
    int64_t mid = llround(price * p->scale);
    memset(out, 0, sizeof *out);
    out->pair = p->pair;
    if (mid < 1)
        mid = 1;
    if (s->spread > 0) {
        int64_t half = llround(price * s->spread * p->scale / 2);
        if (half < 1)
            half = 1;
        if (mid <= half)
            mid = half + 1;
        out->bid = (fxmon_decimal){mid - half, p->digits};
        out->ask = (fxmon_decimal){mid + half, p->digits};
    }
    out->mid = (fxmon_decimal){mid, p->digits};
}

static fxmon_result sim_next(void *state, int64_t now, fxmon_message *message, int64_t *due, fxmon_error *error)
{
    sim *s = state;
    if (s->count && s->next_index >= s->count)
        return FXMON_END;
    if (!s->opened_known) {
        s->opened = now;
        s->opened_known = true;
    }
    /* the exact k-th part of a second, not k times a rounded step: 3 a second stays 3 a second */
    int64_t offset;
    bool overflow;
    if (s->rate) {
        int64_t seconds = s->next_index / s->rate;
        overflow = __builtin_mul_overflow(seconds, FXMON_SECOND, &offset) ||
                   __builtin_add_overflow(offset, s->next_index % s->rate * FXMON_SECOND / s->rate, &offset);
    } else {
        overflow = __builtin_mul_overflow(s->next_index, s->step, &offset);
    }
    int64_t when, time;
    if (overflow || __builtin_add_overflow(s->opened, offset, &when) || __builtin_add_overflow(s->start, offset, &time)) {
        (void)fxi_fail(error, FXMON_E_RANGE, "start", "sim: simulated time has left the years 1677 to 2262");
        return FXMON_FATAL;
    }
    if (!s->unpaced && when > now) {
        *due = when;
        return FXMON_WAIT;
    }
    fxmon_message *m = &s->message;
    m->time = time;
    memcpy(m->base, s->base, sizeof m->base);
    memcpy(m->source, "sim", 4);
    for (uint32_t i = 0; i < s->pairs; i++)
        sim_quote(s, &s->pair[i], s->next_index, &m->rates[i]);
    m->count = s->pairs;
    s->next_index++;
    *message = *m;
    return FXMON_DONE;
}

const fxmon_source_ops fxi_source_sim = {
    .size = sizeof(fxmon_source_ops),
    .schemes = "sim",
    .open = sim_open,
    .next = sim_next,
    .close = sim_close,
};
