/*
 * notify/exec.c - a command for each alert event: "exec:COMMAND WORDS...".
 *
 * No shell: the text is split at spaces, with '...' and "..." around words that have some, and nothing is expanded. The event's JSON is on standard input, the
 * members that scripts want are in FXMON_EVENT_ID, FXMON_PAIR, FXMON_RATE, FXMON_THRESHOLD, FXMON_CONDITION, FXMON_KIND, FXMON_SEVERITY, FXMON_MESSAGE. Standard output of the
 * command goes to standard error, since ours may be data. It has ten seconds, then its process group is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"

#include <fxmon/plugin.h>

#define LIMIT (10 * FXMON_SECOND)
#define FAREWELL (3 * FXMON_SECOND / 2) /* what is left of it once the program is to stop: one in flight and one last must fit into 5 s */
#define WORDS 64
#define VARIABLES 8
#define LOOK_MS 5 /* how often the child is looked at; the wait ends with its exit by at most this */

extern const fxmon_notify_ops fxi_notify_exec;
extern char **environ;

typedef struct exec_notify {
    const fxmon_env *env;
    char *text; /* the words, one after the other */
    char *word[WORDS + 1];
} exec_notify;

static int64_t now_of(const exec_notify *n)
{
    if (n->env && n->env->monotonic) {
        return n->env->monotonic(n->env->user);
    }
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * FXMON_SECOND + t.tv_nsec;
}

/* Split in place. */
static int split(exec_notify *n, fxmon_error *error)
{
    size_t words = 0;
    char *in = n->text, *out = n->text;
    for (;;) {
        while (*in == ' ' || *in == '\t') {
            in++;
        }
        if (!*in) {
            break;
        }
        if (words == WORDS) {
            return fxi_fail(error, FXMON_E_TOO_LARGE, "notify", "exec: a command of more than %d words", WORDS);
        }
        n->word[words++] = out;
        char quote = '\0';
        for (; *in && (quote || (*in != ' ' && *in != '\t')); in++) {
            if (quote ? *in == quote : *in == '\'' || *in == '"') {
                quote = quote ? '\0' : *in;
            } else {
                *out++ = *in;
            }
        }
        if (quote) {
            return fxi_fail(error, FXMON_E_SYNTAX, "notify", "exec: a %c has no end", quote);
        }
        bool last = !*in;
        in += !last;
        *out++ = '\0';
        if (last) {
            break;
        }
    }
    n->word[words] = NULL;
    return words ? FXMON_OK : fxi_fail(error, FXMON_E_ARGUMENT, "notify", "exec: expected exec:COMMAND");
}

static void exec_close(void *state)
{
    exec_notify *n = state;
    if (n) {
        fxi_free(n->text);
        fxi_free(n);
    }
}

static fxmon_result exec_open(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    const char *command = strchr(url, ':'); /* as written: a % or ? in a command is its own */
    exec_notify *n = fxi_calloc(1, sizeof *n);
    *state = NULL;
    if (n) {
        n->env = env;
        n->text = fxi_strdup(command ? command + 1 : "");
    }
    int code = n && n->text ? split(n, error) : fxi_fail(error, FXMON_E_NOMEM, "", "out of memory opening a notifier");
    if (code != FXMON_OK) {
        exec_close(n);
        return FXMON_FATAL;
    }
    *state = n;
    return FXMON_DONE;
}

static const char *kind_name(int kind)
{
    return kind == FXMON_FIRED ? "fired" : kind == FXMON_REPEATED ? "repeated" : kind == FXMON_RESOLVED ? "resolved" : "unknown";
}

typedef struct variables {
    char text[VARIABLES][256];
    char **all; /* ours, then those of the process */
} variables;

static int variables_fill(variables *v, const fxmon_event *event, fxmon_error *error)
{
    char rate[FXMON_DECIMAL_TEXT], threshold[FXMON_DECIMAL_TEXT], message[192];
    const char *condition = fxmon_condition_name(event->condition);
    size_t count = 0, kept = 0;
    fxmon_decimal_format(event->rate, rate);
    fxmon_decimal_format(event->threshold, threshold);
    fxmon_event_message(event, message, sizeof message);
    snprintf(v->text[0], sizeof v->text[0], "FXMON_EVENT_ID=%s", event->id);
    snprintf(v->text[1], sizeof v->text[1], "FXMON_PAIR=%.16s", event->pair.text);
    snprintf(v->text[2], sizeof v->text[2], "FXMON_RATE=%s", rate);
    snprintf(v->text[3], sizeof v->text[3], "FXMON_THRESHOLD=%s", threshold);
    snprintf(v->text[4], sizeof v->text[4], "FXMON_CONDITION=%s", condition ? condition : "");
    snprintf(v->text[5], sizeof v->text[5], "FXMON_KIND=%s", kind_name(event->kind));
    snprintf(v->text[6], sizeof v->text[6], "FXMON_SEVERITY=%s", event->severity == FXMON_CRITICAL ? "critical" : "warning");
    snprintf(v->text[7], sizeof v->text[7], "FXMON_MESSAGE=%s", message);
    while (environ && environ[count]) {
        count++;
    }
    v->all = fxi_calloc(count + VARIABLES + 1, sizeof *v->all);
    if (!v->all) {
        return fxi_fail(error, FXMON_E_NOMEM, "", "out of memory starting a command");
    }
    for (; kept < VARIABLES; kept++) {
        v->all[kept] = v->text[kept];
    }
    for (size_t i = 0; i < count; i++) {
        bool ours = false;
        for (size_t k = 0; k < VARIABLES; k++) {
            size_t name = (size_t)(strchr(v->text[k], '=') + 1 - v->text[k]);
            ours = ours || strncmp(environ[i], v->text[k], name) == 0;
        }
        if (!ours) {
            v->all[kept++] = environ[i];
        }
    }
    return FXMON_OK;
}

