/*
 * source/process.c - a child process without a shell.
 *
 * No shell, so no word of a command is ever interpreted twice. posix_spawn, so that it works from a host with threads and a large
 * memory. The child leads its own process group: stopping kills what it started, too, and a Ctrl-C at the terminal reaches the
 * host first, which then decides.
 */
#include "source/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

#define PROCESS_READ 16384
#define PROCESS_PUMP 64 /* reads of one pump: a child that writes without end must not keep the lane */

/* ---- words ----------------------------------------------------------------------------------------------------------------------- */

typedef struct word_reader {
    const char *at;
    char *out;
    char **argv;
    size_t count;
    bool inside;
} word_reader;

static bool word_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

static int words_quoted(word_reader *w, fxmon_error *error)
{
    const char quote = *w->at++;
    while (*w->at && *w->at != quote) {
        if (quote == '"' && *w->at == '\\' && w->at[1])
            w->at++;
        *w->out++ = *w->at++;
    }
    if (!*w->at)
        return fxi_fail(error, FXMON_E_SYNTAX, "from", "exec: the quote %c is not closed", quote);
    w->at++;
    return FXMON_OK;
}

static int words_read(word_reader *w, fxmon_error *error)
{
    while (*w->at && *w->at != '#') {
        if (word_blank(*w->at)) {
            if (w->inside)
                *w->out++ = '\0';
            w->inside = false;
            w->at++;
            continue;
        }
        if (!w->inside) {
            if (w->count == FXI_PROCESS_WORDS)
                return fxi_fail(error, FXMON_E_TOO_LARGE, "from", "exec: more than %d words", FXI_PROCESS_WORDS);
            w->argv[w->count++] = w->out;
            w->inside = true;
        }
        if (*w->at == '\'' || *w->at == '"') {
            int code = words_quoted(w, error);
            if (code)
                return code;
            continue;
        }
        if (*w->at == '\\' && w->at[1])
            w->at++;
        *w->out++ = *w->at++;
    }
    *w->out = '\0';
    return w->count ? FXMON_OK : fxi_fail(error, FXMON_E_ARGUMENT, "from", "exec: needs a command, as in exec:./rates --now");
}

int fxi_process_words(const char *text, char ***argv, const char **rest, fxmon_error *error)
{
    const size_t table = (FXI_PROCESS_WORDS + 1) * sizeof(char *);
    char *memory = fxi_calloc(1, table + strlen(text) + 1);
    *argv = NULL;
    *rest = NULL;
    if (!memory)
        return fxi_fail(error, FXMON_E_NOMEM, "from", "out of memory");
    word_reader words = {.at = text, .out = memory + table, .argv = (char **)(void *)memory};
    int code = words_read(&words, error);
    if (code) {
        fxi_free(memory);
        return code;
    }
    *argv = words.argv;
    *rest = *words.at == '#' ? words.at + 1 : NULL;
    return FXMON_OK;
}

/* ---- starting ---------------------------------------------------------------------------------------------------------------------- */

static int process_spawn(fxi_process *p, char *const *argv, int out, int err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    extern char **environ;
    pid_t pid = 0;
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc)
        return rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc) {
        posix_spawn_file_actions_destroy(&actions);
        return rc;
    }
    sigemptyset(&none);
    sigfillset(&defaults);
    sigdelset(&defaults, SIGKILL);
    sigdelset(&defaults, SIGSTOP);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    rc = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!rc)
        rc = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (!rc)
        rc = posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
#if defined(__GLIBC__) && (__GLIBC__ > 2 || (__GLIBC__ == 2 && __GLIBC_MINOR__ >= 34))
    if (!rc)
        rc = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
#endif
    if (!rc)
        rc = posix_spawnp(&pid, argv[0], &actions, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (!rc)
        p->pid = (int)pid;
    return rc;
}

