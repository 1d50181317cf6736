/* core/pair.h - the canonical form of a pair, checked at the speed of the message decoder. */
#ifndef FXI_PAIR_H
#define FXI_PAIR_H
#include <fxmon/core.h>
/** Is text, as it stands, a canonical pair ("USD/EUR": upper case, one slash)? Then it is copied to *out, else *out stays as it is. About 1 ns for 3+3 letters. */
bool fxi_pair_canonical(const char *text, size_t length, fxmon_pair *out);
#endif
