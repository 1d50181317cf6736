/* Rate messages: both ways of reading, each class of poison with its error, writing, and memory running out anywhere. */
#include "base/buf.h"
#include "codec/decoder.h"
#include "codec/rate.h"
#include "../support/support.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "{\"timestamp\":\"2026-02-04T10:30:00Z\",\"base\":\"USD\",\"rates\":{"
#define TAIL "},\"source\":\"exchangerate-api.com\"}"
#define USUAL HEAD "\"USD/EUR\":0.8470,\"USD/JPY\":156.23" TAIL

static int decode(const char *text, fxmon_error *error)
{
    fxi_decoder *d = fxi_decoder_new();
    int code;

    *error = (fxmon_error){0};
    code = fxi_message_decode(d, text, strlen(text), error) != NULL ? FXMON_OK : error->code;
    fxi_decoder_free(d);
    return code;
}

START_TEST(the_usual_layout)
{
    fxi_decoder *d = fxi_decoder_new();
    const fxmon_message *m = fxi_message_decode(d, USUAL, strlen(USUAL), NULL);

    ck_assert_ptr_nonnull(m);
    ck_assert(fxi_message_decode_fast(d, USUAL, strlen(USUAL)));
    ck_assert_int_eq(m->time, INT64_C(1770201000) * FXMON_SECOND);
    ck_assert_int_eq(m->ingested, 0);
    ck_assert_str_eq(m->base, "USD");
    ck_assert_str_eq(m->source, "exchangerate-api.com");
    ck_assert_int_eq(m->count, 2);
    ck_assert_str_eq(m->rates[0].pair.text, "USD/EUR");
    ck_assert_int_eq(m->rates[0].mid.mantissa, 8470); /* the digits as written */
    ck_assert_int_eq(m->rates[0].mid.scale, 4);
    ck_assert_int_eq(m->rates[1].mid.mantissa, 15623);
    ck_assert_int_eq(m->rates[1].bid.mantissa, 0);
    fxi_decoder_free(d);
}
END_TEST

/* Texts that mean the same as USUAL with all optional members; the first is how fxmon writes it. */
static const char *const same_texts[] = {
    HEAD "\"USD/EUR\":0.8470,\"USD/JPY\":156.23" "},\"source\":\"s\",\"ingested_at\":\"2026-02-04T10:30:01.250Z\",\"next_update\":\"2026-02-05T00:00:00Z\","
         "\"bids\":{\"USD/EUR\":0.846},\"asks\":{\"USD/EUR\":0.848}}",
    "{\"timestamp\": \"2026-02-04T10:30:00.000000Z\", \"base\": \"USD\", \"rates\": {\"USD/EUR\": 0.8470, \"USD/JPY\": 156.23}, \"source\": \"s\", "
    "\"ingested_at\": \"2026-02-04T10:30:01.250Z\", \"next_update\": \"2026-02-05T00:00:00Z\", \"bids\": {\"USD/EUR\": 0.846}, \"asks\": {\"USD/EUR\": 0.848}}\n",
    " { \"asks\":{\"USD/EUR\":0.848} , \"more\":[1,{\"a\":null}], \"source\":\"\\u0073\",\"bids\":{\"usd-eur\":0.846},\"next_update\":\"2026-02-05T01:00:00+01:00\",\n"
    "\"rates\":{\"USDEUR\":0.8470,\"usd_jpy\":156.23},\"base\":\"usd\",\"ingested_at\":\"2026-02-04T10:30:01.25+00:00\",\"timestamp\":\"2026-02-04 10:30:00Z\"}",
};

START_TEST(every_layout_says_the_same)
{
    fxi_decoder *d = fxi_decoder_new();
    fxi_buf line;
    fxmon_error error = {0};
    const fxmon_message *m = fxi_message_decode(d, same_texts[_i], strlen(same_texts[_i]), &error);

    ck_assert_msg(m != NULL, "%s", error.text);
    ck_assert_int_eq(fxi_message_decode_fast(d, same_texts[_i], strlen(same_texts[_i])), _i < 2);
    m = fxi_message_decode(d, same_texts[_i], strlen(same_texts[_i]), &error);
    fxi_buf_init(&line, 4096);
    ck_assert(fxi_message_encode(m, &line));
    ck_assert_str_eq(line.data, same_texts[0]);
    fxi_buf_free(&line);
    fxi_decoder_free(d);
}
END_TEST

