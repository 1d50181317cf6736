/* base/utf8.h - strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef FXI_UTF8_H
#define FXI_UTF8_H
#include <stdbool.h>
#include <stddef.h>
/** Bytes of the valid character at text (length bytes are there, at least 1): 1 to 4, or 0 if it is none. */
size_t fxi_utf8_character(const char *text, size_t length);
bool fxi_utf8_valid(const char *text, size_t length);
/** Make text fit for a log or an error: control characters and bytes that are no UTF-8 become '?'; a character cut in half at the end goes. */
void fxi_utf8_tidy(char *text);
#endif
