/*
 * serve/door.c - accepts connections, so that the rules at the door are ours: it never stops accepting (who comes past a limit hears 503 and is let go),
 * it reads the first head of a connection without taking it from the socket and answers a bad one itself, and it ends whoever is late: a deadline is
 * absolute, one byte a second does not move it. Only then the HTTP library gets the socket.
 *
 * One thread. The table of connections is shared with the library's thread, under one lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "serve/address.h"
#include "serve/serve.h"

#define CONNECTIONS 1024              /* answered at once; more: 503 */
#define PER_ADDRESS 64                /* of one address; more: 503 */
#define LINGERING 256                 /* being told no; more: closed without a word */
#define SLOTS (CONNECTIONS + LINGERING)
#define HEAD_TIME (10 * FXMON_SECOND) /* for the first head */
#define HEAD_TIME_MOST (20 * FXMON_SECOND) /* while it comes at 1000 bytes a second or more */
#define LINGER_TIME FXMON_SECOND      /* for the client to read why */
#define HANDED_TIME (20 * FXMON_SECOND)
#define SWEEP_MS 250
#define BACKLOG 512

enum slot_state { FREE = 0, PENDING, LIVE, LINGER };

typedef struct slot {
    enum slot_state state;
    int fd;
    fxi_address address;
    int64_t accepted, deadline;
} slot;

struct fxi_door {
    fxi_server *server;
    fxi_deliver_fn deliver;
    void *user;
    pthread_t thread;
    bool running;
    int listener, poll, wake, reserve;
    int port;
    pthread_mutex_t lock; /* slots and what follows */
    slot slots[SLOTS];
    size_t used;          /* slots beyond were never used */
    size_t open, lingering;
    int64_t swept;
    char head[FXI_HEAD_PEEK];
};

fxi_door *fxi_door_new(fxi_server *server, fxi_deliver_fn deliver, void *user)
{
    fxi_door *d = fxi_calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->server = server;
    d->deliver = deliver;
    d->user = user;
    d->listener = d->poll = d->wake = d->reserve = -1;
    if (pthread_mutex_init(&d->lock, NULL) != 0) {
        fxi_free(d);
        return NULL;
    }
    return d;
}

static int64_t clock_of(const fxi_door *d)
{
    return d->server->config.env.monotonic(d->server->config.env.user);
}

static slot *find_slot(fxi_door *d, int fd)
{
    for (size_t i = 0; i < d->used; i++)
        if (d->slots[i].state != FREE && d->slots[i].fd == fd)
            return &d->slots[i];
    return NULL;
}

static void free_slot(fxi_door *d, slot *s)
{
    if (s->state == LINGER)
        d->lingering--;
    else
        d->open--;
    s->state = FREE;
}

static slot *take_slot(fxi_door *d, enum slot_state state, int fd, const fxi_address *address, int64_t now, int64_t time)
{
    size_t i = 0;
    while (i < d->used && d->slots[i].state != FREE)
        i++;
    if (i == SLOTS)
        return NULL;
    if (i == d->used)
        d->used++;
    if (state == LINGER)
        d->lingering++;
    else
        d->open++;
    d->slots[i] = (slot){.state = state, .fd = fd, .address = *address, .accepted = now, .deadline = now + time};
    return &d->slots[i];
}

long fxi_door_place(fxi_door *d, int fd)
{
    slot *s;
    long place;
    pthread_mutex_lock(&d->lock);
    s = find_slot(d, fd);
    place = s ? s - d->slots : -1;
    pthread_mutex_unlock(&d->lock);
    return place;
}

void fxi_door_deadline(fxi_door *d, long place, int64_t after_ns)
{
    int64_t deadline = clock_of(d) + after_ns;
    if (place < 0)
        return;
    pthread_mutex_lock(&d->lock);
    if (d->slots[place].state == LIVE)
        d->slots[place].deadline = deadline;
    pthread_mutex_unlock(&d->lock);
}

