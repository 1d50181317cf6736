/* Request targets and request heads: what is understood, what is refused, and with what. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "serve/head.h"
#include "serve/target.h"

static int parse(const char *text, fxi_target *out)
{
    fxmon_error error = {0};
    int code = fxi_target_parse(text, strlen(text), out, &error);
    ck_assert_msg(code == FXMON_OK || error.text[0], "%s: refused without a reason", text);
    return code;
}

typedef struct path_row { const char *path; int code; const char *segments; } path_row;
static const path_row paths[] = {
    {"/", FXMON_OK, ""}, {"/rates", FXMON_OK, "rates"}, {"/rates/USD%2FEUR/history", FXMON_OK, "rates|USD/EUR|history"},
    {"/rates/usd%2feur/history", FXMON_OK, "rates|usd/eur|history"}, {"/rates/USD-EUR", FXMON_OK, "rates|USD-EUR"},
    {"/rates/USD/EUR/history", FXMON_OK, "rates|USD|EUR|history"}, {"/%72ates", FXMON_OK, "rates"},
    {"http://host/rates", FXMON_OK, "rates"}, {"/a/b/c/d/e/f/g/h", FXMON_OK, "a|b|c|d|e|f|g|h"},
    {"/rates/USD%252FEUR/history", FXMON_E_SYNTAX, NULL}, {"/rates/USD%00EUR", FXMON_E_SYNTAX, NULL}, {"/rates/USD%2", FXMON_E_SYNTAX, NULL},
    {"/rates/USD%", FXMON_E_SYNTAX, NULL}, {"/rates/USD%zzEUR", FXMON_E_SYNTAX, NULL}, {"/rates/%c0%afEUR", FXMON_E_SYNTAX, NULL},
    {"/rates/%ff", FXMON_E_SYNTAX, NULL}, {"/rates/../etc", FXMON_E_SYNTAX, NULL}, {"/rates/%2e%2e/x", FXMON_E_SYNTAX, NULL},
    {"/rates/./x", FXMON_E_SYNTAX, NULL}, {"/rates/USD..EUR", FXMON_E_SYNTAX, NULL}, {"/rates/USD;v=1", FXMON_E_SYNTAX, NULL},
    {"/rates/USD%3Bv", FXMON_E_SYNTAX, NULL}, {"/rates/USD\\EUR", FXMON_E_SYNTAX, NULL}, {"/rates/USD%5cEUR", FXMON_E_SYNTAX, NULL},
    {"/rates//history", FXMON_E_SYNTAX, NULL}, {"//", FXMON_E_SYNTAX, NULL}, {"/rates/", FXMON_E_SYNTAX, NULL}, {"rates", FXMON_E_SYNTAX, NULL},
    {"*", FXMON_E_SYNTAX, NULL}, {"", FXMON_E_SYNTAX, NULL}, {"http://host", FXMON_E_SYNTAX, NULL}, {"/rates#x", FXMON_E_SYNTAX, NULL},
    {"/rates/USD EUR", FXMON_E_SYNTAX, NULL}, {"/rates/\xc3\xa9", FXMON_E_SYNTAX, NULL}, {"/rates/%0a", FXMON_E_SYNTAX, NULL},
    {"/a/b/c/d/e/f/g/h/i", FXMON_E_SYNTAX, NULL},
    {"/0123456789012345678901234567890123456789012345678901234567890123", FXMON_E_SYNTAX, NULL}, /* 64 bytes */
};

START_TEST(test_paths)
{
    const path_row *row = &paths[_i];
    fxi_target t;
    char joined[1024] = "";
    ck_assert_msg(parse(row->path, &t) == row->code, "%s", row->path);
    if (row->code != FXMON_OK)
        return;
    for (size_t i = 0; i < t.segments; i++) {
        size_t used = strlen(joined);
        snprintf(joined + used, sizeof joined - used, "%s%s", i ? "|" : "", t.segment[i]);
    }
    ck_assert_str_eq(joined, row->segments);
}
END_TEST

