/*
 * stream/reader.h - the reader's state, shared by reader.c (lines) and place.c (segments, watching, seeking).
 */
#ifndef FXI_READER_H
#define FXI_READER_H
#include "stream/log.h"

typedef struct fxi_log_reader {
    const fxmon_env *env;
    fxi_folder_settings settings;
    int folder;          /* -1: not there yet */
    int watch;           /* inotify; -1: the folder is listed instead */
    char identity[FXI_FOLDER_IDENTITY];
    bool assigned, paused, halted, warned;
    fxi_segments list;   /* as last listed */
    bool stale;          /* the list may be old */

    int segment;         /* open segment, -1 none: then `number` is where to begin */
    int64_t first;       /* its number */
    int64_t limit;       /* number of the next segment; INT64_MAX: this is the newest */
    int64_t number;      /* of the next record; FXMON_OFFSET_FIRST while nothing is known */
    int64_t position;    /* where its line starts */

    char *data;          /* capacity bytes; [at, filled) is not handed out yet */
    size_t capacity, at, filled;
    bool is_long;        /* the line at `position` is longer than the buffer may grow */
    int64_t long_end;    /* and was searched for its end up to here */

    bool gap;            /* to be told: [gap_from, gap_to) is gone */
    int64_t gap_from, gap_to;

    fxi_walk tail;       /* counts the newest segment, for bounds */
    int64_t tail_first;
} fxi_log_reader;

int fxi_reader_folder(fxi_log_reader *r, fxmon_error *error);                  /* open and watch the folder if it is there */
int fxi_reader_seek(fxi_log_reader *r, int64_t offset, fxmon_error *error);    /* stand at an offset, or mark the gap before it */
int fxi_reader_look(fxi_log_reader *r, bool idle, fxmon_error *error);         /* is there a segment after the open one? sets limit */
int fxi_reader_next(fxi_log_reader *r, fxmon_error *error);                    /* go over to the segment at limit */
int fxi_reader_shrunk(fxi_log_reader *r, fxmon_error *error);                  /* was the newest segment cut or removed? */
int fxi_reader_bounds(fxi_log_reader *r, int64_t *first, int64_t *end, fxmon_error *error);
void fxi_reader_leave(fxi_log_reader *r);                                      /* close the open segment */
#endif
