/* Recorded rates: every layout gives the same messages, odd lines are named and passed over, a file that cannot be read says which setting it lacks. */
#include "codec/ticks.h"
#include "../support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY (INT64_C(1399161600) * FXMON_SECOND) /* 2014-05-04 */

static const struct layout {
    const char *text;
    enum fxi_tick_format format;
    const char *pair;
} layouts[] = {
    {"{\"ts\":1399237200462,\"pair\":\"EUR/USD\",\"bid\":1.38817,\"ask\":1.38884}\n", FXI_TICKS_NDJSON, NULL},
    {"{\"timestamp\":\"2014-05-04T21:00:00.462Z\",\"base\":\"EUR\",\"rates\":{\"EUR/USD\":1.388505},\"source\":\"replay\",\"bids\":{\"EUR/USD\":1.38817},\"asks\":{\"EUR/USD\":1.38884}}\n", FXI_TICKS_NDJSON, NULL},
    {"{\"pair\":\"EUR/USD\",\"time\":\"2014-05-04T21:00:00.462Z\",\"rate\":1.388505,\"volatility\":null,\"source\":\"replay\",\"bid\":1.38817,\"ask\":1.38884}\n", FXI_TICKS_NDJSON, NULL},
    {"{\"instrument\":\"EUR_USD\",\"time\":\"2014-05-04T21:00:00.462000000Z\",\"bid\":\"1.38817\",\"ask\":\"1.38884\"}\n", FXI_TICKS_NDJSON, NULL},
    {"# a comment\n\nTime;Symbol;Bid;Ask\r\n2014-05-04 21:00:00.462;eurusd;1.38817;1.38884\r\n", FXI_TICKS_CSV, NULL},
    {"\xEF\xBB\xBFtimestamp,pair,mid,bid,ask,source\n1399237200.462,EUR/USD,1.388505,1.38817,1.38884,replay\n", FXI_TICKS_CSV, NULL},
    {"date,price,bid,offer\n2014-05-04T21:00:00.462Z,1.388505,1.38817,1.38884\n", FXI_TICKS_CSV, "EUR/USD"},
    {"Gmt time,Ask,Bid,AskVolume,BidVolume\n04.05.2014 21:00:00.462,1.38884,1.38817,0,0\n", FXI_TICKS_DUKASCOPY, "EUR/USD"},
    {"Gmt time,Ask,Bid\n04.05.2014 23:00:00.462 GMT+0200,1.38884,1.38817\n", FXI_TICKS_DUKASCOPY, "EUR/USD"},
    {"20140504 160000462,1.38817,1.38884,0\n", FXI_TICKS_HISTDATA, "EUR/USD"},
    {"EUR/USD,20140504 21:00:00.462,1.38817,1.38884\n", FXI_TICKS_TRUEFX, NULL},
    {"75600462,1.38817,1.38884\n", FXI_TICKS_MS, "EUR/USD"},
    {"75600462,1,1,1,1.38817,0,2,2,2,1.38884,0\n", FXI_TICKS_MS, "EUR/USD"},
};

/* Feed all lines; the last message that came (of *count) or NULL, *refused lines. */
static const fxmon_message *feed(fxi_tick_reader *r, const char *text, long *count, long *refused, fxmon_error *error)
{
    const fxmon_message *last = NULL, *message;

    *count = *refused = 0;
    while (*text != '\0') {
        const char *stop = strchr(text, '\n');
        size_t length = stop == NULL ? strlen(text) : (size_t)(stop - text) + 1;

        if (fxi_tick_reader_line(r, text, length, &message, *refused == 0 ? error : NULL) != FXMON_OK) { /* the first error counts */
            (*refused)++;
            ck_assert_ptr_null(message);
        } else if (message != NULL) {
            (*count)++;
            last = message;
        }
        text += length;
    }
    return last;
}

START_TEST(layout)
{
    fxi_tick_settings settings = {.pair = layouts[_i].pair, .date = DAY};
    fxmon_error error = {0};
    fxi_tick_reader *r = fxi_tick_reader_new(&settings, &error);
    long count, refused;
    const fxmon_message *m = feed(r, layouts[_i].text, &count, &refused, &error);

    ck_assert_msg(m != NULL && refused == 0, "%s", error.text);
    ck_assert_int_eq(count, 1);
    ck_assert_int_eq(fxi_tick_reader_format(r), layouts[_i].format);
    ck_assert_int_eq(m->time, INT64_C(1399237200462) * 1000000);
    ck_assert_str_eq(m->base, "EUR");
    ck_assert_str_eq(m->source, "replay");
    ck_assert_int_eq(m->count, 1);
    ck_assert_str_eq(m->rates[0].pair.text, "EUR/USD");
    ck_assert(m->rates[0].mid.mantissa == 1388505 && m->rates[0].mid.scale == 6);
    ck_assert(m->rates[0].bid.mantissa == 138817 && m->rates[0].ask.mantissa == 138884);
    fxi_tick_reader_free(r);
}
END_TEST

