/*
 * codec/message.h - the rate message as JSON, and the same message as MessagePack.
 *   {"timestamp":"2026-02-04T10:30:00Z","base":"USD","rates":{"USD/EUR":0.847,...},"source":"exchangerate-api.com"}
 * optional members: "ingested_at", "next_update" (RFC 3339), "bids", "asks" (objects like rates). Unknown members are ignored on read.
 * Validation on read: timestamp, base, rates (1..FXI_MESSAGE_PAIRS), source present and of their types; pairs well-formed, base first; rates positive, within
 * [1e-18, 1e18]; duplicate members refused; time within 1970..2262.
 *
 * As MessagePack it is a map of the same members; times and rates are texts, a rate with the digits that JSON would have (message_pack.c says why).
 */
#ifndef FXI_MESSAGE_H
#define FXI_MESSAGE_H
#include "base/buf.h"
#include <fxmon/plugin.h>
#define FXI_MESSAGE_PAIRS 1024
typedef struct fxi_decoder fxi_decoder; /* reusable memory of decoded messages */
fxi_decoder *fxi_decoder_new(void);
void fxi_decoder_free(fxi_decoder *d);
/** JSON or MessagePack, told apart by the first byte. The message is valid until the next call. Errors: SYNTAX (neither), MALFORMED (shape), REJECTED (values), with field, value, expectation. <= 200 ns for 8 rates. */
const fxmon_message *fxi_message_decode(fxi_decoder *d, const char *data, size_t length, fxmon_error *error);
bool fxi_message_encode(const fxmon_message *m, fxi_buf *out); /* one line, without the newline */
bool fxi_message_pack(const fxmon_message *m, fxi_buf *out);   /* MessagePack */
/** A row as --sink - prints it, JSON object without newline: pair, time, rate, volatility, source (+ bid, ask, samples, late, cross, partition, offset where they apply). */
bool fxi_row_encode(const fxmon_row *row, fxi_buf *out);
bool fxi_row_csv_header(fxi_buf *out);               /* "time,pair,rate,bid,ask,volatility,source,..." CRLF-free */
bool fxi_row_csv(const fxmon_row *row, fxi_buf *out);
/* What all forms of a row share. */
bool fxi_row_priced(const fxmon_row *row);               /* a cross without a finite value has no price */
void fxi_row_price(const fxmon_row *row, fxi_buf *out);  /* the digits of the source, or the cross */
const char *fxi_row_kind(const fxmon_row *row);          /* quote, late, cross */
/** A form of lines: ndjson, csv, ledger, beancount, influx (row_form.c). Lines come without their newline; false: no room. */
typedef struct fxi_row_form {
    const char *name, *endings;      /* endings of file names, each between blanks */
    bool (*header)(fxi_buf *out);    /* NULL: none */
    bool (*row)(const fxmon_row *row, fxi_buf *out);
} fxi_row_form;
const fxi_row_form *fxi_row_form_named(const char *name);   /* NULL: there is none */
const fxi_row_form *fxi_row_form_of_path(const char *path); /* by the ending of its name; NULL: that says nothing */
/** Reading rows back (replay:): NDJSON row {"pair","time"|"timestamp","rate"|"bid"+"ask",...} or a rate message; CSV by header names. */
#endif