START_TEST(the_seed_layout_is_written_byte_for_byte)
{
    fxi_decoder *d = fxi_decoder_new();
    fxi_buf line;

    fxi_buf_init(&line, 4096);
    ck_assert(fxi_message_encode(fxi_message_decode(d, USUAL, strlen(USUAL), NULL), &line));
    ck_assert_str_eq(line.data, USUAL);
    fxi_buf_free(&line);
    fxi_buf_init(&line, 20);
    ck_assert(!fxi_message_encode(&d->message, &line)); /* a buffer that is too small is said */
    fxi_buf_free(&line);
    fxi_decoder_free(d);
}
END_TEST

static const struct poison {
    const char *text;
    int code;
    const char *field, *says[2]; /* the value, and what was expected */
} poisons[] = {
    {"", FXMON_E_SYNTAX, "", {"the end", "value"}},
    {"hello", FXMON_E_SYNTAX, "", {"hello", "value"}},
    {HEAD "\"USD/EUR\":0.8", FXMON_E_SYNTAX, "", {"the end", "object"}},
    {HEAD "\"USD/EUR\":NaN" TAIL, FXMON_E_SYNTAX, "", {"NaN", "value"}},
    {HEAD "\"USD/EUR\":0.8," TAIL, FXMON_E_SYNTAX, "", {"}", "name"}},
    {USUAL "{}", FXMON_E_SYNTAX, "", {"{}", "follows"}},
    {"[1]", FXMON_E_MALFORMED, "", {"array", "object"}},
    {"{\"base\":\"USD\",\"rates\":{\"USD/EUR\":1},\"source\":\"s\"}", FXMON_E_MALFORMED, "timestamp", {"missing", "string"}},
    {"{\"timestamp\":\"2026-02-04T10:30:00Z\",\"rates\":{\"USD/EUR\":1},\"source\":\"s\"}", FXMON_E_MALFORMED, "base", {"missing", "string"}},
    {"{\"timestamp\":\"2026-02-04T10:30:00Z\",\"base\":\"USD\",\"source\":\"s\"}", FXMON_E_MALFORMED, "rates", {"missing", "object"}},
    {HEAD "\"USD/EUR\":1}}", FXMON_E_MALFORMED, "source", {"missing", "string"}},
    {"{\"timestamp\":1770201000,\"base\":\"USD\",\"rates\":{\"USD/EUR\":1},\"source\":\"s\"}", FXMON_E_MALFORMED, "timestamp", {"1770201000", "string"}},
    {"{\"timestamp\":\"2026-02-04T10:30:00Z\",\"base\":\"USD\",\"rates\":[1],\"source\":\"s\"}", FXMON_E_MALFORMED, "rates", {"[1]", "object"}},
    {HEAD "\"USD/EUR\":1},\"source\":null}", FXMON_E_MALFORMED, "source", {"null", "string"}},
    {"{\"timestamp\":\"yesterday\",\"base\":\"USD\",\"rates\":{\"USD/EUR\":1},\"source\":\"s\"}", FXMON_E_REJECTED, "timestamp", {"yesterday", "RFC 3339"}},
    {"{\"timestamp\":\"2026-13-04T10:30:00Z\",\"base\":\"USD\",\"rates\":{\"USD/EUR\":1},\"source\":\"s\"}", FXMON_E_REJECTED, "timestamp", {"2026-13-04", "expected"}},
    {"{\"timestamp\":\"1969-12-31T23:59:59Z\",\"base\":\"USD\",\"rates\":{\"USD/EUR\":1},\"source\":\"s\"}", FXMON_E_REJECTED, "timestamp", {"1969", "1970"}},
    {"{\"timestamp\":\"2026-02-04T10:30:00Z\",\"base\":\"$\",\"rates\":{\"USD/EUR\":1},\"source\":\"s\"}", FXMON_E_REJECTED, "base", {"$", "currency"}},
    {HEAD "\"USDollar\":1" TAIL, FXMON_E_REJECTED, "rates", {"USDollar", "USD/EUR"}},
    {HEAD "\"US/EUR\":1" TAIL, FXMON_E_REJECTED, "rates", {"US/EUR", "USD/EUR"}},
    {HEAD "\"EUR/GBP\":1" TAIL, FXMON_E_REJECTED, "rates", {"EUR/GBP", "USD"}},
    {HEAD "\"USD/EUR\":0" TAIL, FXMON_E_REJECTED, "rates.USD/EUR", {"'0'", "positive"}},
    {HEAD "\"USD/EUR\":-0.85" TAIL, FXMON_E_REJECTED, "rates.USD/EUR", {"-0.85", "positive"}},
    {HEAD "\"USD/EUR\":\"0.85\"" TAIL, FXMON_E_MALFORMED, "rates.USD/EUR", {"0.85", "number"}},
    {HEAD "\"USD/EUR\":null" TAIL, FXMON_E_MALFORMED, "rates.USD/EUR", {"null", "number"}},
    {HEAD "\"USD/EUR\":9e-19" TAIL, FXMON_E_REJECTED, "rates.USD/EUR", {"9e-19", "1e-18"}},
    {HEAD "\"USD/EUR\":1000000000000000001" TAIL, FXMON_E_REJECTED, "rates.USD/EUR", {"1000000000000000001", "1e18"}},
    {HEAD "\"USD/EUR\":1e400" TAIL, FXMON_E_REJECTED, "rates.USD/EUR", {"1e400", "1e18"}},
    {HEAD "\"USD/EUR\":1,\"USD/EUR\":1" TAIL, FXMON_E_MALFORMED, "USD/EUR", {"USD/EUR", "twice"}},
    {HEAD "\"USD/EUR\":1,\"usd-eur\":1" TAIL, FXMON_E_MALFORMED, "rates", {"USD/EUR", "twice"}},
    {HEAD TAIL, FXMON_E_REJECTED, "rates", {"empty", "1024"}},
    {HEAD "\"USD/EUR\":1},\"source\":\"\"}", FXMON_E_REJECTED, "source", {"''", "39"}},
    {HEAD "\"USD/EUR\":1},\"source\":\"1234567890123456789012345678901234567890\"}", FXMON_E_REJECTED, "source", {"1234567890", "39"}},
    {HEAD "\"USD/EUR\":1},\"source\":\"a\\u0000b\"}", FXMON_E_REJECTED, "source", {"a", "NUL"}},
    {HEAD "\"USD/EUR\":1},\"source\":\"s\",\"source\":\"s\"}", FXMON_E_MALFORMED, "source", {"source", "twice"}},
    {HEAD "\"USD/EUR\":1},\"source\":\"s\",\"bids\":{\"USD/GBP\":1}}", FXMON_E_REJECTED, "bids", {"USD/GBP", "rates"}},
    {HEAD "\"USD/EUR\":1},\"source\":\"s\",\"asks\":{\"USD/EUR\":0}}", FXMON_E_REJECTED, "asks.USD/EUR", {"'0'", "positive"}},
    {HEAD "\"USD/EUR\":1},\"source\":\"s\",\"ingested_at\":\"now\"}", FXMON_E_REJECTED, "ingested_at", {"now", "RFC 3339"}},
    {HEAD "\"\x1b[31m\xff\":1" TAIL, FXMON_E_SYNTAX, "", {"\\x1b", "control"}},
};

