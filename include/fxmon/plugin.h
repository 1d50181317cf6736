/*
 * fxmon/plugin.h - for authors of sources, streams, stores, sinks and notifiers.
 *
 * A driver is a const table of functions, found by the scheme of a URL. Its state belongs to one lane, that is to
 * one thread: a driver needs no lock. A driver answers with a result and, when that is RETRY, FATAL or REFUSED, fills the error:
 *
 *   FXMON_DONE    it worked
 *   FXMON_RETRY   it did not work, nothing was kept, the same call may work later: the lane waits and calls again
 *   FXMON_FATAL   it will not work without a person (configuration, credentials)
 *   FXMON_REFUSED this record, and only it, is bad data: the lane puts it to the dead letters and goes on
 *   FXMON_FENCED  somebody else owns this work now: the lane drops what it holds and claims anew
 *   FXMON_END     there will be no more
 *   FXMON_WAIT    nothing now
 *
 * Drivers never sleep, never retry, never log secrets, never install signal handlers. A call returns after at most its time
 * limit (5 s where nothing else is said), and soon after env->stopping() turns true.
 */
#ifndef FXMON_PLUGIN_H
#define FXMON_PLUGIN_H

#include "core.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fxmon_result {
    FXMON_DONE = 0,
    FXMON_RETRY = 1,
    FXMON_FATAL = 2,
    FXMON_REFUSED = 3,
    FXMON_FENCED = 4,
    FXMON_END = 5,
    FXMON_WAIT = 6
} fxmon_result;

enum fxmon_log_level { FXMON_LOG_ERROR = 0, FXMON_LOG_WARNING = 1, FXMON_LOG_INFO = 2, FXMON_LOG_DEBUG = 3 };

/** What a driver may ask of its host. Valid as long as the driver's state. */
typedef struct fxmon_env {
    size_t size;                                           /* sizeof(fxmon_env) of the host */
    void *user;                                            /* passed to every function below */
    int64_t (*now)(void *user);                            /* wall clock, ns UTC */
    int64_t (*monotonic)(void *user);                      /* ns, for time limits */
    bool (*stopping)(void *user);                          /* true: return soon */
    void (*log)(void *user, int level, const char *component, const char *text);
    const char *(*option)(void *user, const char *name);   /* value of an option, NULL if unset */
} fxmon_env;

/* ---- messages: what travels on the log ---------------------------------------------------- */

/** One pair of a message. */
typedef struct fxmon_rate {
    fxmon_pair pair;
    fxmon_decimal mid, bid, ask; /* bid/ask: mantissa 0 if absent */
} fxmon_rate;

/** All pairs of one publication (or one pair of it). rates belongs to whoever made the message. */
typedef struct fxmon_message {
    int64_t time;        /* when the source observed the rates ("timestamp") */
    int64_t ingested;    /* when fxmon read them; 0 unknown */
    int64_t next_update; /* when the source will publish next; 0 unknown */
    char base[8];
    char source[FXMON_SOURCE_TEXT];
    uint32_t count, capacity;
    fxmon_rate *rates;
} fxmon_message;

/* ---- source ------------------------------------------------------------------------------- */

/** A source of a producer, as that last said: a row of source_health. */
typedef struct fxmon_source_health {
    char source[96];      /* as it was named, without secrets: "ecb" */
    char component[64], instance[64], log[64]; /* who asks it, and where its rates go */
    char status[16];      /* fresh, late (a publication is missing), waiting (none yet), standby (one before it answers), failing, failed (for good), ended,
                             stopped (nobody asks it) */
    char error[192];      /* of the newest failure, without secrets; "" none */
    int64_t heartbeat;    /* ns UTC of this row */
    int64_t answered;     /* when it last answered without an error; 0 never */
    int64_t failed;       /* when it last failed; 0 never */
    int64_t failures;     /* in a row, up to now */
    int64_t publications; /* since the producer started */
    int64_t published;    /* the time that the newest of them bears; 0 none yet */
    int64_t announced;    /* when the next one will come, by the source's own word; 0 not said */
    int64_t expected;     /* when the next one is due; 0 not known */
    int64_t missed;       /* publications that should be there and are not; -1 not known */
    int64_t cadence;      /* ns between two publications, as a rule; 0 not known */
    int64_t delay;        /* ns from the time that one bears until it can be fetched, as a rule */
    bool weekdays;        /* none bears the date of a Saturday or Sunday */
    bool silent;          /* as read: its producer gave no sign for three heartbeats. Stores keep it not */
    int64_t quota, quota_used; /* requests a month; quota 0: no limit known */
} fxmon_source_health;

