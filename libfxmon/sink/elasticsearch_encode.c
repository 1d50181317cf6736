/*
 * sink/elasticsearch_encode.c - documents, their ids, and what the server is told about them. Pure: no I/O, no clock.
 *
 * An id says which record of which log a document came from, so every repetition has the same one: LOG-PARTITION-OFFSET-PAIR, LOG being twelve digits of the hash
 * of the log's identity. Dates are `date` and not `date_nanos`, because rates of 1948 are legal; the digits as sent stay in the source of the document. Numbers
 * that are rates are `double`, since `float` has not enough digits for a rate in the thousands and `scaled_float` needs one factor for all pairs. `dynamic` is
 * false: a later version may write more members into an older index.
 */
#include <math.h>
#include <string.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "sink/elasticsearch.h"

#define DAY (INT64_C(86400) * FXMON_SECOND)
#define ROLLOVER_AGE "30d"
#define ROLLOVER_SIZE "50gb"
#define TEMPLATE_VERSION 1

static void hexadecimal(const uint8_t *bytes, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

/* 32 digits of the hash of all parts, with a NUL after each. */
static void key_of(const char *kind, const char *lane, const char *stream, int32_t partition, int64_t offset, char out[FXI_ELASTIC_KEY])
{
    uint8_t hash[32] = {0};
    fxi_buf b;
    fxi_buf_init(&b, 65536);
    fxi_buf_add(&b, kind, strlen(kind) + 1);
    fxi_buf_add(&b, lane ? lane : "", strlen(lane ? lane : "") + 1);
    fxi_buf_add(&b, stream ? stream : "", strlen(stream ? stream : "") + 1);
    fxi_buf_int(&b, partition);
    fxi_buf_putc(&b, '\0');
    fxi_buf_int(&b, offset);
    if (!b.failed)
        fxi_sha256(b.data, b.length, hash);
    fxi_buf_free(&b);
    hexadecimal(hash, 16, out);
}

void fxi_elastic_log_name(const char *stream, char out[FXI_ELASTIC_LOG])
{
    uint8_t hash[32];
    fxi_sha256(stream, strlen(stream), hash);
    hexadecimal(hash, 6, out);
}

void fxi_elastic_place_id(const char *lane, const char *stream, int32_t partition, char out[FXI_ELASTIC_KEY])
{
    key_of("place", lane, stream, partition, 0, out);
}

void fxi_elastic_letter_id(const fxmon_dead_letter *letter, char out[FXI_ELASTIC_KEY])
{
    uint8_t hash[32];
    char place[FXI_ELASTIC_KEY], data[FXI_ELASTIC_KEY];
    key_of("letter", letter->lane, letter->stream, letter->partition, letter->offset, place);
    fxi_sha256(letter->data ? letter->data : "", letter->length, hash); /* one record may hold several rows that are refused */
    hexadecimal(hash, 16, data);
    key_of(place, data, "", 0, 0, out);
}

/* ---- documents ---- */

bool fxi_elastic_row_id(const fxmon_row *row, const char *log, fxi_buf *out)
{
    fxi_buf_puts(out, log);
    fxi_buf_putc(out, '-');
    fxi_buf_int(out, row->partition);
    fxi_buf_putc(out, '-');
    fxi_buf_int(out, row->offset);
    fxi_buf_putc(out, '-');
    fxi_buf_pair(out, &row->pair);
    if (row->kind == FXMON_ROW_CROSS) /* the log may hold the same pair as a rate of its own */
        fxi_buf_puts(out, "-cross");
    return !out->failed;
}

static void put_member(fxi_buf *out, const char *name, fxmon_decimal value)
{
    if (value.mantissa != 0) {
        fxi_buf_puts(out, name);
        fxi_buf_decimal(out, value);
    }
}

bool fxi_elastic_row(const fxmon_row *row, const char *log, fxi_buf *out)
{
    fxi_buf_puts(out, "{\"@timestamp\":\"");
    size_t at = out->length;
    fxi_buf_time(out, row->time);
    size_t length = out->length - at;
    fxi_buf_puts(out, "\",\"timestamp\":\"");
    char *again = fxi_buf_reserve(out, length);
    if (again) {
        memcpy(again, out->data + at, length);
        fxi_buf_commit(out, length);
    }
    fxi_buf_puts(out, "\",\"pair\":\"");
    at = out->length;
    fxi_buf_pair(out, &row->pair);
    const char *slash = out->failed ? NULL : memchr(out->data + at, '/', out->length - at);
    if (slash) {
        size_t base = (size_t)(slash - (out->data + at)), quote = out->length - at - base - 1;
        char *text = fxi_buf_reserve(out, base + quote + 24);
        if (text) {
            fxi_buf_puts(out, "\",\"base\":\"");
            fxi_buf_add(out, out->data + at, base);
            fxi_buf_puts(out, "\",\"quote\":\"");
            fxi_buf_add(out, out->data + at + base + 1, quote);
        }
    }
    fxi_buf_puts(out, "\",\"rate\":");
    if (row->kind == FXMON_ROW_CROSS)
        fxi_buf_double(out, row->cross);
    else
        fxi_buf_decimal(out, row->rate);
    put_member(out, ",\"bid\":", row->bid);
    put_member(out, ",\"ask\":", row->ask);
    fxi_buf_puts(out, ",\"volatility\":");
    fxi_buf_double(out, row->volatility);
    fxi_buf_puts(out, ",\"samples\":");
    fxi_buf_int(out, row->samples);
    fxi_buf_puts(out, ",\"source\":");
    fxi_buf_jsonz(out, row->source ? row->source : "");
    fxi_buf_puts(out, ",\"log\":\"");
    fxi_buf_puts(out, log);
    fxi_buf_puts(out, "\",\"partition\":");
    fxi_buf_int(out, row->partition);
    fxi_buf_puts(out, ",\"offset\":");
    fxi_buf_int(out, row->offset);
    if (row->kind != FXMON_ROW_QUOTE)
        fxi_buf_puts(out, row->kind == FXMON_ROW_LATE ? ",\"kind\":\"late\"" : ",\"kind\":\"cross\"");
    fxi_buf_putc(out, '}');
    return !out->failed;
}

bool fxi_elastic_letter(const fxmon_dead_letter *letter, fxi_buf *out)
{
    fxi_buf_puts(out, "{\"@timestamp\":\"");
    fxi_buf_time(out, letter->first_seen);
    fxi_buf_puts(out, "\",\"lane\":");
    fxi_buf_jsonz(out, letter->lane);
    fxi_buf_puts(out, ",\"stream\":");
    fxi_buf_jsonz(out, letter->stream);
    fxi_buf_puts(out, ",\"partition\":");
    fxi_buf_int(out, letter->partition);
    fxi_buf_puts(out, ",\"offset\":");
    fxi_buf_int(out, letter->offset);
    fxi_buf_puts(out, ",\"reason\":");
    fxi_buf_jsonz(out, letter->reason);
    fxi_buf_puts(out, ",\"text\":");
    fxi_buf_jsonz(out, letter->text);
    if (fxi_utf8_valid(letter->data, letter->length)) {
        fxi_buf_puts(out, ",\"record\":");
        fxi_buf_json(out, letter->data, letter->length);
    } else {
        fxi_buf_puts(out, ",\"record_base64\":\"");
        fxi_base64_put(out, letter->data, letter->length);
        fxi_buf_putc(out, '"');
    }
    fxi_buf_putc(out, '}');
    return !out->failed;
}

/* The event as all notifiers send it, with the two members that this index needs before its own. */
bool fxi_elastic_event(const fxmon_event *event, const char *json, size_t length, fxi_buf *out)
{
    if (length < 2 || json[0] != '{')
        return false;
    fxi_buf_puts(out, "{\"@timestamp\":\"");
    fxi_buf_time(out, event->time);
    fxi_buf_puts(out, "\",\"triggered_at\":\"");
    fxi_buf_time(out, event->time);
    fxi_buf_puts(out, "\",");
    fxi_buf_add(out, json + 1, length - 1);
    return !out->failed;
}

/* ---- names ---- */

static bool name_of(const char *prefix, const char *name, char out[FXI_ELASTIC_NAME])
{
    size_t a = strlen(prefix), b = strlen(name);
    if (a + b >= FXI_ELASTIC_NAME)
        return false;
    memcpy(out, prefix, a);
    memcpy(out + a, name, b + 1);
    return true;
}

int fxi_elastic_names_set(fxi_elastic_names *names, const char *prefix, fxmon_error *error)
{
    size_t length = strlen(prefix);
    if (length >= sizeof names->prefix || strspn(prefix, "abcdefghijklmnopqrstuvwxyz0123456789_-.") != length || (length && strchr("_-.", prefix[0])))
        return fxi_fail(error, FXMON_E_RANGE, "index-prefix", "'%.40s': expected at most %d of a-z 0-9 - _ . with a letter or digit first", prefix,
                        (int)sizeof names->prefix - 1);
    memcpy(names->prefix, prefix, length + 1);
    bool fits = name_of(prefix, "fx-rates", names->rates) && name_of(prefix, "fx-alerts", names->alerts) &&
                name_of(prefix, "fxmon-dead-letters", names->letters) && name_of(prefix, "fxmon-progress", names->progress);
    return fits ? FXMON_OK : fxi_fail(error, FXMON_E_RANGE, "index-prefix", "'%.40s' is too long", prefix);
}

/* ---- definitions ---- */

#define KEYWORD "{\"type\":\"keyword\",\"ignore_above\":1024}"
#define DOUBLE "{\"type\":\"double\"}"
#define LONG "{\"type\":\"long\"}"
#define DATE "{\"type\":\"date\"}"

static const char *const mappings[] = {
    [FXI_ELASTIC_RATES] = "\"@timestamp\":" DATE ",\"timestamp\":" DATE ",\"pair\":" KEYWORD ",\"base\":" KEYWORD ",\"quote\":" KEYWORD ",\"rate\":" DOUBLE
                          ",\"bid\":" DOUBLE ",\"ask\":" DOUBLE ",\"volatility\":" DOUBLE ",\"samples\":{\"type\":\"integer\"},\"source\":" KEYWORD
                          ",\"log\":" KEYWORD ",\"partition\":{\"type\":\"integer\"},\"offset\":" LONG ",\"kind\":" KEYWORD,
    [FXI_ELASTIC_ALERTS] = "\"@timestamp\":" DATE ",\"triggered_at\":" DATE ",\"time\":" DATE ",\"event_id\":" KEYWORD ",\"alert_id\":" LONG ",\"pair\":" KEYWORD
                           ",\"condition\":" KEYWORD ",\"threshold\":" DOUBLE ",\"current_rate\":" DOUBLE ",\"message\":{\"type\":\"text\"},\"kind\":" KEYWORD
                           ",\"severity\":" KEYWORD ",\"source\":" KEYWORD ",\"partition\":{\"type\":\"integer\"},\"offset\":" LONG ",\"suppressed\":" LONG
                           ",\"duration\":" DOUBLE ",\"worst\":" DOUBLE,
    [FXI_ELASTIC_LETTERS] = "\"@timestamp\":" DATE ",\"lane\":" KEYWORD ",\"stream\":" KEYWORD ",\"partition\":{\"type\":\"integer\"},\"offset\":" LONG
                            ",\"reason\":" KEYWORD ",\"text\":{\"type\":\"text\"},\"record\":{\"type\":\"text\",\"index\":false}",
    [FXI_ELASTIC_PROGRESS] = "\"lane\":" KEYWORD ",\"stream\":" KEYWORD ",\"partition\":{\"type\":\"integer\"},\"next_offset\":" LONG ",\"epoch\":" LONG
                             ",\"updated\":" DATE,
};

static void put_mappings(enum fxi_elastic_kind kind, fxi_buf *out)
{
    fxi_buf_puts(out, "\"mappings\":{\"dynamic\":false,\"properties\":{");
    fxi_buf_puts(out, mappings[kind]);
    fxi_buf_puts(out, "}}");
}

bool fxi_elastic_index(enum fxi_elastic_kind kind, fxi_buf *out)
{
    fxi_buf_puts(out, "{\"settings\":{\"index\":{\"number_of_shards\":1,\"auto_expand_replicas\":\"0-1\"}},");
    put_mappings(kind, out);
    fxi_buf_putc(out, '}');
    return !out->failed;
}

/* "7d" and the like: whole days where they are, else seconds. */
static void put_age(int64_t ns, fxi_buf *out)
{
    if (ns % DAY == 0)
        fxi_buf_printf(out, "\"%lldd\"", (long long)(ns / DAY));
    else
        fxi_buf_printf(out, "\"%llds\"", (long long)((ns + FXMON_SECOND - 1) / FXMON_SECOND));
}

bool fxi_elastic_template(enum fxi_elastic_kind kind, const char *name, const char *policy, int64_t retention, fxi_buf *out)
{
    fxi_buf_puts(out, "{\"index_patterns\":[\"");
    fxi_buf_puts(out, name);
    fxi_buf_puts(out, "\"],\"data_stream\":{},\"priority\":200,\"version\":");
    fxi_buf_int(out, TEMPLATE_VERSION);
    fxi_buf_puts(out, ",\"_meta\":{\"made_by\":\"fxmon\"},\"template\":{\"settings\":{\"index\":{\"number_of_shards\":1,\"auto_expand_replicas\":\"0-1\"");
    if (policy) {
        fxi_buf_puts(out, ",\"lifecycle\":{\"name\":\"");
        fxi_buf_puts(out, policy);
        fxi_buf_puts(out, "\"}");
    }
    fxi_buf_puts(out, "}},");
    put_mappings(kind, out);
    if (retention > 0) {
        fxi_buf_puts(out, ",\"lifecycle\":{\"data_retention\":");
        put_age(retention, out);
        fxi_buf_putc(out, '}');
    }
    fxi_buf_puts(out, "}}");
    return !out->failed;
}

bool fxi_elastic_ilm_policy(int64_t retention, fxi_buf *out)
{
    fxi_buf_puts(out, "{\"policy\":{\"phases\":{\"hot\":{\"actions\":{\"rollover\":{\"max_age\":\"" ROLLOVER_AGE "\",\"max_primary_shard_size\":\"" ROLLOVER_SIZE "\"}}}");
    if (retention > 0) {
        fxi_buf_puts(out, ",\"delete\":{\"min_age\":");
        put_age(retention, out);
        fxi_buf_puts(out, ",\"actions\":{\"delete\":{}}}");
    }
    fxi_buf_puts(out, "}}}");
    return !out->failed;
}

bool fxi_elastic_ism_policy(const char *name, int64_t retention, fxi_buf *out)
{
    fxi_buf_puts(out, "{\"policy\":{\"description\":\"made by fxmon\",\"default_state\":\"hot\",\"ism_template\":{\"index_patterns\":[\".ds-");
    fxi_buf_puts(out, name);
    fxi_buf_puts(out, "-*\"],\"priority\":200},\"states\":[{\"name\":\"hot\",\"actions\":[{\"rollover\":{\"min_index_age\":\"" ROLLOVER_AGE
                      "\",\"min_primary_shard_size\":\"" ROLLOVER_SIZE "\"}}],\"transitions\":[");
    if (retention > 0) {
        fxi_buf_puts(out, "{\"state_name\":\"delete\",\"conditions\":{\"min_rollover_age\":");
        put_age(retention, out);
        fxi_buf_puts(out, "}}]},{\"name\":\"delete\",\"actions\":[{\"delete\":{}}],\"transitions\":[");
    }
    fxi_buf_puts(out, "]}]}}");
    return !out->failed;
}