START_TEST(poison)
{
    const struct poison *p = &poisons[_i];
    fxmon_error error;

    ck_assert_int_eq(decode(p->text, &error), p->code);
    ck_assert_str_eq(error.field, p->field);
    for (int i = 0; i < 2; i++) {
        ck_assert_msg(strstr(error.text, p->says[i]) != NULL, "'%s' does not say '%s'", error.text, p->says[i]);
    }
    for (const char *c = error.text; *c != '\0'; c++) {
        ck_assert_msg(*c >= 0x20 && *c < 0x7F, "%s", error.text);
    }
}
END_TEST

/* A message of `count` pairs USD/A00.. in a new buffer. */
static char *many(int count)
{
    char *text = malloc((size_t)count * 20 + 200);
    size_t at = (size_t)sprintf(text, HEAD);

    for (int i = 0; i < count; i++) {
        at += (size_t)sprintf(text + at, "%s\"USD/%c%c%c\":1.%d", i == 0 ? "" : ",", 'A' + i / 676, 'A' + i / 26 % 26, 'A' + i % 26, i);
    }
    sprintf(text + at, TAIL);
    return text;
}

START_TEST(number_of_pairs)
{
    fxmon_error error;
    char *text = many(FXI_MESSAGE_PAIRS);

    ck_assert_int_eq(decode(text, &error), FXMON_OK);
    free(text);
    text = many(FXI_MESSAGE_PAIRS + 1);
    ck_assert_int_eq(decode(text, &error), FXMON_E_REJECTED);
    ck_assert_str_eq(error.field, "rates");
    ck_assert_ptr_nonnull(strstr(error.text, "1024"));
    free(text);
}
END_TEST