/** A provider of rates. `name`: also usable as --from NAME. */
typedef struct fxmon_source_ops {
    size_t size;
    const char *schemes; /* space separated: "http https open-er-api"; matched before the first ':' or as a whole */
    const char *unsupported; /* NULL, or why this build cannot: "built without libcurl" */
    fxmon_result (*open)(const fxmon_env *env, const char *url, void **state, fxmon_error *error);
    /**
     * The next message, if its time has come. DONE: *message is filled (its arrays belong to the driver until the next
     * call); *due set to `now` says that the same fetch brought more (the days of a history). WAIT: nothing before *due (ns UTC).
     * END: no more. RETRY/FATAL: error, with error->retry_at when known. REFUSED: one record was bad (error says which), go on.
     * The driver keeps to the provider's own schedule whatever `now` says: it never burns a quota.
     */
    fxmon_result (*next)(void *state, int64_t now, fxmon_message *message, int64_t *due, fxmon_error *error);
    void (*close)(void *state);
    /** The source hands out what was recorded before: published as it stands (no --track, no dedupe), and its END is the end. */
    bool recorded;
    /** Optional: fill what the driver knows of its source: cadence, delay, weekdays, quota, quota_used. In the thread of next. */
    void (*health)(void *state, fxmon_source_health *health);
} fxmon_source_ops;

/* ---- stream: the log ---------------------------------------------------------------------- */

enum fxmon_record_kind {
    FXMON_RECORD = 0,   /* data */
    FXMON_ASSIGNED = 1, /* this reader now owns `partition`: claim its progress and seek; -1: it is a member of its group, and there is none for it */
    FXMON_REVOKED = 2,  /* finish or drop what is held of `partition`, then release() it; until then it is still owned */
    FXMON_LOST = 3,     /* already taken over by another: drop */
    FXMON_GAP = 4       /* records [from, offset) are gone (retention, truncation); reading of the partition stops until seek */
};

/** A record as the stream holds it. data is valid until the next read. */
typedef struct fxmon_record {
    int32_t kind;
    int32_t partition;
    int64_t offset;
    int64_t from;       /* FXMON_GAP */
    int64_t timestamp;  /* of the broker, ns; 0 unknown */
    const char *data;
    size_t length;
    bool oversize;      /* longer than the limit: data holds the first bytes only */
    int32_t hops;       /* times it was a dead letter before: its header "fxmon-hops"; 0 without */
} fxmon_record;

/** Beside the data of a record, where the log can carry it. */
typedef struct fxmon_header {
    const char *name, *value; /* NUL-terminated */
} fxmon_header;

typedef struct fxmon_blob {
    const char *key;    /* NUL-terminated, may be NULL */
    const char *data;
    size_t length;
    const fxmon_header *headers; /* may be NULL; a log without headers leaves them out */
    size_t header_count;
} fxmon_blob;

/** This reader in its group, as it stands after the newest ASSIGNED, REVOKED or LOST. */
typedef struct fxmon_member {
    char id[96];          /* as the group knows it, "" unknown */
    int32_t generation;   /* -1 unknown */
    bool cooperative;
    int64_t began;        /* monotonic: when the rebalance began for this member; 0 unknown */
    char reason[96];      /* "member joined", "lost: session timed out", ...; "" unknown */
} fxmon_member;

