/*
 * codec/answer.h - inside of the provider codec: what the parsers of the formats (provider_json.c, provider_ecb.c, provider_table.c) fill.
 * A parser names the base, opens a day, adds its rates, opens the next; provider.c sorts, checks and hands out messages.
 */
#ifndef FXI_ANSWER_H
#define FXI_ANSWER_H
#include "codec/json.h"
#include "codec/provider.h"
#define FXI_ANSWER_REASON 96
typedef struct fxi_answer_day {
    int64_t time;
    size_t first, count; /* in rates */
} fxi_answer_day;
struct fxi_answer {
    const fxi_answer_request *request; /* while parsing */
    char base[8];
    int64_t next_update, end_of_life;
    fxi_answer_day *days;
    size_t day_count, day_capacity;
    fxmon_rate *rates;
    size_t rate_count, rate_capacity;
    fxmon_message *messages;
    size_t message_count, message_capacity;
    size_t dropped;
    char reason[FXI_ANSWER_REASON]; /* why the first was dropped */
};
/** The base that the answer names; FXMON_E_MALFORMED if it is not the one that was asked for, or no currency. */
int fxi_answer_base(fxi_answer *a, const char *text, size_t length, fxmon_error *error);
/** Rates added from now on are of this instant. FXMON_E_REJECTED before 1970 or more than two days ahead. */
int fxi_answer_day_begin(fxi_answer *a, int64_t time, fxmon_error *error);
/** One rate, as text. A bad one is dropped and counted; the base itself is passed over. */
int fxi_answer_add(fxi_answer *a, const char *code, size_t code_length, const char *number, size_t length, fxmon_error *error);
void fxi_answer_drop(fxi_answer *a, const char *code, size_t code_length, const char *why, const char *value, size_t length);
/** YYYY-MM-DD, an RFC 3339 time, or "5 August 2026". */
int fxi_answer_date(const char *text, size_t length, int64_t *out);
/** Unix seconds as a JSON number. */
int fxi_answer_unix(const fxi_json_span *span, int64_t *out);

/* provider_error.c */
/** The error of an HTTP status that is no success. */
int fxi_answer_status_error(const fxi_answer_request *request, int status, fxmon_error *error);
/** The error that a JSON body speaks of, whatever its status; FXMON_OK if it speaks of none. */
int fxi_answer_json_error(const fxi_answer_request *request, const fxi_json_span *root, fxmon_error *error);

/* the formats; the body has been seen not to be empty */
int fxi_answer_json(fxi_answer *a, const fxi_json_span *root, fxmon_error *error);
int fxi_answer_xml(fxi_answer *a, const char *body, size_t length, fxmon_error *error);
int fxi_answer_csv(fxi_answer *a, const char *body, size_t length, fxmon_error *error);
int fxi_answer_sdmx(fxi_answer *a, const char *body, size_t length, fxmon_error *error);
#endif
