/* fxmon-produce - provider to log: fetches rates and appends them to a log. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const char examples[] =
    "fxmon-produce fetches foreign-exchange rates and appends them to a log.\n\n"
    "  fxmon-produce --from open-er-api --to file:log        fetch whenever the provider publishes\n"
    "  fxmon-produce --from frankfurter,ecb --to file:log    the second when the first fails\n"
    "  fxmon-produce --from sim: --to -                      simulated rates, one message a line\n"
    "  fxmon-produce --from ecb --once --to file:log         one publication: for cron\n"
    "  fxmon-produce --from sim: --rate 100 --duration 5m --to file:log    load\n";
static const char synopsis[] = "  fxmon-produce --from SOURCE[,SOURCE...] --to LOG [options]\n";

int main(int argc, char **argv)
{
    cli c = {.program = "fxmon-produce", .mask = FXMON_PRODUCE, .synopsis = synopsis, .examples = examples};
    fxmon_error error;
    fxmon *m = NULL;
    int status = cli_options(&c, argc, argv);
    if (status >= 0)
        goto out;
    status = 2;
    if (c.argument_count > 0) {
        cli_usage(&c, "\"%s\" is not understood; a source is given with --from", c.arguments[0]);
        goto out;
    }
    if (!cli_value(&c, "from") || (!cli_value(&c, "to") && !cli_flag(&c, "dry-run"))) {
        cli_usage(&c, "--%s is missing", cli_value(&c, "from") ? "to" : "from");
        goto out;
    }
    status = 3;
    if (!(m = cli_handle(&c)))
        goto out;
    if (cli_flag(&c, "dry-run") &&
        (fxmon_set(m, "to", "-", &error) != FXMON_OK || fxmon_set(m, "once", "yes", &error) != FXMON_OK)) {
        status = cli_status(&c, &error);
        goto out;
    }
    status = fxmon_produce(m, &error) == FXMON_OK ? cli_run(&c, m) : cli_status(&c, &error);
out:
    fxmon_free(m);
    return cli_end(&c, status);
}
