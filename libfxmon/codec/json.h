/*
 * codec/json.h - a strict JSON reader (RFC 8259) that keeps numbers as text. No tree: callbacks-free pull tokens over a byte range. Depth limit 32.
 * Refused: trailing commas and text, leading zeros, NaN, control characters, bad UTF-8, lone surrogates; duplicate member names by
 * fxi_json_valid, which every decoder calls first (or does the same check itself). A byte order mark is refused too. Nothing recurses: stack and
 * time do not depend on how deep the input is nested.
 */
#ifndef FXI_JSON_H
#define FXI_JSON_H
#include <fxmon/core.h>
#define FXI_JSON_DEPTH 32
enum fxi_json_type { FXI_JSON_END = 0, FXI_JSON_NULL, FXI_JSON_TRUE, FXI_JSON_FALSE, FXI_JSON_NUMBER, FXI_JSON_STRING,
                     FXI_JSON_OBJECT, FXI_JSON_ARRAY, FXI_JSON_OBJECT_END, FXI_JSON_ARRAY_END, FXI_JSON_NAME, FXI_JSON_ERROR };
typedef struct fxi_json {
    const char *start, *at, *end;
    int depth;
    uint32_t state;                    /* internal */
    char kind[FXI_JSON_DEPTH];         /* internal: '{' or '[' of each level */
    const char *text;                  /* of the last token: number as written; string between the quotes, still escaped */
    size_t length;
    bool escaped;                      /* the last string has escapes */
    const char *problem;               /* after FXI_JSON_ERROR: static text; offset = at - start */
} fxi_json;
/** A value within a text: a number as written, a string between its quotes, a container with its brackets. type 0: there is none. */
typedef struct fxi_json_span {
    int type;
    const char *text;
    size_t length;
    bool escaped;
} fxi_json_span;
void fxi_json_init(fxi_json *j, const char *data, size_t length);
int fxi_json_next(fxi_json *j);        /* next token; FXI_JSON_END only after one complete value and nothing but white space behind it */
int fxi_json_skip(fxi_json *j);        /* skip the value that a NAME announced, or the rest of the container just opened; FXI_JSON_ERROR or 0 */
int fxi_json_value(fxi_json *j, fxi_json_span *out); /* like next, but a container is taken whole; the type, also _END and _ERROR */
long fxi_json_string(const fxi_json *j, char *out, size_t size); /* last string unescaped, NUL-terminated; length, or -1 if it does not fit */
bool fxi_json_is(const fxi_json *j, const char *name);           /* last string or name equals */
bool fxi_json_valid(const char *data, size_t length, fxmon_error *error); /* complete, strict, depth-limited; FXMON_E_SYNTAX; duplicate names: FXMON_E_MALFORMED */

/* ---- spans, of texts that fxi_json_valid has passed ---- */
/** The member of an object; false (type 0) if it is absent or `object` is no object. */
bool fxi_json_find(const fxi_json_span *object, const char *name, fxi_json_span *out);
long fxi_json_span_string(const fxi_json_span *span, char *out, size_t size); /* as fxi_json_string; -1 too if it is no string */
bool fxi_json_span_is(const fxi_json_span *span, const char *text);           /* a string that equals text */
const char *fxi_json_type_name(int type);                                     /* "a number", "an object": for error texts */
/** Fill error from a reader that answered FXI_JSON_ERROR; returns `code`. */
int fxi_json_fail(const fxi_json *j, int code, fxmon_error *error);
#endif
