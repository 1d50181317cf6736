/*
 * Rate messages as MessagePack: written and read back beside JSON, what strangers write, each class of poison with its error, cut and changed bytes.
 *
 * With the word "convert" the program is the other end of tests/e2e/test_message_pack.py: lines of standard input are answered on standard output,
 * a JSON message by its MessagePack as hexadecimal digits, hexadecimal digits by the JSON message or "error: NAME: text".
 */
#include "base/buf.h"
#include "codec/decoder.h"
#include "codec/pack.h"
#include "../support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USUAL "{\"timestamp\":\"2026-02-04T10:30:00Z\",\"base\":\"USD\",\"rates\":{\"USD/EUR\":0.8470,\"USD/JPY\":156.23},\"source\":\"exchangerate-api.com\"}"
#define FULL "{\"timestamp\":\"2026-02-04T10:30:00.123456789Z\",\"base\":\"USD\",\"rates\":{\"USD/EUR\":0.8470,\"USD/JPY\":156.23},\"source\":\"s\"," \
             "\"ingested_at\":\"2026-02-04T10:30:01.250Z\",\"next_update\":\"2026-02-05T00:00:00Z\",\"bids\":{\"USD/EUR\":0.846},\"asks\":{\"USD/EUR\":0.848}}"

static void pack_json(fxi_decoder *d, const char *json, size_t length, fxi_buf *out)
{
    const fxmon_message *m = fxi_message_decode(d, json, length, NULL);

    ck_assert_msg(m != NULL, "%.*s", (int)length, json);
    fxi_buf_clear(out);
    ck_assert(fxi_message_pack(m, out));
}

static void check_round_trip(fxi_decoder *d, const char *json, size_t length)
{
    fxi_buf packed, line;
    fxmon_error error = {0};
    const fxmon_message *m;

    fxi_buf_init(&packed, 1 << 20);
    fxi_buf_init(&line, 1 << 20);
    pack_json(d, json, length, &packed);
    m = fxi_message_decode(d, packed.data, packed.length, &error);
    ck_assert_msg(m != NULL, "%s", error.text);
    ck_assert(fxi_message_encode(m, &line));
    ck_assert_int_eq(line.length, length);
    ck_assert_mem_eq(line.data, json, length); /* every digit, every member */
    fxi_buf_free(&packed);
    fxi_buf_free(&line);
}

static const char *const whole[] = {
    USUAL,
    FULL,
    "{\"timestamp\":\"1970-01-01T00:00:00Z\",\"base\":\"XAU\",\"rates\":{\"XAU/USD\":1000000000000000000,\"XAU/BTC\":0.000000000000000001,"
    "\"XAU/EUR\":1234567.890123456789},\"source\":\"\xc3\xa9\"}",
};

START_TEST(there_and_back)
{
    fxi_decoder *d = fxi_decoder_new();

    check_round_trip(d, whole[_i], strlen(whole[_i]));
    fxi_decoder_free(d);
}
END_TEST

START_TEST(recorded_messages_there_and_back)
{
    char path[512], line[1 << 16];
    const char *top = getenv("FXMON_TOP");
    fxi_decoder *d = fxi_decoder_new();
    FILE *file;
    int count = 0;

    snprintf(path, sizeof path, "%s/tests/data/usd-base-2015.ndjson", top != NULL ? top : ".");
    file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s", path);
    while (fgets(line, sizeof line, file) != NULL) {
        fxi_buf canonical;

        fxi_buf_init(&canonical, 1 << 20);
        ck_assert(fxi_message_encode(fxi_message_decode(d, line, strlen(line), NULL), &canonical));
        check_round_trip(d, canonical.data, canonical.length);
        fxi_buf_free(&canonical);
        count++;
    }
    ck_assert_int_ge(count, 60);
    fclose(file);
    fxi_decoder_free(d);
}
END_TEST

START_TEST(the_bytes)
{
    static const char expected[] = "\x84\xa9timestamp\xb4" "2026-02-04T10:30:00Z\xa4" "base\xa3USD\xa5rates\x82\xa7USD/EUR\xa6" "0.8470\xa7USD/JPY\xa6"
                                   "156.23\xa6source\xb4" "exchangerate-api.com";
    fxi_decoder *d = fxi_decoder_new();
    fxi_buf packed;

    fxi_buf_init(&packed, 4096);
    pack_json(d, USUAL, strlen(USUAL), &packed);
    ck_assert_int_eq(packed.length, sizeof expected - 1);
    ck_assert_mem_eq(packed.data, expected, sizeof expected - 1);
    ck_assert_int_lt(packed.length, strlen(USUAL)); /* smaller than JSON */
    fxi_buf_free(&packed);
    fxi_buf_init(&packed, 20);
    ck_assert(!fxi_message_pack(&d->message, &packed)); /* a buffer that is too small is said */
    fxi_buf_free(&packed);
    fxi_decoder_free(d);
}
END_TEST

