/*
 * cli/progress.c - see progress.h.
 *
 * A thread looks at the counters once a second, which any thread may do while the handle runs. Messages of the run and the line share standard error: both
 * are written under its lock, and a message first takes the line away. What is cut is cut at the width of the terminal: a line that wraps could not be
 * rewritten.
 */
#include "progress.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "report.h"

enum { LANES_SHOWN = 8, LINE_TEXT = 512, COLUMNS_UNKNOWN = 80, EVERY_MS = 1000 };

static bool shown; /* a line stands on standard error, which a process has one of; under its lock */

struct progress {
    fxmon *m;
    pthread_t thread;
    int wake[2]; /* a pipe: closing its end wakes the thread */
    int64_t began, looked;
    int64_t messages[LANES_SHOWN]; /* at the last look */
    size_t lane;
    char line[LINE_TEXT];
    size_t length;
};

static bool wanted(const cli *c)
{
    const char *when = cli_value(c, "progress"), *terminal = getenv("TERM");
    if (!when || strcmp(when, "auto") != 0)
        return when && strcmp(when, "always") == 0;
    bool mixed = report_output_taken(c) && isatty(STDOUT_FILENO);
    return isatty(STDERR_FILENO) && !(terminal && strcmp(terminal, "dumb") == 0) && c->level >= FXMON_LOG_INFO && !c->log_json && !mixed;
}

void progress_hide(void)
{
    if (shown)
        fputs("\r\033[K", stderr);
    shown = false;
}

static void add(progress *p, const char *text)
{
    size_t length = strlen(text), room = sizeof p->line - 1 - p->length;
    length = length < room ? length : room;
    memcpy(p->line + p->length, text, length);
    p->length += length;
    p->line[p->length] = '\0';
}

static bool show_lane(void *user, const fxmon_status *s)
{
    progress *p = user;
    char text[200], rate[32];
    if (p->lane == LANES_SHOWN) {
        add(p, " ...");
        return false;
    }
    int64_t now = cli_monotonic(), milliseconds = (now - p->looked) / 1000000;
    report_number((s->messages - p->messages[p->lane]) * 1000, milliseconds > 0 ? milliseconds : 1, 1, rate);
    p->messages[p->lane] = s->messages;
    snprintf(text, sizeof text, "%s%s: %lld messages, %s/s", p->lane ? " | " : "", s->lane, (long long)s->messages, rate);
    add(p, text);
    if (s->end_offset > s->next_offset && s->next_offset >= 0) {
        snprintf(text, sizeof text, ", lag %lld (%lld s)", (long long)(s->end_offset - s->next_offset), (long long)(s->lag_ns / FXMON_SECOND));
        add(p, text);
    }
    if (s->dead_letters) {
        snprintf(text, sizeof text, ", %lld dead letters", (long long)s->dead_letters);
        add(p, text);
    }
    snprintf(text, sizeof text, ", %s", s->state);
    add(p, text);
    p->lane++;
    return true;
}

static size_t columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : COLUMNS_UNKNOWN;
}

static void show(progress *p)
{
    char text[32];
    long long seconds = (long long)((cli_monotonic() - p->began) / FXMON_SECOND);
    p->lane = p->length = 0;
    snprintf(text, sizeof text, "%lld:%02d  ", seconds / 60, (int)(seconds % 60));
    add(p, text);
    fxmon_status_each(p->m, show_lane, p);
    p->looked = cli_monotonic();
    size_t width = columns() - 1;
    if (p->length > width)
        p->line[width] = '\0';
    flockfile(stderr);
    fprintf(stderr, "\r%s\033[K", p->line);
    fflush(stderr);
    shown = true;
    funlockfile(stderr);
}

static void *progress_main(void *user)
{
    progress *p = user;
    struct pollfd fd = {.fd = p->wake[0], .events = POLLIN};
    while (poll(&fd, 1, EVERY_MS) == 0) /* with all signals blocked nothing else ends the wait */
        show(p);
    return NULL;
}

progress *progress_start(cli *c, fxmon *m)
{
    sigset_t all, before;
    progress *p = wanted(c) ? calloc(1, sizeof *p) : NULL;
    if (!p)
        return NULL;
    p->m = m;
    p->began = p->looked = cli_monotonic();
    if (pipe2(p->wake, O_CLOEXEC) != 0) {
        free(p);
        return NULL;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&p->thread, NULL, progress_main, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure == 0)
        return p;
    close(p->wake[0]);
    close(p->wake[1]);
    free(p);
    return NULL;
}

void progress_stop(progress *p)
{
    if (!p)
        return;
    close(p->wake[1]);
    pthread_join(p->thread, NULL);
    close(p->wake[0]);
    flockfile(stderr);
    progress_hide();
    fflush(stderr);
    funlockfile(stderr);
    free(p);
}
