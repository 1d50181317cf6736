/*
 * sink/elasticsearch.h - what the files of the Elasticsearch and OpenSearch sink share. See elasticsearch.c for how it keeps its promise.
 */
#ifndef FXI_ELASTICSEARCH_H
#define FXI_ELASTICSEARCH_H
#include "base/buf.h"
#include "base/url.h"
#include <fxmon/plugin.h>

#define FXI_ELASTIC_NAME 80    /* longest name of an index, with its NUL */
#define FXI_ELASTIC_LOG 13     /* twelve hexadecimal digits that name a log */
#define FXI_ELASTIC_KEY 33     /* 32 hexadecimal digits */
#define FXI_ELASTIC_WORDS 256  /* of a server's reason that are kept */

/* ---- HTTP: elasticsearch_http.c, the only user of libcurl here ---- */

typedef struct fxi_elastic_http fxi_elastic_http;
typedef struct fxi_elastic_answer {
    int status;          /* 0: there was none */
    const char *body;    /* NUL-terminated; valid until the next request */
    size_t length;
    int64_t retry_at;    /* ns UTC, from Retry-After; 0: none */
} fxi_elastic_answer;
fxi_elastic_http *fxi_elastic_http_new(const fxmon_env *env, const fxi_url *url, fxmon_error *error);
void fxi_elastic_http_free(fxi_elastic_http *h);
/** The time that all requests until the next begin may take together. */
void fxi_elastic_http_begin(fxi_elastic_http *h, int64_t limit);
/** DONE: there is an answer of whatever status. RETRY: none came; whether the request had its effect is unknown. body NULL: none is sent. */
fxmon_result fxi_elastic_http_send(fxi_elastic_http *h, const char *method, const char *path, const char *body, size_t length, size_t maximum,
                                   fxi_elastic_answer *answer, fxmon_error *error);
/** What an answer that is no success means: FATAL or RETRY, with error naming `what` and the server's own words. */
fxmon_result fxi_elastic_refusal(const fxi_elastic_answer *answer, const char *what, fxmon_error *error);

/* ---- answers: elasticsearch_answer.c, pure ---- */

typedef struct fxi_elastic_result {
    int status;
    char type[64];                   /* of the error, "" if there is none */
    char reason[FXI_ELASTIC_WORDS];
} fxi_elastic_result;
typedef struct fxi_elastic_id {
    const char *text;
    size_t length;
} fxi_elastic_id;
/**
 * The answer to a bulk of `count` items whose ids are those of id_of. FXMON_OK: fn was called for each in order, otherwise for none: FXMON_E_MALFORMED, the outcome
 * of the whole bulk is unknown (truncated, fewer items, another order).
 */
int fxi_elastic_bulk_read(const char *body, size_t length, size_t count, fxi_elastic_id (*id_of)(void *user, size_t index),
                          void (*fn)(void *user, size_t index, const fxi_elastic_result *result), void *user, fxmon_error *error);
/** "type: reason" of an answer's error, printable and shortened; "" if it has none. */
void fxi_elastic_reason(const char *body, size_t length, char type[64], char words[FXI_ELASTIC_WORDS]);
/** Call fn for each _id in hits.hits. */
int fxi_elastic_hits_read(const char *body, size_t length, void (*fn)(void *user, const char *id, size_t length), void *user, fxmon_error *error);
/** A whole number at a path of member names ("_source.offset", "0" for the first of an array); false if there is none. */
bool fxi_elastic_number(const char *body, size_t length, const char *path, int64_t *out);
/** A text at a path; -1 if there is none or it does not fit. */
long fxi_elastic_text(const char *body, size_t length, const char *path, char *out, size_t size);

/** What a disposition an item's status means. */
enum fxi_elastic_verdict { FXI_ELASTIC_DONE, FXI_ELASTIC_RETRY, FXI_ELASTIC_REFUSED, FXI_ELASTIC_FATAL, FXI_ELASTIC_MISSING };
enum fxi_elastic_verdict fxi_elastic_judge(const fxi_elastic_result *result);

/** The index whose birth tells whether a stream was deleted and made again. */
typedef struct fxi_elastic_birth {
    char index[FXI_ELASTIC_NAME * 2];
    char uuid[40];
} fxi_elastic_birth;
/** From the answer to /NAME/_settings/index.uuid: the newest index behind the name ("" if there is none), and whether `known` is gone for another reason than age. */
int fxi_elastic_birth_read(const char *body, size_t length, const fxi_elastic_birth *known, fxi_elastic_birth *newest, bool *born_again, fxmon_error *error);

/* ---- documents and definitions: elasticsearch_encode.c, pure ---- */

