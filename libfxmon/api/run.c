/*
 * api/run.c - running a handle: a thread a lane, or turns in the host's loop.
 *
 * Both ways do the same turns. What differs is who waits: with threads each waits for its own descriptor and for the stop, in the host's loop one epoll
 * descriptor stands for all of them. The stop's descriptor stays readable once it was requested, so after that nobody waits on it any more.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>

#include "api/handle.h"
#include "base/error.h"

#define SLICE (FXMON_SECOND / 10) /* of work between two looks at the stop */
#define STOP_POLL (FXMON_SECOND / 50)
#define PATIENCE_MS 100 /* in the read of a stream without descriptor */

static int64_t monotonic(const fxmon *m)
{
    return m->env.monotonic(m->env.user);
}

static void slot_ended(struct fxi_slot *slot, int code, const fxmon_error *error)
{
    slot->code = code == FXMON_E_STOPPED ? FXMON_OK : code;
    slot->error = *error;
    atomic_store(&slot->ended, true);
    fxi_board_wake(slot->handle->board);
}

/* One turn; false when the worker has ended. */
static bool slot_turn(struct fxi_slot *slot, int64_t deadline, int patience_ms, int64_t *wait_ns)
{
    fxi_turn turn = {.deadline = deadline, .patience_ms = patience_ms};
    fxmon_error error;
    fxi_error_clear(&error);
    *wait_ns = 0;
    int code = slot->worker.ops->turn(slot->worker.state, &turn, wait_ns, &error);
    if (code == FXMON_OK)
        return true;
    slot_ended(slot, code, &error);
    return false;
}

/* The first error that ended a lane, with the lane's name in front. */
static int verdict(const fxmon *m, fxmon_error *error)
{
    for (size_t i = 0; i < m->slot_count; i++) {
        const struct fxi_slot *slot = &m->slots[i];
        if (!slot->ended || slot->code == FXMON_OK)
            continue;
        fxmon_status status = {.lane = "http"};
        if (slot->worker.ops->status)
            slot->worker.ops->status(slot->worker.state, &status);
        if (error) {
            fxi_fail(error, slot->code, slot->error.field, "%s: %s", status.lane,
                     slot->error.text[0] ? slot->error.text : fxmon_strerror(slot->code));
            error->retry_at = slot->error.retry_at;
        }
        return slot->code;
    }
    return FXMON_OK;
}

/* ---- with threads ------------------------------------------------------------------------------------------ */

static void wait_for(struct fxi_slot *slot, int64_t wait_ns)
{
    const fxmon *m = slot->handle;
    struct pollfd fds[2] = {{.fd = slot->worker.ops->pollfd(slot->worker.state), .events = POLLIN}, {.fd = m->stop.fd, .events = POLLIN}};
    if (fxi_stop_count(&m->stop)) {
        fds[1].fd = -1;
        wait_ns = wait_ns < STOP_POLL ? wait_ns : STOP_POLL;
    }
    int64_t seconds = wait_ns / FXMON_SECOND;
    struct timespec timeout = {.tv_sec = seconds, .tv_nsec = wait_ns - seconds * FXMON_SECOND};
    (void)ppoll(fds, 2, &timeout, NULL); /* an interruption or an error is a turn too early, no more */
}

static void *slot_thread(void *user)
{
    struct fxi_slot *slot = user;
    int64_t wait_ns;
    for (;;) {
        int patience = slot->worker.ops->pollfd(slot->worker.state) < 0 ? PATIENCE_MS : 0;
        if (!slot_turn(slot, monotonic(slot->handle) + SLICE, patience, &wait_ns))
            return NULL;
        if (wait_ns > 0)
            wait_for(slot, wait_ns);
    }
}

