/* cli/alert.h - the commands of fxmon-alert. Each returns the exit status. */
#ifndef FXMON_CLI_ALERT_H
#define FXMON_CLI_ALERT_H
#include "cli.h"

int alert_add(cli *c, int count, char **rules);
int alert_list(cli *c);
int alert_show(cli *c, const char *id);
int alert_remove(cli *c, int count, char **ids);
int alert_lint(cli *c, int count, char **files);
int alert_test(cli *c, int count, char **rules);
/** --dry-run of the lane: the alerts of the store over the log, nothing written. */
int alert_dry_run(cli *c);
/** --check: one line for Nagios and its status. */
int alert_check(cli *c);

/** The store of --store; NULL after a message, with the exit status in *status. */
fxmon_store *alert_store(cli *c, bool read_only, int *status);
/** Call fn for each rule of a file ("-": standard input); rules that cannot be read are told with file and line. *bad counts them. */
int alert_rules(cli *c, const char *path, int (*fn)(void *user, const fxmon_alert *alert, const char *text), void *user, int *bad);
const char *alert_phase_name(const fxmon_alert *alert, const fxmon_alert_state *state);
void alert_print_json(const fxmon_alert *alert, const fxmon_alert_state *state);
#endif
