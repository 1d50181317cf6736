/* The conformance suite of sinks for Redis, and what is its own, all on a real server of tests/servers/redis. */
#include "../support/log_folder.h"
#include "../support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if FXI_WITH_HIREDIS
#include "base/random.h"

#include <math.h>

extern const fxmon_sink_ops fxi_sink_redis;
extern const fxmon_notify_ops fxi_notify_redis;

static test_host host;
static char folder[128], url[200];
static int port;

static const char *top(void)
{
    const char *path = getenv("FXMON_TOP");
    return path ? path : ".";
}

/* tests/servers/redis WORD FOLDER MORE; the text it printed. */
static int server(const char *word, const char *more)
{
    char command[512], line[256];
    snprintf(command, sizeof command, "%s/tests/servers/redis %s %s/server %s", top(), word, folder, more);
    FILE *said = popen(command, "r");
    while (said && fgets(line, sizeof line, said)) {
        if (strncmp(line, "REDIS_PORT=", 11) == 0)
            port = (int)strtol(line + 11, NULL, 10);
    }
    return said ? pclose(said) : -1;
}

/* What redis-cli prints for a command; in turn one of eight texts. */
static const char *ask(const char *command)
{
    static char texts[8][65536];
    static int turn;
    char shell[512];
    char *text = texts[turn++ % 8];
    snprintf(shell, sizeof shell, "redis-cli -p %d %s 2>&1", port, command);
    FILE *said = popen(shell, "r");
    ck_assert_ptr_nonnull(said);
    size_t got = fread(text, 1, sizeof texts[0] - 1, said);
    pclose(said);
    while (got > 0 && text[got - 1] == '\n')
        got--;
    text[got] = '\0';
    return text;
}

static void setup(void)
{
    test_host_init(&host);
    ck_assert_str_eq(ask("flushall"), "OK");
    snprintf(url, sizeof url, "redis://127.0.0.1:%d/0", port);
}

static fxmon_row row_of(int n)
{
    fxmon_row row = {.time = (int64_t)n * FXMON_SECOND, .rate = {n + 1, 2}, .volatility = 0.5, .samples = 2, .source = "test", .offset = n};
    ck_assert_int_eq(fxmon_pair_parse("USD/EUR", 7, &row.pair), FXMON_OK);
    return row;
}

static void *opened(const char *at)
{
    void *sink = NULL;
    fxmon_error error = {0};
    ck_assert_msg(fxi_sink_redis.open(&host.env, at, &sink, &error) == FXMON_DONE, "%s: %s", at, error.text);
    return sink;
}

/* ---- the common suite: a line a member of the series ---- */

static const int redis_header = 0;
static const bool redis_remembers = true;

static const char *redis_make(void)
{
    return url;
}

static char *redis_text(void)
{
    const char *members = ask("zrange series:USD/EUR 0 -1");
    char *text = calloc(1, 2 * strlen(members) + 4096);
    for (const char *p = members; *p;) {
        size_t length = strcspn(p, "\n");
        sprintf(text + strlen(text), "USD/EUR %.*s\n", (int)length, p);
        p += length + (p[length] == '\n');
    }
    return text;
}

#define SINK_OPS fxi_sink_redis
#define SINK(name) redis_##name
#include "sink.inc"
#undef SINK

/* ---- its own ---- */

static fxmon_progress place_of(int64_t next_offset)
{
    return (fxmon_progress){.lane = "g/redis", .stream = "file:1", .next_offset = next_offset, .checkpoint_offset = -1};
}

static fxmon_result put(void *sink, int n, fxmon_error *error)
{
    fxmon_row row = row_of(n);
    fxmon_progress progress = place_of(n + 1);
    ck_assert_int_eq(fxi_sink_redis.write(sink, &row, 1, error), FXMON_DONE);
    return fxi_sink_redis.flush(sink, &progress, error);
}

static int64_t load(void *sink)
{
    fxmon_error error = {0};
    fxmon_progress progress = place_of(0);
    ck_assert_msg(fxi_sink_redis.load(sink, &progress, &error) == FXMON_DONE, "%s", error.text);
    fxmon_free_memory(progress.checkpoint);
    return progress.next_offset;
}

