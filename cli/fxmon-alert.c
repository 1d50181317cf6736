/* fxmon-alert - the alert lane, and the commands that manage its alerts. */
#include <stdio.h>
#include <string.h>

#include "alert.h"

static const char examples[] =
    "fxmon-alert watches a log of rates and raises alerts; its commands manage them.\n\n"
    "  fxmon-alert add --store sqlite:fx.db 'USD/EUR above 0.9 clear 0.895 for 30s'\n"
    "  fxmon-alert --from file:log --store sqlite:fx.db --notify exec:./tell-me   watch the log\n"
    "  fxmon-alert test 'USD/EUR cross_up 0.9' --from file:log                    when would it have fired?\n"
    "  fxmon-alert --check --store sqlite:fx.db                                   exit status for Nagios and cron\n";
static const char synopsis[] = "  fxmon-alert --from LOG --store STORE [--notify DEST...] [options]\n"
                               "  fxmon-alert COMMAND ... --store STORE [options]\n"
                               "  fxmon-alert --check --store STORE\n";
static const char commands[] = "  add RULE...      put rules into the store and print their numbers; --file FILE reads them from a file\n"
                               "  list             all alerts, one a line\n"
                               "  show ID          one alert with its state\n"
                               "  rm ID...         remove alerts; their history stays\n"
                               "  test RULE...     say when a rule would have fired over the log of --from; nothing is stored\n"
                               "  lint FILE...     check files of rules, one a line, # begins a comment\n";

struct adding {
    cli *c;
    fxmon *m;
    int status;
};

static int add_destination(void *user, const char *url)
{
    struct adding *a = user;
    fxmon_error error;
    int code = fxmon_notify(a->m, url, &error);
    if (code != FXMON_OK)
        a->status = cli_status(a->c, &error);
    return code;
}

static int run_lane(cli *c)
{
    if (!cli_value(c, "from") || !cli_value(c, "store"))
        return cli_usage(c, "--%s is missing", cli_value(c, "from") ? "store" : "from");
    if (cli_flag(c, "dry-run"))
        return alert_dry_run(c);
    fxmon *m = cli_handle(c);
    if (!m)
        return 3;
    fxmon_error error;
    struct adding a = {.c = c, .m = m};
    if (fxmon_alerting(m, cli_value(c, "store"), &error) != FXMON_OK)
        a.status = cli_status(c, &error);
    else if (cli_each(c, "notify", add_destination, &a) == FXMON_OK)
        a.status = cli_run(c, m);
    fxmon_free(m);
    return a.status;
}

static int run_command(cli *c)
{
    const char *command = c->arguments[0];
    int count = c->argument_count - 1;
    char **words = c->arguments + 1;
    if (strcmp(command, "lint") == 0)
        return alert_lint(c, count, words);
    if (strcmp(command, "test") == 0)
        return alert_test(c, count, words);
    if (strcmp(command, "add") != 0 && strcmp(command, "list") != 0 && strcmp(command, "show") != 0 && strcmp(command, "rm") != 0)
        return cli_usage(c, "\"%s\" is not a command; expected add, list, show, rm, test or lint", command);
    if (!cli_value(c, "store"))
        return cli_usage(c, "%s: --store is missing", command);
    if (strcmp(command, "add") == 0)
        return alert_add(c, count, words);
    if (strcmp(command, "rm") == 0)
        return alert_remove(c, count, words);
    if (strcmp(command, "show") == 0)
        return count == 1 ? alert_show(c, words[0]) : cli_usage(c, "show: expected one number of an alert");
    return count == 0 ? alert_list(c) : cli_usage(c, "list: \"%s\" is not understood", words[0]);
}

/* Misuse of --check must not look like a critical alert, which is status 2 too. */
static int misuse_of_check(int argc, char **argv, int status)
{
    for (int i = 1; i < argc && status > 0; i++)
        if (strncmp(argv[i], "--check", 7) == 0 && (argv[i][7] == '\0' || argv[i][7] == '='))
            return 3;
    return status;
}

int main(int argc, char **argv)
{
    cli c = {.program = "fxmon-alert", .mask = FXMON_ALERT, .synopsis = synopsis, .examples = examples, .commands = commands};
    int status = cli_options(&c, argc, argv);
    if (status >= 0)
        status = misuse_of_check(argc, argv, status);
    else if (cli_flag(&c, "check"))
        status = alert_check(&c);
    else
        status = c.argument_count > 0 ? run_command(&c) : run_lane(&c);
    return cli_end(&c, status);
}
