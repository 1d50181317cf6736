/* base/value.h - parsing option values: "30s", "16MiB", "yes", "EUR,GBP"; the nearest name to a mistyped one. */
#ifndef FXI_VALUE_H
#define FXI_VALUE_H
#include <fxmon/core.h>
size_t fxi_duration_format(int64_t ns, char *out, size_t size);        /* "1h30m"; snprintf rules */
int fxi_size_parse(const char *text, size_t length, int64_t *bytes);   /* 65536 64k 16MiB 1GB: powers of 1024 with or without i */
int fxi_integer_parse(const char *text, size_t length, int64_t *out);  /* decimal, whole text */
int fxi_bool_parse(const char *text, size_t length, bool *out);        /* yes/no true/false on/off 1/0 */
/** Nearest of the names (Damerau-Levenshtein, at most a third of the length), NULL if none is near. names: NULL-terminated. */
const char *fxi_nearest(const char *word, const char *const *names);
#endif