START_TEST(keys_and_times_to_live)
{
    fxmon_error error;
    void *sink = opened(url);
    ck_assert_int_eq(load(sink), -1);
    for (int i = 0; i < 30; i++)
        ck_assert_int_eq(put(sink, i, &error), FXMON_DONE);
    ck_assert_str_eq(ask("get rate:USD/EUR"), "0.30");
    ck_assert_str_eq(ask("get volatility:USD/EUR"), "0.5");
    ck_assert_str_eq(ask("lrange history:USD/EUR 0 2"), "0.30\n0.29\n0.28");
    ck_assert_str_eq(ask("llen history:USD/EUR"), "20");
    ck_assert_str_eq(ask("hmget latest:USD/EUR rate source time offset reference change"), "0.30\ntest\n1970-01-01T00:00:29Z\n29\n0.01\n2900");
    ck_assert_str_eq(ask("zrevrange movers 0 -1"), "USD/EUR");
    ck_assert(strtol(ask("ttl rate:USD/EUR"), NULL, 10) > 3590 && strtol(ask("ttl rate:USD/EUR"), NULL, 10) <= 3600);
    ck_assert_str_eq(ask("ttl history:USD/EUR"), "-1");
    fxi_sink_redis.close(sink);
}
END_TEST

START_TEST(options_are_heeded)
{
    fxmon_error error;
    test_host_set(&host, "redis-prefix", "x:");
    test_host_set(&host, "redis-ttl", "0s");
    test_host_set(&host, "redis-history", "2");
    test_host_set(&host, "redis-series", "3");
    void *sink = opened(url);
    for (int i = 0; i < 9; i++)
        ck_assert_int_eq(put(sink, i, &error), FXMON_DONE);
    ck_assert_str_eq(ask("lrange x:history:USD/EUR 0 -1"), "0.09\n0.08");
    ck_assert_str_eq(ask("zrange x:series:USD/EUR 0 -1"), "6:0.07\n7:0.08\n8:0.09");
    ck_assert_str_eq(ask("ttl x:rate:USD/EUR"), "-1");
    ck_assert_str_eq(ask("--raw keys '*' | grep -vc ^x:"), "0");
    fxi_sink_redis.close(sink);
    for (int slashes = 0; slashes < 2; slashes++) {
        snprintf(url, sizeof url, "unix:%s%s/server/socket?db=3", slashes ? "//" : "", folder);
        sink = opened(url);
        ck_assert_int_eq(put(sink, 1 + slashes, &error), FXMON_DONE);
        fxi_sink_redis.close(sink);
        ck_assert_str_eq(ask("-n 3 get x:rate:USD/EUR"), slashes ? "0.03" : "0.02");
    }
}
END_TEST

/* Whatever takes the place away makes the next flush, and the check in between, answer FENCED; nothing of the batch is written. */
START_TEST(a_lost_place_is_noticed)
{
    static const char *const losses[] = {"flushall", "flushdb", "swapdb 0 7", "del 'fxmon:progress:g/redis:file:1:0'",
                                         "hset 'fxmon:progress:g/redis:file:1:0' owner other", "hset 'fxmon:progress:g/redis:file:1:0' next_offset 1"};
    for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
        fxmon_error error = {0};
        fxmon_progress progress = place_of(6);
        void *sink = opened(url);
        load(sink);
        ck_assert_int_eq(put(sink, 5, &error), FXMON_DONE);
        ck_assert_int_eq(fxi_sink_redis.check(sink, &progress, &error), FXMON_DONE);
        ask(losses[i]);
        if (i % 2)
            ck_assert_int_eq(fxi_sink_redis.check(sink, &progress, &error), FXMON_FENCED);
        else
            ck_assert_int_eq(put(sink, 6, &error), FXMON_FENCED);
        ck_assert_int_eq(error.code, i < 4 ? FXMON_E_NOT_FOUND : FXMON_E_FENCED);
        ck_assert_str_ne(ask("get rate:USD/EUR"), "0.07");
        fxi_sink_redis.discard(sink);
        int64_t next = load(sink);
        ck_assert_int_eq(next, i < 4 ? -1 : i == 4 ? 6 : 1);
        fxi_sink_redis.close(sink);
        ask("flushall");
    }
}
END_TEST

