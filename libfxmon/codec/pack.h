/*
 * codec/pack.h - a strict MessagePack reader and the few writers that a rate message needs. No tree: one item after the other over a byte range;
 * a container gives its count, its members follow. Nothing recurses, nothing is allocated.
 */
#ifndef FXI_PACK_H
#define FXI_PACK_H
#include "base/buf.h"
#define FXI_PACK_DEPTH 32
enum fxi_pack_type { FXI_PACK_NONE = 0, FXI_PACK_NIL, FXI_PACK_BOOL, FXI_PACK_NUMBER, FXI_PACK_NEGATIVE, FXI_PACK_SINGLE, FXI_PACK_DOUBLE,
                     FXI_PACK_TEXT, FXI_PACK_BYTES, FXI_PACK_ARRAY, FXI_PACK_MAP, FXI_PACK_EXTENSION };
typedef struct fxi_pack_item {
    int type;
    int8_t extension;   /* its type */
    uint64_t number;    /* NUMBER, BOOL; NEGATIVE: two's complement; ARRAY, MAP: members; a map's count twice */
    double real;        /* SINGLE, DOUBLE */
    const char *text;   /* TEXT, BYTES, EXTENSION; ARRAY, MAP: where the members begin */
    size_t length;      /* after fxi_pack_value also of containers */
} fxi_pack_item;
typedef struct fxi_pack {
    const char *start, *at, *end;
    const char *problem; /* after a false: static text; offset = at - start */
} fxi_pack;
void fxi_pack_init(fxi_pack *p, const char *data, size_t length);
/** The next item; of a container only its head. False: cut short, or no MessagePack. */
bool fxi_pack_next(fxi_pack *p, fxi_pack_item *out);
/** The next value, a container taken whole: members complete, texts UTF-8, at most FXI_PACK_DEPTH levels. */
bool fxi_pack_value(fxi_pack *p, fxi_pack_item *out);
bool fxi_pack_is(const fxi_pack_item *item, const char *text); /* a text that equals */
const char *fxi_pack_type_name(int type);                      /* "a number", "a map": for error texts */
int fxi_pack_fail(const fxi_pack *p, fxmon_error *error);      /* FXMON_E_SYNTAX, with the byte */

void fxi_pack_put_map(fxi_buf *out, uint32_t members);
void fxi_pack_put_text(fxi_buf *out, const char *text, size_t length);
#endif
