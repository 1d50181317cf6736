/* tests/unit/test_currency.c - the ISO 4217 table: order, plausibility, and rows known by heart. */
#include "../support/support.h"

#include <fxmon/core.h>

#include <string.h>

START_TEST(table_is_sorted_and_well_formed)
{
    const fxmon_currency *row, *before = NULL;
    size_t active = 0, count = 0;
    for (; (row = fxmon_currency_at(count)) != NULL; before = row, count++) {
        ck_assert_uint_eq(strlen(row->code), 3);
        for (int k = 0; k < 3; k++)
            ck_assert_msg(row->code[k] >= 'A' && row->code[k] <= 'Z', "%s", row->code);
        ck_assert_msg(before == NULL || strcmp(before->code, row->code) < 0, "%s does not come after %s", row->code, before ? before->code : "");
        ck_assert_msg(row->number >= 0 && row->number <= 999, "%s", row->code);
        ck_assert_msg(row->minor_units >= -1 && row->minor_units <= 4, "%s", row->code);
        ck_assert_msg(row->name != NULL && strlen(row->name) >= 3, "%s", row->code);
        ck_assert_msg(row->from == NULL || row->until == NULL || strcmp(row->from, row->until) < 0, "%s", row->code);
        const char *date[2] = {row->from, row->until};
        for (int k = 0; k < 2; k++) {
            int64_t time;
            ck_assert_msg(date[k] == NULL || fxmon_time_parse(date[k], strlen(date[k]), &time) == FXMON_OK, "%s %s", row->code, date[k]);
        }
        ck_assert_msg(row->until == NULL || strcmp(row->until, fxmon_currency_table_date()) < 0, "%s ends after the table's date", row->code);
        active += row->until == NULL;
        ck_assert_ptr_eq(fxmon_currency_find(row->code, 3), row);
    }
    ck_assert_uint_eq(active, 178); /* list one of the standard, 2026-01-01 */
    ck_assert_uint_gt(count, 250);
    ck_assert_ptr_null(fxmon_currency_at(count + 1));
}
END_TEST

/* Two active currencies never share a number. */
START_TEST(active_numbers_are_unique)
{
    const char *owner[1000] = {NULL};
    const fxmon_currency *row;
    for (size_t i = 0; (row = fxmon_currency_at(i)) != NULL; i++) {
        if (row->until != NULL)
            continue;
        ck_assert_msg(owner[row->number] == NULL, "%s and %s", owner[row->number], row->code);
        owner[row->number] = row->code;
    }
}
END_TEST

