/* serve/head.h - the strict reading of a request's head (RFC 9112): what framing we refuse, and the few fields that we use. Pure. */
#ifndef FXI_HEAD_H
#define FXI_HEAD_H
#include <stdbool.h>
#include <stddef.h>

#define FXI_HEAD_TARGET 4096 /* longest request target; longer: 414 */
#define FXI_HEAD_BYTES 8192  /* all header fields together; more: 431 */
#define FXI_HEAD_FIELDS 64   /* number of header fields; more: 431 */
#define FXI_HEAD_PEEK 16384  /* a head that has not ended after so many bytes is too long */

typedef struct fxi_span { const char *at; size_t length; } fxi_span;

typedef struct fxi_head {
    fxi_span method, target;
    int minor;            /* HTTP/1.minor */
    fxi_span host, content_length, transfer_encoding, content_type, accept, origin, if_none_match, expect;
    int hosts, lengths, encodings, fields;
    size_t length;        /* of the whole head, blank line included; 0: not complete yet */
    int status;           /* 0: fine; else the HTTP status to refuse it with */
    const char *reason;   /* one sentence for `detail` */
} fxi_head;

/** Read a head as it came from the socket. Neither status nor length set: more bytes are needed. */
void fxi_head_read(const char *data, size_t size, fxi_head *out);
/**
 * Check again a head that libmicrohttpd has parsed in place: line ends and the first colon of each line have become NUL bytes. `at` is the start of the
 * version in it. method and target are the caller's to fill before the call.
 */
void fxi_head_reread(const char *at, const char *end, fxi_head *out);
/** Is there an element `token` in a comma list as of Accept or If-None-Match? Parameters after ';' are ignored; weak and strong tags are equal. */
bool fxi_head_lists(fxi_span list, const char *token);
#endif
