/* fxmon-serve - REST API and live page over a log and a store. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const char examples[] =
    "fxmon-serve answers HTTP: current rates, history, alerts, health, and a live page.\n\n"
    "  fxmon-serve --from file:log --store sqlite:fx.db                   http://127.0.0.1:8000/\n"
    "  fxmon-serve --from file:log --store sqlite:fx.db --listen 127.0.0.1:0    a free port, printed\n"
    "  curl http://127.0.0.1:8000/rates?pair=USD-EUR\n";
static const char synopsis[] = "  fxmon-serve [--from LOG] [--store STORE] [--listen HOST:PORT] [options]\n";

int main(int argc, char **argv)
{
    cli c = {.program = "fxmon-serve", .mask = FXMON_SERVE, .synopsis = synopsis, .examples = examples};
    fxmon_error error;
    fxmon *m = NULL;
    int status = cli_options(&c, argc, argv);
    if (status >= 0)
        goto out;
    status = 2;
    if (c.argument_count > 0) {
        cli_usage(&c, "\"%s\" is not understood", c.arguments[0]);
        goto out;
    }
    if (!cli_value(&c, "from") && !cli_value(&c, "store")) {
        cli_usage(&c, "--from and --store are missing");
        goto out;
    }
    status = 3;
    if (!(m = cli_handle(&c)))
        goto out;
    if (fxmon_serve(m, cli_value(&c, "listen"), cli_value(&c, "store"), &error) != FXMON_OK) {
        status = cli_status(&c, &error);
        goto out;
    }
    status = cli_flag(&c, "dry-run") ? 0 : cli_run(&c, m);
out:
    fxmon_free(m);
    return cli_end(&c, status);
}
