/* fxmon-consume - log to destinations: one lane for each --sink. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "consume.h"

static const char examples[] =
    "fxmon-consume reads a log of rates and writes every new quote, with its volatility, to destinations.\n\n"
    "  fxmon-consume --from file:log --sink sqlite:fx.db                  follow the log\n"
    "  fxmon-consume --from file:log --sink sqlite:fx.db --until-end      catch up and exit: for cron\n"
    "  fxmon-consume --from file:log --sink file:rates.csv --sink -       two lanes\n"
    "  fxmon-consume status --store sqlite:fx.db                          how are they doing?\n"
    "  fxmon-produce --once --from ecb --to - | fxmon-consume --from - --sink -\n";
static const char synopsis[] = "  fxmon-consume --from LOG --sink DEST [--sink DEST...] [options]\n"
                               "  fxmon-consume COMMAND ... --store STORE [options]\n";
static const char commands[] = "  status           how the lanes and producers that write to the store are doing, and the newest rebalances; exit status\n"
                               "                   0 all of them well, 1 one is slow, stalled, retrying, failed or gone without a word, 3 unknown\n"
                               "  canary           append a quote of XTS/XXX to the log (--to) and say how long it took until a consumer had it in the\n"
                               "                   store (--every, --within); exit status 0 it came, 1 it did not in time\n"
                               "  dlq list         the dead letters of the store, newest first (--all, --reason, --limit)\n"
                               "  dlq show ID      one of them with its bytes (--raw: only these)\n"
                               "  dlq replay ID... read them again (or --all) and put their rates in as late rows, or append them to a log (--to)\n";

struct adding {
    cli *c;
    fxmon *m;
    int status;
};

static int add_sink(void *user, const char *url)
{
    struct adding *a = user;
    fxmon_error error;
    int code = fxmon_sink(a->m, url, &error);
    if (code != FXMON_OK)
        a->status = cli_status(a->c, &error);
    return code;
}

/* --dry-run: the log is read and everything computed, but rows are only counted. */
static fxmon_result count_rows(void *user, const fxmon_row *rows, size_t count, fxmon_error *error)
{
    (void)rows;
    (void)error;
    *(long long *)user += (long long)count;
    return FXMON_DONE;
}

static int run_dry(cli *c, fxmon *m)
{
    static const fxmon_custom_sink counter = {.size = sizeof counter, .write = count_rows};
    long long rows = 0;
    fxmon_error error;
    if (fxmon_set(m, "until-end", "yes", &error) != FXMON_OK || fxmon_set(m, "dlq", "none", &error) != FXMON_OK ||
        fxmon_sink_custom(m, &counter, &rows, &error) != FXMON_OK)
        return cli_status(c, &error);
    int status = cli_run(c, m);
    char text[80];
    snprintf(text, sizeof text, "dry run: %lld rows would be written to each destination", rows);
    cli_say(c, FXMON_LOG_INFO, NULL, text);
    return status;
}

static int run_command(cli *c)
{
    if (strcmp(c->arguments[0], "status") == 0)
        return c->argument_count == 1 ? consume_status(c) : cli_usage(c, "status: \"%s\" is not understood", c->arguments[1]);
    if (strcmp(c->arguments[0], "canary") == 0)
        return c->argument_count == 1 ? consume_canary(c) : cli_usage(c, "canary: \"%s\" is not understood", c->arguments[1]);
    if (strcmp(c->arguments[0], "dlq") == 0)
        return consume_dlq(c, c->argument_count - 1, c->arguments + 1);
    return cli_usage(c, "\"%s\" is not a command; expected status, canary or dlq, or a destination with --sink", c->arguments[0]);
}

int main(int argc, char **argv)
{
    cli c = {.program = "fxmon-consume", .mask = FXMON_CONSUME, .synopsis = synopsis, .examples = examples, .commands = commands};
    fxmon *m = NULL;
    int status = cli_options(&c, argc, argv);
    if (status >= 0)
        goto out;
    if (c.argument_count > 0) {
        status = run_command(&c);
        goto out;
    }
    status = 2;
    if (!cli_value(&c, "from") || !cli_value(&c, "sink")) {
        cli_usage(&c, "--%s is missing", cli_value(&c, "from") ? "sink" : "from");
        goto out;
    }
    status = 3;
    if (!(m = cli_handle(&c)))
        goto out;
    if (cli_flag(&c, "dry-run")) {
        status = run_dry(&c, m);
        goto out;
    }
    struct adding a = {.c = &c, .m = m};
    status = cli_each(&c, "sink", add_sink, &a) == FXMON_OK ? cli_run(&c, m) : a.status;
out:
    fxmon_free(m);
    return cli_end(&c, status);
}
