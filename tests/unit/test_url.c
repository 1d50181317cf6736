/* URLs: parts, decoding, redaction, and running out of memory. */
#include "../support/support.h"
#include "base/url.h"

#include <fxmon/core.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *text;
    int code;
    const char *scheme, *user, *password, *host;
    int port;
    const char *path, *query;
} urls[] = {
    {"sim:?seed=1", FXMON_OK, "sim", NULL, NULL, NULL, -1, "", "seed=1"},
    {"file:/var/lib/fx", FXMON_OK, "file", NULL, NULL, NULL, -1, "/var/lib/fx", NULL},
    {"file:///var/a%20b", FXMON_OK, "file", NULL, NULL, NULL, -1, "/var/a b", NULL},
    {"file://localhost/x", FXMON_OK, "file", NULL, NULL, NULL, -1, "/x", NULL},
    {"file://elsewhere/x", FXMON_E_SYNTAX, NULL, NULL, NULL, NULL, 0, NULL, NULL},
    {"sqlite:fx.db?mode=ro", FXMON_OK, "sqlite", NULL, NULL, NULL, -1, "fx.db", "mode=ro"},
    {"-", FXMON_OK, "-", NULL, NULL, NULL, -1, "", NULL},
    {"open-er-api", FXMON_OK, "open-er-api", NULL, NULL, NULL, -1, "", NULL},
    {"ecb?days=90", FXMON_OK, "ecb", NULL, NULL, NULL, -1, "", "days=90"},
    {"HTTPS://u:p%40@host:8443/path?x=1", FXMON_OK, "https", "u", "p@", "host", 8443, "/path", "x=1"},
    {"http://a%3Ab@h", FXMON_OK, "http", "a:b", NULL, "h", -1, "", NULL},
    {"http://[::1]:80/", FXMON_OK, "http", NULL, NULL, "::1", 80, "/", NULL},
    {"kafka://a:1,b:2/topic", FXMON_OK, "kafka", NULL, NULL, "a:1,b:2", -1, "/topic", NULL},
    {"http://h/a%2Fb", FXMON_OK, "http", NULL, NULL, "h", -1, "/a%2Fb", NULL},
    {"exec:curl -s 'http://x?a=%20'", FXMON_OK, "exec", NULL, NULL, NULL, -1, "curl -s 'http://x?a=%20'", NULL},
    {"", FXMON_E_ARGUMENT, NULL, NULL, NULL, NULL, 0, NULL, NULL},
    {"a b:c", FXMON_E_SYNTAX, NULL, NULL, NULL, NULL, 0, NULL, NULL},
    {"http://", FXMON_E_SYNTAX, NULL, NULL, NULL, NULL, 0, NULL, NULL},
    {"http://:80/", FXMON_E_SYNTAX, NULL, NULL, NULL, NULL, 0, NULL, NULL},
    {"http://h:0/", FXMON_E_SYNTAX, NULL, NULL, NULL, NULL, 0, NULL, NULL},
    {"http://h:65536/", FXMON_E_SYNTAX, NULL, NULL, NULL, NULL, 0, NULL, NULL},
    {"http://h:8x/", FXMON_E_SYNTAX, NULL, NULL, NULL, NULL, 0, NULL, NULL},
    {"http://[::1/", FXMON_E_SYNTAX, NULL, NULL, NULL, NULL, 0, NULL, NULL},
    {"http://h h/", FXMON_E_SYNTAX, NULL, NULL, NULL, NULL, 0, NULL, NULL},
    {"file:/a%2", FXMON_E_SYNTAX, NULL, NULL, NULL, NULL, 0, NULL, NULL},
    {"file:/a%00", FXMON_E_SYNTAX, NULL, NULL, NULL, NULL, 0, NULL, NULL},
    {"sim:?a=%zz", FXMON_E_SYNTAX, NULL, NULL, NULL, NULL, 0, NULL, NULL},
};

