/* Rows as JSON and CSV: the exact text, and what stands in it only where it applies. */
#include "base/buf.h"
#include "codec/message.h"
#include "../support/support.h"

#include <math.h>

static fxmon_row usual(void)
{
    return (fxmon_row){.pair = {"USD/EUR"}, .time = INT64_C(1770201000) * FXMON_SECOND, .rate = {8470, 4}, .volatility = 0.0012,
                       .samples = 20, .source = "exchangerate-api.com", .partition = 0, .offset = 41};
}

static void check_json(const fxmon_row *row, const char *expected)
{
    fxi_buf out;

    fxi_buf_init(&out, 4096);
    ck_assert(fxi_row_encode(row, &out));
    ck_assert_str_eq(out.data, expected);
    fxi_buf_free(&out);
}

static void check_csv(const fxmon_row *row, const char *expected)
{
    fxi_buf out;

    fxi_buf_init(&out, 4096);
    ck_assert(fxi_row_csv(row, &out));
    ck_assert_str_eq(out.data, expected);
    fxi_buf_free(&out);
}

START_TEST(json)
{
    fxmon_row row = usual();

    check_json(&row, "{\"pair\":\"USD/EUR\",\"time\":\"2026-02-04T10:30:00Z\",\"rate\":0.8470,\"volatility\":0.0012,\"source\":\"exchangerate-api.com\"}");
    row.volatility = NAN;
    row.source = "a \"b\"\n";
    row.bid = (fxmon_decimal){846, 3};
    row.ask = (fxmon_decimal){848, 3};
    check_json(&row, "{\"pair\":\"USD/EUR\",\"time\":\"2026-02-04T10:30:00Z\",\"rate\":0.8470,\"volatility\":null,\"source\":\"a \\\"b\\\"\\n\",\"bid\":0.846,\"ask\":0.848}");
    row = usual();
    row.volatility = 0.0;
    row.kind = FXMON_ROW_LATE;
    check_json(&row, "{\"pair\":\"USD/EUR\",\"time\":\"2026-02-04T10:30:00Z\",\"rate\":0.8470,\"volatility\":0,\"source\":\"exchangerate-api.com\",\"late\":true,\"partition\":0,\"offset\":41}");
    row = usual();
    row.kind = FXMON_ROW_CROSS;
    row.cross = 0.9315230224321133;
    check_json(&row, "{\"pair\":\"USD/EUR\",\"time\":\"2026-02-04T10:30:00Z\",\"rate\":0.9315230224321133,\"volatility\":0.0012,\"source\":\"exchangerate-api.com\",\"cross\":true}");
}
END_TEST

static void check_form(const char *name, const fxmon_row *row, const char *expected)
{
    const fxi_row_form *form = fxi_row_form_named(name);
    fxi_buf out;

    ck_assert_ptr_nonnull(form);
    fxi_buf_init(&out, 4096);
    ck_assert(form->row(row, &out));
    ck_assert_str_eq(out.data, expected);
    fxi_buf_free(&out);
}

START_TEST(forms_of_other_programs)
{
    fxmon_row row = usual();

    check_form("ledger", &row, "P 2026-02-04 10:30:00 USD 0.8470 EUR");
    check_form("beancount", &row, "2026-02-04 price USD 0.8470 EUR");
    check_form("influx", &row, "fx_rates,base=USD,kind=quote,pair=USD/EUR,quote=EUR,source=exchangerate-api.com rate=0.8470,volatility=0.0012,samples=20i 1770201000000000000");
    row.source = "a b,c=d\\\ne";
    row.bid = (fxmon_decimal){846, 3};
    row.ask = (fxmon_decimal){848, 3};
    row.volatility = NAN;
    row.kind = FXMON_ROW_LATE;
    check_form("influx", &row, "fx_rates,base=USD,kind=late,pair=USD/EUR,quote=EUR,source=a\\ b\\,c\\=d\\ \\ e rate=0.8470,bid=0.846,ask=0.848,samples=20i 1770201000000000000");
    row = usual();
    row.pair = (fxmon_pair){"USD/1INCH"};
    check_form("ledger", &row, "P 2026-02-04 10:30:00 USD 0.8470 \"1INCH\"");
    check_form("beancount", &row, "; 2026-02-04T10:30:00Z USD/1INCH: a currency begins with a letter there");
    row = usual();
    row.kind = FXMON_ROW_CROSS;
    row.cross = 0.9315230224321133;
    check_form("ledger", &row, "P 2026-02-04 10:30:00 USD 0.9315230224321133 EUR");
    row.cross = NAN;
    check_form("ledger", &row, "; 2026-02-04T10:30:00Z USD/EUR has no price");
    check_form("influx", &row, "# 2026-02-04T10:30:00Z USD/EUR has no price");
}
END_TEST

