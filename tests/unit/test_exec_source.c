/* exec: words, runs, streams; every way in which a command can fail; no descriptor, no child and no signal setting is left behind. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/source_env.h"
#include "../support/support.h"
#include "base/mem.h"
#include "source/process.h"
#include "source/source.h"

#define ROW(pair, rate) "{\"pair\":\"" pair "\",\"time\":\"2026-02-04T10:30:00Z\",\"rate\":" rate ",\"source\":\"x\"}"

static source_env env;
static fxmon_message message;
static fxmon_error problem;
static int64_t due;

static void *must_open(const char *url, const char *const *options)
{
    void *state = NULL;
    source_env_init(&env, options);
    env.real = true;
    ck_assert_msg(fxi_source_exec.open(&env.env, url, &state, &problem) == FXMON_DONE, "%s: %s", url, problem.text);
    return state;
}

static fxmon_result step(void *state)
{
    return source_env_turn(&env, &fxi_source_exec, state, 5 * FXMON_SECOND, &message, &due, &problem);
}

START_TEST(words)
{
    static const struct {
        const char *text, *first, *last;
        int count;
        const char *rest;
    } rows[] = {
        {"date", "date", "date", 1, NULL},
        {"  a  b\tc ", "a", "c", 3, NULL},
        {"a 'b c' d", "a", "d", 3, NULL},
        {"a 'b \\ \"c'", "a", "b \\ \"c", 2, NULL},
        {"a \"b \\\" c\"", "a", "b \" c", 2, NULL},
        {"a b\\ c", "a", "b c", 2, NULL},
        {"a ''", "a", "", 2, NULL},
        {"a x'y'z", "a", "xyz", 2, NULL},
        {"a b#format=ecb", "a", "b", 2, "format=ecb"},
        {"a 'b#c' #d=e", "a", "b#c", 2, "d=e"},
        {"a $HOME * ; |", "a", "|", 5, NULL}, /* nobody interprets them */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char **argv;
        const char *rest;
        int count = 0;
        ck_assert_int_eq(fxi_process_words(rows[i].text, &argv, &rest, &problem), FXMON_OK);
        while (argv[count])
            count++;
        ck_assert_int_eq(count, rows[i].count);
        ck_assert_str_eq(argv[0], rows[i].first);
        ck_assert_str_eq(argv[count - 1], rows[i].last);
        ck_assert(rows[i].rest ? rest && strcmp(rest, rows[i].rest) == 0 : rest == NULL);
        fxi_free(argv);
    }
}
END_TEST

START_TEST(rows_of_one_run_are_one_publication)
{
    void *state = must_open("exec:printf '%s\\n' '" ROW("USD/EUR", "0.8470") "' '" ROW("USD/GBP", "0.789") "' 'nonsense' '" ROW("EUR/USD", "1.18")
                            "'#interval=1h",
                            NULL);
    ck_assert_msg(step(state) == FXMON_DONE, "%s", problem.text);
    ck_assert_uint_eq(message.count, 2);
    ck_assert_str_eq(message.rates[1].pair.text, "USD/GBP");
    ck_assert_int_eq(message.rates[0].mid.mantissa, 8470);
    ck_assert_int_eq(step(state), FXMON_REFUSED);
    ck_assert_ptr_nonnull(strstr(problem.text, "line 3"));
    ck_assert_int_eq(step(state), FXMON_DONE);
    ck_assert_str_eq(message.base, "EUR");
    ck_assert_int_eq(step(state), FXMON_WAIT); /* the next run is in an hour */
    fxi_source_exec.close(state);
}
END_TEST

START_TEST(the_same_output_is_no_news)
{
    static const char *const again[] = {"dedupe", "no", NULL};
    void *state = must_open("exec:echo '" ROW("USD/EUR", "0.8470") "'#interval=10ms", NULL);
    ck_assert_int_eq(step(state), FXMON_DONE);
    for (int i = 0; i < 200; i++) {
        fxmon_result result = fxi_source_exec.next(state, env.env.now(&env), &message, &due, &problem);
        ck_assert_int_eq(result, FXMON_WAIT);
        if (problem.code == FXMON_E_NOT_MODIFIED)
            break;
        ck_assert_int_lt(i, 199);
        poll(NULL, 0, 5);
    }
    fxi_source_exec.close(state);
    state = must_open("exec:echo '" ROW("USD/EUR", "0.8470") "'#interval=10ms", again);
    ck_assert_int_eq(step(state), FXMON_DONE);
    ck_assert_int_eq(step(state), FXMON_DONE);
    fxi_source_exec.close(state);
}
END_TEST

START_TEST(a_provider_answer)
{
    static const char *const options[] = {"base", "USD", "track", "EUR,GBP", NULL};
    void *state = must_open("exec:printf '%s' '{\"amount\":1.0,\"base\":\"EUR\",\"date\":\"2026-02-03\",\"rates\":{\"USD\":1.25,\"GBP\":0.75}}'"
                            "#format=frankfurter-v1&source=mine",
                            options);
    ck_assert_msg(step(state) == FXMON_DONE, "%s", problem.text);
    ck_assert_str_eq(message.source, "mine (rebased from EUR)");
    ck_assert_uint_eq(message.count, 2);
    ck_assert(fxmon_decimal_to_double(message.rates[0].mid) == 0.8);
    ck_assert(fxmon_decimal_to_double(message.rates[1].mid) == 0.6);
    fxi_source_exec.close(state);
}
END_TEST