/* ---- what others write: bytes and what they mean -------------------------------------------- */

#define BYTES(text) text, sizeof(text) - 1
#define TIME_TEXT "\xa9timestamp\xb4" "2026-02-04T10:30:00Z"
#define BASE "\xa4" "base\xa3USD"
#define SOURCE "\xa6source\xa1s"
#define RATES(pair) "\xa5rates\x81" pair
#define EUR "\xa7USD/EUR"
#define MESSAGE(pair) "\x84" TIME_TEXT BASE RATES(pair) SOURCE
#define AT(time) "\x84\xa9timestamp" time BASE RATES(EUR "\xa1" "2") SOURCE

static const struct accepted {
    const char *bytes;
    size_t length;
    int64_t mantissa;
    int scale;
    int64_t time;
} accepted[] = {
    {BYTES(MESSAGE(EUR "\xa6" "0.8470")), 8470, 4, INT64_C(1770201000000000000)},
    {BYTES(MESSAGE(EUR "\xa7" "8.47e-1")), 847, 3, INT64_C(1770201000000000000)},
    {BYTES(MESSAGE(EUR "\xcb\x3f\xeb\x1a\x9f\xbe\x76\xc8\xb4")), 847, 3, INT64_C(1770201000000000000)},  /* 0.847 */
    {BYTES(MESSAGE(EUR "\xcb\x3e\xe6\x82\xd6\xb1\xc0\x49\xad")), INT64_C(10734123456789), 18, INT64_C(1770201000000000000)}, /* rounded as in JSON */
    {BYTES(MESSAGE(EUR "\x02")), 2, 0, INT64_C(1770201000000000000)},
    {BYTES(MESSAGE(EUR "\xcc\x9c")), 156, 0, INT64_C(1770201000000000000)},
    {BYTES(MESSAGE(EUR "\xcd\x01\x00")), 256, 0, INT64_C(1770201000000000000)},
    {BYTES(MESSAGE(EUR "\xd1\x01\x00")), 256, 0, INT64_C(1770201000000000000)},
    {BYTES(MESSAGE(EUR "\xd3\0\0\0\0\0\0\0\x07")), 7, 0, INT64_C(1770201000000000000)},
    {BYTES(MESSAGE(EUR "\xcf\x0d\xe0\xb6\xb3\xa7\x64\0\0")), INT64_C(1000000000000000000), 0, INT64_C(1770201000000000000)},
    {BYTES(MESSAGE("\xd9\x07usd-eur" "\xda\0\x03" "0.5")), 5, 1, INT64_C(1770201000000000000)},
    {BYTES(AT("\xd6\xff\x69\x83\x1f\x28")), 2, 0, INT64_C(1770200872000000000)},                        /* 32 bits of seconds */
    {BYTES(AT("\xd7\xff\0\0\0\x04\x69\x83\x1f\x28")), 2, 0, INT64_C(1770200872000000001)},              /* 30 and 34 bits */
    {BYTES(AT("\xc7\x0c\xff\x3b\x9a\xc9\xff\0\0\0\0\x69\x83\x1f\x28")), 2, 0, INT64_C(1770200872999999999)}, /* 96 bits */
    {BYTES("\xde\0\x05" TIME_TEXT BASE RATES(EUR "\x02") SOURCE "\xa4more\x93\xc0\xc3\x81\x01\xc4\x01\xff"), 2, 0, INT64_C(1770201000000000000)},
    {BYTES("\xdf\0\0\0\x06" "\xa4" "bids\xc0" "\xa4" "asks\xc0" SOURCE RATES(EUR "\x02") BASE TIME_TEXT), 2, 0, INT64_C(1770201000000000000)},
};

