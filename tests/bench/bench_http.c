/*
 * tests/bench/bench_http.c - GET /rates against the least that the same library can do: a handler with one constant body of the same length and the same
 * headers' worth of bytes. Both answer wrk (-t1, keep-alive, 64 connections) in turn, several rounds, and the medians are compared.
 * Prints name, value, unit, baseline, ratio with tabs between. Without wrk it says so on standard error and prints nothing.
 */
#include "base/clock.h"
#include "serve/serve.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 5, PAIRS = 8 };

static int64_t now_fn(void *user) { (void)user; return fxi_clock_wall(); }
static int64_t monotonic_fn(void *user) { (void)user; return fxi_clock_monotonic(); }
static bool stopping_fn(void *user) { (void)user; return false; }
static void log_fn(void *user, int level, const char *component, const char *text) { (void)user; (void)level; (void)component; (void)text; }
static const char *option_fn(void *user, const char *name) { (void)user; (void)name; return NULL; }

static enum MHD_Result bare(void *user, struct MHD_Connection *c, const char *url, const char *method, const char *version, const char *upload, size_t *size, void **context)
{
    static int seen;
    (void)url; (void)method; (void)version; (void)upload; (void)size;
    if (!*context) {
        *context = &seen;
        return MHD_YES;
    }
    return MHD_queue_response(c, 200, user);
}

/* Requests a second as wrk measures them; 0: no wrk. */
static double measure(int port, const char *seconds)
{
    char command[160], line[256];
    double rate = 0;
    FILE *f;
    snprintf(command, sizeof command, "wrk -t1 -c64 -d%s http://127.0.0.1:%d/rates 2>/dev/null", seconds, port);
    if (!(f = popen(command, "r")))
        return 0;
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "Requests/sec:", 13) == 0)
            rate = strtod(line + 13, NULL);
    return pclose(f) == 0 ? rate : 0;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static fxi_hub *fill_hub(void)
{
    static const char *const codes[PAIRS] = {"EUR", "GBP", "JPY", "CAD", "AUD", "CHF", "CNY", "INR"};
    static fxmon_rate rates[PAIRS];
    fxmon_message message = {.base = "USD", .source = "bench", .count = PAIRS, .rates = rates};
    fxi_hub *hub = fxi_hub_new(20);
    for (int n = 0; hub && n < 30; n++) {
        message.time = message.ingested = fxi_clock_wall() - (30 - n) * 30 * FXMON_SECOND;
        for (int k = 0; k < PAIRS; k++) {
            fxmon_pair_make("USD", codes[k], &rates[k].pair);
            rates[k].mid = (fxmon_decimal){847000 + n * 13 + k * 7, 6};
        }
        if (fxi_hub_stage.apply(hub, &message, NULL, NULL) != FXMON_DONE)
            exit(1);
    }
    if (hub)
        fxi_hub_publish(hub);
    return hub;
}

int main(int argc, char **argv)
{
    const char *seconds = argc > 1 ? argv[1] : "3";
    fxmon_env env = {sizeof env, NULL, now_fn, monotonic_fn, stopping_fn, log_fn, option_fn};
    fxi_hub *hub = fill_hub();
    fxi_server_config config = {.listen = "127.0.0.1:0", .hub = hub, .env = env};
    fxmon_error error = {0};
    fxi_server *server = hub ? fxi_server_new(&config, &error) : NULL;
    const union MHD_DaemonInfo *info;
    struct MHD_Response *constant;
    struct MHD_Daemon *daemon;
    const fxi_snapshot *snapshot;
    double ours[ROUNDS], theirs[ROUNDS];
    fxi_buf body;
    int status = 0;
    if (!server || fxi_server_start(server, &error) != FXMON_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    fxi_buf_init(&body, 1 << 20);
    snapshot = fxi_hub_snapshot(hub);
    fxi_rates_encode(snapshot, NULL, NULL, fxi_clock_wall(), FXMON_SECOND, false, &body);
    fxi_snapshot_release(hub, snapshot);
    constant = MHD_create_response_from_buffer(body.length, body.data, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(constant, "Content-Type", "application/json");
    daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, bare, constant, MHD_OPTION_END);
    info = daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
    for (int i = 0; info && i < ROUNDS && status == 0; i++) {
        theirs[i] = measure(info->port, seconds);
        ours[i] = measure(fxi_server_port(server), seconds);
        if (theirs[i] <= 0 || ours[i] <= 0)
            status = 77;
    }
    if (status == 77 || !info) {
        status = 0;
        fprintf(stderr, "bench_http: wrk is needed\n");
    }
    else {
        qsort(ours, ROUNDS, sizeof *ours, ascending);
        qsort(theirs, ROUNDS, sizeof *theirs, ascending);
        printf("GET /rates of 8 pairs\t%.0f\trequests/s\tlibmicrohttpd, constant body %.0f\t%.2f\n", ours[ROUNDS / 2], theirs[ROUNDS / 2], ours[ROUNDS / 2] / theirs[ROUNDS / 2]);
    }
    if (daemon)
        MHD_stop_daemon(daemon);
    MHD_destroy_response(constant);
    fxi_buf_free(&body);
    fxi_server_free(server);
    fxi_hub_free(hub);
    return status;
}
