/* Notifiers: standard output, a command, a file log. */
#include "../support/log_folder.h"
#include "../support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const fxmon_notify_ops fxi_notify_text, fxi_notify_exec, fxi_notify_file;

static test_host host;
static char folder[128], path[200], url[600];
static fxmon_event event;
static const char json[] = "{\"event_id\":\"00112233445566778899aabbccddeeff\",\"pair\":\"USD/EUR\"}";

static void setup(void)
{
    test_host_init(&host);
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/out", folder);
    memset(&event, 0, sizeof event);
    snprintf(event.id, sizeof event.id, "00112233445566778899aabbccddeeff");
    event.kind = FXMON_FIRED;
    event.condition = FXMON_ABOVE;
    event.severity = FXMON_CRITICAL;
    event.threshold = (fxmon_decimal){90, 2};
    event.rate = (fxmon_decimal){905, 3};
    fxmon_pair_parse("USD/EUR", 7, &event.pair);
}

static void teardown(void)
{
    test_folder_remove(folder);
}

static fxmon_result send_to(const fxmon_notify_ops *ops, const char *at, fxmon_error *error)
{
    void *state;
    ck_assert_msg(ops->open(&host.env, at, &state, error) == FXMON_DONE, "%s", error->text);
    fxmon_result result = ops->send(state, &event, json, strlen(json), error);
    ops->close(state);
    return result;
}

START_TEST(standard_output)
{
    fxmon_error error = {0};
    fflush(stdout);
    int fd = open(path, O_WRONLY | O_CREAT, 0666);
    dup2(fd, STDOUT_FILENO);
    close(fd);
    ck_assert_int_eq(send_to(&fxi_notify_text, "-", &error), FXMON_DONE);
    char *text = test_file_read(path, NULL), expected[200];
    snprintf(expected, sizeof expected, "%s\n", json);
    ck_assert_str_eq(text, expected);
    free(text);
}
END_TEST

START_TEST(file_log)
{
    fxmon_error error = {0};
    snprintf(url, sizeof url, "file:%s/alerts", folder);
    ck_assert_int_eq(send_to(&fxi_notify_file, url, &error), FXMON_DONE);
    ck_assert_int_eq(send_to(&fxi_notify_file, url, &error), FXMON_DONE);
    test_lines lines;
    test_log_all(url, &lines);
    ck_assert_int_eq(lines.count, 2);
    ck_assert_str_eq(lines.text[1], json);
    void *none;
    ck_assert_int_eq(fxi_notify_file.open(&host.env, "deadfile:x", &none, &error), FXMON_FATAL); /* no such log */
    test_lines_free(&lines);
}
END_TEST

static void script(const char *text)
{
    char file[200];
    snprintf(file, sizeof file, "%s/run.sh", folder);
    test_file_write(file, text, strlen(text));
    snprintf(url, sizeof url, "exec:/bin/sh '%s' '%s' \"a  b\" $HOME", file, path);
}

START_TEST(command_gets_event)
{
    fxmon_error error = {0};
    setenv("FXMON_PAIR", "old", 1);
    script("cat > \"$1\"; echo \"|$2|$3|$FXMON_PAIR|$FXMON_RATE|$FXMON_THRESHOLD|$FXMON_KIND|$FXMON_SEVERITY|$FXMON_CONDITION|$FXMON_EVENT_ID\" >> \"$1\"\n");
    ck_assert_msg(send_to(&fxi_notify_exec, url, &error) == FXMON_DONE, "%s", error.text);
    char *text = test_file_read(path, NULL), expected[400];
    snprintf(expected, sizeof expected, "%s\n|a  b|$HOME|USD/EUR|0.905|0.90|fired|critical|above|00112233445566778899aabbccddeeff\n", json);
    ck_assert_str_eq(text, expected);
    free(text);
}
END_TEST

START_TEST(command_fails)
{
    fxmon_error error = {0};
    script("exit 3\n");
    ck_assert_int_eq(send_to(&fxi_notify_exec, url, &error), FXMON_RETRY);
    ck_assert_int_eq(error.code, FXMON_E_CHILD);
    ck_assert_ptr_nonnull(strstr(error.text, "status 3"));
    script("kill -TERM $$\n");
    ck_assert_int_eq(send_to(&fxi_notify_exec, url, &error), FXMON_RETRY);
    ck_assert_ptr_nonnull(strstr(error.text, "signal 15"));
    ck_assert_int_eq(send_to(&fxi_notify_exec, "exec:/nonexistent/command", &error), FXMON_RETRY);
    ck_assert_ptr_nonnull(strstr(error.text, "/nonexistent/command"));
    void *state;
    ck_assert_int_eq(fxi_notify_exec.open(&host.env, "exec:sh 'open", &state, &error), FXMON_FATAL);
    ck_assert_int_eq(fxi_notify_exec.open(&host.env, "exec:", &state, &error), FXMON_FATAL);
}
END_TEST

/* The clock of the host runs ahead, so the ten seconds pass at once; the whole process group ends. */
static int64_t hasty(void *user)
{
    int64_t *t = user;
    return *t += FXMON_SECOND;
}

START_TEST(command_that_does_not_end)
{
    fxmon_error error = {0};
    int64_t t = 0;
    void *state;
    fxmon_env env = {.size = sizeof env, .user = &t, .monotonic = hasty};
    ck_assert_int_eq(fxi_notify_exec.open(&env, "exec:sleep 1000", &state, &error), FXMON_DONE);
    ck_assert_int_eq(fxi_notify_exec.send(state, &event, json, strlen(json), &error), FXMON_RETRY);
    ck_assert_int_eq(error.code, FXMON_E_TIMEOUT);
    fxi_notify_exec.close(state);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("notify");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, standard_output);
    tcase_add_test(tests, file_log);
    tcase_add_test(tests, command_gets_event);
    tcase_add_test(tests, command_fails);
    tcase_add_test(tests, command_that_does_not_end);
    return support_run("notify", tests);
}