START_TEST(failures)
{
    static const struct {
        const char *url;
        fxmon_result result;
        int code;
        const char *words;
    } rows[] = {
        {"exec:sh -c 'echo first >&2; echo the last words >&2; exit 3'", FXMON_RETRY, FXMON_E_CHILD, "status 3: the last words"},
        {"exec:sh -c 'kill -9 $$'", FXMON_RETRY, FXMON_E_CHILD, "signal 9"},
        {"exec:sh -c 'echo \"{}\"; exit 1'", FXMON_RETRY, FXMON_E_CHILD, "status 1"},
        {"exec:/nonexistent/command", FXMON_FATAL, FXMON_E_NOT_FOUND, "/nonexistent/command"},
        {"exec:true", FXMON_RETRY, FXMON_E_NO_DATA, "printed nothing"},
        {"exec:printf '# nothing\\n'", FXMON_RETRY, FXMON_E_NO_DATA, "no line that could be used"},
        {"exec:sleep 60#timeout=100ms", FXMON_RETRY, FXMON_E_TIMEOUT, "100ms"},
        {"exec:yes#max=4k", FXMON_RETRY, FXMON_E_TOO_LARGE, "4096"},
        {"exec:echo '{\"result\":\"error\",\"error-type\":\"invalid-key\"}'#format=open-er-api", FXMON_RETRY, FXMON_E_BAD_KEY, ""},
        {"exec+stream:sh -c 'echo oh >&2; exit 4'", FXMON_RETRY, FXMON_E_CHILD, "status 4: oh"},
    };
    void *state = must_open(rows[_i].url, NULL);
    fxmon_result result = step(state);
    ck_assert_msg(problem.code == rows[_i].code, "%s: %s (%s)", rows[_i].url, fxmon_errname(problem.code), problem.text);
    ck_assert_int_eq(result, rows[_i].result);
    ck_assert_msg(strstr(problem.text, rows[_i].words) != NULL, "%s", problem.text);
    ck_assert_int_gt(problem.retry_at, env.env.now(&env)); /* not before the interval is over */
    fxi_source_exec.close(state);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left to reap, nothing runs */
    ck_assert_int_eq(errno, ECHILD);
}
END_TEST

START_TEST(a_stream)
{
    void *state = must_open("exec+stream:sh -c 'echo \"$1\"; echo \"$2\"; echo bad; cat >/dev/null; echo \"$1\"' x '" ROW("USD/EUR", "0.8470") "' '" ROW(
                                "USD/EUR", "0.85") "'",
                            NULL);
    ck_assert_msg(step(state) == FXMON_DONE, "%s", problem.text);
    ck_assert_int_eq(message.rates[0].mid.mantissa, 8470);
    ck_assert_int_eq(step(state), FXMON_DONE);
    ck_assert_int_eq(message.rates[0].mid.mantissa, 85);
    ck_assert_int_eq(step(state), FXMON_REFUSED);
    ck_assert_int_eq(step(state), FXMON_DONE); /* standard input is empty, so cat ends */
    ck_assert_int_eq(step(state), FXMON_END);
    ck_assert_int_eq(step(state), FXMON_END);
    fxi_source_exec.close(state);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

START_TEST(nothing_leaks_either_way)
{
    const int before = open_descriptors();
    int leak = open("/dev/null", O_RDONLY); /* without close-on-exec, as a careless host has it */
    ck_assert_int_ge(leak, 0);
    signal(SIGPIPE, SIG_IGN);
    /* the command sees 0, 1, 2 and the folder that ls itself opens; and SIGPIPE works */
    void *state = must_open("exec:sh -c 'ls /proc/self/fd | wc -l >&2; grep SigIgn /proc/self/status >&2; exit 1'", NULL);
    ck_assert_int_eq(step(state), FXMON_RETRY);
    const char *ignored = strstr(problem.text, "SigIgn: "); /* signals 32 and 33 are the C library's own */
    ck_assert_msg(ignored && (strtoull(ignored + 8, NULL, 16) & 0x7fffffff) == 0, "%s", problem.text);
    fxi_source_exec.close(state);
    state = must_open("exec:sh -c 'ls /proc/self/fd | wc -l >&2; exit 1'", NULL);
    ck_assert_int_eq(step(state), FXMON_RETRY);
    ck_assert_msg(strstr(problem.text, "status 1: 4") != NULL, "%s", problem.text);
    fxi_source_exec.close(state);
    close(leak);
    for (int i = 0; i < 20; i++) { /* closed while the command and its own child run */
        state = must_open(i % 2 ? "exec+stream:sh -c 'sleep 60 & sleep 60'" : "exec:sh -c 'sleep 60 & sleep 60'", NULL);
        ck_assert_int_eq(fxi_source_exec.next(state, env.env.now(&env), &message, &due, &problem), FXMON_WAIT);
        fxi_source_exec.close(state);
    }
    ck_assert_int_eq(open_descriptors(), before);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("exec");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, words);
    tcase_add_test(tests, rows_of_one_run_are_one_publication);
    tcase_add_test(tests, the_same_output_is_no_news);
    tcase_add_test(tests, a_provider_answer);
    tcase_add_loop_test(tests, failures, 0, 10);
    tcase_add_test(tests, a_stream);
    tcase_add_test(tests, nothing_leaks_either_way);
    return support_run("exec", tests);
}