void fxi_door_left(fxi_door *d, int fd)
{
    slot *s;
    pthread_mutex_lock(&d->lock);
    s = find_slot(d, fd);
    if (s && s->state == LIVE)
        free_slot(d, s);
    pthread_mutex_unlock(&d->lock);
}

static void put_header(void *user, const char *name, const char *value)
{
    fxi_buf *out = user;
    fxi_buf_puts(out, name);
    fxi_buf_puts(out, ": ");
    fxi_buf_puts(out, value);
    fxi_buf_puts(out, "\r\n");
}

/* Send an answer of the door's own; what does not fit into the socket's buffer at once is not sent. */
static void say(const fxi_door *d, int fd, fxi_reply *r, const fxi_head *head)
{
    fxi_buf out;
    fxi_buf_init(&out, 8192);
    r->close = true;
    fxi_buf_puts(&out, "HTTP/1.1 ");
    fxi_buf_int(&out, r->status);
    fxi_buf_putc(&out, ' ');
    fxi_buf_puts(&out, fxi_status_text(r->status));
    fxi_buf_puts(&out, "\r\nContent-Length: ");
    fxi_buf_int(&out, (int64_t)r->body.length);
    fxi_buf_puts(&out, "\r\n");
    fxi_reply_headers(r, d->server, head, put_header, &out);
    fxi_buf_puts(&out, "\r\n");
    if (!head || head->method.length != 4 || memcmp(head->method.at, "HEAD", 4) != 0)
        fxi_buf_add(&out, r->body.data, r->body.length);
    if (!out.failed)
        (void)!send(fd, out.data, out.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    fxi_buf_free(&out);
}

/* Read and forget what has come: unread bytes would make the kernel reset the connection before the client has read the answer. */
static bool drain(int fd)
{
    char waste[4096];
    ssize_t n = 1;
    for (int i = 0; i < 64 && n > 0; i++)
        n = recv(fd, waste, sizeof waste, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

/* The answer is said; close once the client has closed its side or LINGER_TIME is over. */
static void linger(fxi_door *d, int fd, const fxi_address *address)
{
    bool taken = false;
    shutdown(fd, SHUT_WR);
    if (!drain(fd)) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.fd = fd};
        pthread_mutex_lock(&d->lock);
        taken = d->lingering < LINGERING && take_slot(d, LINGER, fd, address, clock_of(d), LINGER_TIME);
        if (taken && epoll_ctl(d->poll, EPOLL_CTL_ADD, fd, &event) != 0) {
            free_slot(d, find_slot(d, fd));
            taken = false;
        }
        pthread_mutex_unlock(&d->lock);
    }
    if (!taken)
        close(fd);
}

static void turn_away(fxi_door *d, int fd, const fxi_address *address, bool all)
{
    fxi_reply r;
    fxi_reply_init(&r);
    fxi_reply_problem(&r, NULL, 503, "too-many-connections", NULL, all ? "all connections are in use" : "too many connections from this address");
    r.retry_after = 1;
    say(d, fd, &r, NULL);
    fxi_reply_free(&r);
    linger(d, fd, address);
}

static void refuse_head(fxi_door *d, int fd, const fxi_address *address, const fxi_head *head)
{
    fxi_reply r;
    fxi_request q = {.server = d->server, .raw = head->target.at, .raw_length = head->target.length};
    fxi_reply_init(&r);
    fxi_reply_refusal(&r, &q, head);
    say(d, fd, &r, head);
    fxi_reply_free(&r);
    linger(d, fd, address);
}

static void accept_one(fxi_door *d, int fd, const struct sockaddr_storage *from)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.fd = fd};
    fxi_address address = fxi_address_of(from);
    size_t same = 0;
    bool all, taken = false;
    pthread_mutex_lock(&d->lock);
    all = d->open >= CONNECTIONS;
    for (size_t i = 0; i < d->used; i++)
        same += (d->slots[i].state == PENDING || d->slots[i].state == LIVE) && fxi_address_equal(&d->slots[i].address, &address);
    if (!all && same < PER_ADDRESS)
        taken = take_slot(d, PENDING, fd, &address, clock_of(d), HEAD_TIME) != NULL;
    if (taken && epoll_ctl(d->poll, EPOLL_CTL_ADD, fd, &event) != 0) {
        free_slot(d, find_slot(d, fd));
        taken = false;
    }
    pthread_mutex_unlock(&d->lock);
    if (!taken)
        turn_away(d, fd, &address, all);
}

