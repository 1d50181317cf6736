/*
 * sink/redis_place.h - how far a lane is, kept in Redis beside what it wrote: a hash fxmon:progress:LANE:STREAM:PARTITION with next_offset, epoch, owner and
 * the checkpoint. Whoever claims it puts a word of his own into `owner`: the one that is found there is the only one that may go on writing.
 */
#ifndef FXI_REDIS_PLACE_H
#define FXI_REDIS_PLACE_H
#include "sink/redis.h"

typedef struct fxi_redis_place {
    char *key;
    bool claimed;            /* loaded or written: from then on it must be there and ours */
    bool lasting;            /* of a log that can be replayed; the place of a pipe is for a day, and nobody claims it again */
    bool in_doubt;           /* a transaction was sent and its outcome is not known */
    int64_t next_offset;     /* as it must be found */
} fxi_redis_place;

typedef struct fxi_redis_places {
    char owner[17];
    fxi_redis_place **places;
    size_t count, capacity;
} fxi_redis_places;

void fxi_redis_places_open(fxi_redis_places *places, uint64_t random);
void fxi_redis_places_free(fxi_redis_places *places);
fxi_redis_place *fxi_redis_places_find(fxi_redis_places *places, const fxmon_progress *progress, fxmon_error *error);

/* before a flush: read it; FENCED when it is not what this process left there */
void fxi_redis_place_ask(const fxi_redis_place *place, const char *prefix, fxi_buf *out);
fxmon_result fxi_redis_place_saw(const fxi_redis_places *places, fxi_redis_place *place, const fxmon_progress *progress, const redisReply *reply,
                                 fxmon_error *error);
/* with a flush; both return how many commands they wrote */
size_t fxi_redis_place_encode(const fxi_redis_places *places, const fxi_redis_place *place, const fxmon_progress *progress, const char *prefix, fxi_buf *out);
void fxi_redis_place_wrote(fxi_redis_place *place, const fxmon_progress *progress);
/* claiming: the last of the commands answers with what is stored */
size_t fxi_redis_place_claim(const fxi_redis_places *places, const fxi_redis_place *place, const fxmon_progress *progress, const char *prefix, fxi_buf *out);
fxmon_result fxi_redis_place_loaded(fxi_redis_place *place, fxmon_progress *progress, const redisReply *reply, fxmon_error *error);
#endif
