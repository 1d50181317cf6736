/* cli/help.h - --help, --version and the option lists of the man pages, all from the library's option table. */
#ifndef FXMON_CLI_HELP_H
#define FXMON_CLI_HELP_H
#include "cli.h"
int help_print(const cli *c);       /* standard output; returns 0 */
int help_version(const cli *c);
int help_man_options(const cli *c); /* mdoc list for man/PROGRAM.1 */
#endif
