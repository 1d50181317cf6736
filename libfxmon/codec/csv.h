/* codec/csv.h - lines and fields of comma separated tables (RFC 4180 quoting; a quoted field may not hold a line break). Spaces around an unquoted field are not part of it. */
#ifndef FXI_CSV_H
#define FXI_CSV_H
#include <fxmon/core.h>
#define FXI_CSV_FIELDS 256 /* most columns of a table */
typedef struct fxi_csv_field {
    const char *text;
    size_t length;
    bool doubled; /* quotes within are still doubled */
} fxi_csv_field;
/** Split one line without its end. Number of fields; -1: a quote is not closed or followed by text; -2: more than max. An empty line is one empty field. */
int fxi_csv_split(const char *line, size_t length, char separator, fxi_csv_field *fields, size_t max);
/** The field as NUL-terminated text; length, or -1 if it does not fit. */
long fxi_csv_text(const fxi_csv_field *field, char *out, size_t size);
bool fxi_csv_is(const fxi_csv_field *field, const char *word); /* equal but for ASCII case */
/** The next line of [*at, end) without LF or CR LF; false at the end. */
bool fxi_csv_line(const char **at, const char *end, const char **line, size_t *length);
#endif
