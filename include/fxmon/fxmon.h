/*
 * fxmon/fxmon.h - the whole library: sources, the log, lanes, stores, HTTP. `pkg-config fxmon`.
 *
 * A handle is inert: fxmon_new opens no socket, no file and no thread. What is to be done is added (fxmon_produce,
 * fxmon_sink, fxmon_alerting, fxmon_serve), then fxmon_run does it until fxmon_stop, or the host calls fxmon_step in
 * its own loop. The library installs no signal handler, never calls exit, has no global state and does not
 * depend on the locale.
 *
 * Threads: a handle belongs to one thread at a time, except fxmon_stop (any thread, any signal handler) and
 * fxmon_status_each (any thread while fxmon_run runs).
 */
#ifndef FXMON_FXMON_H
#define FXMON_FXMON_H

#include "core.h"
#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- fetch ---------------------------------------------------------------------------------- */

/**
 * One blocking fetch: all quotes of a source, with exact digits, source and time. `source` is a short name or URL as --from takes it, or several
 * separated by commas (a fail-over chain). `base` is "USD" etc., NULL for the source's own. NULL on error. The caller frees the book.
 */
FXMON_API fxmon_book *fxmon_fetch(const char *source, const char *base, fxmon_error *error);

/* ---- options -------------------------------------------------------------------------------- */

enum fxmon_option_type {
    FXMON_TYPE_TEXT, FXMON_TYPE_INTEGER, FXMON_TYPE_BOOL, FXMON_TYPE_DURATION, FXMON_TYPE_SIZE,
    FXMON_TYPE_CHOICE, FXMON_TYPE_LIST,
    FXMON_TYPE_SECRET /* never on a command line: environment, configuration file, or NAME-file */
};
enum fxmon_program { FXMON_PRODUCE = 1, FXMON_CONSUME = 2, FXMON_ALERT = 4, FXMON_SERVE = 8, FXMON_ALL = 15 };

/** A row of the option table: from it come parsing, --help, the man pages and fxmon.conf(5). */
typedef struct fxmon_option_info {
    const char *name;         /* "interval": --interval, FXMON_INTERVAL, interval = in the file */
    int type;                 /* FXMON_TYPE_... */
    const char *initial;      /* value when unset, NULL for none */
    const char *minimum, *maximum; /* same syntax as the value; NULL: none */
    const char *choices;      /* "batch none" */
    const char *argument;     /* "DURATION" for help; NULL for switches */
    const char *fallback;     /* further environment names, space separated: "TRACKED_CURRENCIES"; NULL if none */
    unsigned programs;        /* FXMON_PRODUCE | ... */
    bool repeated;            /* may be given more than once: values are joined by a newline */
    bool program_only;        /* meaning only for the programs (--help, --config): fxmon_set refuses it */
    const char *text;         /* one sentence for help and man page */
} fxmon_option_info;
FXMON_API const fxmon_option_info *fxmon_option_at(size_t index); /* NULL past the end */
FXMON_API const fxmon_option_info *fxmon_option_find(const char *name);
/** Check a value against its row without a handle. FXMON_E_OPTION names the nearest option in the text. */
FXMON_API int fxmon_option_check(const char *name, const char *value, fxmon_error *error);
/** "sqlite: yes" or "curl: built without libcurl, ..." etc.; NULL past the end. */
FXMON_API const char *fxmon_feature_at(size_t index);

/* ---- the handle ----------------------------------------------------------------------------- */

typedef struct fxmon fxmon;

/** Zero is the default of every member; size is sizeof(fxmon_options). Texts are copied. */
typedef struct fxmon_options {
    size_t size;
    const char *from; /* sources, or the log to read: option "from" */
    const char *to;   /* log to write: option "to" */
    void *user;       /* for the functions below */
    void (*log)(void *user, int level, const char *component, const char *text); /* NULL: silent */
    int64_t (*now)(void *user);       /* NULL: the system's clocks */
    int64_t (*monotonic)(void *user);
} fxmon_options;

FXMON_API fxmon *fxmon_new(const fxmon_options *options, fxmon_error *error); /* options may be NULL */
FXMON_API void fxmon_free(fxmon *m); /* stops and closes; NULL is fine */
/** Any option by name. FXMON_E_OPTION (unknown; the nearest name is in the text), FXMON_E_RANGE, FXMON_E_STATE once running.
 *  A value of NULL goes back to the default; a repeated option collects its values. */
