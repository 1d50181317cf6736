/*
 * stream/log.h - writer and reader of a file log, behind the table in file.c.
 */
#ifndef FXI_LOG_FILE_H
#define FXI_LOG_FILE_H
#include <fxmon/plugin.h>

#include "stream/folder.h"
#include "stream/segment.h"

/** The writer's state: one per open_writer. The lock is held only inside append. */
typedef struct fxi_log_writer {
    const fxmon_env *env;
    fxi_folder_settings settings;
    int folder, lock;
    int segment;             /* open segment, O_APPEND; -1 before the first append */
    int64_t first;           /* its number */
    int64_t clean;           /* its size when its last byte was last known to be a newline; -1 unknown */
    int64_t reserved;        /* disk space is set aside up to here */
    int64_t born;            /* ns UTC */
    int64_t failed;          /* number of a segment whose fdatasync failed: nothing more goes in; -1 none */
    bool reserves;           /* the file system can set space aside */
    int previous;            /* the segment before, while this writer lives: see fxi_writer_carry; -1 none */
    int64_t previous_first, previous_size;
    int64_t swept;           /* monotonic time of the last look at retention; 0 never */
    char *batch;             /* one newline, then the records of the batch */
    size_t capacity;
} fxi_log_writer;

/* segments of the writer (rotate.c); all under the lock */
int fxi_writer_attach(fxi_log_writer *w, fxmon_error *error);            /* open the newest segment, or make the first */
int fxi_writer_rotate(fxi_log_writer *w, fxmon_error *error);            /* close it off and begin the next */
void fxi_writer_sweep(fxi_log_writer *w);                                /* retention */
int fxi_writer_carry(fxi_log_writer *w, fxmon_error *error);             /* bring late lines of the previous segment over */
int fxi_writer_put(int fd, const char *data, size_t length, int64_t *start, const char *what, fxmon_error *error);
int fxi_writer_whole(int fd, int64_t *size); /* does the segment of this size end with a whole line? 1, 0, -1 unreadable; the size is brought up to date */
void fxi_writer_detach(fxi_log_writer *w);

fxmon_result fxi_log_open_writer(const fxmon_env *env, const char *url, void **state, fxmon_error *error);
fxmon_result fxi_log_append(void *state, const fxmon_blob *records, size_t count, fxmon_error *error);
void fxi_log_close_writer(void *state);

fxmon_result fxi_log_open_reader(const fxmon_env *env, const char *url, const char *group, void **state, fxmon_error *error);
const char *fxi_log_identity(void *state);
fxmon_result fxi_log_read(void *state, fxmon_record *records, size_t max, size_t *count, int timeout_ms, fxmon_error *error);
fxmon_result fxi_log_seek(void *state, int32_t partition, int64_t offset, fxmon_error *error);
fxmon_result fxi_log_pause(void *state, int32_t partition, bool paused);
fxmon_result fxi_log_bounds(void *state, int32_t partition, int64_t *first, int64_t *end, fxmon_error *error);
int fxi_log_pollfd(void *state);
void fxi_log_close_reader(void *state);
#endif