START_TEST(what_others_write)
{
    const struct accepted *a = &accepted[_i];
    fxi_decoder *d = fxi_decoder_new();
    fxmon_error error = {0};
    char *exact = malloc(a->length); /* so that a sanitizer sees reads behind the end */
    const fxmon_message *m;

    memcpy(exact, a->bytes, a->length);
    m = fxi_message_decode(d, exact, a->length, &error);
    ck_assert_msg(m != NULL, "%s", error.text);
    ck_assert_int_eq(m->count, 1);
    ck_assert_str_eq(m->rates[0].pair.text, "USD/EUR");
    ck_assert_int_eq(m->rates[0].mid.mantissa, a->mantissa);
    ck_assert_int_eq(m->rates[0].mid.scale, a->scale);
    ck_assert_int_eq(m->time, a->time);
    free(exact);
    fxi_decoder_free(d);
}
END_TEST

#define DEEP "\x91\x91\x91\x91\x91\x91\x91\x91"
static const struct poison {
    const char *bytes;
    size_t length;
    int code;
    const char *field, *says[2];
} poisons[] = {
    {BYTES("\x84"), FXMON_E_SYNTAX, "", {"byte 1", "more members"}},
    {BYTES("\x81\xa4" "ba"), FXMON_E_SYNTAX, "", {"byte 2", "ends"}},
    {BYTES("\x81\xa1x"), FXMON_E_SYNTAX, "", {"byte 3", "ends"}},
    {BYTES("\x81\xa1x\xc1"), FXMON_E_SYNTAX, "", {"byte 3", "c1"}},
    {BYTES("\x81\xa1x\xdd\xff\xff\xff\xff"), FXMON_E_SYNTAX, "", {"more members", "bytes"}},
    {BYTES("\xdf\xff\xff\xff\xff\xa1x\x01"), FXMON_E_SYNTAX, "", {"more members", "bytes"}},
    {BYTES("\xde\x01"), FXMON_E_SYNTAX, "", {"ends", "byte 1"}},
    {BYTES("\x81\xa1x\xdb\xff\xff\xff\xff" "abc"), FXMON_E_SYNTAX, "", {"ends", "byte 8"}},
    {BYTES("\x81\xa1x\xcb\0\0\0"), FXMON_E_SYNTAX, "", {"ends", "byte 4"}},
    {BYTES("\x81\xa1x\xa2\xc3("), FXMON_E_SYNTAX, "", {"UTF-8", "byte 4"}},
    {BYTES("\x81\xa1x" DEEP DEEP DEEP DEEP DEEP "\x01"), FXMON_E_SYNTAX, "", {"32 levels", "byte"}},
    {BYTES(MESSAGE(EUR "\x02") "\x01"), FXMON_E_SYNTAX, "", {"follows", "byte"}},
    {BYTES("\x80"), FXMON_E_MALFORMED, "timestamp", {"missing", "text"}},
    {BYTES("\x81\x01\x02"), FXMON_E_MALFORMED, "", {"a number", "text"}},
    {BYTES("\x83" TIME_TEXT BASE RATES(EUR "\x02")), FXMON_E_MALFORMED, "source", {"missing", "text"}},
    {BYTES("\x83" TIME_TEXT BASE SOURCE), FXMON_E_MALFORMED, "rates", {"missing", "map"}},
    {BYTES("\x84" TIME_TEXT BASE "\xa5rates\x91\x01" SOURCE), FXMON_E_MALFORMED, "rates", {"an array", "map"}},
    {BYTES("\x84" TIME_TEXT BASE RATES(EUR "\x02") "\xa6source\xc0"), FXMON_E_MALFORMED, "source", {"nil", "text"}},
    {BYTES("\x84" TIME_TEXT BASE RATES(EUR "\x02") "\xa6source\xc4\x01s"), FXMON_E_MALFORMED, "source", {"bytes", "text"}},
    {BYTES("\x85" TIME_TEXT BASE RATES(EUR "\x02") SOURCE SOURCE), FXMON_E_MALFORMED, "source", {"source", "twice"}},
    {BYTES("\x86" TIME_TEXT BASE RATES(EUR "\x02") SOURCE "\xa1x\x01\xa1x\x02"), FXMON_E_MALFORMED, "x", {"x", "twice"}},
    {BYTES(AT("\xce\x69\x83\x1f\x28")), FXMON_E_MALFORMED, "timestamp", {"1770200872", "timestamp"}},
    {BYTES(AT("\xd4\x05z")), FXMON_E_MALFORMED, "timestamp", {"an extension", "z"}},
    {BYTES(AT("\xd5\xff\0\0")), FXMON_E_MALFORMED, "timestamp", {"2 bytes", "4, 8 or 12"}},
    {BYTES(AT("\xd7\xff\xff\xff\xff\xff\0\0\0\0")), FXMON_E_REJECTED, "timestamp", {"1073741823", "second"}},
    {BYTES(AT("\xc7\x0c\xff\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff")), FXMON_E_REJECTED, "timestamp", {"-1", "1970"}},
    {BYTES(AT("\xc7\x0c\xff\0\0\0\0\0\0\0\x02\x26\x41\xde\xc5")), FXMON_E_REJECTED, "timestamp", {"seconds", "2262"}},
    {BYTES(AT("\xa9yesterday")), FXMON_E_REJECTED, "timestamp", {"yesterday", "RFC 3339"}},
    {BYTES("\x84" TIME_TEXT "\xa4" "base\xa1$" RATES(EUR "\x02") SOURCE), FXMON_E_REJECTED, "base", {"$", "currency"}},
    {BYTES("\x84" TIME_TEXT BASE RATES(EUR "\x02") "\xa6source\xa0"), FXMON_E_REJECTED, "source", {"''", "39"}},
    {BYTES("\x84" TIME_TEXT BASE RATES(EUR "\x02") "\xa6source\xa3" "a\0b"), FXMON_E_REJECTED, "source", {"a", "NUL"}},
    {BYTES("\x84" TIME_TEXT BASE "\xa5rates\x80" SOURCE), FXMON_E_REJECTED, "rates", {"empty", "1024"}},
    {BYTES(MESSAGE("\x01\x02")), FXMON_E_MALFORMED, "rates", {"a number", "USD/EUR"}},
    {BYTES(MESSAGE("\xa7" "EUR/GBP\x02")), FXMON_E_REJECTED, "rates", {"EUR/GBP", "USD"}},
    {BYTES("\x84" TIME_TEXT BASE "\xa5rates\x82" EUR "\x02" EUR "\x02" SOURCE), FXMON_E_MALFORMED, "rates", {"USD/EUR", "twice"}},
    {BYTES(MESSAGE(EUR "\x00")), FXMON_E_REJECTED, "rates.USD/EUR", {"'0'", "positive"}},
    {BYTES(MESSAGE(EUR "\xff")), FXMON_E_REJECTED, "rates.USD/EUR", {"'-1'", "positive"}},
    {BYTES(MESSAGE(EUR "\xd3\x80\0\0\0\0\0\0\0")), FXMON_E_REJECTED, "rates.USD/EUR", {"'-9223372036854775808'", "positive"}},
    {BYTES(MESSAGE(EUR "\xcf\xff\xff\xff\xff\xff\xff\xff\xff")), FXMON_E_REJECTED, "rates.USD/EUR", {"'18446744073709551615'", "1e18"}},
    {BYTES(MESSAGE(EUR "\xa1-")), FXMON_E_REJECTED, "rates.USD/EUR", {"'-'", "positive"}},
    {BYTES(MESSAGE(EUR "\xa4" "0.8\n")), FXMON_E_REJECTED, "rates.USD/EUR", {"0.8", "positive"}},
    {BYTES(MESSAGE(EUR "\xa4" "0.8 ")), FXMON_E_REJECTED, "rates.USD/EUR", {"'0.8 '", "positive"}},
    {BYTES(MESSAGE(EUR "\xcb\x7f\xf8\0\0\0\0\0\0")), FXMON_E_REJECTED, "rates.USD/EUR", {"NaN", "positive"}},
    {BYTES(MESSAGE(EUR "\xcb\xff\xf0\0\0\0\0\0\0")), FXMON_E_REJECTED, "rates.USD/EUR", {"infinite", "positive"}},
    {BYTES(MESSAGE(EUR "\xca\x3f\x58\xd4\xfe")), FXMON_E_MALFORMED, "rates.USD/EUR", {"32-bit", "64-bit"}},
    {BYTES(MESSAGE(EUR "\xc3")), FXMON_E_MALFORMED, "rates.USD/EUR", {"a boolean", "digits"}},
    {BYTES(MESSAGE(EUR "\xc4\x01" "1")), FXMON_E_MALFORMED, "rates.USD/EUR", {"bytes", "digits"}},
    {BYTES("\x85" TIME_TEXT BASE RATES(EUR "\x02") SOURCE "\xa4" "bids\x81\xa7USD/GBP\x02"), FXMON_E_REJECTED, "bids", {"USD/GBP", "rates"}},
    {BYTES("\x85" TIME_TEXT BASE RATES(EUR "\x02") SOURCE "\xa4" "asks\x82\xa7USD/EUR\x02\xa7usd/eur\x02"), FXMON_E_MALFORMED, "asks", {"USD/EUR", "twice"}},
    {BYTES("\x85" TIME_TEXT BASE RATES(EUR "\x02") SOURCE "\xa4" "asks\x81" EUR "\x00"), FXMON_E_REJECTED, "asks.USD/EUR", {"'0'", "positive"}},
};

