/*
 * codec/json.h - a strict JSON reader (RFC 8259) that keeps numbers as text. No tree: callbacks-free pull tokens over a byte range. Depth limit 32.
 * Refused: trailing commas and text, leading zeros, NaN, control characters, bad UTF-8, lone surrogates, duplicate member names where the
 * caller asks through fxi_json_object_*. Whole-document check: fxi_json_valid.
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
void fxi_json_init(fxi_json *j, const char *data, size_t length);
int fxi_json_next(fxi_json *j);        /* next token; FXI_JSON_END only after one complete value and nothing but white space behind it */
int fxi_json_skip(fxi_json *j);        /* skip the value that a NAME announced, or the rest of the container just opened; FXI_JSON_ERROR or 0 */
long fxi_json_string(const fxi_json *j, char *out, size_t size); /* last string unescaped, NUL-terminated; length, or -1 if it does not fit */
bool fxi_json_is(const fxi_json *j, const char *name);           /* last string or name equals */
bool fxi_json_valid(const char *data, size_t length, fxmon_error *error); /* complete, strict, depth-limited, duplicate names refused */
#endif
