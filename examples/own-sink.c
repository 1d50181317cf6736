/* own-sink.c - every new quote of a log into a function of one's own. own-sink LOG (file:DIR or -). Needs pkg-config: fxmon */
#include <fxmon/fxmon.h>
#include <signal.h>
#include <stdio.h>

static fxmon *running;

static void on_signal(int number)
{
    (void)number;
    fxmon_stop(running); /* may be called here: the first call ends gracefully, a second one at once */
}

/* Called with the rows of a batch. What is answered with FXMON_DONE does not come again while this process runs. */
static fxmon_result print_rows(void *user, const fxmon_row *rows, size_t count, fxmon_error *error)
{
    (void)error;
    for (size_t i = 0; i < count; i++) {
        char rate[FXMON_DECIMAL_TEXT], volatility[FXMON_DOUBLE_TEXT], time[FXMON_TIME_TEXT];
        fxmon_decimal_format(rows[i].rate, rate);
        fxmon_double_format(rows[i].volatility, volatility);
        fxmon_time_format(rows[i].time, time);
        printf("%s %s %s volatility %s\n", time, rows[i].pair.text, rate, volatility);
    }
    *(size_t *)user += count;
    return FXMON_DONE;
}

int main(int argc, char **argv)
{
    static const fxmon_custom_sink sink = {.size = sizeof sink, .write = print_rows};
    fxmon_error e;
    size_t rows = 0;
    fxmon_options options = {.size = sizeof options, .from = argc > 1 ? argv[1] : "-"};
    int code = FXMON_E_NOMEM;
    running = fxmon_new(&options, &e);
    if (running) {
        signal(SIGINT, on_signal);
        signal(SIGTERM, on_signal);
        code = fxmon_set(running, "until-end", "yes", &e);
        if (code == FXMON_OK)
            code = fxmon_sink_custom(running, &sink, &rows, &e);
        if (code == FXMON_OK)
            code = fxmon_run(running, &e);
    }
    if (code != FXMON_OK)
        fprintf(stderr, "%s\n", e.text);
    fprintf(stderr, "%zu rows\n", rows);
    fxmon_free(running);
    return fxmon_exit_status(code);
}