static void same(const char *got, const char *expected)
{
    ck_assert_int_eq(got == NULL, expected == NULL);
    if (got != NULL) {
        ck_assert_str_eq(got, expected);
    }
}

START_TEST(parts)
{
    fxi_url url;
    fxmon_error error;
    ck_assert_msg(fxi_url_parse(urls[_i].text, &url, &error) == urls[_i].code, "%s", urls[_i].text);
    if (urls[_i].code == FXMON_OK) {
        same(url.scheme, urls[_i].scheme);
        same(url.user, urls[_i].user);
        same(url.password, urls[_i].password);
        same(url.host, urls[_i].host);
        ck_assert_int_eq(url.port, urls[_i].port);
        same(url.path, urls[_i].path);
        same(url.query, urls[_i].query);
    } else {
        ck_assert_str_ne(error.text, "");
    }
    fxi_url_free(&url);
}
END_TEST

static const struct {
    const char *text;
    long result;
    const char *decoded;
} escapes[] = {
    {"USD%2FEUR", 7, "USD/EUR"}, {"usd%2feur", 7, "usd/eur"}, {"USD%252FEUR", 9, "USD%2FEUR"}, {"plain", 5, "plain"}, {"", 0, ""},
    {"a+b", 3, "a+b"}, {"%E2%82%AC", 3, "\xE2\x82\xAC"}, {"%00", -FXMON_E_SYNTAX, ""}, {"%2", -FXMON_E_SYNTAX, ""}, {"%", -FXMON_E_SYNTAX, ""},
    {"%zz", -FXMON_E_SYNTAX, ""}, {"%2z", -FXMON_E_SYNTAX, ""}, {"%C0%AF", -FXMON_E_SYNTAX, ""}, {"%E0%80%AF", -FXMON_E_SYNTAX, ""},
    {"%F0%80%80%AF", -FXMON_E_SYNTAX, ""}, {"%ED%A0%80", -FXMON_E_SYNTAX, ""}, {"%F4%90%80%80", -FXMON_E_SYNTAX, ""}, {"%80", -FXMON_E_SYNTAX, ""},
    {"%E2%82", -FXMON_E_SYNTAX, ""}, {"0123456789abcdef", -FXMON_E_TOO_LARGE, ""}, {"0123456789abcde", 15, "0123456789abcde"},
};

START_TEST(decoding)
{
    char out[16], place[32];
    long result = fxi_percent_decode(escapes[_i].text, strlen(escapes[_i].text), out, sizeof(out));
    ck_assert_msg(result == escapes[_i].result, "%s: %ld", escapes[_i].text, result);
    if (result >= 0) {
        ck_assert_str_eq(out, escapes[_i].decoded);
        snprintf(place, sizeof(place), "%s", escapes[_i].text); /* in place */
        ck_assert_int_eq(fxi_percent_decode(place, strlen(place), place, sizeof(place)), result);
        ck_assert_str_eq(place, escapes[_i].decoded);
    }
}
END_TEST

START_TEST(raw_nul)
{
    char out[16];
    ck_assert_int_eq(fxi_percent_decode("a\0b", 3, out, sizeof(out)), -FXMON_E_SYNTAX);
    ck_assert_int_eq(fxi_percent_decode("a", 1, out, 0), -FXMON_E_TOO_LARGE);
}
END_TEST

static bool collect(void *user, const char *name, const char *value)
{
    size_t used = strlen(user);
    snprintf((char *)user + used, 200 - used, "%s=%s;", name, value);
    return true;
}