static void accept_all(fxi_door *d)
{
    for (int i = 0; i < 64; i++) {
        struct sockaddr_storage from;
        socklen_t length = sizeof from;
        int fd = accept4(d->listener, (struct sockaddr *)&from, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            accept_one(d, fd, &from);
        else if ((errno == EMFILE || errno == ENFILE) && d->reserve >= 0) {
            close(d->reserve); /* one descriptor is kept for this: take the caller, and let it go */
            fd = accept(d->listener, NULL, NULL);
            if (fd >= 0)
                close(fd);
            d->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
        } else if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

/* A first head grows. Looked at only from the front: nothing is taken from the socket. */
static void read_pending(fxi_door *d, int fd, const fxi_address *address, int64_t accepted)
{
    fxi_head head;
    struct sockaddr_storage to;
    ssize_t n = recv(fd, d->head, sizeof d->head, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        fxi_head_read(d->head, (size_t)n, &head);
        if (!head.status && !head.length) {
            int64_t more = HEAD_TIME + (int64_t)n * (FXMON_SECOND / 1000);
            slot *s;
            pthread_mutex_lock(&d->lock);
            if ((s = find_slot(d, fd)))
                s->deadline = accepted + (more < HEAD_TIME_MOST ? more : HEAD_TIME_MOST);
            pthread_mutex_unlock(&d->lock);
            return;
        }
    }
    epoll_ctl(d->poll, EPOLL_CTL_DEL, fd, NULL);
    pthread_mutex_lock(&d->lock);
    if (n > 0 && !head.status) {
        slot *s = find_slot(d, fd);
        s->state = LIVE;
        s->deadline = clock_of(d) + HANDED_TIME;
    } else
        free_slot(d, find_slot(d, fd));
    pthread_mutex_unlock(&d->lock);
    if (n <= 0)
        close(fd);
    else if (head.status)
        refuse_head(d, fd, address, &head);
    else {
        unsigned length = fxi_address_back(address, &to);
        if (!d->deliver(d->user, fd, &to, length))
            fxi_door_left(d, fd);
    }
}

static void on_socket(fxi_door *d, int fd)
{
    slot *found, copy = {0};
    pthread_mutex_lock(&d->lock);
    if ((found = find_slot(d, fd)))
        copy = *found;
    pthread_mutex_unlock(&d->lock);
    if (copy.state == PENDING)
        read_pending(d, fd, &copy.address, copy.accepted);
    else if (copy.state == LINGER && drain(fd)) {
        pthread_mutex_lock(&d->lock);
        free_slot(d, find_slot(d, fd));
        pthread_mutex_unlock(&d->lock);
        close(fd);
    }
}

/* End what is late. A live connection belongs to the library's thread: shutting the socket down makes it notice. */
static void end_late(fxi_door *d, slot *s)
{
    int fd = s->fd;
    if (s->state == LIVE) {
        s->deadline = INT64_MAX;
        shutdown(fd, SHUT_RDWR);
        return;
    }
    if (s->state == PENDING) {
        ssize_t n = recv(fd, d->head, 1, MSG_PEEK | MSG_DONTWAIT);
        if (n > 0) {
            fxi_reply r;
            fxi_reply_init(&r);
            fxi_reply_problem(&r, NULL, 408, NULL, NULL, "the request did not arrive in time");
            say(d, fd, &r, NULL);
            fxi_reply_free(&r);
            shutdown(fd, SHUT_WR);
            (void)drain(fd);
        }
    }
    free_slot(d, s);
    close(fd);
}

static void sweep(fxi_door *d)
{
    int64_t now = clock_of(d);
    if (now - d->swept < SWEEP_MS * (FXMON_SECOND / 1000))
        return;
    d->swept = now;
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < d->used; i++)
        if (d->slots[i].state != FREE && d->slots[i].deadline <= now)
            end_late(d, &d->slots[i]);
    while (d->used > 0 && d->slots[d->used - 1].state == FREE)
        d->used--;
    pthread_mutex_unlock(&d->lock);
}

static void *door_main(void *user)
{
    fxi_door *d = user;
    struct epoll_event events[64];
    for (;;) {
        int n = epoll_wait(d->poll, events, 64, d->used ? SWEEP_MS : -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == d->wake)
                return NULL;
            if (events[i].data.fd == d->listener)
                accept_all(d);
            else
                on_socket(d, events[i].data.fd);
        }
        sweep(d);
    }
}

static int listen_on(fxi_door *d, fxmon_error *error)
{
    struct sockaddr_storage at;
    socklen_t length;
    int one = 1;
    if (fxi_address_resolve(d->server->host, d->server->port, &at, &length, error) != FXMON_OK)
        return error ? error->code : FXMON_E_CONFIG;
    d->listener = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (d->listener < 0)
        return fxi_fail_errno(error, errno, "open a socket for", d->server->listen);
    setsockopt(d->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(d->listener, (struct sockaddr *)&at, length) != 0 || listen(d->listener, BACKLOG) != 0)
        return fxi_fail_errno(error, errno, "listen on", d->server->listen);
    length = sizeof at;
    if (getsockname(d->listener, (struct sockaddr *)&at, &length) != 0)
        return fxi_fail_errno(error, errno, "listen on", d->server->listen);
    d->port = fxi_address_port(&at);
    return FXMON_OK;
}

static void close_all(fxi_door *d)
{
    int *ends[] = {&d->listener, &d->poll, &d->wake, &d->reserve};
    for (size_t i = 0; i < d->used; i++) {
        if (d->slots[i].state == PENDING || d->slots[i].state == LINGER) {
            close(d->slots[i].fd);
            free_slot(d, &d->slots[i]);
        }
    }
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (*ends[i] >= 0)
            close(*ends[i]);
        *ends[i] = -1;
    }
    d->port = 0;
}

