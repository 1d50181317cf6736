/* base/base64.c - see base64.h. Decoding is strict: what was stored by this library comes back unchanged, everything else is corrupt. */
#include "base/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool fxi_base64_put(fxi_buf *out, const void *data, size_t length)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < length; i += 3) {
        unsigned a = p[i], b = i + 1 < length ? p[i + 1] : 0, c = i + 2 < length ? p[i + 2] : 0;
        char text[4] = {digits[a >> 2], digits[(a & 3) << 4 | b >> 4], i + 1 < length ? digits[(b & 15) << 2 | c >> 6] : '=',
                        i + 2 < length ? digits[c & 63] : '='};
        fxi_buf_add(out, text, sizeof text);
    }
    return !out->failed;
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

long fxi_base64_take(const char *text, size_t length, void *out)
{
    unsigned char *to = out;
    if (length % 4 != 0) {
        return -1;
    }
    for (size_t i = 0; i < length; i += 4) {
        size_t pad = i + 4 < length ? 0 : (size_t)(text[i + 3] == '=') + (text[i + 3] == '=' && text[i + 2] == '=');
        int v[4];
        for (size_t k = 0; k < 4; k++) {
            v[k] = k >= 4 - pad ? 0 : value_of(text[i + k]);
            if (v[k] < 0) {
                return -1;
            }
        }
        if ((pad == 1 && (v[2] & 3) != 0) || (pad == 2 && (v[1] & 15) != 0)) {
            return -1;
        }
        *to++ = (unsigned char)(v[0] << 2 | v[1] >> 4);
        if (pad < 2) {
            *to++ = (unsigned char)((v[1] & 15) << 4 | v[2] >> 2);
        }
        if (pad < 1) {
            *to++ = (unsigned char)((v[2] & 3) << 6 | v[3]);
        }
    }
    return (long)(to - (unsigned char *)out);
}