/* Loaded and nothing written yet: also then the loss is heard of. */
START_TEST(a_claim_that_vanishes_is_noticed)
{
    fxmon_error error = {0};
    void *sink = opened(url);
    load(sink);
    ask("flushall");
    ck_assert_int_eq(put(sink, 5, &error), FXMON_FENCED);
    fxi_sink_redis.close(sink);
}
END_TEST

START_TEST(the_old_owner_is_fenced)
{
    fxmon_error error = {0};
    void *old = opened(url), *now = opened(url);
    load(old);
    ck_assert_int_eq(put(old, 0, &error), FXMON_DONE);
    ck_assert_int_eq(load(now), 1);
    ck_assert_int_eq(put(old, 1, &error), FXMON_FENCED);
    ck_assert_int_eq(error.code, FXMON_E_FENCED);
    ck_assert_int_eq(put(now, 2, &error), FXMON_DONE);
    ck_assert_str_eq(ask("lrange history:USD/EUR 0 -1"), "0.03\n0.01");
    fxi_sink_redis.close(old);
    fxi_sink_redis.close(now);
}
END_TEST

/* Two lanes of different logs that hold the same pair: the newer quote stays, also when it came first. */
START_TEST(older_quotes_of_another_writer_change_nothing)
{
    fxmon_error error = {0};
    void *one = opened(url), *two = opened(url);
    ck_assert_int_eq(put(one, 9, &error), FXMON_DONE);
    fxmon_row rows[2] = {row_of(4), row_of(11)};
    fxmon_progress other = place_of(1);
    other.stream = "file:2";
    ck_assert_int_eq(fxi_sink_redis.write(two, rows, 1, &error), FXMON_DONE);
    ck_assert_int_eq(fxi_sink_redis.flush(two, &other, &error), FXMON_DONE);
    ck_assert_str_eq(ask("get rate:USD/EUR"), "0.10");
    ck_assert_str_eq(ask("lrange history:USD/EUR 0 -1"), "0.10");
    other.next_offset = 2;
    ck_assert_int_eq(fxi_sink_redis.write(two, rows, 2, &error), FXMON_DONE);
    ck_assert_int_eq(fxi_sink_redis.flush(two, &other, &error), FXMON_DONE);
    ck_assert_int_eq(put(one, 10, &error), FXMON_DONE);
    ck_assert_str_eq(ask("lrange history:USD/EUR 0 -1"), "0.12\n0.10");
    ck_assert_str_eq(ask("zrange series:USD/EUR 0 -1"), "4:0.05\n9:0.10\n10:0.11\n11:0.12");
    fxi_sink_redis.close(one);
    fxi_sink_redis.close(two);
}
END_TEST

static bool write_many(const char *stream, int from, int to)
{
    fxmon_error error = {0};
    void *sink = opened(url);
    bool done = true;
    for (int n = from; n < to && done; n += 2) {
        fxmon_row row = row_of(n);
        fxmon_progress progress = place_of(n + 1);
        progress.stream = stream;
        fxmon_result result = fxi_sink_redis.write(sink, &row, 1, &error);
        while (result == FXMON_DONE && (result = fxi_sink_redis.flush(sink, &progress, &error)) == FXMON_RETRY)
            result = FXMON_DONE;
        done = result == FXMON_DONE;
    }
    fxi_sink_redis.close(sink);
    return done;
}

/* Two processes write the same pair at the same time, one between the other's look and transaction: the list still never goes back. */
START_TEST(writers_at_the_same_time)
{
    enum { QUOTES = 6000 };
    test_host_set(&host, "redis-history", "100000");
    pid_t other = fork();
    if (other == 0)
        _exit(write_many("file:2", 1, QUOTES) ? 0 : 1);
    bool done = write_many("file:1", 0, QUOTES);
    int status = 1;
    ck_assert_int_eq(waitpid(other, &status, 0), other);
    ck_assert(done && status == 0);
    ck_assert_str_eq(ask("get rate:USD/EUR"), "60.00");
    const char *history = ask("lrange history:USD/EUR 0 -1");
    double before = 1e9;
    int count = 0;
    for (const char *p = history; *p; count++) {
        char *end;
        double price = strtod(p, &end);
        ck_assert_msg(price < before, "%.20s after one that is newer", p);
        before = price;
        p = end + (*end == '\n');
    }
    ck_assert_int_gt(count, QUOTES / 4);
}
END_TEST

