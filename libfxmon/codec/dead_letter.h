/*
 * codec/dead_letter.h - a record that could not be used, on its way to a log of dead letters: the record's own bytes with what is wrong in headers, or,
 * for a log of text lines, both in one JSON object.
 */
#ifndef FXI_DEAD_LETTER_H
#define FXI_DEAD_LETTER_H
#include "base/buf.h"
#include <fxmon/plugin.h>
#define FXI_DEAD_HEADERS 12
typedef struct fxi_dead_origin {
    const char *topic;    /* as people call it: the topic, or the log's URL without secrets */
    const char *instance; /* "host:pid" */
    bool applied;         /* it was understood, and the destination or the computing refused it */
    int32_t hops;         /* times that this record was a dead letter, this one included */
} fxi_dead_origin;
/** A header; its value begins at `value` in the text and ends with NUL. */
typedef struct fxi_dead_header {
    const char *name;
    size_t value;
} fxi_dead_header;
/** Values behind one another at the end of `text`; see text->failed afterwards. */
void fxi_dead_letter_headers(const fxmon_dead_letter *letter, const fxi_dead_origin *origin, fxi_buf *text, fxi_dead_header out[FXI_DEAD_HEADERS]);
/** The same as one JSON object: members called as the headers, all texts, then "value", the bytes, or "value_base64" where they are no text. */
bool fxi_dead_letter_line(const fxmon_dead_letter *letter, const fxi_dead_origin *origin, fxi_buf *out);
/** TOPIC/PARTITION/OFFSET: the same record again has the same key. */
void fxi_dead_letter_key(const fxmon_dead_letter *letter, const fxi_dead_origin *origin, fxi_buf *out);
#endif
