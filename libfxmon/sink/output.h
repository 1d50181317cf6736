/*
 * sink/output.h - output files that grow by whole batches, and the note beside them of how far they are good and what was read for it.
 */
#ifndef FXI_OUTPUT_H
#define FXI_OUTPUT_H
#include <fxmon/plugin.h>

#include "base/buf.h"

/** One file. `good` bytes of it are noted; what is behind them is of a batch that was never finished. */
typedef struct fxi_output {
    char *path;
    int fd;
    int64_t good, end; /* noted, and written */
} fxi_output;

/** What is noted for one lane and partition. Owned by the list. */
typedef struct fxi_output_place {
    char *lane, *stream;
    int32_t partition;
    int64_t next_offset, epoch, checkpoint_offset;
    char *checkpoint;
    size_t checkpoint_size;
} fxi_output_place;

/** PATH.progress: sizes and places, replaced as a whole. */
typedef struct fxi_output_note {
    char *path;
    bool there;                 /* it was read */
    int64_t rows_size, dead_size;
    fxi_output_place *places;
    size_t count, capacity;
} fxi_output_note;

int fxi_output_note_read(fxi_output_note *note, const char *path, fxmon_error *error);
int fxi_output_note_write(const fxi_output_note *note, fxmon_error *error);
/** Set the place that `progress` names; without a checkpoint the one noted before stays. */
int fxi_output_note_set(fxi_output_note *note, const fxmon_progress *progress, fxmon_error *error);
const fxi_output_place *fxi_output_note_find(const fxi_output_note *note, const fxmon_progress *progress);
void fxi_output_note_free(fxi_output_note *note);

/** Open, or create, and cut back to `good` bytes (-1: take the file as it is). Only one process may have it. */
int fxi_output_open(fxi_output *out, const char *path, int64_t good, bool exclusive, fxmon_error *error);
/** Write behind `good` and make it durable; nothing counts until the note says so. */
int fxi_output_write(fxi_output *out, const char *data, size_t length, fxmon_error *error);
void fxi_output_close(fxi_output *out);
#endif