typedef struct fxmon_stream_ops {
    size_t size;
    const char *schemes;
    const char *unsupported;
    /* reader */
    fxmon_result (*open_reader)(const fxmon_env *env, const char *url, const char *group, void **state, fxmon_error *error);
    const char *(*identity)(void *state); /* stable name of this log for progress rows, known from FXMON_ASSIGNED on; "" if it cannot be replayed */
    /** Up to max records, waiting at most timeout_ms for the first. DONE with *count 0: nothing now. END: closed by the writer. */
    fxmon_result (*read)(void *state, fxmon_record *records, size_t max, size_t *count, int timeout_ms, fxmon_error *error);
    /** Continue at offset; FXMON_OFFSET_FIRST / FXMON_OFFSET_END also. Allowed after FXMON_ASSIGNED or FXMON_GAP and at any time later. */
    fxmon_result (*seek)(void *state, int32_t partition, int64_t offset, fxmon_error *error);
    fxmon_result (*pause)(void *state, int32_t partition, bool paused);
    /** Offsets now: first kept record, and one past the last (INT64_MAX: not known, the end shows as FXMON_END). error NULL: what is known from reading will do. */
    fxmon_result (*bounds)(void *state, int32_t partition, int64_t *first, int64_t *end, fxmon_error *error);
    void (*committed)(void *state, int32_t partition, int64_t next_offset); /* for lag tools; may be NULL */
    int (*pollfd)(void *state); /* after a read that gave nothing: readable when one would give something; -1 if there is none */
    void (*close_reader)(void *state);
    /* optional, for logs with groups */
    void (*release)(void *state, int32_t partition); /* done with a revoked partition; the driver gives it back when all of them are */
    bool (*member)(void *state, fxmon_member *member);
    /* writer */
    fxmon_result (*open_writer)(const fxmon_env *env, const char *url, void **state, fxmon_error *error);
    /** DONE: all of them acknowledged as the sync option says. Otherwise none is acknowledged. */
    fxmon_result (*append)(void *state, const fxmon_blob *records, size_t count, fxmon_error *error);
    void (*close_writer)(void *state);
    bool lines; /* a record is a line of text: no binary payload, no headers */
    /**
     * Optional, NULL without: the next append will begin with these `count` records, the first `before` of which earlier calls have had. The driver may copy and send the
     * new ones while the caller makes more; it never waits. The count of records that are on their way: `count`, or less when there is no room. Nothing is acknowledged by
     * it, and a failure shows in the append.
     */
    size_t (*ahead)(void *state, const fxmon_blob *records, size_t before, size_t count);
} fxmon_stream_ops;

#define FXMON_OFFSET_FIRST INT64_C(-2)
#define FXMON_OFFSET_END INT64_C(-1)

/* ---- rows: what lanes hand to sinks and stores -------------------------------------------- */

/** A new quote with what the lane computed. */
typedef struct fxmon_row {
    fxmon_pair pair;
    int64_t time, ingested;
    fxmon_decimal rate, bid, ask;
    double volatility;  /* NAN: fewer than two samples, or late */
    uint32_t samples;   /* prices in the window */
    uint32_t kind;      /* FXMON_ROW_... */
    double cross;       /* FXMON_ROW_CROSS: the rate, which is then not in `rate` */
    const char *source;
    int32_t partition;
    int64_t offset;
} fxmon_row;
enum fxmon_row_kind {
    FXMON_ROW_QUOTE = 0,
    FXMON_ROW_LATE = 1,  /* not newer than one already seen: kept, in no statistic */
    FXMON_ROW_CROSS = 2
};

