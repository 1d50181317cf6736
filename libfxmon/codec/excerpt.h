/* codec/excerpt.h - a foreign value as error texts show it: quoted, printable ASCII only, shortened. */
#ifndef FXI_EXCERPT_H
#define FXI_EXCERPT_H
#include <stddef.h>
#define FXI_EXCERPT_BYTES 40                        /* of the value that are shown at most */
#define FXI_EXCERPT (FXI_EXCERPT_BYTES * 4 + 8)     /* room for them, each as \xNN, the quotes, "..." and NUL */
/** Writes 'value' or 'value...'; returns out. */
const char *fxi_excerpt(const char *text, size_t length, char out[FXI_EXCERPT]);
/** The same without the quotes, for names: at most size - 1 bytes. */
const char *fxi_excerpt_name(const char *text, size_t length, char *out, size_t size);
#endif
