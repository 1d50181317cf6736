/* tests/unit/test_book.c - books: the newest of each pair, order, and crosses over any hub. */
#include "../support/support.h"

#include <fxmon/core.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

static fxmon_decimal decimal(const char *text)
{
    fxmon_decimal value = {0, 0};
    if (text != NULL)
        ck_assert_int_eq(fxmon_decimal_parse(text, strlen(text), &value), FXMON_OK);
    return value;
}

static int put(fxmon_book *book, const char *pair, int64_t time, const char *mid, const char *bid, const char *ask, bool *changed)
{
    fxmon_quote quote = {.time = time, .mid = decimal(mid), .bid = decimal(bid), .ask = decimal(ask), .source = "test"};
    memcpy(quote.pair.text, pair, strlen(pair));
    return fxmon_book_add(book, &quote, changed);
}

#define PUT(book, pair, time, mid, bid, ask) ck_assert_int_eq(put(book, pair, time, mid, bid, ask, NULL), FXMON_OK)

START_TEST(newest_is_kept)
{
    fxmon_book *book = fxmon_book_new();
    bool changed;
    fxmon_decimal rate;
    ck_assert_int_eq(put(book, "USD/EUR", 100, "0.8470", NULL, NULL, &changed), FXMON_OK);
    ck_assert(changed);
    ck_assert_int_eq(put(book, "USD/EUR", 99, "0.8", NULL, NULL, &changed), FXMON_OK);
    ck_assert(!changed);
    ck_assert_int_eq(put(book, "usd-eur", 100, "0.8480", NULL, NULL, &changed), FXMON_OK);
    ck_assert(changed);
    ck_assert_uint_eq(fxmon_book_count(book), 1);
    ck_assert_int_eq(fxmon_book_rate(book, "USDEUR", &rate), FXMON_OK);
    ck_assert(rate.mantissa == 8480 && rate.scale == 4);
    ck_assert_int_eq(fxmon_book_rate(book, "EUR/USD", &rate), FXMON_E_NOT_FOUND);
    ck_assert_int_eq(fxmon_book_rate(book, "EUR", &rate), FXMON_E_PAIR);
    ck_assert_ptr_null(fxmon_book_find(book, "EUR/USD"));
    ck_assert_ptr_null(fxmon_book_find(book, "nonsense"));
    ck_assert_str_eq(fxmon_book_find(book, "usd_eur")->source, "test");
    ck_assert_int_eq(put(book, "USD/EUR", 101, "0", NULL, NULL, &changed), FXMON_E_RANGE);
    ck_assert_int_eq(put(book, "USD/EUR", 101, "-1", NULL, NULL, &changed), FXMON_E_RANGE);
    ck_assert_int_eq(put(book, "USD/EUR", 101, "1", "-1", NULL, &changed), FXMON_E_RANGE);
    ck_assert_int_eq(put(book, "USD/", 101, "1", NULL, NULL, &changed), FXMON_E_PAIR);
    ck_assert(!changed);
    ck_assert_int_eq(fxmon_book_add(book, NULL, NULL), FXMON_E_ARGUMENT);
    ck_assert_uint_eq(fxmon_book_count(book), 1);
    fxmon_book_free(book);
    fxmon_book_free(NULL);
}
END_TEST

/* 166 currencies on one hub, put in in random order: sorted, found, and every cross the quotient of its legs. */
START_TEST(hundred_and_sixty_six)
{
    fxmon_book *book = fxmon_book_new();
    fxi_random r;
    char code[165][4];
    fxmon_decimal rate[165];
    property_seed(&r, "hundred_and_sixty_six");
    for (size_t i = 0; i < 165; i++) {
        snprintf(code[i], 4, "%c%c%c", 'A' + (int)(i / 26), 'A' + (int)(i % 26), 'Q');
        rate[i] = (fxmon_decimal){(int64_t)(1 + fxi_random_below(&r, 100000000)), (int32_t)fxi_random_below(&r, 9)};
    }
    for (size_t k = 0, i = fxi_random_below(&r, 165); k < 165; k++, i = (i + 64) % 165) { /* 64 and 165 have no common divisor */
        fxmon_quote quote = {.time = 7, .mid = rate[i]};
        ck_assert_int_eq(fxmon_pair_make("USD", code[i], &quote.pair), FXMON_OK);
        ck_assert_int_eq(fxmon_book_add(book, &quote, NULL), FXMON_OK);
    }
    ck_assert_uint_eq(fxmon_book_count(book), 165);
    for (size_t i = 0; i < 165; i++) {
        char other[8];
        fxmon_pair_quote(&fxmon_book_at(book, i)->pair, other);
        ck_assert_str_eq(other, code[i]);
        for (size_t j = 0; j < 165; j++) {
            fxmon_pair pair;
            fxmon_cross cross;
            fxmon_pair_make(code[i], code[j], &pair);
            ck_assert_int_eq(fxmon_book_cross(book, pair.text, &cross), FXMON_OK);
            ck_assert_int_eq(cross.legs, i == j ? 0 : 2);
            ck_assert_double_eq(cross.mid, i == j ? 1.0 : fxmon_cross_mid(rate[i], rate[j]));
        }
    }
    ck_assert_ptr_null(fxmon_book_at(book, 165));
    fxmon_book_free(book);
}
END_TEST

