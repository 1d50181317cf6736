/* cli/progress.h - one line on a terminal that shows how a run goes, written anew each second (--progress). */
#ifndef FXMON_CLI_PROGRESS_H
#define FXMON_CLI_PROGRESS_H
#include "cli.h"
typedef struct progress progress;
/** NULL when no line is wanted, or none can be had. */
progress *progress_start(cli *c, fxmon *m);
void progress_stop(progress *p); /* takes the line away; NULL is fine */
/** Take the line away for a message; the caller holds the lock of standard error. */
void progress_hide(void);
#endif