/* The connection is cut while a batch is held: it goes out by the next connection, once. */
START_TEST(a_cut_connection_is_made_anew)
{
    fxmon_error error = {0};
    void *sink = opened(url);
    load(sink);
    for (int i = 0; i < 10; i++) {
        ask("client kill type normal");
        fxmon_row row = row_of(i);
        fxmon_progress progress = place_of(i + 1);
        ck_assert_int_eq(fxi_sink_redis.write(sink, &row, 1, &error), FXMON_DONE);
        fxmon_result result = fxi_sink_redis.flush(sink, &progress, &error);
        ck_assert(result == FXMON_RETRY || result == FXMON_DONE);
        ck_assert(result == FXMON_DONE || fxi_sink_redis.flush(sink, &progress, &error) == FXMON_DONE);
    }
    ck_assert_str_eq(ask("lrange history:USD/EUR 0 -1"), "0.10\n0.09\n0.08\n0.07\n0.06\n0.05\n0.04\n0.03\n0.02\n0.01");
    fxi_sink_redis.close(sink);
}
END_TEST

START_TEST(what_passes_is_waited_for)
{
    static const struct { const char *set, *unset; } troubles[] = {
        {"config set maxmemory 1", "config set maxmemory 0"},
        {"replicaof 127.0.0.1 1", "replicaof no one"}, /* READONLY */
    };
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
        fxmon_error error = {0};
        void *sink = opened(url);
        load(sink);
        ck_assert_int_eq(put(sink, 0, &error), FXMON_DONE);
        ask(troubles[i].set);
        ck_assert_msg(put(sink, 1, &error) == FXMON_RETRY, "%s: %s", troubles[i].set, error.text);
        ask(troubles[i].unset);
        fxmon_progress progress = place_of(2);
        ck_assert_msg(fxi_sink_redis.flush(sink, &progress, &error) == FXMON_DONE, "%s", error.text);
        ck_assert_str_eq(ask("lrange history:USD/EUR 0 -1"), "0.02\n0.01");
        fxi_sink_redis.close(sink);
        ask("flushall");
    }
}
END_TEST