START_TEST(columns)
{
    fxi_tick_settings settings = {.date = FXI_TICK_NO_DATE, .source = "ecb"};
    fxi_tick_reader *r = fxi_tick_reader_new(&settings, NULL);
    fxmon_error error = {0};
    long count, refused;
    const fxmon_message *m = feed(r, "Date,USD,JPY,GBP,\n2015-12-30,N/A,N/A,,\n2015-12-31,1.0887,N/A,0.73395,\n", &count, &refused, &error);

    ck_assert_msg(m != NULL, "%s", error.text);
    ck_assert_int_eq(count, 1); /* a day without values is no message */
    ck_assert_int_eq(m->count, 2);
    ck_assert_str_eq(m->rates[1].pair.text, "EUR/GBP");
    ck_assert_str_eq(m->source, "ecb");
    fxi_tick_reader_free(r);
    r = fxi_tick_reader_new(&settings, NULL);
    m = feed(r, "Data,Australia,Euro,South Korea\n1999-01-04,1.6176,0.8466,\n", &count, &refused, &error);
    ck_assert_ptr_nonnull(m);
    ck_assert_str_eq(m->rates[0].pair.text, "USD/AUD"); /* columns by country: per dollar */
    ck_assert_int_eq(m->count, 2);
    fxi_tick_reader_free(r);
}
END_TEST

static const struct {
    const char *text, *field;
    int code;
} odd[] = {
    {"{\"pair\":\"EUR/USD\",\"rate\":1.1}\n", "time", FXMON_E_MALFORMED},
    {"{\"time\":\"2014-05-04T21:00:00Z\",\"rate\":1.1}\n", "pair", FXMON_E_MALFORMED},
    {"{\"time\":\"2014-05-04T21:00:00Z\",\"pair\":\"EUR/USD\",\"bid\":1.1}\n", "rate", FXMON_E_MALFORMED},
    {"{\"time\":\"2014-05-04T21:00:00Z\",\"pair\":\"EUR/USD\",\"rate\":-1}\n", "rate", FXMON_E_MALFORMED},
    {"{\"time\":\"soon\",\"pair\":\"EUR/USD\",\"rate\":1}\n", "time", FXMON_E_MALFORMED},
    {"{\"time\":\n", "", FXMON_E_SYNTAX},
    {"{\"time\":1,\"time\":1}\n", "time", FXMON_E_MALFORMED},
    {"time,pair,rate\n2014-05-04,EUR/USD,0\n", "rate", FXMON_E_MALFORMED},
    {"time,pair,rate\n2014-05-04,EUR/USD\n", "", FXMON_E_MALFORMED},
    {"time,pair,rate\n2014-05-04,EUR,1\n", "pair", FXMON_E_MALFORMED},
    {"time,pair,rate\n2014-05-04,\"EUR/USD,1\n", "", FXMON_E_MALFORMED},
    {"EUR/USD,20140504 21:00:00.462,1.3,1.4\nEUR/USD,20140504 25:00:00.462,1.3,1.4\n", "time", FXMON_E_MALFORMED},
    {"time,rate\n2014-05-04,1\n", "pair", FXMON_E_OPTION},
    {"292,1.3,1.4\n", "pair", FXMON_E_OPTION},
    {"20140504 160000462,1.3,1.4,0\n", "pair", FXMON_E_OPTION},
    {"what is this\n", "", FXMON_E_UNSUPPORTED},
    {"Date,USD,USD\n2014-05-04,1,1\n", "USD", FXMON_E_UNSUPPORTED},
};

START_TEST(odd_lines)
{
    fxi_tick_settings settings = {.date = FXI_TICK_NO_DATE};
    fxi_tick_reader *r = fxi_tick_reader_new(&settings, NULL);
    fxmon_error error = {0};
    const fxmon_message *m;
    long count, refused;
    int code = FXMON_OK;

    feed(r, odd[_i].text, &count, &refused, &error);
    code = error.code;
    ck_assert_int_ge(refused, 1);
    ck_assert_int_eq(code, odd[_i].code);
    ck_assert_str_eq(error.field, odd[_i].field);
    ck_assert_ptr_nonnull(strstr(error.text, "line "));
    if (fxi_tick_reader_format(r) == FXI_TICKS_NDJSON) { /* the next line is read all the same */
        m = feed(r, layouts[0].text, &count, &refused, &error);
        ck_assert_ptr_nonnull(m);
    }
    fxi_tick_reader_free(r);
}
END_TEST

