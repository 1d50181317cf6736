/* cli/consume.h - the commands of fxmon-consume. Each returns the exit status. */
#ifndef FXMON_CLI_CONSUME_H
#define FXMON_CLI_CONSUME_H
#include "cli.h"

/** How the lanes and producers of a store are doing. 0 well, 1 one is not, 3 unknown. */
int consume_status(cli *c);
/** A quote through log, consumer and store. 0 it came, 1 it did not in time. */
int consume_canary(cli *c);
/** dlq list, show, replay: the dead letters of a store. */
int consume_dlq(cli *c, int count, char **words);
#endif