START_TEST(pairs_are_remembered_and_forgotten)
{
    static const char *const texts[] = {HEAD "\"USD/EUR\":1,\"USD/GBP\":2" TAIL, HEAD "\"USD/GBP\":2,\"USD/EUR\":1" TAIL,
                                        HEAD "\"USD/EUR\":1,\"USD/EUR\":2" TAIL, HEAD "\"USD/EUR\":1,\"USD/GBP\":2,\"USD/EUR\":3" TAIL,
                                        HEAD "\"USD/GBP\":1,\"USD/GBP\":2" TAIL, HEAD "\"USD/EUR\":1" TAIL,
                                        "{\"timestamp\":\"2026-02-04T10:30:00Z\",\"base\":\"CHF\",\"rates\":{\"USD/EUR\":1},\"source\":\"s\"}",
                                        "{\"timestamp\":\"2026-02-04T10:30:00Z\",\"base\":\"EUR\",\"rates\":{\"EUR/USD\":1},\"source\":\"s\"}"};
    static const bool good[] = {true, true, false, false, false, true, false, true};
    size_t count = sizeof good / sizeof *good;
    fxi_decoder *d = fxi_decoder_new();

    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            ck_assert_int_eq(fxi_message_decode(d, texts[i], strlen(texts[i]), NULL) != NULL, good[i]);
            ck_assert_int_eq(fxi_message_decode(d, texts[k], strlen(texts[k]), NULL) != NULL, good[k]);
        }
    }
    fxi_decoder_free(d);
}
END_TEST

START_TEST(fast_and_general_agree_on_changed_texts)
{
    fxi_random r;
    fxi_decoder *fast = fxi_decoder_new(), *general = fxi_decoder_new();
    long cases = property_cases(100000), quick = 0;

    property_seed(&r, "message/fast_and_general_agree");
    for (long n = 0; n < cases; n++) {
        static const char bytes[] = "{}[]\",:\\0123456789.eE+-/USDEURGBP Zz\n\x01\xc3";
        const char *from = fxi_random_below(&r, 3) == 0 ? USUAL : same_texts[fxi_random_below(&r, 2)];
        size_t length = strlen(from);
        char text[512];
        uint64_t changes = fxi_random_below(&r, 3);

        memcpy(text, from, length);
        while (changes-- > 0) {
            text[fxi_random_below(&r, length)] = bytes[fxi_random_below(&r, sizeof bytes - 1)];
        }
        if (fxi_message_decode_fast(fast, text, length)) {
            const fxmon_message *a = &fast->message, *b = &general->message;

            quick++;
            ck_assert_msg(fxi_message_decode_general(general, text, length, NULL) == FXMON_OK, "%.*s", (int)length, text);
            ck_assert(a->time == b->time && a->ingested == b->ingested && a->next_update == b->next_update && a->count == b->count);
            ck_assert_str_eq(a->source, b->source);
            ck_assert_mem_eq(a->base, b->base, sizeof a->base);
            for (uint32_t i = 0; i < a->count; i++) {
                ck_assert_mem_eq(&a->rates[i].pair, &b->rates[i].pair, sizeof(fxmon_pair));
                ck_assert(a->rates[i].mid.mantissa == b->rates[i].mid.mantissa && a->rates[i].mid.scale == b->rates[i].mid.scale);
                ck_assert(a->rates[i].bid.mantissa == b->rates[i].bid.mantissa && a->rates[i].ask.mantissa == b->rates[i].ask.mantissa);
            }
        }
    }
    ck_assert_int_gt(quick, cases / 10);
    fxi_decoder_free(fast);
    fxi_decoder_free(general);
}
END_TEST

START_TEST(values_equal_jansson)
{
    char *text = many(166);
    fxi_decoder *d = fxi_decoder_new();
    const fxmon_message *m = fxi_message_decode(d, text, strlen(text), NULL);
    json_t *root = json_loads(text, 0, NULL), *rates = json_object_get(root, "rates");

    ck_assert_int_eq(m->count, json_object_size(rates));
    for (uint32_t i = 0; i < m->count; i++) {
        ck_assert_double_eq(fxmon_decimal_to_double(m->rates[i].mid), json_number_value(json_object_get(rates, m->rates[i].pair.text)));
    }
    json_decref(root);
    fxi_decoder_free(d);
    free(text);
}
END_TEST

