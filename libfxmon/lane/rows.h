/*
 * lane/rows.h - what store and sink lanes compute: messages in, rows with their statistics out, collected into the batch that the next commit
 * delivers. Also the dead letters of that batch, copied. Nothing here has an effect outside.
 */
#ifndef FXI_ROWS_H
#define FXI_ROWS_H
#include "base/log.h"
#include "core/series.h"
#include <fxmon/fxmon.h>

typedef struct fxi_rows {
    fxi_series *series;
    fxmon_row *rows; /* the batch */
    size_t count, capacity;
    char (**sources)[FXMON_SOURCE_TEXT]; /* names that rows point to; reused from batch to batch */
    size_t source_count, source_capacity, source_used;
    char (*track)[8]; /* order of the crosses; NULL: as the message has them */
    size_t track_count;
    bool crosses;
    bool quiet_crosses; /* nobody asked for them */
    bool legs_missing; /* a message had not all tracked legs: its crosses are not complete */
    int64_t repeats, late, newest_time; /* of the batch */
} fxi_rows;

int fxi_rows_open(fxi_rows *rows, size_t window, bool crosses, const char *track, fxmon_error *error);
/** The same by the options window, crosses and track. Crosses that nobody asked for (always_crosses) are not complained of when they are not complete. */
int fxi_rows_of(fxi_rows *rows, const fxmon_env *env, bool always_crosses);
void fxi_rows_free(fxi_rows *rows);
/** One message into the statistics and, unless `quiet` (replay), into the batch. FXMON_E_NOMEM: the state is not to be used any more. */
int fxi_rows_apply(fxi_rows *rows, const fxmon_message *message, const fxmon_record *record, bool quiet);
/** The same, answering as a stage does. */
fxmon_result fxi_rows_take(fxi_rows *rows, const fxmon_message *message, const fxmon_record *record, bool quiet, fxmon_error *error);
/** Say, now and then, that crosses are not complete, if they are not. */
void fxi_rows_complain(fxi_rows *rows, const fxmon_env *env, fxi_complaint *complaint);
void fxi_rows_clear(fxi_rows *rows); /* the batch was delivered */
void fxi_rows_drop(fxi_rows *rows);  /* forget batch and statistics */
int fxi_rows_restore(fxi_rows *rows, const void *checkpoint, size_t size, fxmon_error *error);

/** Dead letters of a batch, with copies of what they point to. */
typedef struct fxi_letters {
    fxmon_dead_letter *letters;
    size_t count, capacity;
} fxi_letters;
int fxi_letters_add(fxi_letters *letters, const fxmon_dead_letter *letter);
void fxi_letters_clear(fxi_letters *letters);
void fxi_letters_free(fxi_letters *letters);
#endif
