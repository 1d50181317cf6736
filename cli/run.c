/*
 * cli/run.c - from options to a handle that runs: messages and signals.
 *
 * The handler of SIGTERM and SIGINT needs to reach the handle, and a handler takes no argument: the one static pointer of the programs.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "progress.h"
#include "report.h"

static fxmon *running;

static void on_signal(int number)
{
    (void)number;
    if (running)
        fxmon_stop(running);
}

void cli_json(FILE *out, const char *text)
{
    putc('"', out);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            fprintf(out, "\\%c", *p);
        else if (*p < 0x20)
            fprintf(out, "\\u%04x", *p);
        else
            putc(*p, out);
    }
    putc('"', out);
}

void cli_say(const cli *c, int level, const char *component, const char *text)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    if (level > c->level || level < 0 || level > FXMON_LOG_DEBUG)
        return;
    flockfile(stderr);
    progress_hide();
    if (c->log_json) {
        fprintf(stderr, "{\"program\":\"%s\",\"level\":\"%s\",\"component\":", c->program, names[level]);
        cli_json(stderr, component ? component : "");
        fputs(",\"message\":", stderr);
        cli_json(stderr, text);
        fputs("}\n", stderr);
    } else {
        fprintf(stderr, "%s: ", c->program);
        if (level <= FXMON_LOG_WARNING)
            fprintf(stderr, "%s: ", names[level]);
        if (component && *component)
            fprintf(stderr, "%s: ", component);
        fprintf(stderr, "%s\n", text);
    }
    funlockfile(stderr);
}

static void log_line(void *user, int level, const char *component, const char *text)
{
    cli_say(user, level, component, text);
}

int cli_status(cli *c, const fxmon_error *error)
{
    cli_say(c, FXMON_LOG_ERROR, NULL, error->text[0] ? error->text : fxmon_strerror(error->code));
    return fxmon_exit_status(error->code);
}

int cli_apply(cli *c, fxmon *m)
{
    fxmon_error error;
    for (size_t i = 0; fxmon_option_at(i); i++) {
        const fxmon_option_info *row = fxmon_option_at(i);
        if (!c->value[i] || row->program_only || !(row->programs & c->mask) || strcmp(row->name, "sink") == 0 ||
            strcmp(row->name, "notify") == 0)
            continue;
        if (fxmon_set(m, row->name, c->value[i], &error) != FXMON_OK)
            return cli_status(c, &error), error.code;
    }
    return FXMON_OK;
}

fxmon *cli_handle(cli *c)
{
    fxmon_error error;
    fxmon_options options = {.size = sizeof options, .user = c, .log = log_line};
    fxmon *m = fxmon_new(&options, &error);
    if (!m) {
        cli_status(c, &error);
        return NULL;
    }
    if (cli_apply(c, m) != FXMON_OK) {
        fxmon_free(m);
        return NULL;
    }
    return m;
}

static void bind_signals(void)
{
    struct sigaction stop = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&stop.sa_mask);
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

int64_t cli_monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * FXMON_SECOND + now.tv_nsec;
}

int cli_run(cli *c, fxmon *m)
{
    fxmon_error error = {0};
    running = m;
    bind_signals();
    progress *line = progress_start(c, m);
    int64_t began = cli_monotonic();
    int code = fxmon_run(m, &error);
    int64_t elapsed = cli_monotonic() - began;
    progress_stop(line);
    int status = 0;
    if (code != FXMON_OK) {
        error.code = code;
        status = cli_status(c, &error);
    }
    report_print(c, m, elapsed);
    running = NULL;
    return status;
}