/* Each row of "who divides by whom": A/B from its two legs over H, given either way round. */
START_TEST(sides)
{
    static const struct {
        const char *first, *second;
        double bid, ask;
    } rows[] = {
        {"AAA/HHH", "HHH/BBB", 2.0 * 3.0, 2.1 * 3.2},
        {"HHH/AAA", "HHH/BBB", 3.0 / 2.1, 3.2 / 2.0},
        {"AAA/HHH", "BBB/HHH", 2.0 / 3.2, 2.1 / 3.0},
        {"HHH/AAA", "BBB/HHH", 1 / (2.1 * 3.2), 1 / (2.0 * 3.0)},
    };
    fxmon_cross cross, back;
    for (size_t i = 0; i < 4; i++) {
        for (int swapped = 0; swapped < 2; swapped++) { /* more edges at A, or at B, so that the search starts from either end */
            fxmon_book *book = fxmon_book_new();
            PUT(book, rows[i].first, 50, "2.05", "2.0", "2.1");
            PUT(book, rows[i].second, 20, "3.1", "3.0", "3.2");
            PUT(book, swapped ? "AAA/CCC" : "BBB/CCC", 99, "1", NULL, NULL);
            ck_assert_int_eq(fxmon_book_cross(book, "AAA/BBB", &cross), FXMON_OK);
            ck_assert_msg(fabs(cross.bid - rows[i].bid) < 1e-15 && fabs(cross.ask - rows[i].ask) < 1e-15, "row %zu: %.17g %.17g", i, cross.bid, cross.ask);
            ck_assert(cross.bid < cross.mid && cross.mid < cross.ask);
            ck_assert_int_eq(cross.legs, 2);
            ck_assert_int_eq(cross.time, 20); /* of the older leg */
            ck_assert_int_eq(cross.skew, 30);
            ck_assert_str_eq(cross.pair.text, "AAA/BBB");
            ck_assert_str_eq(cross.leg[0].pair.text, rows[i].first);
            ck_assert_str_eq(cross.leg[1].pair.text, rows[i].second);
            ck_assert_int_eq(fxmon_book_cross(book, "BBB/AAA", &back), FXMON_OK);
            ck_assert_msg(fabs(back.bid * cross.ask - 1) < 1e-15 && fabs(back.ask * cross.bid - 1) < 1e-15, "row %zu", i);
            fxmon_book_free(book);
        }
    }
}
END_TEST

START_TEST(one_leg_and_none)
{
    fxmon_book *book = fxmon_book_new();
    fxmon_cross cross;
    ck_assert_int_eq(fxmon_book_cross(book, "USD/USD", &cross), FXMON_E_NOT_FOUND);
    PUT(book, "USD/EUR", 10, "0.8", "0.79", "0.81");
    PUT(book, "USD/GBP", 30, "0.7", NULL, NULL);
    PUT(book, "XAU/XAG", 90, "80", NULL, NULL);
    ck_assert_int_eq(fxmon_book_cross(book, "USD/EUR", &cross), FXMON_OK);
    ck_assert(cross.legs == 1 && cross.mid == 0.8 && cross.bid == 0.79 && cross.ask == 0.81 && cross.time == 10 && cross.skew == 0);
    ck_assert_int_eq(fxmon_book_cross(book, "eur_usd", &cross), FXMON_OK);
    ck_assert(cross.legs == 1 && cross.mid == 1.25 && cross.bid == 100.0 / 81 && cross.ask == 100.0 / 79);
    ck_assert_str_eq(cross.leg[0].pair.text, "USD/EUR");
    ck_assert_int_eq(fxmon_book_cross(book, "EUR/GBP", &cross), FXMON_OK);
    ck_assert(cross.legs == 2 && cross.mid == 0.875 && isnan(cross.bid) && isnan(cross.ask));
    ck_assert_int_eq(fxmon_book_cross(book, "USD/USD", &cross), FXMON_OK);
    ck_assert(cross.legs == 0 && cross.mid == 1 && cross.bid == 1 && cross.ask == 1 && cross.time == 30);
    ck_assert_int_eq(fxmon_book_cross(book, "EUR/XAG", &cross), FXMON_E_NOT_FOUND); /* no common currency */
    ck_assert_int_eq(fxmon_book_cross(book, "EUR/ZZZ", &cross), FXMON_E_NOT_FOUND);
    ck_assert_int_eq(fxmon_book_cross(book, "ZZZ/ZZZ", &cross), FXMON_E_NOT_FOUND);
    ck_assert_int_eq(fxmon_book_cross(book, "EUR", &cross), FXMON_E_PAIR);
    ck_assert_int_eq(fxmon_book_cross(book, NULL, &cross), FXMON_E_ARGUMENT);
    PUT(book, "EUR/CHF", INT64_MIN, "1", NULL, NULL);
    PUT(book, "USD/EUR", INT64_MAX, "1", NULL, NULL);
    ck_assert_int_eq(fxmon_book_cross(book, "USD/CHF", &cross), FXMON_OK);
    ck_assert(cross.skew == INT64_MAX && cross.time == INT64_MIN);
    fxmon_book_free(book);
}
END_TEST

