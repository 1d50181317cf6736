/* cli/report.c - see report.h. Numbers are formatted from integers: nothing here depends on the locale. */
#include <stdio.h>
#include <string.h>

#include "report.h"

#define MILLISECOND (FXMON_SECOND / 1000)

struct report {
    cli *c;
    FILE *out;
    int64_t elapsed;
    bool load; /* of the load generator */
};

bool report_output_taken(const cli *c)
{
    const char *to = cli_value(c, "to"), *sinks = c->mask == FXMON_CONSUME ? cli_value(c, "sink") : NULL;
    const char *notify = c->mask == FXMON_ALERT ? cli_value(c, "notify") : NULL;
    bool taken = c->mask == FXMON_PRODUCE && to && strcmp(to, "-") == 0;
    for (int i = 0; i < 2; i++) {
        const char *list = i ? notify : sinks;
        for (; list && *list; list += strcspn(list, "\n"), list += *list == '\n')
            taken |= strcspn(list, "\n") == 1 && *list == '-';
    }
    return taken;
}

void report_number(int64_t value, int64_t unit, int digits, char out[32])
{
    int64_t power = digits == 1 ? 10 : digits == 2 ? 100 : 1000;
    int64_t whole = value / unit, part = ((value % unit) * power + unit / 2) / unit;
    if (part == power)
        whole++, part = 0;
    snprintf(out, 32, "%lld.%0*d", (long long)whole, digits, (int)part);
}

/* messages a second: messages and ns are far from the limits of int64_t after division by what is common */
static void rate_text(int64_t messages, int64_t elapsed, char out[32])
{
    int64_t milliseconds = elapsed / MILLISECOND;
    report_number(messages * 1000, milliseconds > 0 ? milliseconds : 1, 1, out);
}

static void print_load_json(const struct report *r, const fxmon_status *s)
{
    char seconds[32], rate[32], p50[32], p99[32], most[32];
    report_number(r->elapsed, FXMON_SECOND, 3, seconds);
    rate_text(s->messages, r->elapsed, rate);
    report_number(s->ack_p50, MILLISECOND, 3, p50);
    report_number(s->ack_p99, MILLISECOND, 3, p99);
    report_number(s->ack_max, MILLISECOND, 3, most);
    fprintf(r->out, ",\"seconds\":%s,\"messages_per_second\":%s,\"bytes\":%lld,\"failures\":%lld,\"ack_p50_ms\":%s,\"ack_p99_ms\":%s,\"ack_max_ms\":%s", seconds, rate,
            (long long)s->bytes, (long long)s->retries, p50, p99, most);
}

static bool print_json(void *user, const fxmon_status *s)
{
    struct report *r = user;
    int64_t lag = s->end_offset > s->next_offset ? s->end_offset - s->next_offset : 0;
    fprintf(r->out,
            "{\"lane\":\"%s\",\"state\":\"%s\",\"messages\":%lld,\"rows\":%lld,\"repeats\":%lld,\"late\":%lld,"
            "\"events\":%lld,\"dead_letters\":%lld,\"retries\":%lld,\"next_offset\":%lld,\"lag\":%lld",
            s->lane, s->state, (long long)s->messages, (long long)s->rows, (long long)s->repeats, (long long)s->late, (long long)s->events,
            (long long)s->dead_letters, (long long)s->retries, (long long)s->next_offset, (long long)lag);
    if (r->load)
        print_load_json(r, s);
    fputs("}\n", r->out);
    return true;
}

static void say_load(const struct report *r, const fxmon_status *s)
{
    char seconds[32], rate[32], p50[32], p99[32], most[32], text[400];
    report_number(r->elapsed, FXMON_SECOND, 3, seconds);
    rate_text(s->messages, r->elapsed, rate);
    report_number(s->ack_p50, MILLISECOND, 3, p50);
    report_number(s->ack_p99, MILLISECOND, 3, p99);
    report_number(s->ack_max, MILLISECOND, 3, most);
    snprintf(text, sizeof text, "%s s, %s messages a second, %lld bytes; acknowledged after %s ms (half), %s ms (99 of 100), %s ms (the slowest); %lld failures", seconds,
             rate, (long long)s->bytes, p50, p99, most, (long long)s->retries);
    cli_say(r->c, FXMON_LOG_INFO, s->lane, text);
}

static bool say(void *user, const fxmon_status *s)
{
    const struct report *r = user;
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
    cli_say(r->c, FXMON_LOG_INFO, s->lane, text);
    if (r->load)
        say_load(r, s);
    return true;
}

void report_print(cli *c, fxmon *m, int64_t elapsed)
{
    /* on standard output, unless records went there */
    struct report r = {.c = c, .out = report_output_taken(c) ? stderr : stdout, .elapsed = elapsed, .load = c->mask == FXMON_PRODUCE && cli_value(c, "rate")};
    bool json = cli_flag(c, "json");
    fxmon_status_each(m, json ? print_json : say, &r);
    if (json)
        fflush(r.out);
}