START_TEST(poison)
{
    const struct poison *p = &poisons[_i];
    fxmon_error error = {0};
    fxi_decoder *d = fxi_decoder_new();
    char *exact = malloc(p->length);

    memcpy(exact, p->bytes, p->length);
    ck_assert_ptr_null(fxi_message_decode(d, exact, p->length, &error));
    ck_assert_msg(error.code == p->code, "%s: %s", fxmon_errname(error.code), error.text);
    ck_assert_str_eq(error.field, p->field);
    for (int i = 0; i < 2; i++) {
        ck_assert_msg(strstr(error.text, p->says[i]) != NULL, "'%s' does not say '%s'", error.text, p->says[i]);
    }
    free(exact);
    fxi_decoder_free(d);
}
END_TEST

START_TEST(too_many)
{
    fxi_decoder *d = fxi_decoder_new();
    fxi_buf out;
    fxmon_error error = {0};

    fxi_buf_init(&out, 1 << 20);
    fxi_pack_put_map(&out, 65); /* members */
    for (int i = 0; i < 65; i++) {
        char name[16];

        fxi_pack_put_text(&out, name, (size_t)snprintf(name, sizeof name, "m%d", i));
        fxi_pack_put_text(&out, "x", 1);
    }
    ck_assert_ptr_null(fxi_message_decode(d, out.data, out.length, &error));
    ck_assert_int_eq(error.code, FXMON_E_MALFORMED);
    for (int count = FXI_MESSAGE_PAIRS; count <= FXI_MESSAGE_PAIRS + 1; count++) {
        fxi_buf_clear(&out);
        fxi_buf_add(&out, BYTES("\x84" TIME_TEXT BASE SOURCE "\xa5rates"));
        fxi_pack_put_map(&out, (uint32_t)count);
        for (int i = 0; i < count; i++) {
            char name[16];

            fxi_pack_put_text(&out, name, (size_t)snprintf(name, sizeof name, "USD/%c%c%c", 'A' + i / 676, 'A' + i / 26 % 26, 'A' + i % 26));
            fxi_pack_put_text(&out, "1.5", 3);
        }
        ck_assert_int_eq(fxi_message_decode(d, out.data, out.length, &error) != NULL, count == FXI_MESSAGE_PAIRS);
    }
    ck_assert_int_eq(error.code, FXMON_E_REJECTED);
    ck_assert_ptr_nonnull(strstr(error.text, "1024"));
    fxi_buf_free(&out);
    fxi_decoder_free(d);
}
END_TEST

