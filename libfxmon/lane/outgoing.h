/* lane/outgoing.h - messages on their way to a log: encoded, keyed, split by pair and completed by crosses as asked, kept until they are acknowledged. */
#ifndef FXI_OUTGOING_H
#define FXI_OUTGOING_H
#include "base/buf.h"
#include <fxmon/plugin.h>
typedef struct fxi_outgoing {
    fxi_buf text; /* keys and records, one after the other */
    struct fxi_outgoing_part {
        size_t key, data, length;
    } *parts;
    fxmon_blob *blobs;
    size_t count, capacity, blob_capacity;
    size_t ahead; /* the first of them are with the log already, which may be sending them; not acknowledged */
    int64_t rates; /* in all of them */
    fxmon_rate *cross;
    size_t cross_capacity;
    bool split, crosses;
    bool packed;        /* records are MessagePack instead of JSON; set after init */
    const char *source; /* in the keys, instead of the message's own: see outgoing.c; borrowed, may be NULL */
} fxi_outgoing;
void fxi_outgoing_init(fxi_outgoing *out, size_t bytes_maximum, bool split, bool crosses);
void fxi_outgoing_free(fxi_outgoing *out);
/** One publication. FXMON_E_NOMEM or FXMON_E_TOO_LARGE: nothing of it was added. */
int fxi_outgoing_add(fxi_outgoing *out, const fxmon_message *message);
/** All records, for append. NULL: out of memory. Valid until the next call. */
const fxmon_blob *fxi_outgoing_blobs(fxi_outgoing *out);
void fxi_outgoing_clear(fxi_outgoing *out);
#endif
