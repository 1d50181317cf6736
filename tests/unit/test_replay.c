/* replay: order, pace, bad lines, pipes, long lines; and the line file below it against a plain reading of the same bytes. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/source_env.h"
#include "../support/support.h"
#include "source/line_file.h"
#include "source/source.h"

#define MINUTE (60 * FXMON_SECOND)
#define LINE(second, rate)                                                                                             \
    "{\"timestamp\":\"2026-01-01T00:00:" second "Z\",\"base\":\"USD\",\"rates\":{\"USD/EUR\":" rate "},\"source\":\"t\"}\n"

static source_env env;
static fxmon_message message;
static fxmon_error problem;
static int64_t due;

static const char *write_file(const char *text, size_t length)
{
    static char path[64];
    snprintf(path, sizeof path, "replay-%ld.txt", (long)getpid());
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

static fxmon_result open_replay(const char *text, const char *settings, void **state)
{
    char url[256];
    snprintf(url, sizeof url, "replay:%s%s", write_file(text, strlen(text)), settings);
    source_env_init(&env, NULL);
    memset(&problem, 0, sizeof problem);
    *state = NULL;
    return fxi_source_replay.open(&env.env, url, state, &problem);
}

static void *must_open(const char *text, const char *settings)
{
    void *state;
    ck_assert_msg(open_replay(text, settings, &state) == FXMON_DONE, "%s", problem.text);
    return state;
}

static fxmon_result step(void *state)
{
    memset(&problem, 0, sizeof problem);
    return fxi_source_replay.next(state, env.now, &message, &due, &problem);
}

START_TEST(as_fast_as_possible_and_unchanged)
{
    void *state = must_open(LINE("01", "0.8470") "\n" LINE("05", "0.85") LINE("09", "0.86"), "");
    static const int64_t mantissa[] = {8470, 85, 86};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(step(state), FXMON_DONE);
        ck_assert_int_eq(message.rates[0].mid.mantissa, mantissa[i]);
        ck_assert_int_eq(message.time, (INT64_C(1767225601) + 4 * i) * FXMON_SECOND);
    }
    ck_assert_int_eq(step(state), FXMON_END);
    fxi_source_replay.close(state);
}
END_TEST

START_TEST(in_the_time_in_which_it_came)
{
    void *state = must_open(LINE("01", "0.8470") LINE("05", "0.85") LINE("11", "0.86"), _i ? "?speed=2&shift=now" : "?speed=1");
    const int64_t start = env.now, scale = _i ? 2 : 1;
    ck_assert_int_eq(step(state), FXMON_DONE);
    ck_assert_int_eq(step(state), FXMON_WAIT);
    ck_assert_int_eq(due, start + 4 * FXMON_SECOND / scale);
    env.now = due - 1;
    ck_assert_int_eq(step(state), FXMON_WAIT);
    env.now = due;
    ck_assert_int_eq(step(state), FXMON_DONE);
    ck_assert_int_eq(message.time, _i ? start + 2 * FXMON_SECOND : INT64_C(1767225605) * FXMON_SECOND);
    ck_assert_int_eq(step(state), FXMON_WAIT);
    ck_assert_int_eq(due, start + 10 * FXMON_SECOND / scale);
    fxi_source_replay.close(state);
}
END_TEST

START_TEST(newest_first_is_turned_round)
{
    static const char text[] = "Date,USD,JPY,\n2015-12-31,1.0887,131.07,\n2015-12-30,1.0926,131.66,\n2015-12-29,1.0952,131.87,\n";
    static const int64_t forwards[] = {10952, 10926, 10887};
    void *state = must_open(text, _i ? "?order=file" : "");
    for (int i = 0; i < 3; i++) {
        ck_assert_msg(step(state) == FXMON_DONE, "%s", problem.text);
        ck_assert_str_eq(message.rates[0].pair.text, "EUR/USD");
        ck_assert_int_eq(message.rates[0].mid.mantissa, forwards[_i ? 2 - i : i]);
    }
    ck_assert_int_eq(step(state), FXMON_END);
    fxi_source_replay.close(state);
}
END_TEST

START_TEST(bad_lines_are_refused_by_number)
{
    static const char text[] = LINE("01", "0.8470") "not json\n" LINE("05", "-1") LINE("09", "0.86");
    void *state = must_open(text, "");
    ck_assert_int_eq(step(state), FXMON_DONE);
    ck_assert_int_eq(step(state), FXMON_REFUSED);
    ck_assert_msg(strstr(problem.text, "line 2: ") != NULL, "%s", problem.text);
    ck_assert_int_eq(step(state), FXMON_REFUSED);
    ck_assert_msg(strstr(problem.text, "line 3: ") != NULL && strstr(problem.text, "-1"), "%s", problem.text);
    ck_assert_int_eq(step(state), FXMON_DONE);
    ck_assert_int_eq(step(state), FXMON_END);
    ck_assert_ptr_nonnull(strstr(env.log, "2 messages; 2 bad lines"));
    fxi_source_replay.close(state);
    state = must_open(text, "?strict=yes");
    ck_assert_int_eq(step(state), FXMON_DONE);
    ck_assert_int_eq(step(state), FXMON_FATAL);
    ck_assert_int_eq(step(state), FXMON_END);
    fxi_source_replay.close(state);
}
END_TEST

START_TEST(unknown_layouts_and_missing_settings_end_it_at_once)
{
    void *state;
    ck_assert_int_eq(open_replay("292,1.38676,1.38686\n", "", &state), FXMON_FATAL);
    ck_assert_int_eq(problem.code, FXMON_E_OPTION);
    state = must_open("292,1.38676,1.38686\n", "?pair=EUR/USD&date=2014-05-01");
    ck_assert_int_eq(step(state), FXMON_DONE);
    ck_assert_int_eq(message.time, (INT64_C(1398902400) * 1000 + 292) * (FXMON_SECOND / 1000));
    ck_assert_int_eq(message.rates[0].bid.mantissa, 138676);
    fxi_source_replay.close(state);
}
END_TEST

START_TEST(a_line_over_the_limit_is_refused)
{
    const size_t size = 3u << 20;
    char *text = malloc(size);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', size);
    memcpy(text, LINE("01", "0.85"), strlen(LINE("01", "0.85")));
    const size_t tail = strlen("\n" LINE("02", "0.86"));
    memcpy(text + size - tail, "\n" LINE("02", "0.86"), tail);
    char url[128];
    snprintf(url, sizeof url, "replay:%s%s", write_file(text, size), _i ? "?order=reverse" : "");
    free(text);
    void *state = NULL;
    source_env_init(&env, NULL);
    ck_assert_int_eq(fxi_source_replay.open(&env.env, url, &state, &problem), FXMON_DONE);
    ck_assert_int_eq(step(state), FXMON_DONE);
    ck_assert_int_eq(message.rates[0].mid.mantissa, _i ? 86 : 85);
    ck_assert_int_eq(step(state), FXMON_REFUSED);
    ck_assert_int_eq(problem.code, FXMON_E_TOO_LARGE);
    ck_assert_int_eq(step(state), FXMON_DONE);
    ck_assert_int_eq(step(state), FXMON_END);
    fxi_source_replay.close(state);
}
END_TEST

START_TEST(a_pipe_is_followed_without_waiting)
{
    int ends[2];
    void *state = NULL;
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    source_env_init(&env, NULL);
    ck_assert_int_eq(fxi_source_replay.open(&env.env, "replay:-", &state, &problem), FXMON_DONE);
    ck_assert_int_eq(step(state), FXMON_WAIT);
    ck_assert_int_gt(due, env.now);
    static const char line[] = LINE("01", "0.85");
    ck_assert_int_eq(write(ends[1], line, 20), 20); /* half a line is no line */
    ck_assert_int_eq(step(state), FXMON_WAIT);
    ck_assert_int_eq(write(ends[1], line + 20, sizeof line - 21), (ssize_t)sizeof line - 21);
    ck_assert_int_eq(step(state), FXMON_DONE);
    ck_assert_int_eq(step(state), FXMON_WAIT);
    close(ends[1]);
    ck_assert_int_eq(step(state), FXMON_END);
    fxi_source_replay.close(state);
}
END_TEST