/** A record that could not be processed. */
typedef struct fxmon_dead_letter {
    const char *lane, *stream;
    int32_t partition;
    int64_t offset;
    const char *data;
    size_t length;
    const char *reason;  /* error name: "syntax", "rejected_by_validation", ... */
    const char *text;    /* which member, which value, what was expected */
    int64_t first_seen;
    int64_t resolved;    /* when a person replayed it or set it aside; 0: open */
} fxmon_dead_letter;

/** Where a lane stands in one partition. */
typedef struct fxmon_progress {
    const char *lane, *stream; /* borrowed */
    int32_t partition;
    int64_t next_offset;       /* next record to apply; -1: nothing yet */
    int64_t epoch;             /* fencing token, bumped by every claim */
    int64_t checkpoint_offset; /* the checkpoint holds the state before this record; -1: none */
    void *checkpoint;          /* bytes; on claim: fxmon_free_memory by the caller */
    size_t checkpoint_size;
} fxmon_progress;

/* ---- sink --------------------------------------------------------------------------------- */

/** A destination of rows that is no store. Only open, write, flush and close are needed. */
typedef struct fxmon_sink_ops {
    size_t size;
    const char *schemes;
    const char *unsupported;
    fxmon_result (*open)(const fxmon_env *env, const char *url, void **state, fxmon_error *error);
    /** Take rows into the batch. Nothing counts until flush. */
    fxmon_result (*write)(void *state, const fxmon_row *rows, size_t count, fxmon_error *error);
    /** Everything written since the last flush is delivered, and `progress` (NULL: none) is remembered with it. After RETRY the lane
     *  calls flush again, with the same batch still held by the driver. */
    fxmon_result (*flush)(void *state, const fxmon_progress *progress, fxmon_error *error);
    void (*close)(void *state);
    /* optional */
    fxmon_result (*load)(void *state, fxmon_progress *progress, fxmon_error *error); /* what flush remembered */
    fxmon_result (*dead)(void *state, const fxmon_dead_letter *letter, fxmon_error *error);
    void (*discard)(void *state); /* forget what was written since the last flush */
    /** While there is nothing to write, about once a second: is what was flushed last still there? FENCED: no, claim anew; error says why. */
    fxmon_result (*check)(void *state, const fxmon_progress *progress, fxmon_error *error);
    bool crosses;                 /* it keeps crosses as a matter of course: they come whatever the option crosses says */
    /** After a flush that answered REFUSED: the index-th row (from 0) of the batch that the destination will never take. It fills the letter's partition,
     *  offset, data and length, and error with why; END: there are no more. The lane puts them to the dead letters and calls flush again for the rest. The data is valid
     *  until the next call of anything but this. */
    fxmon_result (*refused)(void *state, size_t index, fxmon_dead_letter *letter, fxmon_error *error);
} fxmon_sink_ops;

/* ---- store: rows, alerts and progress in one transaction ----------------------------------- */

/** A stored rate, as history answers it. */
typedef struct fxmon_stored_rate {
    fxmon_pair pair;
    int64_t time, ingested;
    fxmon_decimal rate, bid, ask;
    double volatility;
    char source[FXMON_SOURCE_TEXT];
    int32_t partition;
    int64_t offset;
} fxmon_stored_rate;

typedef struct fxmon_history_query {
    fxmon_pair pair;     /* "" in fxmon_store_ops.dead_letters etc. is not used */
    int64_t from, to;    /* half-open [from, to); INT64_MIN/INT64_MAX: open */
    int64_t limit, offset;
    bool ascending;
    const char *source;  /* NULL: all */
} fxmon_history_query;

typedef struct fxmon_stored_event {
    int64_t id;           /* row number */
    int64_t recorded;     /* ns UTC */
    fxmon_event event;
    char message[192];
} fxmon_stored_event;