FXMON_API int fxmon_set(fxmon *m, const char *name, const char *value, fxmon_error *error);
FXMON_API const char *fxmon_get(const fxmon *m, const char *name); /* NULL if unset and without a default */

/** Drivers of the host. The table must outlive the handle. FXMON_E_EXISTS when the scheme is taken. */
FXMON_API int fxmon_register_source(fxmon *m, const fxmon_source_ops *ops, fxmon_error *error);
FXMON_API int fxmon_register_stream(fxmon *m, const fxmon_stream_ops *ops, fxmon_error *error);
FXMON_API int fxmon_register_sink(fxmon *m, const fxmon_sink_ops *ops, fxmon_error *error);
FXMON_API int fxmon_register_store(fxmon *m, const fxmon_store_ops *ops, fxmon_error *error);
FXMON_API int fxmon_register_notify(fxmon *m, const fxmon_notify_ops *ops, fxmon_error *error);

/* What the handle does: each adds a lane. */
FXMON_API int fxmon_produce(fxmon *m, fxmon_error *error);                  /* sources of "from" -> log of "to" */
FXMON_API int fxmon_sink(fxmon *m, const char *url, fxmon_error *error);    /* log of "from" -> a store or sink */
/** A destination of the host: four functions. open and flush may be NULL; write answers as plugin.h says. */
typedef struct fxmon_custom_sink {
    size_t size;
    fxmon_result (*open)(void *user, fxmon_error *error);
    fxmon_result (*write)(void *user, const fxmon_row *rows, size_t count, fxmon_error *error);
    fxmon_result (*flush)(void *user, fxmon_error *error);
    void (*close)(void *user);
} fxmon_custom_sink;
FXMON_API int fxmon_sink_custom(fxmon *m, const fxmon_custom_sink *sink, void *user, fxmon_error *error);
FXMON_API int fxmon_alerting(fxmon *m, const char *store, fxmon_error *error); /* log -> alerts -> history, outbox */
FXMON_API int fxmon_notify(fxmon *m, const char *url, fxmon_error *error);     /* outbox -> destination */
FXMON_API int fxmon_serve(fxmon *m, const char *listen, const char *store, fxmon_error *error); /* HTTP */

/**
 * Open everything and work until fxmon_stop, or until the end with option "until-end"/"once". One thread a lane; returns after
 * all have stopped, with the first error that ended a lane, or FXMON_OK. fxmon_error says which lane.
 */
FXMON_API int fxmon_run(fxmon *m, fxmon_error *error);
/**
 * The same without threads: one turn of every lane, for at most budget_ns plus one driver call. *wait_ns (may be NULL) is set to how long the
 * caller may wait for fxmon_pollfd before the next turn. FXMON_E_STOPPED when all lanes have ended.
 */
FXMON_API int fxmon_step(fxmon *m, int64_t budget_ns, int64_t *wait_ns, fxmon_error *error);
FXMON_API int fxmon_pollfd(fxmon *m); /* becomes readable when fxmon_step has something to do */
FXMON_API void fxmon_stop(fxmon *m);  /* async-signal-safe; a second call gives up unfinished work at once */

/** Counters of one lane. */
typedef struct fxmon_status {
    const char *lane;      /* "sqlite", "alert", "produce", "live" */
    const char *destination; /* redacted URL */
    const char *state;     /* "running", "replaying", "waiting", "retrying", "open" (breaker), "ended", "failed" */
    int64_t messages, rows, repeats, late, dead_letters, events, commits, retries, replayed;
    int64_t next_offset, end_offset; /* their difference is the lag in messages */
    int64_t newest_time;   /* event time of the newest quote applied */
    int64_t lag_ns;        /* age of the oldest record not applied yet; 0 when caught up */
    fxmon_error last_error;
    char partitions[128];  /* "0,1,2": assigned to this lane's reader; more than fit end in "..." */
    char member[96];       /* as the consumer group knows this reader, "" where there is no group */
    int64_t rebalances;    /* times that partitions came or went */
    int64_t bytes;         /* producers: of the messages that the log acknowledged */
    int64_t ack_p50, ack_p99, ack_max; /* producers: ns from the append of a message until the log acknowledged it; 0 unknown */
} fxmon_status;
FXMON_API int fxmon_status_each(fxmon *m, bool (*fn)(void *user, const fxmon_status *status), void *user);
/**
 * How the sources of the handle's producers are doing: when each last published, what it misses by its rhythm, its newest failure, what is left of its quota.
 * Recorded sources (replay:) have no rhythm and are left out. Any thread, once the handle is set up; `source` is valid during the call of fn, which returns
 * false to stop. FXMON_E_ARGUMENT: m or fn is NULL.
 */
