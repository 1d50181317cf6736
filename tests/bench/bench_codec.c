/* How fast texts become values and back: rate messages beside jansson, provider-sized messages, a stream beside memchr. */
#include "base/buf.h"
#include "base/clock.h"
#include "codec/decoder.h"
#include "codec/json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGES 512
#define ROUNDS 7

typedef struct corpus {
    char *text;
    size_t length;
    size_t start[MESSAGES + 1];
    int count;
} corpus;

/* Messages of `pairs` rates whose numbers differ, as they would on a log. */
static corpus make_corpus(int pairs)
{
    corpus c = {.text = malloc((size_t)MESSAGES * ((size_t)pairs * 24 + 200)), .count = MESSAGES};
    unsigned seed = 1;

    for (int i = 0; i < MESSAGES; i++) {
        c.start[i] = c.length;
        c.length += (size_t)sprintf(c.text + c.length, "{\"timestamp\":\"2026-02-04T10:%02d:%02dZ\",\"base\":\"USD\",\"rates\":{", i / 60 % 60, i % 60);
        for (int k = 0; k < pairs; k++) {
            seed = seed * 1103515245u + 12345u;
            c.length += (size_t)sprintf(c.text + c.length, "%s\"USD/%c%c%c\":%u.%06u", k == 0 ? "" : ",", 'A' + k / 676, 'A' + k / 26 % 26, 'A' + k % 26,
                                        (seed >> 16) % 200, (seed >> 8) % 1000000);
        }
        c.length += (size_t)sprintf(c.text + c.length, "},\"source\":\"exchangerate-api.com\"}\n");
    }
    c.start[MESSAGES] = c.length;
    return c;
}

/* Nanoseconds a message, the best of some rounds. */
static double time_of(const corpus *c, void (*fn)(const corpus *c, int i, void *user), void *user)
{
    double best = 1e18;

    for (int round = 0; round < ROUNDS; round++) {
        int64_t start = fxi_clock_monotonic();
        double each;

        for (int repeat = 0; repeat < 20; repeat++) {
            for (int i = 0; i < c->count; i++) {
                fn(c, i, user);
            }
        }
        each = (double)(fxi_clock_monotonic() - start) / (20.0 * c->count);
        best = each < best ? each : best;
    }
    return best;
}

static size_t line_length(const corpus *c, int i)
{
    return c->start[i + 1] - c->start[i] - 1;
}

static void decode(const corpus *c, int i, void *user)
{
    if (fxi_message_decode(user, c->text + c->start[i], line_length(c, i), NULL) == NULL) {
        exit(1);
    }
}

static void decode_general(const corpus *c, int i, void *user)
{
    if (fxi_message_decode_general(user, c->text + c->start[i], line_length(c, i), NULL) != FXMON_OK) {
        exit(1);
    }
}

static void decode_jansson(const corpus *c, int i, void *user)
{
    json_t *root = json_loadb(c->text + c->start[i], line_length(c, i), JSON_REJECT_DUPLICATES, NULL);

    (void)user;
    if (root == NULL) {
        exit(1);
    }
    json_decref(root);
}

static void validate(const corpus *c, int i, void *user)
{
    (void)user;
    if (!fxi_json_valid(c->text + c->start[i], line_length(c, i), NULL)) {
        exit(1);
    }
}

typedef struct writer {
    fxi_decoder *decoder;
    fxi_buf out;
    json_t *root;
    bool csv;
} writer;

static void encode(const corpus *c, int i, void *user)
{
    writer *w = user;

    (void)c;
    (void)i;
    fxi_buf_clear(&w->out);
    if (!fxi_message_encode(&w->decoder->message, &w->out)) {
        exit(1);
    }
}

