/* Error texts reach terminals and logs: a hostile record must not bring escape sequences or line breaks there, nor push the reason out of sight. */
#include "codec/excerpt.h"

/* One byte as printable ASCII at out; its length there. */
static size_t put_byte(unsigned char c, char *out)
{
    static const char hex[] = "0123456789abcdef";

    if (c >= 0x20 && c < 0x7F && c != '\\') {
        out[0] = (char)c;
        return 1;
    }
    out[0] = '\\';
    if (c == '\\' || c == '\n' || c == '\r' || c == '\t') {
        out[1] = c == '\\' ? '\\' : c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
        return 2;
    }
    out[1] = 'x';
    out[2] = hex[c >> 4];
    out[3] = hex[c & 15];
    return 4;
}

const char *fxi_excerpt(const char *text, size_t length, char out[FXI_EXCERPT])
{
    size_t shown = length > FXI_EXCERPT_BYTES ? FXI_EXCERPT_BYTES : length;
    size_t at = 0;

    out[at++] = '\'';
    for (size_t i = 0; i < shown; i++) {
        at += put_byte((unsigned char)text[i], out + at);
    }
    if (shown < length) {
        out[at++] = '.';
        out[at++] = '.';
        out[at++] = '.';
    }
    out[at++] = '\'';
    out[at] = '\0';
    return out;
}

const char *fxi_excerpt_name(const char *text, size_t length, char *out, size_t size)
{
    size_t at = 0;

    for (size_t i = 0; i < length && at + 5 <= size; i++) {
        at += put_byte((unsigned char)text[i], out + at);
    }
    out[at] = '\0';
    return out;
}