int fxi_door_start(fxi_door *d, fxmon_error *error)
{
    struct epoll_event event = {.events = EPOLLIN};
    int problem, code = listen_on(d, error);
    if (code != FXMON_OK)
        goto fail;
    d->poll = epoll_create1(EPOLL_CLOEXEC);
    d->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    d->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (d->poll < 0 || d->wake < 0) {
        code = fxi_fail_errno(error, errno, "prepare for", d->server->listen);
        goto fail;
    }
    event.data.fd = d->listener;
    problem = epoll_ctl(d->poll, EPOLL_CTL_ADD, d->listener, &event);
    event.data.fd = d->wake;
    if (problem != 0 || epoll_ctl(d->poll, EPOLL_CTL_ADD, d->wake, &event) != 0) {
        code = fxi_fail_errno(error, errno, "prepare for", d->server->listen);
        goto fail;
    }
    problem = pthread_create(&d->thread, NULL, door_main, d);
    if (problem) {
        code = fxi_fail_errno(error, problem, "start a thread", "door");
        goto fail;
    }
    d->running = true;
    return FXMON_OK;
fail:
    close_all(d);
    return code;
}

int fxi_door_port(const fxi_door *d)
{
    return d->port;
}

void fxi_door_stop(fxi_door *d)
{
    uint64_t one = 1;
    if (!d || !d->running)
        return;
    (void)!write(d->wake, &one, sizeof one);
    pthread_join(d->thread, NULL);
    d->running = false;
    pthread_mutex_lock(&d->lock);
    close_all(d);
    pthread_mutex_unlock(&d->lock);
}

void fxi_door_free(fxi_door *d)
{
    if (!d)
        return;
    fxi_door_stop(d);
    pthread_mutex_destroy(&d->lock);
    fxi_free(d);
}
