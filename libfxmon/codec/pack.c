/*
 * MessagePack as its specification of 2013 has it. Lengths are believed only when the bytes are there: a container of n members needs at least
 * n bytes behind its head, so a head that promises four thousand million members costs nothing. What a value holds that nobody asked for is walked with
 * a small stack of counts instead of recursion.
 */
#include "codec/pack.h"

#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

#define FIXED_TEXT 0xA0 /* heads: 101xxxxx text of x bytes, 1001xxxx array, 1000xxxx map */
#define FIXED_ARRAY 0x90
#define FIXED_MAP 0x80
#define NEVER_USED 0xC1

void fxi_pack_init(fxi_pack *p, const char *data, size_t length)
{
    p->start = p->at = data;
    p->end = data + length;
    p->problem = NULL;
}

static bool wrong(fxi_pack *p, const char *problem)
{
    p->problem = problem;
    return false;
}

static size_t left(const fxi_pack *p)
{
    return (size_t)(p->end - p->at);
}

/* A big-endian number of `bytes` bytes. */
static bool take_number(fxi_pack *p, size_t bytes, uint64_t *out)
{
    uint64_t value = 0;

    if (left(p) < bytes) {
        return wrong(p, "the record ends within a value");
    }
    for (size_t i = 0; i < bytes; i++) {
        value = value << 8 | (unsigned char)p->at[i];
    }
    p->at += bytes;
    *out = value;
    return true;
}

static bool take_bytes(fxi_pack *p, fxi_pack_item *out, int type, uint64_t length)
{
    if (length > left(p)) {
        return wrong(p, "the record ends within a value");
    }
    out->type = type;
    out->text = p->at;
    out->length = (size_t)length;
    p->at += length;
    return true;
}

static bool take_container(fxi_pack *p, fxi_pack_item *out, int type, uint64_t members)
{
    out->type = type;
    out->number = type == FXI_PACK_MAP ? members * 2 : members;
    out->text = p->at;
    return out->number <= left(p) || wrong(p, "a container has more members than the record has bytes");
}

static bool take_real(fxi_pack *p, fxi_pack_item *out, size_t bytes)
{
    uint64_t bits = 0;

    if (!take_number(p, bytes, &bits)) {
        return false;
    }
    if (bytes == sizeof(float)) {
        uint32_t few = (uint32_t)bits;
        float value;

        memcpy(&value, &few, sizeof value);
        out->type = FXI_PACK_SINGLE;
        out->real = (double)value;
    } else {
        memcpy(&out->real, &bits, sizeof bits);
        out->type = FXI_PACK_DOUBLE;
    }
    return true;
}

static bool take_signed(fxi_pack *p, fxi_pack_item *out, size_t bytes)
{
    uint64_t sign = UINT64_C(1) << (bytes * 8 - 1);

    if (!take_number(p, bytes, &out->number)) {
        return false;
    }
    out->type = (out->number & sign) != 0 ? FXI_PACK_NEGATIVE : FXI_PACK_NUMBER;
    if (out->type == FXI_PACK_NEGATIVE) {
        out->number = (out->number ^ sign) - sign; /* sign bit upwards */
    }
    return true;
}

static bool take_extension(fxi_pack *p, fxi_pack_item *out, uint64_t length)
{
    uint64_t kind = 0;

    if (!take_number(p, 1, &kind)) {
        return false;
    }
    out->extension = (int8_t)(kind < 128 ? (int)kind : (int)kind - 256);
    return take_bytes(p, out, FXI_PACK_EXTENSION, length);
}

/* Heads from 0xc0 to 0xdf: the kind of value, and how many bytes of number or length follow. */
static bool take_headed(fxi_pack *p, fxi_pack_item *out, unsigned head)
{
    uint64_t length = 0;

    switch (head) {
    case 0xC0:
        out->type = FXI_PACK_NIL;
        return true;
    case NEVER_USED:
        p->at--;
        return wrong(p, "the byte c1 means nothing in MessagePack");
    case 0xC2:
    case 0xC3:
        out->type = FXI_PACK_BOOL;
        out->number = head - 0xC2;
        return true;
    case 0xC4: case 0xC5: case 0xC6:
        return take_number(p, (size_t)1 << (head - 0xC4), &length) && take_bytes(p, out, FXI_PACK_BYTES, length);
    case 0xC7: case 0xC8: case 0xC9:
        return take_number(p, (size_t)1 << (head - 0xC7), &length) && take_extension(p, out, length);
    case 0xCA: case 0xCB:
        return take_real(p, out, (size_t)4 << (head - 0xCA));
    case 0xCC: case 0xCD: case 0xCE: case 0xCF:
        out->type = FXI_PACK_NUMBER;
        return take_number(p, (size_t)1 << (head - 0xCC), &out->number);
    case 0xD0: case 0xD1: case 0xD2: case 0xD3:
        return take_signed(p, out, (size_t)1 << (head - 0xD0));
    case 0xD4: case 0xD5: case 0xD6: case 0xD7: case 0xD8:
        return take_extension(p, out, UINT64_C(1) << (head - 0xD4));
    case 0xD9: case 0xDA: case 0xDB:
        return take_number(p, (size_t)1 << (head - 0xD9), &length) && take_bytes(p, out, FXI_PACK_TEXT, length);
    case 0xDC: case 0xDD:
        return take_number(p, (size_t)2 << (head - 0xDC), &length) && take_container(p, out, FXI_PACK_ARRAY, length);
    default: /* 0xDE, 0xDF */
        return take_number(p, (size_t)2 << (head - 0xDE), &length) && take_container(p, out, FXI_PACK_MAP, length);
    }
}

