#include "local_server.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t server_pid;
static int server_input = -1, server_port;

int local_server_port(void)
{
    return server_port;
}

static void server_child(const int input[2], const int output[2])
{
    dup2(input[0], STDIN_FILENO);
    dup2(output[1], STDOUT_FILENO);
    close(input[1]);
    close(output[0]);
    char script[4096];
    const char *top = getenv("FXMON_TOP"); /* unset: a program run by hand in the top folder */
    snprintf(script, sizeof script, "%s/tests/support/provider_server.py", top ? top : ".");
    execlp("python3", "python3", script, (char *)NULL);
    _exit(127);
}

void local_server_start(void)
{
    int input[2], output[2];
    char line[64] = "";
    ck_assert_int_eq(pipe(input), 0);
    ck_assert_int_eq(pipe(output), 0);
    server_pid = fork();
    ck_assert_int_ge(server_pid, 0);
    if (server_pid == 0)
        server_child(input, output);
    close(input[0]);
    close(output[1]);
    server_input = input[1];
    for (size_t length = 0; length < sizeof line - 1 && !strchr(line, '\n'); length++) {
        struct pollfd ready = {.fd = output[0], .events = POLLIN};
        ck_assert_msg(poll(&ready, 1, 10000) == 1 && read(output[0], line + length, 1) == 1,
                      "tests/support/provider_server.py did not start (without FXMON_TOP, run in the top folder)");
    }
    close(output[0]);
    ck_assert_msg(strncmp(line, "port ", 5) == 0, "the server said %s", line);
    server_port = (int)strtol(line + 5, NULL, 10);
    ck_assert_int_gt(server_port, 0);
}

void local_server_stop(void)
{
    if (server_input >= 0)
        close(server_input); /* the server ends with its input */
    server_input = -1;
    if (server_pid > 0)
        waitpid(server_pid, NULL, 0);
    server_pid = 0;
}

const char *local_server_named(const char *prefix, const char *path)
{
    static char text[8][512];
    static unsigned turn;
    char *out = text[turn++ % 8];
    snprintf(out, sizeof text[0], "%shttp://127.0.0.1:%d%s", prefix, server_port, path);
    return out;
}

const char *local_server_url(const char *path)
{
    return local_server_named("", path);
}

const char *local_server_requests(void)
{
    static char answer[262144];
    static const char question[] = "GET /_requests HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server_port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    size_t length = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(write(fd, question, sizeof question - 1), (ssize_t)sizeof question - 1);
    for (ssize_t got; (got = read(fd, answer + length, sizeof answer - 1 - length)) > 0;)
        length += (size_t)got;
    close(fd);
    answer[length] = '\0';
    char *body = strstr(answer, "\r\n\r\n");
    ck_assert_ptr_nonnull(body);
    return body + 4;
}

size_t local_server_count(const char *text)
{
    size_t count = 0;
    for (const char *at = local_server_requests(); (at = strstr(at, text)) != NULL; at += strlen(text))
        count++;
    return count;
}
