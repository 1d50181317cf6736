/*
 * cli/cli.h - what the four programs share: options from the command line, the environment and a configuration file (in this order of
 * precedence), --help, --version, messages on standard error, signals, the closing report. Uses the public library only.
 */
#ifndef FXMON_CLI_H
#define FXMON_CLI_H
#include <fxmon/fxmon.h>
#include <stdio.h>

/** A program: filled by its main. */
typedef struct cli {
    const char *program;  /* "fxmon-produce" */
    unsigned mask;        /* FXMON_PRODUCE ... */
    const char *synopsis; /* lines for --help, without the program's name */
    const char *examples; /* printed first by --help */
    const char *commands; /* "add|list|..." lines for --help, or NULL */
    /* filled by cli_options */
    char **value;         /* by option index: the text given, NULL if unset; repeated options: newline-joined */
    int argument_count;   /* words that are no options, in order */
    char **arguments;
    int level;            /* log level */
    bool log_json;
    int64_t complaints;
} cli;

/**
 * Reads everything. Returns -1 to go on, or the exit status: 0 after --help and --version, 2 for misuse, 3 for a bad configuration (messages are
 * printed; cli->usage_status may raise 2 to 3 for Nagios).
 */
int cli_options(cli *c, int argc, char **argv);
int cli_end(cli *c, int status); /* free, and see that standard output took all; the exit status */
const char *cli_value(const cli *c, const char *name); /* value or the default of the table; NULL if neither */
bool cli_flag(const cli *c, const char *name);
/** Hand every option that was given to a handle. FXMON_OK or the error, printed. */
int cli_apply(cli *c, fxmon *m);
fxmon *cli_handle(cli *c); /* fxmon_new with log function and cli_apply; NULL after printing the error; *status the exit status */
int cli_status(cli *c, const fxmon_error *error); /* print "program: text" and return the exit status of the error */
void cli_say(const cli *c, int level, const char *component, const char *text);
/** fxmon_run with SIGTERM/SIGINT bound to fxmon_stop and SIGPIPE ignored, then the report. The exit status. */
int cli_run(cli *c, fxmon *m);
/** Call fn for each line of a repeated option; stops at the first result other than FXMON_OK and returns it. */
int cli_each(const cli *c, const char *name, int (*fn)(void *user, const char *value), void *user);
int64_t cli_monotonic(void); /* ns */
void cli_json(FILE *out, const char *text); /* a JSON string */
int cli_usage(const cli *c, const char *format, ...) __attribute__((format(printf, 2, 3))); /* message + hint; returns 2 */
#endif