typedef struct fxi_elastic_names {
    char rates[FXI_ELASTIC_NAME], alerts[FXI_ELASTIC_NAME], letters[FXI_ELASTIC_NAME], progress[FXI_ELASTIC_NAME];
    char prefix[32];
} fxi_elastic_names;
int fxi_elastic_names_set(fxi_elastic_names *names, const char *prefix, fxmon_error *error);
void fxi_elastic_log_name(const char *stream, char out[FXI_ELASTIC_LOG]);
/** LOG-PARTITION-OFFSET-PAIR */
bool fxi_elastic_row_id(const fxmon_row *row, const char *log, fxi_buf *out);
bool fxi_elastic_row(const fxmon_row *row, const char *log, fxi_buf *out);
bool fxi_elastic_letter(const fxmon_dead_letter *letter, fxi_buf *out);
void fxi_elastic_letter_id(const fxmon_dead_letter *letter, char out[FXI_ELASTIC_KEY]);
bool fxi_elastic_event(const fxmon_event *event, const char *json, size_t length, fxi_buf *out);
void fxi_elastic_place_id(const char *lane, const char *stream, int32_t partition, char out[FXI_ELASTIC_KEY]);
enum fxi_elastic_kind { FXI_ELASTIC_RATES, FXI_ELASTIC_ALERTS, FXI_ELASTIC_LETTERS, FXI_ELASTIC_PROGRESS };
/** Body of PUT /NAME. */
bool fxi_elastic_index(enum fxi_elastic_kind kind, fxi_buf *out);
/** Body of PUT /_index_template/NAME for the data stream NAME; policy NULL: none; retention (ns) is set when the server keeps time for data streams itself, 0: not. */
bool fxi_elastic_template(enum fxi_elastic_kind kind, const char *name, const char *policy, int64_t retention, fxi_buf *out);
bool fxi_elastic_ilm_policy(int64_t retention, fxi_buf *out);
bool fxi_elastic_ism_policy(const char *name, int64_t retention, fxi_buf *out);

/* ---- the server made ready: elasticsearch_setup.c ---- */

typedef struct fxi_elastic {
    const fxmon_env *env;
    fxi_elastic_http *http;
    fxi_elastic_names names;
    bool streams;       /* data streams, not plain indices */
    int64_t retention;  /* ns; 0: keep all */
} fxi_elastic;
fxmon_result fxi_elastic_connect(fxi_elastic *e, const fxmon_env *env, const char *url, fxmon_error *error);
void fxi_elastic_disconnect(fxi_elastic *e);
fxmon_result fxi_elastic_setup(fxi_elastic *e, fxmon_error *error);
/** A document by its id in an index: DONE with *found. Body in answer. */
fxmon_result fxi_elastic_get(fxi_elastic *e, const char *index, const char *id, fxi_elastic_answer *answer, bool *found, fxmon_error *error);

/* ---- a batch: elasticsearch_bulk.c ---- */

typedef struct fxi_elastic_item {
    size_t at;              /* in text */
    uint32_t action, length; /* bytes of the action line, and of both lines */
    uint32_t id_at, id_length; /* within the action line */
    int32_t partition;
    int64_t offset;
    uint8_t state, missed;
    bool row;
} fxi_elastic_item;
typedef struct fxi_elastic_bulk {
    fxi_buf text, part;     /* part: what is sent when the items are not neighbours */
    fxi_elastic_item *items;
    size_t count, capacity, first; /* first: all before it are final */
    size_t *chunk, chunk_capacity, chunk_count;
    struct fxi_elastic_refused { size_t item; char *type, *reason; } *refused;
    size_t refused_count, refused_capacity, refused_told;
    size_t chunk_bytes, ceiling;
    bool unknown;           /* a request of this batch had no answer: it may have been applied */
    bool missing;           /* the index was not there */
    fxmon_result worst;     /* of the chunk being read */
    fxmon_error error;
} fxi_elastic_bulk;
void fxi_elastic_bulk_init(fxi_elastic_bulk *b);
void fxi_elastic_bulk_free(fxi_elastic_bulk *b);
void fxi_elastic_bulk_clear(fxi_elastic_bulk *b);
/** An item: begin, the id's text into b->text, id, the document's text, end. begin gives the mark of the other two; end takes everything back when memory ran out. */
size_t fxi_elastic_bulk_begin(fxi_elastic_bulk *b, const char *index, fxi_elastic_item *item);
void fxi_elastic_bulk_id(fxi_elastic_bulk *b, size_t mark, fxi_elastic_item *item);
bool fxi_elastic_bulk_end(fxi_elastic_bulk *b, size_t mark, fxi_elastic_item *item);
fxmon_result fxi_elastic_bulk_deliver(fxi_elastic_bulk *b, fxi_elastic *e, fxmon_error *error);
/** Rows of the partition up to an offset that are in the data stream `index` already are done: see elasticsearch.c. */
fxmon_result fxi_elastic_bulk_recall(fxi_elastic_bulk *b, fxi_elastic *e, const char *index, int32_t partition, int64_t through, fxmon_error *error);

/* ---- progress: elasticsearch_progress.c ---- */

typedef struct fxi_elastic_place {
    int32_t partition;
    char id[FXI_ELASTIC_KEY];
    int64_t next_offset, epoch, sequence, term;
    int64_t seen;              /* the highest offset that the data stream held when the place was claimed */
    fxi_elastic_birth birth;
} fxi_elastic_place;
fxmon_result fxi_elastic_place_claim(fxi_elastic *e, fxi_elastic_place *place, fxmon_progress *progress, const char *log, fxmon_error *error);
/** The place as it is stored, without claiming it: for a flush that no load came before. */
fxmon_result fxi_elastic_place_adopt(fxi_elastic *e, fxi_elastic_place *place, const fxmon_progress *progress, fxmon_error *error);
/** Are the documents and the place still there? FENCED: no. */
fxmon_result fxi_elastic_place_check(fxi_elastic *e, fxi_elastic_place *place, fxmon_error *error);
/** All that was written can be searched from now on. */
fxmon_result fxi_elastic_refresh(fxi_elastic *e, const char *index, fxmon_error *error);
fxmon_result fxi_elastic_place_save(fxi_elastic *e, fxi_elastic_place *place, const fxmon_progress *progress, fxmon_error *error);
#endif
