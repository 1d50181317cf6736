/* base/base64.h - RFC 4648 with padding: for bytes that must travel inside JSON or a header. */
#ifndef FXI_BASE64_H
#define FXI_BASE64_H
#include "base/buf.h"
bool fxi_base64_put(fxi_buf *out, const void *data, size_t length);
/** Decoded in place or into out (room for length / 4 * 3); the number of bytes, or -1 for anything that fxi_base64_put would not have written. */
long fxi_base64_take(const char *text, size_t length, void *out);
#endif
