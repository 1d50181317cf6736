/*
 * source/line_file.h - lines of a file, forwards or from its end backwards, in bounded memory. Regular files, pipes and standard input.
 */
#ifndef FXI_LINE_FILE_H
#define FXI_LINE_FILE_H
#include <fxmon/core.h>
typedef struct fxi_line_file fxi_line_file;
typedef enum fxi_line_result {
    FXI_LINE = 0,  /* a line, without its line end */
    FXI_LINE_NONE, /* nothing to read now: a pipe whose writer is silent */
    FXI_LINE_END,
    FXI_LINE_LONG, /* a line over the limit was passed over; its first bytes are given */
    FXI_LINE_FAIL  /* error is filled */
} fxi_line_result;
/** "-" is standard input. `limit` is the longest line. */
fxi_line_file *fxi_line_file_open(const char *path, size_t limit, fxmon_error *error);
/** Take over an open descriptor (closed with the file), which need not be non-blocking. */
fxi_line_file *fxi_line_file_adopt(int fd, const char *name, size_t limit, fxmon_error *error);
void fxi_line_file_close(fxi_line_file *f);
/** The next line, valid until the next call. Never waits for input. */
fxi_line_result fxi_line_file_next(fxi_line_file *f, const char **line, size_t *length, fxmon_error *error);
int64_t fxi_line_file_number(const fxi_line_file *f); /* of the last line, from 1; when going backwards -1 is the last line, -2 that before */
bool fxi_line_file_seekable(const fxi_line_file *f);
/** From here on: the first line again, or the last line first. FXMON_E_UNSUPPORTED for what cannot be sought. */
int fxi_line_file_rewind(fxi_line_file *f, bool backwards, fxmon_error *error);
/** A tick reader's error text without its "line N: ": it counts the lines that it was fed, which need not be the file's. */
const char *fxi_line_words(const char *text);
#endif
