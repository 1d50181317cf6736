/*
 * sink/redis_encode.c - what is left of a batch as commands, and commands as RESP2 has them: *WORDS, then $LENGTH and the bytes of each word. Pure.
 */
#include "sink/redis_batch.h"

#include <string.h>

#include "base/value.h"
#include "codec/message.h"

static void put_head(fxi_buf *out, char mark, int64_t number)
{
    fxi_buf_putc(out, mark);
    fxi_buf_int(out, number);
    fxi_buf_add(out, "\r\n", 2);
}

void fxi_redis_command(fxi_buf *out, int words)
{
    put_head(out, '*', words);
}

void fxi_redis_word(fxi_buf *out, const char *word, size_t length)
{
    put_head(out, '$', (int64_t)length);
    fxi_buf_add(out, word, length);
    fxi_buf_add(out, "\r\n", 2);
}

void fxi_redis_text(fxi_buf *out, const char *text)
{
    fxi_redis_word(out, text, strlen(text));
}

void fxi_redis_integer(fxi_buf *out, int64_t value)
{
    char text[FXMON_DECIMAL_TEXT];
    fxi_redis_word(out, text, fxmon_decimal_format((fxmon_decimal){value, 0}, text));
}

void fxi_redis_key(fxi_buf *out, const char *prefix, const char *name, const fxmon_pair *pair)
{
    size_t before = strlen(prefix), length = strlen(name), rest = pair ? strnlen(pair->text, sizeof pair->text) : 0;
    put_head(out, '$', (int64_t)(before + length + rest));
    fxi_buf_add(out, prefix, before);
    fxi_buf_add(out, name, length);
    if (rest > 0) {
        fxi_buf_add(out, pair->text, rest);
    }
    fxi_buf_add(out, "\r\n", 2);
}

/* MARK NUMBER \r\n; what follows, or NULL. */
static const char *read_head(const char *p, const char *end, char mark, int64_t *number)
{
    const char *line = p < end && *p == mark ? memchr(p, '\r', (size_t)(end - p)) : NULL;
    if (!line || end - line < 2 || fxi_integer_parse(p + 1, (size_t)(line - p - 1), number) != FXMON_OK || *number < 0) {
        return NULL;
    }
    return line + 2;
}

bool fxi_redis_find_word(const char *commands, size_t length, size_t index, size_t word, const char **text, size_t *size)
{
    const char *p = commands, *end = commands + length;
    for (size_t i = 0; i <= index; i++) {
        int64_t words, bytes;
        if (!(p = read_head(p, end, '*', &words))) {
            return false;
        }
        for (int64_t w = 0; w < words; w++) {
            p = read_head(p, end, '$', &bytes);
            if (!p || end - p < bytes + 2) {
                return false;
            }
            if (i == index && (size_t)w == word) {
                *text = p;
                *size = (size_t)bytes;
                return true;
            }
            p += bytes + 2;
        }
    }
    return false;
}

/* ---- what a batch asks of Redis ---- */

typedef struct counted {
    fxi_buf *out;
    const fxi_redis_shape *shape;
    size_t commands;
} counted;

static void begin(counted *c, int words, const char *name)
{
    fxi_redis_command(c->out, words);
    fxi_redis_text(c->out, name);
    c->commands++;
}

static void put_key(counted *c, const char *name, const fxmon_pair *pair)
{
    fxi_redis_key(c->out, c->shape->prefix, name, pair);
}

static void put_decimal(counted *c, fxmon_decimal value)
{
    char text[FXMON_DECIMAL_TEXT];
    fxi_redis_word(c->out, text, fxmon_decimal_format(value, text));
}

static void put_double(counted *c, double value)
{
    char text[FXMON_DOUBLE_TEXT];
    fxi_redis_word(c->out, text, fxmon_double_format(value, text));
}

static void put_time(counted *c, int64_t time)
{
    char text[FXMON_TIME_TEXT];
    fxi_redis_word(c->out, text, fxmon_time_format(time, text));
}

/* Seconds since 1970 as a decimal without trailing zeros: score and first half of a member of the series. */
static size_t seconds(int64_t time, char text[FXMON_DECIMAL_TEXT])
{
    fxmon_decimal value = {time, 9};
    while (value.scale > 0 && value.mantissa % 10 == 0) {
        value.mantissa /= 10;
        value.scale--;
    }
    return fxmon_decimal_format(value, text);
}