/** One lane or producer of one process, as it last said of itself: a row of consumer_health or producer_health. */
typedef struct fxmon_health {
    char component[64];  /* "consume/sqlite", "produce", "alert" */
    char instance[64];   /* host:pid */
    char status[16];     /* starting, ok, slow (falling behind), stalled, idle, rebalancing, retrying, stopped, failed */
    int64_t heartbeat;
    int64_t messages, rows, dead_letters, last_offset, lag;
    char detail[192];
    bool producer;       /* of producer_health; otherwise of consumer_health */
    bool silent;         /* as read: called "stopped" because it gave no sign for three intervals. Stores keep it not */
    char group[64];      /* consumer group, or the producer's log */
    char member[96];     /* as the group knows it */
    char partitions[128]; /* "0,1,2": assigned */
    char version[16];    /* of fxmon */
    int64_t started;     /* ns UTC */
    int64_t interval;    /* ns between two heartbeats: three missed mean stopped */
    int64_t messages_last_minute;
    int64_t lag_ns;      /* age of the oldest record not applied yet */
} fxmon_health;

/** A partition came or went. */
typedef struct fxmon_rebalance {
    int64_t time;        /* ns UTC */
    char component[64], instance[64], group[64], member[96];
    char kind[16];       /* assigned, revoked, lost */
    char partitions[128]; /* those that came or went: "0,2" */
    char assigned[128];  /* what the member has after it */
    int32_t generation;  /* -1 unknown */
    int64_t duration;    /* ns from its beginning until work went on; -1 unknown */
    char reason[96];
} fxmon_rebalance;

/** Where a lane stands in one partition, for those who look on. */
typedef struct fxmon_place {
    char lane[96], stream[192];
    int32_t partition;
    int64_t next_offset, epoch;
    char owner[64];
    int64_t updated;     /* ns UTC */
} fxmon_place;

/* Row callbacks: return false to stop. */
typedef bool (*fxmon_rate_fn)(void *user, const fxmon_stored_rate *rate);
typedef bool (*fxmon_alert_fn)(void *user, const fxmon_alert *alert, const fxmon_alert_state *state);
typedef bool (*fxmon_event_fn)(void *user, const fxmon_stored_event *event);
typedef bool (*fxmon_dead_fn)(void *user, const fxmon_dead_letter *letter, int64_t id);
typedef bool (*fxmon_health_fn)(void *user, const fxmon_health *health);
typedef bool (*fxmon_rebalance_fn)(void *user, const fxmon_rebalance *event, int64_t id);
typedef bool (*fxmon_source_fn)(void *user, const fxmon_source_health *source);
typedef bool (*fxmon_place_fn)(void *user, const fxmon_place *place);