START_TEST(cut_anywhere)
{
    fxi_decoder *d = fxi_decoder_new();
    fxi_buf packed;

    fxi_buf_init(&packed, 4096);
    pack_json(d, FULL, strlen(FULL), &packed);
    for (size_t length = 1; length < packed.length; length++) {
        char *exact = malloc(length);
        fxmon_error error = {0};

        memcpy(exact, packed.data, length);
        ck_assert_ptr_null(fxi_message_decode(d, exact, length, &error));
        ck_assert_int_eq(error.code, FXMON_E_SYNTAX);
        free(exact);
    }
    fxi_buf_free(&packed);
    fxi_decoder_free(d);
}
END_TEST

START_TEST(changed_bytes)
{
    fxi_random r;
    fxi_decoder *d = fxi_decoder_new();
    fxi_buf packed;
    long cases = property_cases(100000), good = 0;

    property_seed(&r, "message_pack/changed_bytes");
    fxi_buf_init(&packed, 4096);
    pack_json(d, FULL, strlen(FULL), &packed);
    for (long n = 0; n < cases; n++) {
        char text[512];
        fxmon_error error = {0};

        memcpy(text, packed.data, packed.length);
        for (uint64_t changes = fxi_random_below(&r, 3); changes > 0; changes--) {
            text[fxi_random_below(&r, packed.length)] = (char)fxi_random_below(&r, 256);
        }
        if (fxi_message_decode(d, text, packed.length, &error) != NULL) {
            good++;
        } else {
            ck_assert(error.code != FXMON_OK && error.text[0] != '\0');
        }
    }
    ck_assert_int_gt(good, cases / 4);
    fxi_buf_free(&packed);
    fxi_decoder_free(d);
}
END_TEST

