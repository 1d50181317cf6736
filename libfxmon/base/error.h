/* base/error.h - filling an fxmon_error. `error` may be NULL everywhere. All return `code`, so that callers can `return fxi_fail(...)`. */
#ifndef FXI_ERROR_H
#define FXI_ERROR_H
#include <fxmon/core.h>
int fxi_fail(fxmon_error *error, int code, const char *field, const char *format, ...) __attribute__((format(printf, 4, 5)));
int fxi_fail_errno(fxmon_error *error, int errnum, const char *what, const char *name); /* "what NAME: No space left"; ENOSPC, EDQUOT -> DISK_FULL, ENOMEM -> NOMEM, ENOENT -> NOT_FOUND, ENOTDIR, EISDIR, ELOOP, ENAMETOOLONG -> CONFIG, else IO */
void fxi_error_clear(fxmon_error *error);
#endif
