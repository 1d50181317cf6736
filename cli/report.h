/* cli/report.h - what a run did, told at its end: a line a lane on standard error, or with --json an object a lane. */
#ifndef FXMON_CLI_REPORT_H
#define FXMON_CLI_REPORT_H
#include "cli.h"
/** elapsed: ns that the run took. A run of the load generator (--rate) also tells how fast it was. */
void report_print(cli *c, fxmon *m, int64_t elapsed);
/** Do records go to standard output? */
bool report_output_taken(const cli *c);
/** value / unit with one to three digits after the point, rounded: "1000.0". */
void report_number(int64_t value, int64_t unit, int digits, char out[32]);
#endif