/* Random bytes with line ends, limits around the block size: the same lines forwards, and the reverse of them backwards. */
START_TEST(line_file_against_plain_reading)
{
    fxi_random random;
    enum { SIZE = 300000 };
    char *text = malloc(SIZE);
    size_t *start = malloc(SIZE * sizeof *start), *length = malloc(SIZE * sizeof *length);
    ck_assert(text && start && length);
    property_seed(&random, "line_file_against_plain_reading");
    for (long round = property_cases(60); round > 0; round--) {
        size_t size = (size_t)fxi_random_below(&random, SIZE), lines = 0, limit = 50 + (size_t)fxi_random_below(&random, 100000);
        uint64_t often = 2 + fxi_random_below(&random, round % 2 ? 200000 : 300);
        for (size_t i = 0; i < size; i++)
            text[i] = fxi_random_below(&random, often) == 0 ? '\n' : (char)('a' + i % 26);
        for (size_t at = 0; at < size; lines++) {
            const char *end = memchr(text + at, '\n', size - at);
            start[lines] = at;
            length[lines] = (end ? (size_t)(end - text) : size) - at;
            at += length[lines] + 1;
        }
        fxi_line_file *file = fxi_line_file_open(write_file(text, size), limit, &problem);
        ck_assert_ptr_nonnull(file);
        for (int backwards = 0; backwards < 2; backwards++) {
            const char *line;
            size_t got;
            if (size == 1 && text[0] == '\n' && backwards)
                break; /* one empty line or none: the one difference, and none that a reader could see */
            ck_assert_int_eq(fxi_line_file_rewind(file, backwards, &problem), FXMON_OK);
            for (size_t i = 0; i < lines; i++) {
                size_t expected = backwards ? lines - 1 - i : i;
                fxi_line_result result = fxi_line_file_next(file, &line, &got, &problem);
                ck_assert_int_eq(fxi_line_file_number(file), backwards ? -(int64_t)i - 1 : (int64_t)i + 1);
                if (length[expected] > limit) {
                    ck_assert_int_eq(result, FXI_LINE_LONG);
                    continue;
                }
                ck_assert_int_eq(result, FXI_LINE);
                ck_assert_uint_eq(got, length[expected]);
                ck_assert_int_eq(memcmp(line, text + start[expected], got), 0);
            }
            ck_assert_int_eq(fxi_line_file_next(file, &line, &got, &problem), FXI_LINE_END);
            ck_assert_int_eq(fxi_line_file_next(file, &line, &got, &problem), FXI_LINE_END);
        }
        fxi_line_file_close(file);
    }
    free(text);
    free(start);
    free(length);
}
END_TEST

