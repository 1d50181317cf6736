/*
 * base/error.c - the error table and the filling of an fxmon_error.
 *
 * Texts may carry words that strangers wrote (a pair, a member name), so control characters and broken UTF-8 are replaced before
 * anybody prints them.
 */
#include "base/error.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *fxmon_version(void)
{
    return FXMON_VERSION_STRING;
}

const char *fxmon_strerror(int code)
{
    switch (code) {
#define ROW(id, value, name, text, retriable, exit_status) \
    case value:                                            \
        return text;
        FXMON_ERROR_MAP(ROW)
#undef ROW
    default:
        return "unknown error";
    }
}

const char *fxmon_errname(int code)
{
    switch (code) {
#define ROW(id, value, name, text, retriable, exit_status) \
    case value:                                            \
        return name;
        FXMON_ERROR_MAP(ROW)
#undef ROW
    default:
        return "unknown";
    }
}

bool fxmon_retriable(int code)
{
    switch (code) {
#define ROW(id, value, name, text, retriable, exit_status) \
    case value:                                            \
        return (retriable) != 0;
        FXMON_ERROR_MAP(ROW)
#undef ROW
    default:
        return false;
    }
}

int fxmon_exit_status(int code)
{
    switch (code) {
#define ROW(id, value, name, text, retriable, exit_status) \
    case value:                                            \
        return exit_status;
        FXMON_ERROR_MAP(ROW)
#undef ROW
    default:
        return 1;
    }
}

void fxi_error_clear(fxmon_error *error)
{
    if (error != NULL) {
        error->code = FXMON_OK;
        error->retry_at = 0;
        error->field[0] = '\0';
        error->text[0] = '\0';
    }
}

int fxi_fail(fxmon_error *error, int code, const char *field, const char *format, ...)
{
    if (error == NULL) {
        return code;
    }
    /* Callers name parts of an earlier error (field, text) in a new one: format aside before anything is overwritten. */
    char text[sizeof(error->text)], name[sizeof(error->field)];
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(text, sizeof(text), format, arguments) < 0) {
        text[0] = '\0';
    }
    va_end(arguments);
    snprintf(name, sizeof(name), "%s", field == NULL ? "" : field);
    fxi_utf8_tidy(text);
    fxi_utf8_tidy(name);
    error->code = code;
    error->retry_at = 0;
    memcpy(error->text, text, sizeof(text));
    memcpy(error->field, name, sizeof(name));
    return code;
}

static int code_of_errno(int errnum)
{
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
        return FXMON_E_DISK_FULL;
    case ENOMEM:
        return FXMON_E_NOMEM;
    case ENOENT:
        return FXMON_E_NOT_FOUND;
    case ENOTDIR: /* a name that a person has to mend: waiting does not */
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
        return FXMON_E_CONFIG;
    default:
        return FXMON_E_IO;
    }
}

int fxi_fail_errno(fxmon_error *error, int errnum, const char *what, const char *name)
{
    char reason[128];
    const char *text = strerror_r(errnum, reason, sizeof(reason)); /* the GNU one, which returns the text */
    bool named = name != NULL && name[0] != '\0';
    return fxi_fail(error, code_of_errno(errnum), NULL, "%s%s%s: %s", what, named ? " " : "", named ? name : "", text);
}