static const struct {
    const char *code;
    int number, minor_units;
    const char *name, *until;
} known[] = {
    {"AED", 784, 2, "UAE Dirham", NULL}, {"AUD", 36, 2, "Australian Dollar", NULL}, {"BHD", 48, 3, "Bahraini Dinar", NULL},
    {"BGN", 975, 2, "Bulgarian Lev", "2025-12-31"}, {"BRL", 986, 2, "Brazilian Real", NULL}, {"BYN", 933, 2, "Belarusian Ruble", NULL},
    {"BYR", 974, 0, "Belarusian Ruble", "2016-12-31"}, {"CAD", 124, 2, "Canadian Dollar", NULL}, {"CHF", 756, 2, "Swiss Franc", NULL},
    {"CLF", 990, 4, "Unidad de Fomento", NULL}, {"CLP", 152, 0, "Chilean Peso", NULL}, {"CNY", 156, 2, "Yuan Renminbi", NULL},
    {"CYP", 196, 2, "Cyprus Pound", "2007-12-31"}, {"DEM", 276, 2, "Deutsche Mark", "2001-12-31"}, {"EEK", 233, 2, "Kroon", "2010-12-31"},
    {"EUR", 978, 2, "Euro", NULL}, {"FRF", 250, 2, "French Franc", "2002-02-17"}, {"GBP", 826, 2, "Pound Sterling", NULL},
    {"HRK", 191, 2, "Kuna", "2022-12-31"}, {"INR", 356, 2, "Indian Rupee", NULL}, {"ISK", 352, 0, "Iceland Krona", NULL},
    {"ITL", 380, 0, "Italian Lira", "2002-02-28"}, {"JPY", 392, 0, "Yen", NULL}, {"KRW", 410, 0, "Won", NULL},
    {"KWD", 414, 3, "Kuwaiti Dinar", NULL}, {"LTL", 440, 2, "Lithuanian Litas", "2014-12-31"}, {"LVL", 428, 2, "Latvian Lats", "2013-12-31"},
    {"MTL", 470, 2, "Maltese Lira", "2007-12-31"}, {"ROL", 642, 0, "Old Leu", "2006-12-31"}, {"RUB", 643, 2, "Russian Ruble", NULL},
    {"SIT", 705, 2, "Tolar", "2006-12-31"}, {"SKK", 703, 2, "Slovak Koruna", "2008-12-31"}, {"SLE", 925, 2, "Leone", NULL},
    {"TND", 788, 3, "Tunisian Dinar", NULL}, {"TRL", 792, 0, "Old Turkish Lira", "2005-12-31"}, {"TRY", 949, 2, "Turkish Lira", NULL},
    {"UGX", 800, 0, "Uganda Shilling", NULL}, {"USD", 840, 2, "US Dollar", NULL}, {"UYW", 927, 4, "Unidad Previsional", NULL},
    {"VND", 704, 0, "Dong", NULL}, {"XAF", 950, 0, "CFA Franc BEAC", NULL}, {"XAG", 961, -1, "Silver", NULL},
    {"XAU", 959, -1, "Gold", NULL}, {"XCG", 532, 2, "Caribbean Guilder", NULL}, {"XDR", 960, -1, "SDR (Special Drawing Right)", NULL},
    {"XXX", 999, -1, "The codes assigned for transactions where no currency is involved", NULL}, {"ZWG", 924, 2, "Zimbabwe Gold", NULL},
    {"ZWL", 932, 2, "Zimbabwe Dollar", "2024-04-30"},
};

START_TEST(known_rows)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        const fxmon_currency *row = fxmon_currency_find(known[i].code, 3);
        ck_assert_msg(row != NULL, "%s is missing", known[i].code);
        ck_assert_msg(row->number == known[i].number && row->minor_units == known[i].minor_units, "%s", known[i].code);
        ck_assert_str_eq(row->name, known[i].name);
        ck_assert_msg((row->until == NULL) == (known[i].until == NULL), "%s", known[i].code);
        if (row->until != NULL)
            ck_assert_str_eq(row->until, known[i].until);
    }
}
END_TEST

START_TEST(lookup)
{
    ck_assert_ptr_eq(fxmon_currency_find("eUr", 3), fxmon_currency_find("EUR/", 3));
    ck_assert_ptr_null(fxmon_currency_find("EURO", 4));
    ck_assert_ptr_null(fxmon_currency_find("EU", 2));
    ck_assert_ptr_null(fxmon_currency_find("", 0));
    ck_assert_ptr_null(fxmon_currency_find(NULL, 3));
    ck_assert_ptr_null(fxmon_currency_find("ZZZ", 3));
    ck_assert_ptr_null(fxmon_currency_find("AAA", 3));
    ck_assert_ptr_null(fxmon_currency_find("BTC", 3));
    ck_assert_ptr_null(fxmon_currency_find("\xff\xff\xff", 3));
    ck_assert_str_eq(fxmon_currency_table_date(), "2026-01-01");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("currency");
    tcase_add_test(tests, table_is_sorted_and_well_formed);
    tcase_add_test(tests, active_numbers_are_unique);
    tcase_add_test(tests, known_rows);
    tcase_add_test(tests, lookup);
    return support_run("currency", tests);
}