START_TEST(mixed_with_json)
{
    fxi_decoder *d = fxi_decoder_new();
    fxi_buf packed;

    fxi_buf_init(&packed, 4096);
    for (int i = 0; i < 10; i++) { /* what one reader remembers must not mislead the other */
        pack_json(d, i % 2 == 0 ? USUAL : FULL, strlen(i % 2 == 0 ? USUAL : FULL), &packed);
        ck_assert_ptr_nonnull(fxi_message_decode(d, packed.data, packed.length, NULL));
        ck_assert_ptr_nonnull(fxi_message_decode(d, USUAL, strlen(USUAL), NULL));
        ck_assert_ptr_null(fxi_message_decode(d, BYTES("\x84" TIME_TEXT BASE "\xa5rates\x82\xa7USD/GBP\x02\xa7USD/CHF\x00" SOURCE), NULL));
        check_round_trip(d, FULL, strlen(FULL));
    }
    fxi_buf_free(&packed);
    fxi_decoder_free(d);
}
END_TEST

START_TEST(without_memory)
{
    fxi_decoder *made;
    fxi_buf packed;

    failing_allocator_install();
    made = fxi_decoder_new();
    fxi_buf_init(&packed, 4096);
    pack_json(made, USUAL, strlen(USUAL), &packed);
    for (long nth = 1;; nth++) {
        fxmon_error error = {0};
        fxi_decoder *d;
        const fxmon_message *m;
        bool reached;

        failing_allocator_fail(nth);
        d = fxi_decoder_new();
        m = d != NULL ? fxi_message_decode(d, packed.data, packed.length, &error) : NULL;
        reached = failing_allocator_failed();
        failing_allocator_fail(0);
        ck_assert_int_eq(m == NULL, reached);
        ck_assert(!reached || d == NULL || error.code == FXMON_E_NOMEM);
        fxi_decoder_free(d);
        if (!reached) {
            ck_assert_int_eq(nth, 3);
            break;
        }
    }
    fxi_buf_free(&packed);
    fxi_decoder_free(made);
}
END_TEST

/* ---- the other end of the script ---------------------------------------------------------------- */

static void convert_line(fxi_decoder *d, const char *line, size_t length)
{
    char bytes[1 << 15];
    fxmon_error error = {0};
    const fxmon_message *m;
    fxi_buf out;

    fxi_buf_init(&out, 1 << 20);
    if (line[0] == '{') {
        m = fxi_message_decode(d, line, length, &error);
        if (m != NULL && fxi_message_pack(m, &out)) {
            for (size_t i = 0; i < out.length; i++) {
                printf("%02x", (unsigned char)out.data[i]);
            }
        }
    } else {
        for (size_t i = 0; i + 1 < length && i / 2 < sizeof bytes; i += 2) {
            char digits[3] = {line[i], line[i + 1], '\0'};

            bytes[i / 2] = (char)strtoul(digits, NULL, 16);
        }
        m = fxi_message_decode(d, bytes, length / 2, &error);
        if (m != NULL && fxi_message_encode(m, &out)) {
            fputs(out.data, stdout);
        }
    }
    if (m == NULL) {
        printf("error: %s: %s", fxmon_errname(error.code), error.text);
    }
    putchar('\n');
    fxi_buf_free(&out);
}

static int convert(void)
{
    static char line[1 << 16];
    fxi_decoder *d = fxi_decoder_new();

    while (fgets(line, sizeof line, stdin) != NULL) {
        convert_line(d, line, strcspn(line, "\n"));
    }
    fxi_decoder_free(d);
    return 0;
}

int main(int count, char **words)
{
    TCase *tests = tcase_create("message_pack");

    if (count > 1 && strcmp(words[1], "convert") == 0) {
        return convert();
    }
    tcase_add_loop_test(tests, there_and_back, 0, sizeof whole / sizeof *whole);
    tcase_add_test(tests, recorded_messages_there_and_back);
    tcase_add_test(tests, the_bytes);
    tcase_add_loop_test(tests, what_others_write, 0, sizeof accepted / sizeof *accepted);
    tcase_add_loop_test(tests, poison, 0, sizeof poisons / sizeof *poisons);
    tcase_add_test(tests, too_many);
    tcase_add_test(tests, cut_anywhere);
    tcase_add_test(tests, changed_bytes);
    tcase_add_test(tests, mixed_with_json);
    tcase_add_test(tests, without_memory);
    return support_run("message_pack", tests);
}