/* Fewest legs, then the freshest older leg, then the tightest spread, then the hub's name. */
START_TEST(choice_of_path)
{
    fxmon_book *book = fxmon_book_new();
    fxmon_cross cross;
    PUT(book, "AAA/ZZZ", 50, "1", NULL, NULL);
    PUT(book, "ZZZ/BBB", 90, "1", NULL, NULL);
    PUT(book, "AAA/YYY", 50, "2", NULL, NULL);
    PUT(book, "YYY/BBB", 60, "1", NULL, NULL);
    ck_assert_int_eq(fxmon_book_cross(book, "AAA/BBB", &cross), FXMON_OK);
    ck_assert_double_eq(cross.mid, 2); /* as fresh, no spreads: YYY before ZZZ */
    PUT(book, "AAA/ZZZ", 50, "1", "0.9", "1.1");
    PUT(book, "ZZZ/BBB", 90, "1", "0.9", "1.1");
    ck_assert_int_eq(fxmon_book_cross(book, "AAA/BBB", &cross), FXMON_OK);
    ck_assert_double_eq(cross.mid, 1); /* a spread beats none */
    PUT(book, "AAA/YYY", 50, "2", "1.9", "2.1");
    PUT(book, "YYY/BBB", 60, "1", "0.99", "1.01");
    ck_assert_int_eq(fxmon_book_cross(book, "AAA/BBB", &cross), FXMON_OK);
    ck_assert_double_eq(cross.mid, 2); /* and a tighter one beats that */
    PUT(book, "ZZZ/AAA", 51, "4", NULL, NULL);
    ck_assert_int_eq(fxmon_book_cross(book, "AAA/BBB", &cross), FXMON_OK);
    ck_assert_double_eq(cross.mid, 0.25); /* a fresher older leg beats both */
    PUT(book, "BBB/AAA", 1, "8", NULL, NULL);
    ck_assert_int_eq(fxmon_book_cross(book, "AAA/BBB", &cross), FXMON_OK);
    ck_assert_double_eq(cross.mid, 0.125); /* one leg, however old */
    PUT(book, "AAA/BBB", 1, "0.2", NULL, NULL);
    ck_assert_int_eq(fxmon_book_cross(book, "AAA/BBB", &cross), FXMON_OK);
    ck_assert_double_eq(cross.mid, 0.2); /* as quoted before inverted */
    PUT(book, "BBB/AAA", 2, "8", NULL, NULL);
    ck_assert_int_eq(fxmon_book_cross(book, "AAA/BBB", &cross), FXMON_OK);
    ck_assert_double_eq(cross.mid, 0.125); /* unless that is fresher */
    fxmon_book_free(book);
}
END_TEST

/* Every allocation in turn fails: an error, the book as before, nothing lost at the end. */
START_TEST(allocation_failure)
{
    failing_allocator_install();
    for (long nth = 1;; nth++) {
        failing_allocator_fail(nth);
        fxmon_book *book = fxmon_book_new();
        size_t kept = 0;
        for (int i = 0; book != NULL && i < 40; i++) {
            fxmon_quote quote = {.time = i, .mid = {100 + i, 2}};
            char code[4] = {'A', (char)('A' + i / 26), (char)('A' + i % 26), 0};
            fxmon_pair_make(i % 2 ? "USD" : code, i % 2 ? code : "USD", &quote.pair);
            bool changed;
            int result = fxmon_book_add(book, &quote, &changed);
            ck_assert(result == FXMON_OK || result == FXMON_E_NOMEM);
            ck_assert_int_eq(changed, result == FXMON_OK);
            kept += result == FXMON_OK;
            ck_assert_uint_eq(fxmon_book_count(book), kept);
            ck_assert_int_eq(fxmon_book_find(book, quote.pair.text) != NULL, result == FXMON_OK);
        }
        bool reached = failing_allocator_failed();
        failing_allocator_fail(0);
        for (size_t i = 1; i < kept; i++)
            ck_assert_int_lt(fxmon_pair_compare(&fxmon_book_at(book, i - 1)->pair, &fxmon_book_at(book, i)->pair), 0);
        fxmon_book_free(book);
        ck_assert_int_eq(failing_allocator_alive(), 0);
        if (!reached) {
            ck_assert_uint_eq(kept, 40);
            break;
        }
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("book");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, newest_is_kept);
    tcase_add_test(tests, hundred_and_sixty_six);
    tcase_add_test(tests, sides);
    tcase_add_test(tests, one_leg_and_none);
    tcase_add_test(tests, choice_of_path);
    tcase_add_test(tests, allocation_failure);
    return support_run("book", tests);
}