/* ---- recorded files, where they are ------------------------------------------------------------------------------------------------ */

static const struct {
    const char *path, *settings;
    int messages;
} recordings[] = {
    {"streams/usd-base-2009-2015.ndjson", "", 1793},
    {"fx/ecb-eurofxref-hist-1999-2015.csv", "", 4353},
    {"fx/fed-h10-daily-1999-2012.csv", "?base=USD", -1}, /* days without any value are no messages */
    {"ticks/oanda-eurusd-20140501-tick.csv", "?pair=EUR/USD&date=2014-05-01", 24179},
    {"ticks/oanda-eurusd-20140504-tick.csv", "?pair=EUR/USD&date=2014-05-04", 1164},
    {"ticks/oanda-eurusd-20140501-minute.csv", "?pair=EUR/USD&date=2014-05-01", 1363},
    {"ticks/layouts/eurusd-20140504-truefx.csv", "", 300},
    {"ticks/layouts/eurusd-20140504-histdata.csv", "?pair=EUR/USD", 300},
    {"ticks/layouts/eurusd-20140504-dukascopy.csv", "?pair=EUR/USD", 300},
    {"ticks/layouts/eurusd-20140504-ndjson.ndjson", "", 300},
};

START_TEST(real_recordings)
{
    const char *folder = getenv("FXMON_SHARED_DATA"), *top = getenv("FXMON_TOP");
    char url[512], path[400];
    if (folder)
        snprintf(path, sizeof path, "%s/%s", folder, recordings[_i].path);
    else
        snprintf(path, sizeof path, "%s/../shared/data/%s", top ? top : ".", recordings[_i].path);
    if (access(path, R_OK)) {
        printf("skipped: no %s (set FXMON_SHARED_DATA)\n", path);
        return;
    }
    snprintf(url, sizeof url, "replay:%s%s", path, recordings[_i].settings);
    void *state = NULL;
    source_env_init(&env, NULL);
    ck_assert_msg(fxi_source_replay.open(&env.env, url, &state, &problem) == FXMON_DONE, "%s", problem.text);
    int64_t last = INT64_MIN;
    int messages = 0;
    fxmon_result result;
    while ((result = step(state)) == FXMON_DONE) {
        ck_assert_msg(message.time >= last, "time goes back at message %d", messages);
        last = message.time;
        if (messages++ % 97 == 0)
            source_env_check_message(&message);
    }
    ck_assert_msg(result == FXMON_END, "message %d: result %d: %s", messages, result, problem.text);
    if (recordings[_i].messages >= 0)
        ck_assert_int_eq(messages, recordings[_i].messages);
    else
        ck_assert_int_gt(messages, 3000);
    fxi_source_replay.close(state);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("replay");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, as_fast_as_possible_and_unchanged);
    tcase_add_loop_test(tests, in_the_time_in_which_it_came, 0, 2);
    tcase_add_loop_test(tests, newest_first_is_turned_round, 0, 2);
    tcase_add_test(tests, bad_lines_are_refused_by_number);
    tcase_add_test(tests, unknown_layouts_and_missing_settings_end_it_at_once);
    tcase_add_loop_test(tests, a_line_over_the_limit_is_refused, 0, 2);
    tcase_add_test(tests, a_pipe_is_followed_without_waiting);
    tcase_add_test(tests, line_file_against_plain_reading);
    tcase_add_loop_test(tests, real_recordings, 0, (int)(sizeof recordings / sizeof recordings[0]));
    return support_run("replay", tests);
}