static void encode_row(const corpus *c, int i, void *user)
{
    writer *w = user;
    fxmon_row row = {.pair = {"USD/EUR"}, .time = INT64_C(1770201000) * FXMON_SECOND + i, .rate = {84701 + i, 5}, .volatility = 0.001 / (i + 3),
                     .source = "exchangerate-api.com", .samples = 20, .offset = i};

    (void)c;
    fxi_buf_clear(&w->out);
    if (!(w->csv ? fxi_row_csv : fxi_row_encode)(&row, &w->out)) {
        exit(1);
    }
}

static void print_row(const corpus *c, int i, void *user)
{
    char text[256];
    int length = snprintf(text, sizeof text, "{\"pair\":\"%s\",\"time\":\"2026-02-04T10:30:00.%09dZ\",\"rate\":%.5f,\"volatility\":%.17g,\"source\":\"%s\"}",
                          "USD/EUR", i, 0.84701 + i * 1e-5, 0.001 / (i + 3), "exchangerate-api.com");

    (void)c;
    *(size_t *)user += (size_t)length;
}

static void encode_jansson(const corpus *c, int i, void *user)
{
    writer *w = user;
    char *text = json_dumps(w->root, JSON_COMPACT | JSON_PRESERVE_ORDER);

    (void)c;
    (void)i;
    free(text);
}

static void find_lines(const corpus *c, int i, void *user)
{
    const char *start = c->text + c->start[i];

    *(size_t *)user += (size_t)((const char *)memchr(start, '\n', c->length - c->start[i]) - start);
}

static void print(const char *name, double value, const char *unit, const char *baseline, double ratio)
{
    printf("%s\t%.1f\t%s\t%s\t%.2f\n", name, value, unit, baseline, ratio);
}

static void measure(int pairs, const char *prefix)
{
    corpus c = make_corpus(pairs);
    fxi_decoder *d = fxi_decoder_new();
    size_t sum = 0;
    writer w = {.decoder = d};
    double mine = time_of(&c, decode, d), other = time_of(&c, decode_jansson, NULL), bytes = (double)c.length / c.count, lines;
    char name[64];

    snprintf(name, sizeof name, "decode %s", prefix);
    print(name, mine, "ns", "jansson", other / mine);
    lines = time_of(&c, find_lines, &sum);
    snprintf(name, sizeof name, "decode %s, throughput", prefix);
    print(name, bytes / mine * 1000.0, "MB/s", "memchr for the line end", lines / mine);
    mine = time_of(&c, decode_general, d);
    snprintf(name, sizeof name, "decode %s, unusual layout", prefix);
    print(name, mine, "ns", "jansson", other / mine);
    mine = time_of(&c, validate, NULL);
    snprintf(name, sizeof name, "JSON check %s", prefix);
    print(name, mine, "ns", "jansson", other / mine);
    fxi_buf_init(&w.out, 1 << 20);
    w.root = json_loadb(c.text, line_length(&c, 0), 0, NULL);
    decode(&c, 0, d);
    mine = time_of(&c, encode, &w);
    other = time_of(&c, encode_jansson, &w);
    snprintf(name, sizeof name, "encode %s", prefix);
    print(name, mine, "ns", "jansson", other / mine);
    json_decref(w.root);
    fxi_buf_free(&w.out);
    fxi_decoder_free(d);
    free(c.text);
}

static void measure_rows(void)
{
    corpus c = make_corpus(1);
    writer w = {.csv = false};
    size_t sum = 0;
    double other = time_of(&c, print_row, &sum), mine;

    fxi_buf_init(&w.out, 1 << 20);
    mine = time_of(&c, encode_row, &w);
    print("encode a row as JSON", mine, "ns", "snprintf", other / mine);
    w.csv = true;
    mine = time_of(&c, encode_row, &w);
    print("encode a row as CSV", mine, "ns", "snprintf", other / mine);
    fxi_buf_free(&w.out);
    free(c.text);
}

int main(void)
{
    measure(8, "message of 8 rates");
    measure(166, "message of 166 rates");
    measure_rows();
    return 0;
}
