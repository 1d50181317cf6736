/* tests/unit/test_pair.c - spellings of pairs. */
#include "../support/support.h"

#include "core/pair.h"

#include <string.h>

static const struct {
    const char *text, *canonical; /* NULL: refused */
} spellings[] = {
    {"USD/EUR", "USD/EUR"}, {"usd/eur", "USD/EUR"}, {"Usd-eUr", "USD/EUR"}, {"USD_EUR", "USD/EUR"}, {"USD:EUR", "USD/EUR"},
    {"USD EUR", "USD/EUR"}, {"USDEUR", "USD/EUR"}, {"usdeur", "USD/EUR"}, {"USD%2FEUR", "USD/EUR"}, {"usd%2feur", "USD/EUR"},
    {"EUR/EUR", "EUR/EUR"}, {"USDT/EUR", "USDT/EUR"}, {"1inch-usd", "1INCH/USD"}, {"MATICX_USDTXX", "MATICX/USDTXX"}, {"AAA/BBBBBB", "AAA/BBBBBB"},
    {"A1B/C2D", "A1B/C2D"}, {"btc/usdt", "BTC/USDT"},
    {"", NULL}, {"U", NULL}, {"USD", NULL}, {"USD/", NULL}, {"/EUR", NULL}, {"US/EUR", NULL}, {"USD/EU", NULL}, {"USDEURX", NULL}, {"USDEU", NULL},
    {"USD1EU", NULL}, {"USDTEURT", NULL}, {"USD//EUR", NULL}, {"USD/EUR/", NULL}, {"USD/EUR/GBP", NULL}, {" USD/EUR", NULL}, {"USD/EUR ", NULL},
    {"USD/EUR\n", NULL}, {"USD.EUR", NULL}, {"USD%2EUR", NULL}, {"USD%2", NULL}, {"USD%", NULL}, {"USD%20EUR", NULL}, {"USD%252FEUR", NULL},
    {"USDTETHER/EUR", NULL}, {"USD/ABCDEFG", NULL}, {"2026-0204", NULL}, {"123/456", NULL}, {"USD/123", NULL}, {"US$/EUR", NULL}, {"KRW=X", NULL},
    {"USD/EÜR", NULL}, {"[SD/EUR", NULL}, {"USD/EU[", NULL}, {"@SD/EUR", NULL}, {"USD0EUR", NULL}, {"USDAEUR", NULL}, {"\xD5SD/EUR", NULL}, {"USD\xAF" "EUR", NULL},
};

START_TEST(spelling)
{
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        fxmon_pair pair = {"untouched"};
        int code = fxmon_pair_parse(spellings[i].text, strlen(spellings[i].text), &pair);
        if (spellings[i].canonical == NULL) {
            ck_assert_msg(code == FXMON_E_PAIR, "\"%s\" was taken", spellings[i].text);
            ck_assert_str_eq(pair.text, "untouched");
            continue;
        }
        fxmon_pair expected = {""};
        memcpy(expected.text, spellings[i].canonical, strlen(spellings[i].canonical));
        ck_assert_msg(code == FXMON_OK, "\"%s\" was refused", spellings[i].text);
        ck_assert_mem_eq(&pair, &expected, sizeof(pair));
    }
}
END_TEST

/* The word test of the fast path, against every byte in every place. */
START_TEST(canonical_is_exact)
{
    for (int place = 0; place < 7; place++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[8] = "USD/EUR";
            text[place] = (char)byte;
            bool letter = (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
            fxmon_pair pair;
            memset(&pair, 'x', sizeof(pair));
            bool taken = fxi_pair_canonical(text, 7, &pair);
            ck_assert_msg(taken == (place == 3 ? byte == '/' : letter), "place %d byte %d", place, byte);
            if (taken) {
                char expected[16] = {0};
                memcpy(expected, text, 7);
                ck_assert_mem_eq(pair.text, expected, 16);
            }
        }
    }
    fxmon_pair pair;
    ck_assert(!fxi_pair_canonical("usd/eur", 7, &pair));
    ck_assert(!fxi_pair_canonical("USD-EUR", 7, &pair));
    ck_assert(!fxi_pair_canonical("USDEUR", 6, &pair));
    ck_assert(!fxi_pair_canonical("USD/EURO1ET", 11, &pair));
    ck_assert(fxi_pair_canonical("USDT/EUROCX", 11, &pair));
}
END_TEST

START_TEST(parts)
{
    fxmon_pair pair, other;
    char code[8];
    ck_assert_int_eq(fxmon_pair_make("usdt", "EUR", &pair), FXMON_OK);
    ck_assert_str_eq(pair.text, "USDT/EUR");
    ck_assert_uint_eq(fxmon_pair_base(&pair, code), 4);
    ck_assert_mem_eq(code, "USDT\0\0\0", 8);
    ck_assert_uint_eq(fxmon_pair_quote(&pair, code), 3);
    ck_assert_mem_eq(code, "EUR\0\0\0\0", 8);
    ck_assert_int_eq(fxmon_pair_make("US", "EUR", &pair), FXMON_E_PAIR);
    ck_assert_int_eq(fxmon_pair_make("USD", "EUR/", &pair), FXMON_E_PAIR);
    ck_assert_int_eq(fxmon_pair_make("", "", &pair), FXMON_E_PAIR);
    ck_assert_int_eq(fxmon_pair_make("ABCDEFG", "EUR", &pair), FXMON_E_PAIR);
    ck_assert_int_eq(fxmon_pair_make(NULL, "EUR", &pair), FXMON_E_ARGUMENT);
    ck_assert_int_eq(fxmon_pair_make("EUR", "USD", &pair), FXMON_OK);
    ck_assert_int_eq(fxmon_pair_make("EUR", "USDT", &other), FXMON_OK);
    ck_assert_int_lt(fxmon_pair_compare(&pair, &other), 0);
    ck_assert_int_gt(fxmon_pair_compare(&other, &pair), 0);
    ck_assert_int_eq(fxmon_pair_compare(&pair, &pair), 0);
    ck_assert(fxmon_pair_known(&pair));
    ck_assert(!fxmon_pair_known(&other));
    ck_assert_int_eq(fxmon_pair_make("BTC", "EUR", &other), FXMON_OK);
    ck_assert(!fxmon_pair_known(&other));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("pair");
    tcase_add_test(tests, spelling);
    tcase_add_test(tests, canonical_is_exact);
    tcase_add_test(tests, parts);
    return support_run("pair", tests);
}