/* SET key VALUE, with the time to live; the value is written between the two. */
static void begin_set(counted *c, const char *name, const fxmon_pair *pair)
{
    begin(c, c->shape->ttl_ms > 0 ? 5 : 3, "SET");
    put_key(c, name, pair);
}

static void end_set(counted *c)
{
    if (c->shape->ttl_ms > 0) {
        bool whole = c->shape->ttl_ms % 1000 == 0;
        fxi_redis_text(c->out, whole ? "EX" : "PX");
        fxi_redis_integer(c->out, whole ? c->shape->ttl_ms / 1000 : c->shape->ttl_ms);
    }
}

/*
 * The price that the day's change is counted from: the newest of an earlier day; for a pair without one, its first.
 */
static fxmon_decimal reference_of(const fxi_redis_entry *e)
{
    if (e->has_before && (!e->seen.there || fxi_redis_newer(&e->before, &e->seen.newest))) {
        return e->before.price;
    }
    if (!e->seen.there) {
        return e->first.price;
    }
    if (fxi_redis_day(e->seen.newest.time) < fxi_redis_day(e->newest.time) || e->seen.reference.mantissa == 0) {
        return e->seen.newest.price;
    }
    return e->seen.reference;
}

/* In percent, rounded to a millionth of one: it is for people, and the digits behind would be noise. */
static double change_of(fxmon_decimal price, fxmon_decimal reference)
{
    double from = fxmon_decimal_to_double(reference), to = fxmon_decimal_to_double(price);
    if (!(from > 0)) {
        return 0;
    }
    double millionths = (to - from) / from * 1e8;
    if (millionths > 9e15 || millionths < -9e15) {
        return millionths / 1e6;
    }
    int64_t rounded = (int64_t)(millionths < 0 ? millionths - 0.5 : millionths + 0.5);
    return (double)rounded / 1e6;
}

static void put_hash(counted *c, const fxi_redis_entry *e, fxmon_decimal reference, double change)
{
    const fxmon_row *row = &e->newest;
    bool bid = row->bid.mantissa != 0, ask = row->ask.mantissa != 0, volatility = row->volatility == row->volatility && !e->cross;
    int gone = (e->seen.has_bid && !bid) + (e->seen.has_ask && !ask) + (e->seen.has_volatility && !volatility);
    begin(c, 2 + 2 * (5 + (e->cross ? 0 : 3) + bid + ask + volatility), "HSET");
    put_key(c, fxi_redis_entry_hash(e), &e->pair);
    fxi_redis_text(c->out, "rate");
    if (e->cross) {
        put_double(c, row->cross);
    } else {
        put_decimal(c, row->rate);
    }
    fxi_redis_text(c->out, "time");
    put_time(c, row->time);
    fxi_redis_text(c->out, "source");
    fxi_redis_text(c->out, e->source);
    fxi_redis_text(c->out, "partition");
    fxi_redis_integer(c->out, row->partition);
    fxi_redis_text(c->out, "offset");
    fxi_redis_integer(c->out, row->offset);
    if (!e->cross) {
        fxi_redis_text(c->out, "samples");
        fxi_redis_integer(c->out, row->samples);
        fxi_redis_text(c->out, "reference");
        put_decimal(c, reference);
        fxi_redis_text(c->out, "change");
        put_double(c, change);
    }
    if (bid) {
        fxi_redis_text(c->out, "bid");
        put_decimal(c, row->bid);
    }
    if (ask) {
        fxi_redis_text(c->out, "ask");
        put_decimal(c, row->ask);
    }
    if (volatility) {
        fxi_redis_text(c->out, "volatility");
        put_double(c, row->volatility);
    }
    if (gone > 0) {
        begin(c, 2 + gone, "HDEL");
        put_key(c, fxi_redis_entry_hash(e), &e->pair);
        if (e->seen.has_bid && !bid) {
            fxi_redis_text(c->out, "bid");
        }
        if (e->seen.has_ask && !ask) {
            fxi_redis_text(c->out, "ask");
        }
        if (e->seen.has_volatility && !volatility) {
            fxi_redis_text(c->out, "volatility");
        }
    }
}