bool fxi_pack_next(fxi_pack *p, fxi_pack_item *out)
{
    unsigned head;

    *out = (fxi_pack_item){0};
    if (p->at == p->end) {
        return wrong(p, "the record ends where a value was expected");
    }
    head = (unsigned char)*p->at++;
    if (head >= FIXED_TEXT && head < 0xC0) {
        return take_bytes(p, out, FXI_PACK_TEXT, head - FIXED_TEXT);
    }
    if (head >= FIXED_ARRAY && head < FIXED_TEXT) {
        return take_container(p, out, FXI_PACK_ARRAY, head - FIXED_ARRAY);
    }
    if (head >= FIXED_MAP && head < FIXED_ARRAY) {
        return take_container(p, out, FXI_PACK_MAP, head - FIXED_MAP);
    }
    if (head < FIXED_MAP) {
        out->type = FXI_PACK_NUMBER;
        out->number = head;
        return true;
    }
    if (head >= 0xE0) {
        out->type = FXI_PACK_NEGATIVE;
        out->number = (uint64_t)((int64_t)head - 256);
        return true;
    }
    return take_headed(p, out, head);
}

static bool is_good(fxi_pack *p, const fxi_pack_item *item)
{
    if (item->type == FXI_PACK_TEXT && !fxi_utf8_valid(item->text, item->length)) {
        p->at = item->text;
        return wrong(p, "a text is not UTF-8");
    }
    return true;
}

bool fxi_pack_value(fxi_pack *p, fxi_pack_item *out)
{
    uint64_t open[FXI_PACK_DEPTH]; /* members that are still to come, by level */
    int depth = 0;
    fxi_pack_item item;

    if (!fxi_pack_next(p, out) || !is_good(p, out)) {
        return false;
    }
    if (out->type != FXI_PACK_ARRAY && out->type != FXI_PACK_MAP) {
        return true;
    }
    open[0] = out->number;
    while (depth >= 0) {
        if (open[depth] == 0) {
            depth--;
            continue;
        }
        open[depth]--;
        if (!fxi_pack_next(p, &item) || !is_good(p, &item)) {
            return false;
        }
        if (item.type == FXI_PACK_ARRAY || item.type == FXI_PACK_MAP) {
            if (depth + 1 == FXI_PACK_DEPTH) {
                return wrong(p, "more than 32 levels");
            }
            open[++depth] = item.number;
        }
    }
    out->length = (size_t)(p->at - out->text);
    return true;
}

bool fxi_pack_is(const fxi_pack_item *item, const char *text)
{
    return item->type == FXI_PACK_TEXT && item->length == strlen(text) && memcmp(item->text, text, item->length) == 0;
}

const char *fxi_pack_type_name(int type)
{
    static const char *const names[] = {"nothing", "nil", "a boolean", "a number", "a negative number", "a 32-bit float", "a 64-bit float",
                                        "a text", "bytes", "an array", "a map", "an extension"};

    return names[type];
}

int fxi_pack_fail(const fxi_pack *p, fxmon_error *error)
{
    return fxi_fail(error, FXMON_E_SYNTAX, "", "no MessagePack at byte %lld: %s", (long long)(p->at - p->start), p->problem);
}

/* ---- writing -------------------------------------------------------------------------------------------------- */

static void put_head(fxi_buf *out, unsigned head, uint32_t value, int bytes)
{
    fxi_buf_putc(out, (char)head);
    for (int i = bytes - 1; i >= 0; i--) {
        fxi_buf_putc(out, (char)(value >> (8 * i) & 0xFF));
    }
}

void fxi_pack_put_map(fxi_buf *out, uint32_t members)
{
    if (members < 16) {
        put_head(out, FIXED_MAP | members, 0, 0);
    } else if (members <= UINT16_MAX) {
        put_head(out, 0xDE, members, 2);
    } else {
        put_head(out, 0xDF, members, 4);
    }
}

void fxi_pack_put_text(fxi_buf *out, const char *text, size_t length)
{
    if (length < 32) {
        put_head(out, FIXED_TEXT | (unsigned)length, 0, 0);
    } else if (length <= UINT8_MAX) {
        put_head(out, 0xD9, (uint32_t)length, 1);
    } else if (length <= UINT16_MAX) {
        put_head(out, 0xDA, (uint32_t)length, 2);
    } else {
        put_head(out, 0xDB, (uint32_t)length, 4);
    }
    fxi_buf_add(out, text, length);
}
