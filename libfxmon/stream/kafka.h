/*
 * stream/kafka.h - what the parts of the Kafka log share: the place that a URL names, librdkafka's configuration, reader and writer.
 */
#ifndef FXI_KAFKA_H
#define FXI_KAFKA_H
#include <fxmon/plugin.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>

#include "base/log.h"

/* ---- configuration (kafka_url.c, kafka_conf.c) ---- */

/** kafka://host:port[,host:port...]/topic */
typedef struct fxi_kafka_place {
    char *servers; /* each with its port */
    char *topic;
} fxi_kafka_place;
int fxi_kafka_place_parse(const char *url, fxi_kafka_place *out, fxmon_error *error);
void fxi_kafka_place_free(fxi_kafka_place *place);

int64_t fxi_kafka_max_record(const fxmon_env *env);
int64_t fxi_kafka_now(const fxmon_env *env); /* monotonic */
bool fxi_kafka_by_brokers(const fxmon_env *env); /* the brokers run the group */
bool fxi_kafka_stopping(const fxmon_env *env);

/** Why a librdkafka property cannot be set by hand, NULL if it can. */
const char *fxi_kafka_forbidden(const char *property);
/** Its value is a secret: never said, and not taken from a command line. */
bool fxi_kafka_secret(const char *property);
/** Everything but callbacks; destroy with rd_kafka_conf_destroy. NULL: error. */
rd_kafka_conf_t *fxi_kafka_reader_conf(const fxmon_env *env, const fxi_kafka_place *place, const char *group, const char *member_id, fxmon_error *error);
rd_kafka_conf_t *fxi_kafka_writer_conf(const fxmon_env *env, const fxi_kafka_place *place, fxmon_error *error);

fxmon_result fxi_kafka_result(int code);

/** What the connection said last: filled by the callbacks, which run in the polls of the thread that owns the driver. */
typedef struct fxi_kafka_link {
    const fxmon_env *env;
    bool down;           /* no broker could be reached, and none was since */
    fxmon_error trouble; /* what it said last; for the text of a RETRY */
    fxmon_error fatal;   /* code not FXMON_OK: it needs a person */
    bool own_name;       /* no other process can have joined under the name of this member */
    bool renew;          /* the handle is of no use any more, a new one will be */
} fxi_kafka_link;
void fxi_kafka_link_callbacks(rd_kafka_conf_t *conf); /* its opaque must begin with a fxi_kafka_link */
void fxi_kafka_link_error(fxi_kafka_link *link, int err, const char *text);
/** Does a broker answer? Looked at while `down`. */
bool fxi_kafka_link_back(fxi_kafka_link *link, rd_kafka_t *rk);

/* ---- the member's name in its group (kafka_member.c) ---- */

#define FXI_KAFKA_MEMBER 64
typedef struct fxi_kafka_member {
    int lock;                       /* descriptor that keeps the name ours; -1 none */
    char id[FXI_KAFKA_MEMBER];      /* "" : no name, a member like any other */
} fxi_kafka_member;
/** A name in `folder` that no living process of this machine uses for this group: the one of a process that ended, first. */
int fxi_kafka_member_take(fxi_kafka_member *member, const char *folder, const char *servers, const char *group, fxmon_error *error);
/** As the option member-id says: auto, none, or a name. */
int fxi_kafka_member_open(fxi_kafka_member *member, const fxmon_env *env, const char *servers, const char *group, fxmon_error *error);
void fxi_kafka_member_close(fxi_kafka_member *member);

/* ---- reader (kafka_consumer.c, kafka_reader.c, kafka_group.c) ---- */

typedef struct fxi_kafka_part {
    int32_t id;
    int64_t position;  /* next offset to hand out, once sought */
    int64_t first;     /* as last asked for */
    int64_t commit, commit_sent; /* for lag tools */
    bool sought;       /* the lane said where to read */
    bool started;      /* librdkafka reads it */
    bool dirty;        /* has to be started (again) at `position` */
    bool paused;
    bool revoked;      /* the lane has been asked for it */
    bool released;
    bool astray;       /* its position is not in the log: to be looked at */
} fxi_kafka_part;

typedef struct fxi_kafka_reader {
    fxi_kafka_link link; /* first */
    const fxmon_env *env;
    fxi_kafka_place place;
    fxi_kafka_member name;
    char *group;         /* NULL: none */
    bool grouped, cooperative, closing, until_end, missing;
    int64_t max_record;
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue;
    int event;
    char *identity;
    fxi_kafka_part *parts;
    size_t part_count, part_capacity;
    fxmon_record *news;       /* not handed out yet */
    size_t news_at, news_count, news_capacity;
    rd_kafka_message_t **held; /* what the last read handed out points into them */
    size_t held_count, held_capacity;
    bool joined; /* the group has said which partitions are this reader's, and has not asked for them back */
    bool revoking;
    int64_t revoke_until;
    rd_kafka_topic_partition_list_t *revoked; /* as the callback named them */
    bool dirty;
    struct fxi_kafka_ending { /* of the handle, by a thread that can be left behind */
        pthread_mutex_t lock;
        pthread_cond_t done;
        bool over;
    } ending;
    bool abandoned;           /* that thread has it */
    int64_t nudged_at;
    int64_t commits_at, looked_at; /* monotonic: last commit, last look at the topic's partitions */
    fxmon_member member;
    fxi_complaint complaint;
} fxi_kafka_reader;