START_TEST(forms_by_name)
{
    static const char *const known[][2] = {{"a.ndjson", "ndjson"}, {"a.jsonl", "ndjson"}, {"a.b/c.csv", "csv"}, {"x.ledger", "ledger"}, {"x.prices", "ledger"},
                                           {"x.beancount", "beancount"}, {"x.bean", "beancount"}, {"x.influx", "influx"}, {"x.lp", "influx"}};
    static const char *const unknown[] = {"", "csv", "a.", "a.cs", "a.sv", "a.txt", "a.csv ", "a.ledger prices", ".csv/x"};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        ck_assert_ptr_eq(fxi_row_form_of_path(known[i][0]), fxi_row_form_named(known[i][1]));
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        ck_assert_msg(fxi_row_form_of_path(unknown[i]) == NULL, "%s", unknown[i]);
    ck_assert_ptr_null(fxi_row_form_named("xml"));
}
END_TEST

START_TEST(csv)
{
    fxmon_row row = usual();
    fxi_buf out;

    fxi_buf_init(&out, 4096);
    ck_assert(fxi_row_csv_header(&out));
    ck_assert_str_eq(out.data, "time,pair,rate,bid,ask,volatility,source,samples,kind,partition,offset");
    fxi_buf_free(&out);
    check_csv(&row, "2026-02-04T10:30:00Z,USD/EUR,0.8470,,,0.0012,exchangerate-api.com,20,quote,0,41");
    row.volatility = NAN;
    row.source = "a,\"b\"";
    row.bid = (fxmon_decimal){846, 3};
    row.ask = (fxmon_decimal){848, 3};
    row.kind = FXMON_ROW_LATE;
    row.offset = -1;
    check_csv(&row, "2026-02-04T10:30:00Z,USD/EUR,0.8470,0.846,0.848,,\"a,\"\"b\"\"\",20,late,,");
}
END_TEST

START_TEST(comma_locale)
{
    fxmon_row row = usual();

    if (property_comma_locale()) {
        check_csv(&row, "2026-02-04T10:30:00Z,USD/EUR,0.8470,,,0.0012,exchangerate-api.com,20,quote,0,41");
        check_json(&row, "{\"pair\":\"USD/EUR\",\"time\":\"2026-02-04T10:30:00Z\",\"rate\":0.8470,\"volatility\":0.0012,\"source\":\"exchangerate-api.com\"}");
    }
}
END_TEST

START_TEST(too_small_a_buffer)
{
    fxmon_row row = usual();
    fxi_buf out;

    fxi_buf_init(&out, 50);
    ck_assert(!fxi_row_encode(&row, &out));
    fxi_buf_free(&out);
    fxi_buf_init(&out, 50);
    ck_assert(!fxi_row_csv(&row, &out));
    fxi_buf_free(&out);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("row");

    tcase_add_test(tests, json);
    tcase_add_test(tests, csv);
    tcase_add_test(tests, forms_of_other_programs);
    tcase_add_test(tests, forms_by_name);
    tcase_add_test(tests, comma_locale);
    tcase_add_test(tests, too_small_a_buffer);
    return support_run("row", tests);
}
