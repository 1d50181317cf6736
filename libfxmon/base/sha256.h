/* base/sha256.h - SHA-256 (FIPS 180-4), for event ids. */
#ifndef FXI_SHA256_H
#define FXI_SHA256_H
#include <stddef.h>
#include <stdint.h>
void fxi_sha256(const void *data, size_t length, uint8_t out[32]);
#endif