static int start(const exec_notify *n, int input, char **variables_all, pid_t *child)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed) {
        return failed;
    }
    failed = posix_spawnattr_init(&attributes);
    if (failed) {
        posix_spawn_file_actions_destroy(&actions);
        return failed;
    }
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGINT);
    sigaddset(&usual, SIGTERM);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    failed = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    failed = failed ? failed : posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    failed = failed ? failed : posix_spawnp(child, n->word[0], &actions, &attributes, n->word, variables_all);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* A write that neither blocks nor signals; a command that does not read its input may not read it. 0 none, -1 it has closed its end. */
static ssize_t feed(int fd, const char *data, size_t length)
{
    sigset_t pipe_only, old, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_only, &old);
    ssize_t wrote = write(fd, data, length);
    bool full = wrote < 0 && (errno == EAGAIN || errno == EINTR);
    if (wrote < 0 && errno == EPIPE && !was_pending) {
        struct timespec none = {0, 0};
        while (sigtimedwait(&pipe_only, NULL, &none) < 0 && errno == EINTR) {
        }
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return full ? 0 : wrote;
}

/* Give it its input and wait for its end. */
static int attend(const exec_notify *n, pid_t child, int input, const char *data, size_t length, fxmon_error *error)
{
    int64_t began = now_of(n), until = began + LIMIT;
    bool hurried = false;
    int status = 0, code = FXMON_OK;
    size_t done = 0;
    pid_t ended = 0;
    while (ended == 0) {
        if (input >= 0 && done < length) {
            ssize_t wrote = feed(input, data + done, length - done);
            done = wrote < 0 ? length : done + (size_t)wrote;
        }
        if (input >= 0 && done == length) {
            close(input);
            input = -1;
        }
        ended = waitpid(child, &status, WNOHANG);
        ended = ended < 0 && errno == EINTR ? 0 : ended;
        if (!hurried && n->env && n->env->stopping && n->env->stopping(n->env->user)) {
            hurried = true;
            until = now_of(n) + FAREWELL < until ? now_of(n) + FAREWELL : until;
        }
        if (ended == 0 && now_of(n) > until) {
            kill(-child, SIGKILL);
            while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
            }
            code = fxi_fail(error, FXMON_E_TIMEOUT, "notify", "%.100s did not end within %lld ms and was killed", n->word[0], (long long)((until - began) / 1000000));
            ended = child;
        } else if (ended == 0) {
            struct pollfd p = {input, POLLOUT, 0};
            poll(&p, input >= 0, LOOK_MS);
        } else if (ended < 0) {
            code = fxi_fail(error, FXMON_E_CHILD, "notify", "%.100s: how it ended is not known, the host program took its status", n->word[0]);
        } else if (WIFSIGNALED(status)) {
            code = fxi_fail(error, FXMON_E_CHILD, "notify", "%.100s was ended by signal %d", n->word[0], WTERMSIG(status));
        } else if (WEXITSTATUS(status) != 0) {
            code = fxi_fail(error, FXMON_E_CHILD, "notify", "%.100s ended with status %d", n->word[0], WEXITSTATUS(status));
        }
    }
    if (input >= 0) {
        close(input);
    }
    return code;
}

/* The command gets a line, so that `cat >>` and `while read` work. */
static fxmon_result run_command(const exec_notify *n, const fxmon_event *event, const char *line, size_t length, fxmon_error *error)
{
    variables v = {.all = NULL};
    int ends[2];
    pid_t child;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        fxi_fail_errno(error, errno, "cannot start", n->word[0]);
        return FXMON_RETRY;
    }
    int flags = fcntl(ends[1], F_GETFL);
    int code = flags < 0 || fcntl(ends[1], F_SETFL, flags | O_NONBLOCK) < 0 ? fxi_fail_errno(error, errno, "cannot start", n->word[0])
                                                                           : variables_fill(&v, event, error);
    int failed = code == FXMON_OK ? start(n, ends[0], v.all, &child) : 0;
    close(ends[0]);
    fxi_free(v.all);
    if (failed) {
        fxi_fail_errno(error, failed, "cannot start", n->word[0]);
        if (error)
            error->code = FXMON_E_CHILD;
        code = FXMON_E_CHILD;
    }
    if (code != FXMON_OK) {
        close(ends[1]);
        return code == FXMON_E_NOMEM ? FXMON_FATAL : FXMON_RETRY;
    }
    return attend(n, child, ends[1], line, length, error) == FXMON_OK ? FXMON_DONE : FXMON_RETRY;
}

static fxmon_result exec_send(void *state, const fxmon_event *event, const char *json, size_t length, fxmon_error *error)
{
    fxi_buf line;
    fxi_buf_init(&line, length + 2);
    fxmon_result result = FXMON_FATAL;
    if (fxi_buf_add(&line, json, length) && fxi_buf_putc(&line, '\n'))
        result = run_command(state, event, line.data, line.length, error);
    else
        fxi_fail(error, FXMON_E_NOMEM, "notify", "out of memory");
    fxi_buf_free(&line);
    return result;
}

const fxmon_notify_ops fxi_notify_exec = {
    .size = sizeof(fxmon_notify_ops),
    .schemes = "exec",
    .open = exec_open,
    .send = exec_send,
    .close = exec_close,
};