FXMON_API int fxmon_source_each(fxmon *m, fxmon_source_fn fn, void *user);
FXMON_API int fxmon_listen_port(const fxmon *m); /* port in use after fxmon_serve and start; 0 before */

/**
 * Append records to a log by the options and drivers of the handle, which need not run and may. FXMON_OK: the log has acknowledged all of them;
 * otherwise none. A log of text lines takes no record with a newline in it.
 */
FXMON_API int fxmon_append(fxmon *m, const char *log, const fxmon_blob *records, size_t count, fxmon_error *error);

/* ---- the store, for programs that manage alerts or read history ----------------------------- */

typedef struct fxmon_store fxmon_store;
FXMON_API fxmon_store *fxmon_store_open(const char *url, bool read_only, fxmon_error *error);
FXMON_API void fxmon_store_close(fxmon_store *store);
FXMON_API int fxmon_store_alert_add(fxmon_store *store, fxmon_alert *alert, fxmon_error *error); /* fills id, created */
FXMON_API int fxmon_store_alert_remove(fxmon_store *store, int64_t id, fxmon_error *error);
FXMON_API int fxmon_store_alert_each(fxmon_store *store, fxmon_alert_fn fn, void *user, fxmon_error *error);
FXMON_API int fxmon_store_events(fxmon_store *store, int64_t limit, int64_t offset, fxmon_event_fn fn, void *user, fxmon_error *error);
FXMON_API int fxmon_store_latest(fxmon_store *store, fxmon_rate_fn fn, void *user, fxmon_error *error);
FXMON_API int fxmon_store_history(fxmon_store *store, const fxmon_history_query *query, fxmon_rate_fn fn, void *user, fxmon_error *error);
FXMON_API int fxmon_store_dead_each(fxmon_store *store, int64_t limit, int64_t offset, fxmon_dead_fn fn, void *user, fxmon_error *error);
/** Mark a dead letter as dealt with at `time`; 0: open again. FXMON_E_NOT_FOUND. */
FXMON_API int fxmon_store_dead_resolve(fxmon_store *store, int64_t id, int64_t time, fxmon_error *error);
/**
 * Decode a dead letter again and, if it is a rate message now, put its rates in as late rows under its own place and mark it as dealt with. FXMON_OK
 * also when they are in already. FXMON_E_SYNTAX, _MALFORMED, _REJECTED: it is none still, nothing was changed. The letter is a copy of what
 * fxmon_store_dead_each handed out, with its number.
 */
FXMON_API int fxmon_store_dead_replay(fxmon_store *store, const fxmon_dead_letter *letter, int64_t id, fxmon_error *error);
/** As the rows stand now: one whose heartbeat is older than three of its intervals has the status "stopped", and `silent` is set. */
FXMON_API int fxmon_store_health_each(fxmon_store *store, fxmon_health_fn fn, void *user, fxmon_error *error);
/**
 * The sources as they stand now, by name: what they miss is counted up to now, also when nobody asks them any more (status "late" or "stopped", `silent` set).
 * FXMON_E_UNSUPPORTED: the store keeps none.
 */
FXMON_API int fxmon_store_source_each(fxmon_store *store, fxmon_source_fn fn, void *user, fxmon_error *error);
FXMON_API int fxmon_store_rebalance_each(fxmon_store *store, int64_t limit, int64_t offset, fxmon_rebalance_fn fn, void *user, fxmon_error *error);
FXMON_API int fxmon_store_place_each(fxmon_store *store, fxmon_place_fn fn, void *user, fxmon_error *error);

#ifdef __cplusplus
}
#endif
#endif