/* Ends above standard error: a dup2 onto 0, 1 or 2 in the child must not hit a pipe end that is needed still. */
static int process_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC))
        return errno;
    for (int i = 0; i < 2; i++) {
        if (ends[i] > STDERR_FILENO)
            continue;
        int moved = fcntl(ends[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        int problem = errno;
        if (moved < 0) {
            close(ends[0]);
            close(ends[1]);
            return problem;
        }
        close(ends[i]);
        ends[i] = moved;
    }
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return 0;
}

int fxi_process_start(fxi_process *p, char *const *argv, fxmon_error *error)
{
    int out[2] = {-1, -1}, err[2] = {-1, -1};
    memset(p, 0, sizeof *p);
    p->out = p->err = -1;
    int rc = process_pipe(out);
    if (rc)
        return fxi_fail_errno(error, rc, "exec: cannot make a pipe for", argv[0]);
    rc = process_pipe(err);
    if (rc) {
        close(out[0]);
        close(out[1]);
        return fxi_fail_errno(error, rc, "exec: cannot make a pipe for", argv[0]);
    }
    rc = process_spawn(p, argv, out[1], err[1]);
    close(out[1]);
    close(err[1]);
    if (rc) {
        close(out[0]);
        close(err[0]);
        return fxi_fail_errno(error, rc, "exec: cannot start", argv[0]);
    }
    p->out = out[0];
    p->err = err[0];
    return FXMON_OK;
}

/* ---- running ------------------------------------------------------------------------------------------------------------------------ */

static void process_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void process_last_words(fxi_process *p, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '\n' || c == '\r') {
            p->last_full = true;
            continue;
        }
        if (p->last_full)
            p->last_length = 0;
        p->last_full = false;
        if (p->last_length < sizeof p->last - 1)
            p->last[p->last_length++] = c < ' ' || c == 127 ? ' ' : c;
    }
    p->last[p->last_length] = '\0';
}

/* One pipe: bytes read, 0 at its end or when it is silent. */
static size_t process_read(int *fd, char *room, size_t size)
{
    if (*fd < 0)
        return 0;
    ssize_t got;
    do
        got = read(*fd, room, size);
    while (got < 0 && errno == EINTR);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK))
        process_close(fd);
    return got > 0 ? (size_t)got : 0;
}

static void process_reap(fxi_process *p, int flags)
{
    int status = 0;
    pid_t pid;
    if (p->pid <= 0 || p->exited)
        return;
    do
        pid = waitpid(p->pid, &status, flags);
    while (pid < 0 && errno == EINTR);
    if (pid == 0)
        return;
    p->exited = true;
    p->status = pid < 0 ? 0 : status; /* a host that ignores SIGCHLD leaves no status */
}

int fxi_process_pump(fxi_process *p, fxi_buf *out, fxmon_error *error)
{
    char room[PROCESS_READ];
    p->more = false;
    /* first the end, then the pipes: what was written before the end is then surely read */
    process_reap(p, WNOHANG);
    for (int i = 0; i < PROCESS_PUMP; i++) {
        size_t got = process_read(&p->err, room, sizeof room);
        process_last_words(p, room, got);
        size_t taken = out ? process_read(&p->out, room, sizeof room) : 0;
        if (taken && !fxi_buf_add(out, room, taken)) {
            if (out->length + taken > out->maximum)
                return fxi_fail(error, FXMON_E_TOO_LARGE, "from", "exec: more than %lld bytes of output", (long long)out->maximum);
            return fxi_fail(error, FXMON_E_NOMEM, "from", "out of memory");
        }
        if (!got && !taken)
            return FXMON_OK;
    }
    p->more = true;
    return FXMON_OK;
}

void fxi_process_stop(fxi_process *p)
{
    if (p->pid > 0 && !p->exited) {
        kill(-p->pid, SIGKILL);
        process_reap(p, 0);
    }
    process_close(&p->out);
    process_close(&p->err);
    p->pid = 0;
}

int fxi_process_verdict(const fxi_process *p, const char *name, fxmon_error *error)
{
    const char *colon = p->last[0] ? ": " : "";
    if (WIFEXITED(p->status) && WEXITSTATUS(p->status) == 0)
        return FXMON_OK;
    if (WIFSIGNALED(p->status))
        return fxi_fail(error, FXMON_E_CHILD, "from", "exec: %.60s was ended by signal %d%s%s", name, WTERMSIG(p->status), colon, p->last);
    return fxi_fail(error, FXMON_E_CHILD, "from", "exec: %.60s ended with status %d%s%s", name, WEXITSTATUS(p->status), colon, p->last);
}