START_TEST(a_key_of_another_type_is_named)
{
    static const struct { const char *make, *key; } wrong[] = {
        {"set history:USD/EUR x", "history:USD/EUR is a string"}, {"lpush series:USD/EUR x", "series:USD/EUR is a list"},
        {"set movers x", "movers is a string"},                   {"lpush latest:USD/EUR x", "latest:USD/EUR: WRONGTYPE"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        fxmon_error error = {0};
        void *sink = opened(url);
        load(sink);
        ask(wrong[i].make);
        ck_assert_int_eq(put(sink, 1, &error), FXMON_FATAL);
        ck_assert_msg(strstr(error.text, wrong[i].key) != NULL, "%s", error.text);
        ck_assert_int_eq(error.code, FXMON_E_CONFIG);
        ck_assert_str_eq(ask("exists rate:USD/EUR"), "0"); /* nothing of the batch */
        fxi_sink_redis.close(sink);
        ask("flushall");
    }
    fxmon_error error = {0};
    void *sink = opened(url);
    ck_assert_int_eq(put(sink, 1, &error), FXMON_DONE);
    ask("del history:USD/EUR");
    ask("set history:USD/EUR x"); /* after the look at the types */
    ck_assert_int_eq(put(sink, 2, &error), FXMON_FATAL);
    ck_assert_msg(strstr(error.text, "LPUSH history:USD/EUR") != NULL, "%s", error.text);
    fxi_sink_redis.close(sink);
}
END_TEST

START_TEST(passwords)
{
    void *sink;
    fxmon_error error = {0};
    char with[200];
    ask("acl setuser eva on '>se:cr@et' '~*' '&*' +@all");
    ask("acl setuser low on '>low' '~*' '&*' +@read +@connection +@transaction");
    ask("config set requirepass geheim");
    ck_assert_int_eq(fxi_sink_redis.open(&host.env, url, &sink, &error), FXMON_FATAL);
    ck_assert_int_eq(error.code, FXMON_E_CREDENTIALS);
    snprintf(with, sizeof with, "redis://:falsch@127.0.0.1:%d", port);
    ck_assert_int_eq(fxi_sink_redis.open(&host.env, with, &sink, &error), FXMON_FATAL);
    ck_assert_int_eq(error.code, FXMON_E_CREDENTIALS);
    ck_assert_ptr_null(strstr(error.text, "falsch"));
    snprintf(with, sizeof with, "redis://:geheim@127.0.0.1:%d", port);
    fxi_sink_redis.close(opened(with));
    snprintf(with, sizeof with, "redis://eva:se%%3Acr%%40et@127.0.0.1:%d/2", port);
    fxi_sink_redis.close(opened(with));
    snprintf(with, sizeof with, "redis://low:low@127.0.0.1:%d", port);
    sink = opened(with);
    ck_assert_int_eq(put(sink, 1, &error), FXMON_FATAL); /* NOPERM */
    ck_assert_int_eq(error.code, FXMON_E_CREDENTIALS);
    fxi_sink_redis.close(sink);
    test_host_set(&host, "redis-password", "geheim");
    fxi_sink_redis.close(opened(url));
    test_host_init(&host);
    snprintf(with, sizeof with, "%s/password", folder);
    test_file_write(with, "geheim\n", 7);
    test_host_set(&host, "redis-password-file", with);
    fxi_sink_redis.close(opened(url));
    ask("-a geheim config set requirepass ''");
    ask("acl deluser eva low");
    snprintf(with, sizeof with, "redis://eva@127.0.0.1:%d", port);
    ck_assert_int_eq(fxi_sink_redis.open(&host.env, with, &sink, &error), FXMON_FATAL); /* with the password of the file */
    ck_assert_msg(strstr(error.text, "WRONGPASS") != NULL, "%s", error.text);
}
END_TEST

START_TEST(bad_addresses)
{
    static const struct { const char *url; int code; const char *text; } bad[] = {
        {"rediss://127.0.0.1", FXMON_E_UNSUPPORTED, "without TLS"},  {"redis:x", FXMON_E_ARGUMENT, "redis://host"},
        {"redis://h/x", FXMON_E_RANGE, "no database"},              {"redis://h/-1", FXMON_E_RANGE, "no database"},
        {"redis://h?bd=1", FXMON_E_OPTION, "no parameter"},         {"redis://a,b/0", FXMON_E_ARGUMENT, "one host"},
        {"unix:relative", FXMON_E_ARGUMENT, "unix:/path"},            {"redis://eva@h", FXMON_E_CONFIG, "without a password"},
        {"unix:/none", FXMON_E_NETWORK, "/none: No such file"},                        {"redis://127.0.0.1:1", FXMON_E_NETWORK, "127.0.0.1:1: Connection refused"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        void *sink;
        fxmon_error error = {0};
        fxmon_result result = fxi_sink_redis.open(&host.env, bad[i].url, &sink, &error);
        ck_assert_msg(result == (bad[i].code == FXMON_E_NETWORK ? FXMON_RETRY : FXMON_FATAL), "%s: %d %s", bad[i].url, result, error.text);
        ck_assert_msg(error.code == bad[i].code && (!bad[i].text || strstr(error.text, bad[i].text)), "%s: %d %s", bad[i].url, error.code, error.text);
    }
    snprintf(url, sizeof url, "redis://127.0.0.1:%d/9999", port);
    void *sink;
    fxmon_error error = {0};
    ck_assert_int_eq(fxi_sink_redis.open(&host.env, url, &sink, &error), FXMON_FATAL);
    ck_assert_ptr_nonnull(strstr(error.text, "DB index"));
}
END_TEST

/* The keys are a function of the rows, not of the borders of the batches: three ways to cut the same rows leave the same. */
START_TEST(borders_of_batches_do_not_show)
{
    enum { ROWS = 600, WAYS = 3 };
    static const char *const pairs[] = {"USD/EUR", "USD/JPY", "EUR/GBP"};
    static const char *const prefixes[WAYS] = {"a:", "b:", "c:"};
    fxi_random random;
    property_seed(&random, "borders_of_batches_do_not_show");
    fxmon_row *rows = calloc(ROWS, sizeof *rows);
    for (int i = 0; i < ROWS; i++) {
        const char *pair = pairs[fxi_random_below(&random, 3)];
        rows[i] = (fxmon_row){.time = (i * 1000 - (int64_t)fxi_random_below(&random, 3000)) * FXMON_SECOND + (int64_t)fxi_random_below(&random, FXMON_SECOND),
                              .rate = {900000 + (int64_t)fxi_random_below(&random, 99999), 6}, .volatility = fxi_random_below(&random, 9) ? 0.001 * i : NAN,
                              .bid = {(int64_t)fxi_random_below(&random, 2), 1}, .samples = 20, .source = i % 3 ? "a" : "b", .offset = i,
                              .kind = fxi_random_below(&random, 10) ? FXMON_ROW_QUOTE : FXMON_ROW_LATE};
        rows[i].time = rows[i].time < 0 ? 0 : rows[i].time;
        if (fxi_random_below(&random, 5) == 0) {
            rows[i].kind = FXMON_ROW_CROSS;
            rows[i].cross = 1.0 / (i + 1);
        }
        ck_assert_int_eq(fxmon_pair_parse(pair, strlen(pair), &rows[i].pair), FXMON_OK);
    }
    for (int way = 0; way < WAYS; way++) {
        fxmon_error error = {0};
        test_host_init(&host);
        test_host_set(&host, "redis-series", "50");
        test_host_set(&host, "redis-prefix", prefixes[way]);
        void *sink = opened(url);
        for (int from = 0; from < ROWS;) {
            int count = way == 0 ? ROWS : way == 1 ? 1 : 1 + (int)fxi_random_below(&random, 40);
            count = count < ROWS - from ? count : ROWS - from;
            fxmon_progress progress = place_of(from + count);
            ck_assert_int_eq(fxi_sink_redis.write(sink, rows + from, (size_t)count, &error), FXMON_DONE);
            ck_assert_msg(fxi_sink_redis.flush(sink, &progress, &error) == FXMON_DONE, "%s", error.text);
            from += count;
        }
        fxi_sink_redis.close(sink);
    }
    char *names = strdup(ask("keys 'a:*'"));
    ck_assert_ptr_nonnull(strstr(names, "a:latest_cross:EUR/GBP"));
    for (const char *p = names; *p;) {
        size_t length = strcspn(p, "\n");
        char command[3][320];
        const char *dump[3];
        bool hash = length > 8 && (memcmp(p + 2, "latest", 6) == 0), zset = strstr(p, "series:") == p + 2 || strstr(p, "movers") == p + 2;
        bool list = memcmp(p + 2, "history", 7) == 0, place = memcmp(p + 2, "fxmon", 5) == 0;
        for (int way = 0; way < 3 && !place; way++) {
            snprintf(command[way], sizeof command[way], "%s '%s%.*s' %s %s", hash ? "hgetall" : zset ? "zrange" : list ? "lrange" : "get", prefixes[way],
                     (int)length - 2, p + 2, zset ? "0 -1 withscores" : list ? "0 -1" : "", hash ? "| paste - - | sort" : "");
            dump[way] = ask(command[way]);
            ck_assert_msg(strcmp(dump[way], dump[0]) == 0, "%s\n%s\nand not\n%s", command[way], dump[way], dump[0]);
            ck_assert_str_ne(dump[way], "");
        }
        p += length + (p[length] == '\n');
    }
    free(names);
    free(rows);
}
END_TEST

START_TEST(alerts_are_a_bounded_list)
{
    fxmon_error error = {0};
    fxmon_event event = {0};
    void *notify;
    char json[32];
    test_host_set(&host, "redis-alerts", "3");
    ck_assert_int_eq(fxi_notify_redis.open(&host.env, url, &notify, &error), FXMON_DONE);
    for (int i = 0; i < 10; i++) {
        for (int again = 0; again < 2; again++) { /* the outcome was not known: it comes again */
            int length = snprintf(json, sizeof json, "{\"event_id\":\"%d\"}", i);
            ck_assert_msg(fxi_notify_redis.send(notify, &event, json, (size_t)length, &error) == FXMON_DONE, "%s", error.text);
        }
        if (i == 5)
            ask("client kill type normal");
        if (i == 5)
            fxi_notify_redis.send(notify, &event, json, strlen(json), &error); /* notices it */
    }
    ck_assert_str_eq(ask("lrange alerts 0 -1"), "{\"event_id\":\"9\"}\n{\"event_id\":\"8\"}\n{\"event_id\":\"7\"}");
    ask("del alerts");
    ask("set alerts x");
    ck_assert_int_eq(fxi_notify_redis.send(notify, &event, "{}", 2, &error), FXMON_FATAL);
    ck_assert_ptr_nonnull(strstr(error.text, "alerts"));
    fxi_notify_redis.close(notify);
}
END_TEST

START_TEST(memory_runs_out)
{
    failing_allocator_install();
    fxmon_error error;
    for (long nth = 1, reached = 1; reached; nth++) {
        long before = failing_allocator_alive();
        void *sink = NULL;
        fxmon_row row = row_of((int)nth);
        fxmon_progress progress = place_of(nth), loaded = place_of(0);
        progress.checkpoint = &row;
        progress.checkpoint_size = 16;
        progress.checkpoint_offset = 0;
        failing_allocator_fail(nth);
        if (fxi_sink_redis.open(&host.env, url, &sink, &error) == FXMON_DONE) {
            fxmon_result result = fxi_sink_redis.load(sink, &loaded, &error);
            fxmon_free_memory(result == FXMON_DONE ? loaded.checkpoint : NULL);
            fxi_sink_redis.write(sink, &row, 1, &error);
            fxi_sink_redis.flush(sink, &progress, &error);
            fxi_sink_redis.close(sink);
        }
        reached = failing_allocator_failed();
        failing_allocator_fail(0);
        ck_assert_int_eq(failing_allocator_alive(), before);
        ck_assert(nth > 10 || reached);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("sink_redis");
    const char *tmp = getenv("TMPDIR");
    int status = 77;
    snprintf(folder, sizeof folder, "%s/fxmon-test-XXXXXX", tmp && strlen(tmp) < 90 ? tmp : "/tmp");
    if (!mkdtemp(folder) || server("start", "") != 0) {
        puts("no redis-server to be had");
    } else {
        tcase_add_checked_fixture(tests, setup, NULL);
        tcase_set_timeout(tests, 60);
        redis_add(tests);
        tcase_add_test(tests, keys_and_times_to_live);
        tcase_add_test(tests, options_are_heeded);
        tcase_add_test(tests, a_lost_place_is_noticed);
        tcase_add_test(tests, a_claim_that_vanishes_is_noticed);
        tcase_add_test(tests, the_old_owner_is_fenced);
        tcase_add_test(tests, older_quotes_of_another_writer_change_nothing);
        tcase_add_test(tests, writers_at_the_same_time);
        tcase_add_test(tests, a_cut_connection_is_made_anew);
        tcase_add_test(tests, what_passes_is_waited_for);
        tcase_add_test(tests, a_key_of_another_type_is_named);
        tcase_add_test(tests, passwords);
        tcase_add_test(tests, bad_addresses);
        tcase_add_test(tests, borders_of_batches_do_not_show);
        tcase_add_test(tests, alerts_are_a_bounded_list);
        tcase_add_test(tests, memory_runs_out);
        status = support_run("sink_redis", tests);
        server("stop", "");
    }
    test_folder_remove(folder);
    return status;
}
#else
int main(void)
{
    puts("built without hiredis");
    return 77;
}
#endif