START_TEST(parameters)
{
    fxi_url url;
    fxmon_error error;
    char out[8], all[200] = "";
    ck_assert_int_eq(fxi_url_parse("sim:?seed=1&pairs=USD%2FEUR&flag&&time=a+b%26", &url, &error), FXMON_OK);
    ck_assert(fxi_url_param(&url, "seed", out, sizeof(out)));
    ck_assert_str_eq(out, "1");
    ck_assert(fxi_url_param(&url, "pairs", out, sizeof(out)));
    ck_assert_str_eq(out, "USD/EUR");
    ck_assert(fxi_url_param(&url, "flag", out, sizeof(out)));
    ck_assert_str_eq(out, "");
    ck_assert(!fxi_url_param(&url, "missing", out, sizeof(out)));
    ck_assert(!fxi_url_param(&url, "pairs", out, 7)); /* no room for the NUL */
    ck_assert(fxi_url_each_param(&url, collect, all));
    ck_assert_str_eq(all, "seed=1;pairs=USD/EUR;flag=;time=a+b&;");
    fxi_url_free(&url);
    ck_assert(fxi_scheme_in("http https foo", "https"));
    ck_assert(!fxi_scheme_in("http https foo", "htt"));
    ck_assert(!fxi_scheme_in("http https foo", ""));
}
END_TEST

static const char *const redactions[][2] = {
    {"https://u:secret@host/x?base=USD", "https://u:***@host/x?base=USD"},
    {"https://u:se/cr?et@host/x", "https://u:***@host/x"},
    {"https://v6.exchangerate-api.com/v6/0123456789abcdef01234567/latest/USD", "https://v6.exchangerate-api.com/v6/***/latest/USD"},
    {"https://h/latest?app_id=abc&base=USD&access_key=1&API-KEY=2", "https://h/latest?app_id=***&base=USD&access_key=***&API-KEY=***"},
    {"https://h/?%6bey=1", "https://h/?%6bey=***"},
    {"https://hooks.example/services/T0/B0/AbCdEfGhIjKlMnOpQrSt", "https://hooks.example/services/T0/B0/***"},
    {"https://ghp0123456789abcdefABCDEF@h/", "https://***@h/"},
    {"exec:curl -H 'Authorization: x'", "exec:curl ***"},
    {"file:/var/lib/fxmon-0123456789abcdef", "file:/var/lib/fxmon-0123456789abcdef"},
    {"sqlite:fx.db?mode=ro", "sqlite:fx.db?mode=ro"},
    {"open-er-api", "open-er-api"},
    {"postgresql://u:p:q@h/db", "postgresql://u:***@h/db"},
};

START_TEST(redaction)
{
    char out[200], small[9];
    size_t length = fxi_url_redact(redactions[_i][0], out, sizeof(out));
    ck_assert_str_eq(out, redactions[_i][1]);
    ck_assert_uint_eq(length, strlen(out));
    ck_assert_uint_eq(fxi_url_redact(redactions[_i][0], small, sizeof(small)), length);
    ck_assert_uint_lt(strlen(small), sizeof(small));
    ck_assert(strncmp(small, out, strlen(small)) == 0);
}
END_TEST

START_TEST(no_memory)
{
    failing_allocator_install();
    fxi_url url;
    fxmon_error error;
    failing_allocator_fail(1);
    ck_assert_int_eq(fxi_url_parse("https://u:p@h/x?y=1", &url, &error), FXMON_E_NOMEM);
    failing_allocator_fail(0);
    ck_assert_int_eq(fxi_url_parse("https://u:p@h:99999/x?y=1", &url, &error), FXMON_E_SYNTAX);
    ck_assert_int_eq(failing_allocator_alive(), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("url");
    tcase_add_loop_test(tests, parts, 0, sizeof(urls) / sizeof(urls[0]));
    tcase_add_loop_test(tests, decoding, 0, sizeof(escapes) / sizeof(escapes[0]));
    tcase_add_loop_test(tests, redaction, 0, sizeof(redactions) / sizeof(redactions[0]));
    tcase_add_test(tests, raw_nul);
    tcase_add_test(tests, parameters);
    tcase_add_test(tests, no_memory);
    return support_run("url", tests);
}