/* Signals are the host's business: they stay with its threads. */
static int start_threads(fxmon *m, fxmon_error *error)
{
    sigset_t all, before;
    int failure = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (size_t i = 0; i < m->slot_count && failure == 0; i++) {
        failure = pthread_create(&m->slots[i].thread, NULL, slot_thread, &m->slots[i]);
        m->slots[i].has_thread = failure == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure == 0)
        return FXMON_OK;
    fxi_stop_request(&m->stop);
    return fxi_fail_errno(error, failure, "start", "a thread");
}

static int check_start(fxmon *m, const char *what, fxmon_error *error)
{
    fxi_error_clear(error);
    if (!m)
        return fxi_fail(error, FXMON_E_ARGUMENT, "m", "%s: the handle is NULL", what);
    if (m->running)
        return fxi_fail(error, FXMON_E_STATE, "", "%s: the handle runs already", what);
    if (m->slot_count == 0)
        return fxi_fail(error, FXMON_E_STATE, "", "%s: nothing to do: add fxmon_produce, fxmon_sink, fxmon_alerting or fxmon_serve", what);
    return FXMON_OK;
}

int fxmon_run(fxmon *m, fxmon_error *error)
{
    int code = check_start(m, "fxmon_run", error);
    if (code != FXMON_OK)
        return code;
    if (m->started)
        return fxi_fail(error, FXMON_E_STATE, "", "fxmon_run: the handle has run, or is driven by fxmon_step");
    m->started = true;
    code = fxi_board_begin(m, error);
    if (code != FXMON_OK)
        return code;
    m->running = true;
    code = start_threads(m, error);
    for (size_t i = 0; i < m->slot_count; i++)
        if (m->slots[i].has_thread)
            pthread_join(m->slots[i].thread, NULL);
    m->running = false;
    return code == FXMON_OK ? verdict(m, error) : code;
}

/* ---- in the host's loop --------------------------------------------------------------------------------------- */

static void watch(fxmon *m, struct fxi_slot *slot)
{
    int fd = slot->ended ? -1 : slot->worker.ops->pollfd(slot->worker.state);
    if (fd == slot->watched)
        return;
    if (slot->watched >= 0)
        (void)epoll_ctl(m->poll_fd, EPOLL_CTL_DEL, slot->watched, NULL); /* gone already when the driver closed it */
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (fd >= 0 && epoll_ctl(m->poll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        fd = -1; /* a plain file is always ready and cannot be watched */
    slot->watched = fd;
}

int fxmon_step(fxmon *m, int64_t budget_ns, int64_t *wait_ns, fxmon_error *error)
{
    int code = check_start(m, "fxmon_step", error);
    if (code != FXMON_OK)
        return code;
    if (budget_ns < 0)
        return fxi_fail(error, FXMON_E_ARGUMENT, "budget_ns", "fxmon_step: the budget is negative");
    if (!m->started && (code = fxi_board_begin(m, error)) != FXMON_OK)
        return code;
    m->started = true;
    int64_t start = monotonic(m), shortest = FXMON_SECOND;
    size_t left = 0, done = 0;
    for (size_t i = 0; i < m->slot_count; i++)
        left += !m->slots[i].ended;
    size_t working = left;
    for (size_t i = 0; i < m->slot_count; i++) {
        struct fxi_slot *slot = &m->slots[i];
        int64_t wait;
        if (slot->ended)
            continue;
        done++;
        int64_t deadline = start + (int64_t)((double)budget_ns * (double)done / (double)working);
        if (!slot_turn(slot, deadline, 0, &wait))
            left--;
        else
            shortest = wait < shortest ? wait : shortest;
        watch(m, slot);
    }
    if (wait_ns)
        *wait_ns = left ? shortest : 0;
    if (left)
        return FXMON_OK;
    code = verdict(m, error);
    return code == FXMON_OK ? fxi_fail(error, FXMON_E_STOPPED, "", "all lanes have ended") : code;
}

int fxmon_pollfd(fxmon *m)
{
    return m ? m->poll_fd : -1;
}

void fxmon_stop(fxmon *m)
{
    if (m)
        fxi_stop_request(&m->stop);
}
