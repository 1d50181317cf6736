/*
 * cli/run.c - from options to a handle that runs: messages, signals, the closing report.
 *
 * The handler of SIGTERM and SIGINT needs to reach the handle, and a handler takes no argument: the one static pointer of the programs.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

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

/* The report goes to standard output, unless records went there. */
static FILE *report_stream(const cli *c)
{
    const char *to = cli_value(c, "to"), *sinks = c->mask == FXMON_CONSUME ? cli_value(c, "sink") : NULL;
    const char *notify = c->mask == FXMON_ALERT ? cli_value(c, "notify") : NULL;
    bool taken = c->mask == FXMON_PRODUCE && to && strcmp(to, "-") == 0;
    for (int i = 0; i < 2; i++) {
        const char *list = i ? notify : sinks;
        for (; list && *list; list += strcspn(list, "\n"), list += *list == '\n')
            taken |= strcspn(list, "\n") == 1 && *list == '-';
    }
    return taken ? stderr : stdout;
}

struct report {
    FILE *out;
    bool json;
    int lanes;
};

static bool report_lane(void *user, const fxmon_status *s)
{
    struct report *r = user;
    int64_t lag = s->end_offset > s->next_offset ? s->end_offset - s->next_offset : 0;
    if (r->json)
        fprintf(r->out,
                "{\"lane\":\"%s\",\"state\":\"%s\",\"messages\":%lld,\"rows\":%lld,\"repeats\":%lld,\"late\":%lld,"
                "\"events\":%lld,\"dead_letters\":%lld,\"retries\":%lld,\"next_offset\":%lld,\"lag\":%lld}\n",
                s->lane, s->state, (long long)s->messages, (long long)s->rows, (long long)s->repeats, (long long)s->late,
                (long long)s->events, (long long)s->dead_letters, (long long)s->retries, (long long)s->next_offset,
                (long long)lag);
    r->lanes++;
    return true;
}

static bool say_lane(void *user, const fxmon_status *s)
{
    char text[300];
    int n = snprintf(text, sizeof text, "%lld messages", (long long)s->messages);
    const struct {
        const char *name;
        int64_t value;
    } parts[] = {{"rows", s->rows},     {"repeats", s->repeats},           {"late", s->late},
                 {"events", s->events}, {"dead letters", s->dead_letters}, {"retries", s->retries}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].value && n < (int)sizeof text)
            n += snprintf(text + n, sizeof text - (size_t)n, ", %lld %s", (long long)parts[i].value, parts[i].name);
    cli_say(user, FXMON_LOG_INFO, s->lane, text);
    return true;
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

int cli_run(cli *c, fxmon *m)
{
    fxmon_error error = {0};
    running = m;
    bind_signals();
    int code = fxmon_run(m, &error);
    int status = 0;
    if (code != FXMON_OK) {
        error.code = code;
        status = cli_status(c, &error);
    }
    if (cli_flag(c, "json")) {
        struct report r = {.out = report_stream(c), .json = true};
        fxmon_status_each(m, report_lane, &r);
        fflush(r.out);
    } else {
        fxmon_status_each(m, say_lane, c);
    }
    running = NULL;
    return status;
}