/* partitions and the group (kafka_group.c) */
fxi_kafka_part *fxi_kafka_part_find(fxi_kafka_reader *r, int32_t id);
void fxi_kafka_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *opaque);
int fxi_kafka_news(fxi_kafka_reader *r, int32_t kind, int32_t partition);
bool fxi_kafka_own(fxi_kafka_reader *r, int32_t id);          /* false: out of memory */
void fxi_kafka_revoke_look(fxi_kafka_reader *r);              /* give back what was released, or is overdue, or lost */
void fxi_kafka_revoke_end(fxi_kafka_reader *r);
void fxi_kafka_poke(fxi_kafka_reader *r);                     /* so that joining goes on */
int fxi_kafka_apply(fxi_kafka_reader *r, fxmon_error *error); /* start what the lane sought */
int fxi_kafka_grow(fxi_kafka_reader *r, fxmon_error *error);  /* without a group: partitions that are new */
void fxi_kafka_commit(fxi_kafka_reader *r, bool last);
void fxi_kafka_abandon(fxi_kafka_reader *r, const char *reason); /* all partitions are lost */
/* life (kafka_consumer.c) */
void fxi_kafka_let_go(fxi_kafka_reader *r);                   /* of the records that the last read handed out */
int fxi_kafka_renew(fxi_kafka_reader *r, fxmon_error *error); /* another handle, which joins the group again */

fxmon_result fxi_kafka_open_reader(const fxmon_env *env, const char *url, const char *group, void **state, fxmon_error *error);
void fxi_kafka_close_reader(void *state);
const char *fxi_kafka_identity(void *state);
fxmon_result fxi_kafka_read(void *state, fxmon_record *records, size_t max, size_t *count, int timeout_ms, fxmon_error *error);
fxmon_result fxi_kafka_seek(void *state, int32_t partition, int64_t offset, fxmon_error *error);
fxmon_result fxi_kafka_pause(void *state, int32_t partition, bool paused);
fxmon_result fxi_kafka_bounds(void *state, int32_t partition, int64_t *first, int64_t *end, fxmon_error *error);
void fxi_kafka_committed(void *state, int32_t partition, int64_t next_offset);
int fxi_kafka_pollfd(void *state);
void fxi_kafka_release(void *state, int32_t partition);
bool fxi_kafka_member_told(void *state, fxmon_member *member);

/* ---- writer (kafka_writer.c, kafka_pending.c, kafka_topic.c) ---- */

/** What was given to librdkafka and not answered to the caller yet, in the order of the batch. */
enum fxi_kafka_sent { FXI_KAFKA_FLIES = 0, FXI_KAFKA_ARRIVED = 1, FXI_KAFKA_FAILED = 2 };
typedef struct fxi_kafka_pending {
    struct fxi_kafka_pending_record {
        uint64_t hash;
        uint8_t state;
    } *records;
    size_t count, capacity;
    size_t arrived, failed;
    uint32_t turn; /* reports of an earlier batch are told apart by it */
} fxi_kafka_pending;
void fxi_kafka_pending_free(fxi_kafka_pending *p);
/** How many of the first records of this batch are pending already; a batch that is another one makes it forget. */
size_t fxi_kafka_pending_match(fxi_kafka_pending *p, const fxmon_blob *records, size_t count);
/** Room for `count` records in all; false: out of memory, nothing changed. */
bool fxi_kafka_pending_room(fxi_kafka_pending *p, size_t count);
void fxi_kafka_pending_add(fxi_kafka_pending *p, const fxmon_blob *record);
void *fxi_kafka_pending_mark(const fxi_kafka_pending *p, size_t index); /* goes with the message */
void fxi_kafka_pending_report(fxi_kafka_pending *p, void *mark, bool arrived);
void fxi_kafka_pending_again(fxi_kafka_pending *p, size_t index);       /* a failed one flies once more */
void fxi_kafka_pending_clear(fxi_kafka_pending *p);

/** Creates the topic unless it is there. */
fxmon_result fxi_kafka_topic_make(fxi_kafka_link *link, rd_kafka_t *rk, const char *topic, fxmon_error *error);

fxmon_result fxi_kafka_open_writer(const fxmon_env *env, const char *url, void **state, fxmon_error *error);
fxmon_result fxi_kafka_append(void *state, const fxmon_blob *records, size_t count, fxmon_error *error);
size_t fxi_kafka_ahead(void *state, const fxmon_blob *records, size_t before, size_t count);
void fxi_kafka_close_writer(void *state);
#endif
