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
    tcase_add_test(tests, comma_locale);
    tcase_add_test(tests, too_small_a_buffer);
    return support_run("row", tests);
}