START_TEST(test_query)
{
    fxi_target t;
    ck_assert_int_eq(parse("/x?a=1&b=%41%20c+d&&c&d=", &t), FXMON_OK);
    ck_assert_uint_eq(t.params, 4);
    ck_assert_str_eq(fxi_target_param(&t, "a"), "1");
    ck_assert_str_eq(fxi_target_param(&t, "b"), "A c d");
    ck_assert_str_eq(fxi_target_param(&t, "c"), "");
    ck_assert_str_eq(fxi_target_param(&t, "d"), "");
    ck_assert_ptr_null(fxi_target_param(&t, "e"));
    ck_assert_int_eq(parse("/x?a=1&a=2", &t), FXMON_E_RANGE);
    ck_assert_int_eq(parse("/x?a=%00", &t), FXMON_E_SYNTAX);
    ck_assert_int_eq(parse("/x?a=%0d%0aX", &t), FXMON_E_SYNTAX);
    ck_assert_int_eq(parse("/x?a=%4", &t), FXMON_E_SYNTAX);
}
END_TEST

START_TEST(test_query_limits)
{
    char text[1024] = "/x?";
    fxi_target t;
    for (int i = 0; i < FXI_TARGET_PARAMS; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "p%d=1&", i);
    ck_assert_int_eq(parse(text, &t), FXMON_OK);
    snprintf(text + strlen(text), sizeof text - strlen(text), "more=1");
    ck_assert_int_eq(parse(text, &t), FXMON_E_RANGE);
    snprintf(text, sizeof text, "/x?a=%0*d", FXI_TARGET_VALUE - 1, 0);
    ck_assert_int_eq(parse(text, &t), FXMON_OK);
    snprintf(text, sizeof text, "/x?a=%0*d", FXI_TARGET_VALUE, 0);
    ck_assert_int_eq(parse(text, &t), FXMON_E_RANGE);
}
END_TEST