START_TEST(settings)
{
    fxi_tick_settings wrong[] = {{.pair = "EUR"}, {.base = "QQQ"}, {.source = "1234567890123456789012345678901234567890"}, {.format = (enum fxi_tick_format)99}};
    static const char *const fields[] = {"pair", "base", "source", "format"};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        fxmon_error error = {0};

        ck_assert_ptr_null(fxi_tick_reader_new(&wrong[i], &error));
        ck_assert_str_eq(error.field, fields[i]);
    }
    ck_assert_int_eq(fxi_tick_format_named("truefx"), FXI_TICKS_TRUEFX);
    ck_assert_int_eq(fxi_tick_format_named("auto"), FXI_TICKS_AUTO);
    ck_assert_int_eq(fxi_tick_format_named("xml"), -1);
}
END_TEST

static const struct {
    const char *file, *pair, *date;
    long messages;
} recorded[] = {
    {"ticks/layouts/eurusd-20140504-truefx.csv", NULL, NULL, 300},
    {"ticks/layouts/eurusd-20140504-histdata.csv", "EUR/USD", NULL, 300},
    {"ticks/layouts/eurusd-20140504-dukascopy.csv", "EUR/USD", NULL, 300},
    {"ticks/layouts/eurusd-20140504-ndjson.ndjson", NULL, NULL, 300},
    {"ticks/oanda-eurusd-20140504-tick.csv", "EUR/USD", "2014-05-04", 1164},
    {"ticks/oanda-eurusd-20140501-minute.csv", "EUR/USD", "2014-05-01", 1363},
    {"fx/ecb-eurofxref-hist-1999-2015.csv", NULL, NULL, 4353},
    {"fx/fed-h10-daily-1999-2012.csv", NULL, NULL, 3652},
    {"streams/usd-base-2009-2015.ndjson", NULL, NULL, 1793},
};

START_TEST(recorded_files)
{
    const char *folder = getenv("FXMON_SHARED_DATA");
    fxi_tick_settings s = {.pair = recorded[_i].pair, .date = FXI_TICK_NO_DATE};
    char path[512], *line = NULL;
    size_t room = 0;
    ssize_t length;
    long messages = 0;
    fxi_tick_reader *r;
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder != NULL && folder[0] != '\0' ? folder : "../shared/data", recorded[_i].file);
    file = fopen(path, "r");
    if (file == NULL) {
        printf("skipped: %s is not there\n", path);
        return;
    }
    if (recorded[_i].date != NULL) {
        ck_assert_int_eq(fxmon_time_parse(recorded[_i].date, 10, &s.date), FXMON_OK);
    }
    r = fxi_tick_reader_new(&s, NULL);
    while ((length = getline(&line, &room, file)) > 0) {
        const fxmon_message *m;
        fxmon_error error = {0};

        ck_assert_msg(fxi_tick_reader_line(r, line, (size_t)length, &m, &error) == FXMON_OK, "%s: %s", path, error.text);
        messages += m != NULL;
        if (messages == 1 && m != NULL && recorded[_i].messages == 300) {
            ck_assert_int_eq(m->time, INT64_C(1399237200462) * 1000000); /* the four rewritten layouts say the same */
            ck_assert(fxmon_decimal_compare(m->rates[0].mid, (fxmon_decimal){1388505, 6}) == 0);
        }
    }
    ck_assert_int_eq(messages, recorded[_i].messages);
    fxi_tick_reader_free(r);
    free(line);
    fclose(file);
}
END_TEST

START_TEST(without_memory)
{
    failing_allocator_install();
    for (long nth = 1;; nth++) {
        fxi_tick_settings s = {.date = FXI_TICK_NO_DATE};
        fxmon_error error = {0};
        fxi_tick_reader *r;
        long count = 0, refused = 0;
        bool reached;

        failing_allocator_fail(nth);
        r = fxi_tick_reader_new(&s, &error);
        if (r != NULL) {
            feed(r, layouts[1].text, &count, &refused, &error);
        }
        reached = failing_allocator_failed();
        failing_allocator_fail(0);
        ck_assert(count == 1 || (reached && error.code == FXMON_E_NOMEM));
        fxi_tick_reader_free(r);
        ck_assert_int_eq(failing_allocator_alive(), 0);
        if (!reached) {
            ck_assert_int_gt(nth, 2);
            break;
        }
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("ticks");

    tcase_add_loop_test(tests, layout, 0, sizeof layouts / sizeof *layouts);
    tcase_add_test(tests, columns);
    tcase_add_loop_test(tests, odd_lines, 0, sizeof odd / sizeof *odd);
    tcase_add_test(tests, settings);
    tcase_add_loop_test(tests, recorded_files, 0, sizeof recorded / sizeof *recorded);
    tcase_add_test(tests, without_memory);
    return support_run("ticks", tests);
}
