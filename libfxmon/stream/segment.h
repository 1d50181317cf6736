/*
 * stream/segment.h - the files of a file log: names, lists, counting records, the sparse index.
 *
 * A segment is NDJSON text named by the number of its first record: 00000000000000000000.ndjson. A record is a line, its number is
 * the segment's number plus the newlines before it. Nothing else about a segment is ever stored where it matters: the index beside it
 * (00000000000000000000.index) only saves a scan and is believed only if it fits the segment.
 */
#ifndef FXI_SEGMENT_H
#define FXI_SEGMENT_H
#include <fxmon/plugin.h>

#define FXI_SEGMENT_NAME 32
#define FXI_SEGMENT_STEP 1024 /* records between two marks of the index */

void fxi_segment_name(int64_t first, const char *suffix, char out[FXI_SEGMENT_NAME]); /* suffix: ".ndjson", ".index" */
bool fxi_segment_number(const char *name, int64_t *first); /* false: not the name of a segment */

/** The segments of a folder, sorted by number. */
typedef struct fxi_segments {
    int64_t *first;
    size_t count, capacity;
    char odd[64]; /* a name that does not belong here, "" if there is none */
} fxi_segments;
int fxi_segments_list(int folder, fxi_segments *list, fxmon_error *error);
void fxi_segments_free(fxi_segments *list);
/** Position of the last segment that starts at or before `number`; -1 if all start later. */
long fxi_segments_find(const fxi_segments *list, int64_t number);

/** A walk over the lines of one segment. Zero-initialise; goes on where it stood as the segment grows. */
typedef struct fxi_walk {
    int64_t bytes;   /* start of the first line not counted */
    int64_t records; /* lines that end before it */
    int64_t size;    /* bytes seen: more than `bytes` when the last line has no newline yet */
    int64_t *marks;  /* marks[k]: where line k * FXI_SEGMENT_STEP starts */
    size_t mark_count, mark_capacity;
    char *buffer;
} fxi_walk;
/** Count lines up to the end of the segment, or until `records` reaches stop. */
int fxi_walk_to(fxi_walk *walk, int fd, int64_t stop, fxmon_error *error);
void fxi_walk_free(fxi_walk *walk);

/** Take over marks from the index beside a segment, if there is one and it fits: the walk then starts near line `target`. */
void fxi_index_load(int folder, int64_t first, int fd, int64_t target, fxi_walk *walk);
/** Write the marks of a walk. Best effort: the index is a cache. */
void fxi_index_save(int folder, int64_t first, int fd, const fxi_walk *walk);
#endif