#define GET "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
typedef struct head_row { const char *text; size_t length; int status; } head_row; /* status 0: fine; -1: incomplete */
#define ROW(text, status) {text, sizeof text - 1, status}
static const head_row heads[] = {
    ROW(GET HOST "\r\n", 0), ROW("GET / HTTP/1.0\r\n\r\n", 0), ROW(GET HOST "Content-Length: 5\r\n\r\n", 0), ROW(GET HOST "Transfer-Encoding: chunked\r\n\r\n", 0),
    ROW(GET "Host:a\r\n\r\n", 0), ROW(GET "hOsT: \t a:80 \t\r\n\r\n", 0), ROW(GET HOST "X:\r\n\r\n", 0), ROW("GET http://a/x HTTP/1.1\r\n" HOST "\r\n", 0),
    ROW(GET HOST "Expect: 100-continue\r\n\r\n", 0), ROW("GET", -1), ROW(GET, -1), ROW(GET HOST, -1), ROW(GET HOST "\r", -1), ROW(GET "Ho", -1),
    ROW(GET "Host: a\r", -1), ROW("GET / HTTP/1.1\r", -1),
    /* framing */
    ROW(GET "\r\n", 400), ROW(GET HOST HOST "\r\n", 400), ROW(GET "Host:\r\n\r\n", 400), ROW(GET "Host: a b\r\n\r\n", 400), ROW(GET "Host: a/b\r\n\r\n", 400),
    ROW(GET "Host: a,b\r\n\r\n", 400), ROW("GET / HTTP/1.0\r\n" HOST HOST "\r\n", 400),
    ROW(GET HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400), ROW(GET HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400),
    ROW(GET HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400), ROW(GET HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400),
    ROW(GET HOST "Content-Length: 5, 5\r\n\r\n", 400), ROW(GET HOST "Content-Length: 5,6\r\n\r\n", 400), ROW(GET HOST "Content-Length: +5\r\n\r\n", 400),
    ROW(GET HOST "Content-Length: -5\r\n\r\n", 400), ROW(GET HOST "Content-Length: 0x5\r\n\r\n", 400), ROW(GET HOST "Content-Length: 5 5\r\n\r\n", 400),
    ROW(GET HOST "Content-Length:\r\n\r\n", 400), ROW(GET HOST "Content-Length: 99999999999999999999\r\n\r\n", 400), ROW(GET HOST "Content-Length: 5.0\r\n\r\n", 400),
    ROW(GET HOST "Transfer-Encoding: gzip\r\n\r\n", 400), ROW(GET HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 400),
    ROW(GET HOST "Transfer-Encoding: chunked, chunked\r\n\r\n", 400), ROW(GET HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ROW(GET HOST "Transfer-Encoding: xchunked\r\n\r\n", 400), ROW(GET HOST "Transfer-Encoding: identity\r\n\r\n", 400), ROW(GET HOST "Transfer-Encoding:\r\n\r\n", 400),
    ROW(GET HOST "Transfer-Encoding: \"chunked\"\r\n\r\n", 400), ROW("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ROW(GET HOST "X: a\r\n b\r\n\r\n", 400), ROW(GET HOST "X: a\r\n\tb\r\n\r\n", 400), ROW(GET " X: a\r\n" HOST "\r\n", 400), ROW(GET "Host : a\r\n\r\n", 400),
    ROW(GET "Host\t: a\r\n\r\n", 400), ROW(GET HOST "X Y: a\r\n\r\n", 400), ROW(GET HOST "X\r\n\r\n", 400), ROW(GET HOST ": a\r\n\r\n", 400),
    ROW(GET HOST "X: a\rb\r\n\r\n", 400), ROW(GET HOST "X: a\r\rb\r\n\r\n", 400), ROW(GET HOST "\rX: a\r\n\r\n", 400), ROW(GET HOST "X: a\nY: b\r\n\r\n", 400),
    ROW("GET / HTTP/1.1\n" HOST "\r\n", 400), ROW("GET / HTTP/1.1\r\r\n" HOST "\r\n", 400), ROW(GET HOST "\n", 400), ROW(GET "Host: a\n\n", 400),
    ROW("GET / HTTP/1.1\nHost: a\n\n", 400), ROW(GET HOST "X: a\0b\r\n\r\n", 400), ROW(GET HOST "X\0: a\r\n\r\n", 400), ROW(GET HOST "\0\r\n\r\n", 400),
    ROW(GET HOST "X: \x01\r\n\r\n", 400), ROW(GET HOST "X: \x7f\r\n\r\n", 400), ROW(GET HOST "X: a\0\n\r\n", 400), ROW(GET HOST "X(Y): a\r\n\r\n", 400),
    ROW(GET HOST "X\x80: a\r\n\r\n", 400), ROW("GET http://b/x HTTP/1.1\r\n" HOST "\r\n", 400), ROW("GET http://a HTTP/1.1\r\n" HOST "\r\n", 400),
    ROW("GET http://a@b/x HTTP/1.1\r\n" HOST "\r\n", 400), ROW("GET HTTP://B/x HTTP/1.1\r\n" HOST "\r\n", 400), ROW("GET http://a.b/ HTTP/1.1\r\n" HOST "\r\n", 400),
    /* request line */
    ROW("\r\n" GET HOST "\r\n", 400), ROW(" GET / HTTP/1.1\r\n" HOST "\r\n", 400), ROW("GET  / HTTP/1.1\r\n" HOST "\r\n", 400), ROW("GET /  HTTP/1.1\r\n" HOST "\r\n", 400),
    ROW("GET\t/ HTTP/1.1\r\n" HOST "\r\n", 400), ROW("GET / HTTP/1.1 \r\n" HOST "\r\n", 400), ROW("GET /a b HTTP/1.1\r\n" HOST "\r\n", 400), ROW("GET /\r\n\r\n", 400),
    ROW("GET / \r\n\r\n", 400), ROW("GET / http/1.1\r\n" HOST "\r\n", 400), ROW("GET / HTTP/11\r\n" HOST "\r\n", 400), ROW("GET / HTTP/1.1x\r\n" HOST "\r\n", 400),
    ROW("GET /\0 HTTP/1.1\r\n" HOST "\r\n", 400), ROW("GET /\x80 HTTP/1.1\r\n" HOST "\r\n", 400), ROW("G@T / HTTP/1.1\r\n" HOST "\r\n", 400), ROW("\x16\x03\x01\x02", 400),
    ROW("GET / HTTP/2.0\r\n" HOST "\r\n", 505), ROW("GET / HTTP/0.9\r\n" HOST "\r\n", 505), ROW("GET / HTTP/1.2\r\n" HOST "\r\n", 505),
    ROW("BREW / HTTP/1.1\r\n" HOST "\r\n", 501), ROW("get / HTTP/1.1\r\n" HOST "\r\n", 501), ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ROW(GET HOST "Expect: 200-ok\r\n\r\n", 417),
};

START_TEST(test_heads)
{
    const head_row *row = &heads[_i];
    fxi_head head;
    char *exact = malloc(row->length); /* so that reading past the end is seen */
    ck_assert_ptr_nonnull(exact);
    memcpy(exact, row->text, row->length);
    fxi_head_read(exact, row->length, &head);
    if (row->status > 0) {
        ck_assert_msg(head.status == row->status, "%s: %d, expected %d", row->text, head.status, row->status);
        ck_assert_ptr_nonnull(head.reason);
    } else {
        ck_assert_msg(head.status == 0, "%s: %d %s", row->text, head.status, head.reason ? head.reason : "");
        ck_assert_uint_eq(head.length, row->status < 0 ? 0 : row->length);
    }
    free(exact);
}
END_TEST

/* Every prefix of a good head is incomplete, never refused and never complete. */
START_TEST(test_prefixes)
{
    static const char text[] = "POST /alerts HTTP/1.1\r\nHost: localhost:8000\r\nContent-Type: application/json\r\nContent-Length: 12\r\nAccept: */*\r\n\r\n";
    fxi_head head;
    for (size_t n = 0; n < sizeof text - 1; n++) {
        fxi_head_read(text, n, &head);
        ck_assert_msg(head.status == 0 && head.length == 0, "%d bytes: %d %s", (int)n, head.status, head.reason ? head.reason : "");
    }
    fxi_head_read(text, sizeof text - 1, &head);
    ck_assert_uint_eq(head.length, sizeof text - 1);
    ck_assert(head.method.length == 4 && head.target.length == 7 && head.minor == 1 && head.fields == 4);
    ck_assert(head.content_type.length == 16 && memcmp(head.content_type.at, "application/json", 16) == 0);
}
END_TEST

static int status_of(const char *text, size_t length)
{
    fxi_head head;
    fxi_head_read(text, length, &head);
    return head.status ? head.status : head.length ? 0 : -1;
}

START_TEST(test_limits)
{
    static char text[40000];
    for (int more = -1; more <= 1; more++) {
        int n = snprintf(text, sizeof text, "GET /%0*d HTTP/1.1\r\nHost: a\r\n\r\n", FXI_HEAD_TARGET - 1 + more, 0);
        ck_assert_int_eq(status_of(text, (size_t)n), more > 0 ? 414 : 0);
        n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\nX: %0*d\r\n\r\n", FXI_HEAD_BYTES - 14 + more, 0); /* 9 + 3 + 2 around the digits */
        ck_assert_int_eq(status_of(text, (size_t)n), more > 0 ? 431 : 0);
        n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n");
        for (int i = 1; i < FXI_HEAD_FIELDS + more; i++)
            n += snprintf(text + n, sizeof text - (size_t)n, "X: a\r\n");
        n += snprintf(text + n, sizeof text - (size_t)n, "\r\n");
        ck_assert_int_eq(status_of(text, (size_t)n), more > 0 ? 431 : 0);
    }
    memset(text, 'a', sizeof text);
    memcpy(text, "GET /", 5);
    ck_assert_int_eq(status_of(text, FXI_HEAD_PEEK), 414);
    memcpy(text, "GET / HTTP/1.1\r\nX: ", 19);
    ck_assert_int_eq(status_of(text, FXI_HEAD_PEEK), 431);
}
END_TEST

/* The same head after a parser that puts NULs where line ends and colons were. */
static int status_in_place(const char *text, size_t length)
{
    static char copy[40000];
    fxi_head head = {0};
    const char *version;
    bool colon = true; /* none in the request line */
    memcpy(copy, text, length);
    for (size_t i = 0; i < length; i++) {
        if (copy[i] == '\r' && i + 1 < length && copy[i + 1] == '\n') {
            copy[i] = copy[i + 1] = '\0';
            i++;
            colon = false;
        } else if (copy[i] == '\n') {
            copy[i] = '\0';
            colon = false;
        } else if (copy[i] == ':' && !colon) {
            copy[i] = '\0';
            colon = true;
        }
    }
    version = memchr(copy, 'H', length);
    head.method = (fxi_span){copy, 3};
    head.target = (fxi_span){copy + 4, (size_t)(version - copy) - 5};
    fxi_head_reread(version, copy + length, &head);
    return head.status;
}

START_TEST(test_in_place)
{
    const head_row *row = &heads[_i];
    bool starts_well = row->length > 16 && memcmp(row->text, "GET / HTTP/1.", 13) == 0; /* the caller has compared places up to here */
    bool hidden = memmem(row->text, row->length, "\0\n", 2) != NULL; /* NUL LF looks like CR LF there: the one thing only the first reading sees */
    if (starts_well && !hidden && row->status >= 0)
        ck_assert_msg((status_in_place(row->text, row->length) != 0) == (row->status != 0), "%s", row->text);
}
END_TEST

START_TEST(test_lists)
{
    fxi_span accept = {"text/html, application/xml;q=0.9 , */*;q=0.8", 44};
    fxi_span tags = {"\"a\", W/\"b-1\"", 12};
    ck_assert(fxi_head_lists(accept, "text/html") && fxi_head_lists(accept, "application/xml") && fxi_head_lists(accept, "*/*"));
    ck_assert(!fxi_head_lists(accept, "text") && !fxi_head_lists(accept, "q=0.9") && !fxi_head_lists((fxi_span){NULL, 0}, "x"));
    ck_assert(fxi_head_lists(tags, "\"a\"") && fxi_head_lists(tags, "\"b-1\"") && !fxi_head_lists(tags, "\"b\""));
}
END_TEST

/* Mutated heads: never a crash, and never both a verdict and a length. */
START_TEST(test_mutations)
{
    static const char seed_head[] = GET HOST "Content-Length: 5\r\nAccept: */*\r\nX-Y: z\r\n\r\n";
    char text[sizeof seed_head];
    fxi_random random;
    uint64_t seed = 20260204;
    fxi_target t;
    fxmon_error error;
    printf("seed %llu\n", (unsigned long long)seed);
    fxi_random_seed(&random, seed);
    for (int round = 0; round < 100000; round++) {
        fxi_head head;
        memcpy(text, seed_head, sizeof text);
        for (uint64_t k = fxi_random_below(&random, 4) + 1; k > 0; k--)
            text[fxi_random_below(&random, sizeof text - 1)] = "\r\n\0 :,\tA0/\x80%"[fxi_random_below(&random, 12)];
        fxi_head_read(text, sizeof text - 1, &head);
        ck_assert(!(head.status && head.length) && head.length <= sizeof text - 1);
        (void)fxi_target_parse(text + 4, 20, &t, &error);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_paths");
    TCase *tests = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, test_paths, 0, (int)(sizeof paths / sizeof *paths));
    tcase_add_test(tests, test_query);
    tcase_add_test(tests, test_query_limits);
    tcase_add_loop_test(tests, test_heads, 0, (int)(sizeof heads / sizeof *heads));
    tcase_add_loop_test(tests, test_in_place, 0, (int)(sizeof heads / sizeof *heads));
    tcase_add_test(tests, test_prefixes);
    tcase_add_test(tests, test_limits);
    tcase_add_test(tests, test_lists);
    tcase_add_test(tests, test_mutations);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