static const struct {
    const char *text;
    int code;
    int64_t mantissa;
    int scale;
} rates[] = {
    {"0.8470", FXMON_OK, 8470, 4},
    {"1e-18", FXMON_OK, 1, 18},
    {"1e18", FXMON_OK, INT64_C(1000000000000000000), 0},
    {"0.0066611978177894126", FXMON_OK, INT64_C(6661197817789413), 18},
    {"0.1234567890123456785", FXMON_OK, INT64_C(123456789012345678), 18},  /* a tie goes to the even digit */
    {"0.1234567890123456775", FXMON_OK, INT64_C(123456789012345678), 18},
    {"0.12345678901234567851", FXMON_OK, INT64_C(123456789012345679), 18},
    {"123.4567890123456789", FXMON_OK, INT64_C(1234567890123456789), 16},  /* 19 digits fit */
    {"923.4567890123456789", FXMON_OK, INT64_C(923456789012345679), 15},
    {"0.9999999999999999996", FXMON_OK, 1, 0},
    {"1.0734123456789012e-05", FXMON_OK, INT64_C(10734123456789), 18},
    {"0.9e-18", FXMON_E_RANGE, 0, 0},
    {"9.99999999999999999999e-19", FXMON_E_RANGE, 0, 0},
    {"1000000000000000000.1", FXMON_E_RANGE, 0, 0},
    {"1000000000000000001", FXMON_E_RANGE, 0, 0},
    {"1e19", FXMON_E_RANGE, 0, 0},
    {"1e999999999999", FXMON_E_RANGE, 0, 0},
    {"0", FXMON_E_RANGE, 0, 0},
    {"0e5", FXMON_E_RANGE, 0, 0},
    {"-1", FXMON_E_RANGE, 0, 0},
    {"-0.00000000000000000000001", FXMON_E_RANGE, 0, 0},
    {"", FXMON_E_SYNTAX, 0, 0},
    {"1x", FXMON_E_SYNTAX, 0, 0},
    {"0.12345678901234567890123.", FXMON_E_SYNTAX, 0, 0},
    {"0.12345678901234567890123e", FXMON_E_SYNTAX, 0, 0},
    {"NaN", FXMON_E_SYNTAX, 0, 0},
};

START_TEST(prices)
{
    fxmon_decimal value = {0, 0};

    ck_assert_int_eq(fxi_rate_parse(rates[_i].text, strlen(rates[_i].text), &value), rates[_i].code);
    if (rates[_i].code == FXMON_OK) {
        ck_assert_int_eq(value.mantissa, rates[_i].mantissa);
        ck_assert_int_eq(value.scale, rates[_i].scale);
    }
}
END_TEST

START_TEST(middles)
{
    fxmon_decimal out;

    ck_assert_int_eq(fxi_rate_middle((fxmon_decimal){138817, 5}, (fxmon_decimal){138884, 5}, &out), FXMON_OK);
    ck_assert_int_eq(out.mantissa, 1388505);
    ck_assert_int_eq(out.scale, 6);
    ck_assert_int_eq(fxi_rate_middle((fxmon_decimal){1, 0}, (fxmon_decimal){30, 1}, &out), FXMON_OK);
    ck_assert_int_eq(out.mantissa, 20);
    ck_assert_int_eq(fxi_rate_middle((fxmon_decimal){1, 18}, (fxmon_decimal){2, 18}, &out), FXMON_E_RANGE);
    ck_assert_int_eq(fxi_rate_middle((fxmon_decimal){INT64_MAX, 0}, (fxmon_decimal){INT64_MAX, 0}, &out), FXMON_E_RANGE);
}
END_TEST

START_TEST(without_memory)
{
    char *text = many(100);

    failing_allocator_install();
    for (long nth = 1;; nth++) {
        fxmon_error error = {0};
        fxi_decoder *d;
        const fxmon_message *m = NULL;
        bool reached;

        failing_allocator_fail(nth);
        d = fxi_decoder_new();
        if (d != NULL) {
            m = fxi_message_decode(d, text, strlen(text), &error);
        }
        reached = failing_allocator_failed();
        failing_allocator_fail(0);
        /* the fast way may stumble and the general one succeed */
        ck_assert(m != NULL || (reached && (d == NULL || error.code == FXMON_E_NOMEM)));
        fxi_decoder_free(d);
        ck_assert_int_eq(failing_allocator_alive(), 0);
        if (!reached) {
            ck_assert_int_gt(nth, 2);
            break;
        }
    }
    free(text);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("message");

    tcase_add_test(tests, the_usual_layout);
    tcase_add_loop_test(tests, every_layout_says_the_same, 0, sizeof same_texts / sizeof *same_texts);
    tcase_add_test(tests, the_seed_layout_is_written_byte_for_byte);
    tcase_add_loop_test(tests, poison, 0, sizeof poisons / sizeof *poisons);
    tcase_add_test(tests, number_of_pairs);
    tcase_add_test(tests, pairs_are_remembered_and_forgotten);
    tcase_add_test(tests, fast_and_general_agree_on_changed_texts);
    tcase_add_test(tests, values_equal_jansson);
    tcase_add_loop_test(tests, prices, 0, sizeof rates / sizeof *rates);
    tcase_add_test(tests, middles);
    tcase_add_test(tests, without_memory);
    return support_run("message", tests);
}
