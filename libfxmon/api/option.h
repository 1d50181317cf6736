/* api/option.h - the values of a handle's options, checked against the table in options.def. */
#ifndef FXI_OPTION_H
#define FXI_OPTION_H
#include <fxmon/fxmon.h>
typedef struct fxi_options fxi_options;
fxi_options *fxi_options_new(void);
void fxi_options_free(fxi_options *o);
/** Check and keep a copy. Repeated options collect their values, joined by newlines; NULL unsets. */
int fxi_options_set(fxi_options *o, const char *name, const char *value, fxmon_error *error);
const char *fxi_options_get(const fxi_options *o, const char *name); /* value or default; NULL if neither */
#endif