typedef struct fxmon_store_ops {
    size_t size;
    const char *schemes;
    const char *unsupported;
    /** Opens, and creates or migrates the schema unless read_only. */
    fxmon_result (*open)(const fxmon_env *env, const char *url, bool read_only, void **state, fxmon_error *error);
    void (*close)(void *state);

    /* lanes: claim bumps the epoch and returns where to continue (in: lane, stream, partition) */
    fxmon_result (*claim)(void *state, fxmon_progress *progress, fxmon_error *error);
    fxmon_result (*begin)(void *state, fxmon_error *error);
    fxmon_result (*put_rows)(void *state, const fxmon_row *rows, size_t count, fxmon_error *error);
    fxmon_result (*put_dead)(void *state, const fxmon_dead_letter *letter, fxmon_error *error);
    /** Into history and outbox. FXMON_FIRED of an alert that repeats once also makes the alert inactive (unless it was edited since). */
    fxmon_result (*put_event)(void *state, const fxmon_event *event, fxmon_error *error);
    fxmon_result (*put_alert_state)(void *state, const fxmon_alert_state *alert_state, fxmon_error *error);
    /** last price and time of a pair, as the alert lane saw them */
    fxmon_result (*put_last)(void *state, const char *lane, const fxmon_quote *quote, fxmon_error *error);
    /** Advance `before` to next_offset and commit, all or nothing; FENCED when (next_offset, epoch) is not what is stored.
     *  With before->checkpoint set, the checkpoint is stored too. RETRY after a commit in doubt has been resolved as not applied. */
    fxmon_result (*commit)(void *state, const fxmon_progress *before, int64_t next_offset, fxmon_error *error);
    void (*rollback)(void *state);
    fxmon_result (*each_last)(void *state, const char *lane, bool (*fn)(void *user, const fxmon_quote *quote), void *user,
                              fxmon_error *error);

    /* alerts; `generation` changes whenever the set of alerts does */
    fxmon_result (*alert_add)(void *state, fxmon_alert *alert, fxmon_error *error); /* fills id, version, created */
    fxmon_result (*alert_remove)(void *state, int64_t id, fxmon_error *error);      /* FXMON_E_NOT_FOUND */
    fxmon_result (*alert_each)(void *state, bool only_active, fxmon_alert_fn fn, void *user, fxmon_error *error);
    fxmon_result (*alert_generation)(void *state, int64_t *generation, fxmon_error *error);

    /* outbox: events to notify, in order */
    fxmon_result (*outbox_each)(void *state, const char *destination, int64_t limit, fxmon_event_fn fn, void *user, fxmon_error *error);
    /** FXMON_OUTBOX_REGISTER as through_id: a destination that is not known yet begins behind the newest event; of a known one nothing changes. */
    fxmon_result (*outbox_done)(void *state, const char *destination, int64_t through_id, fxmon_error *error);

    /* questions */
    fxmon_result (*latest)(void *state, fxmon_rate_fn fn, void *user, fxmon_error *error); /* newest per (pair, source), by pair */
    fxmon_result (*history)(void *state, const fxmon_history_query *query, fxmon_rate_fn fn, void *user, fxmon_error *error);
    fxmon_result (*events)(void *state, int64_t limit, int64_t offset, fxmon_event_fn fn, void *user, fxmon_error *error); /* newest first */
    fxmon_result (*dead_each)(void *state, int64_t limit, int64_t offset, fxmon_dead_fn fn, void *user, fxmon_error *error);
    fxmon_result (*health_put)(void *state, const fxmon_health *health, fxmon_error *error);
    fxmon_result (*health_each)(void *state, fxmon_health_fn fn, void *user, fxmon_error *error);
    fxmon_result (*ping)(void *state, fxmon_error *error);
    /* optional */
    fxmon_result (*rebalance_put)(void *state, const fxmon_rebalance *event, fxmon_error *error);
    fxmon_result (*rebalance_each)(void *state, int64_t limit, int64_t offset, fxmon_rebalance_fn fn, void *user, fxmon_error *error); /* newest first */
    fxmon_result (*place_each)(void *state, fxmon_place_fn fn, void *user, fxmon_error *error);
    /** A dead letter was replayed or set aside by a person at `time`; 0: open again. FXMON_E_NOT_FOUND. */
    fxmon_result (*dead_resolve)(void *state, int64_t id, int64_t time, fxmon_error *error);
    /** A row for each source, log and instance; those of other instances that gave no sign for three heartbeats are forgotten with it. */
    fxmon_result (*source_put)(void *state, const fxmon_source_health *source, fxmon_error *error);
    fxmon_result (*source_each)(void *state, fxmon_source_fn fn, void *user, fxmon_error *error);
} fxmon_store_ops;

/* ---- notifier ----------------------------------------------------------------------------- */

#define FXMON_OUTBOX_REGISTER INT64_C(-1)

/** A destination of alert events: at least once, the same event id on a repeat. */
typedef struct fxmon_notify_ops {
    size_t size;
    const char *schemes;
    const char *unsupported;
    fxmon_result (*open)(const fxmon_env *env, const char *url, void **state, fxmon_error *error);
    /** `json` is the event as one line without newline. */
    fxmon_result (*send)(void *state, const fxmon_event *event, const char *json, size_t length, fxmon_error *error);
    void (*close)(void *state);
} fxmon_notify_ops;

#ifdef __cplusplus
}
#endif
#endif