/* `from`: the first of the chain that Redis has not seen. */
static void put_history(counted *c, const fxi_redis_entry *e, size_t from)
{
    size_t keep_last = c->shape->history;
    if (e->chain_count - from > keep_last) {
        from = e->chain_count - keep_last;
    }
    begin(c, 2 + (int)(e->chain_count - from), "LPUSH");
    put_key(c, "history:", &e->pair);
    for (size_t i = from; i < e->chain_count; i++) {
        put_decimal(c, e->chain[i].price);
    }
    begin(c, 4, "LTRIM");
    put_key(c, "history:", &e->pair);
    fxi_redis_text(c->out, "0");
    fxi_redis_integer(c->out, (int64_t)keep_last - 1);
}

static void put_series(counted *c, const fxi_redis_entry *e)
{
    char member[2 * FXMON_DECIMAL_TEXT + 1];
    size_t from = fxi_redis_entry_past(e, c->shape->series);
    begin(c, 2 + 2 * (int)(e->series_count - from), "ZADD");
    put_key(c, "series:", &e->pair);
    for (size_t i = from; i < e->series_count; i++) {
        size_t length = seconds(e->series[i].time, member);
        fxi_redis_word(c->out, member, length);
        member[length++] = ':';
        length += fxmon_decimal_format(e->series[i].price, member + length);
        fxi_redis_word(c->out, member, length);
    }
    begin(c, 4, "ZREMRANGEBYRANK");
    put_key(c, "series:", &e->pair);
    fxi_redis_text(c->out, "0");
    fxi_redis_integer(c->out, -(int64_t)c->shape->series - 1);
}

static void put_published(counted *c, fxi_redis_batch *batch, fxi_redis_entry *e)
{
    if (!c->shape->channel || !*c->shape->channel || e->newest.time <= e->published) {
        return;
    }
    fxi_buf_clear(&batch->line);
    if (fxi_row_encode(&e->newest, &batch->line)) {
        begin(c, 3, "PUBLISH");
        fxi_redis_text(c->out, c->shape->channel);
        fxi_redis_word(c->out, batch->line.data, batch->line.length);
    }
}

static void put_quote(counted *c, fxi_redis_batch *batch, fxi_redis_entry *e, size_t from)
{
    fxmon_decimal reference = reference_of(e);
    double change = change_of(e->newest.rate, reference);
    begin_set(c, "rate:", &e->pair);
    put_decimal(c, e->newest.rate);
    end_set(c);
    if (e->newest.volatility == e->newest.volatility) {
        begin_set(c, "volatility:", &e->pair);
        put_double(c, e->newest.volatility);
        end_set(c);
    } else {
        begin(c, 2, "DEL");
        put_key(c, "volatility:", &e->pair);
    }
    if (c->shape->history > 0) {
        put_history(c, e, from);
    }
    put_hash(c, e, reference, change);
    begin(c, 4, "ZADD");
    put_key(c, "movers", NULL);
    put_double(c, change < 0 ? -change : change);
    fxi_redis_word(c->out, e->pair.text, strnlen(e->pair.text, sizeof e->pair.text));
    put_published(c, batch, e);
}

static void put_cross(counted *c, fxi_redis_entry *e)
{
    begin_set(c, "cross_rate:", &e->pair);
    put_double(c, e->newest.cross);
    end_set(c);
    put_hash(c, e, (fxmon_decimal){0, 0}, 0);
}

size_t fxi_redis_batch_encode(fxi_redis_batch *batch, fxi_buf *out)
{
    counted c = {out, &batch->shape, 0};
    for (size_t i = 0; i < batch->touched_count; i++) {
        fxi_redis_entry *e = batch->touched[i];
        size_t from = 0;
        while (from < e->chain_count && e->seen.there && !fxi_redis_newer(&e->chain[from], &e->seen.newest)) {
            from++;
        }
        if (from < e->chain_count && e->cross) {
            put_cross(&c, e);
        } else if (from < e->chain_count) {
            put_quote(&c, batch, e, from);
        }
        if (e->series_count > 0) {
            put_series(&c, e);
        }
    }
    return c.commands;
}
