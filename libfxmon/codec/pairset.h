/*
 * codec/pairset.h - "was this pair in this message already?" for at most FXI_MESSAGE_PAIRS pairs. Emptying it costs one addition:
 * a place counts only when its stamp is that of the current message.
 */
#ifndef FXI_PAIRSET_H
#define FXI_PAIRSET_H
#include "codec/message.h"
#define FXI_PAIRSET_PLACES (FXI_MESSAGE_PAIRS * 2) /* a power of two; never more than half full */
typedef struct fxi_pairset {
    uint32_t now;
    uint32_t stamp[FXI_PAIRSET_PLACES];
    uint16_t index[FXI_PAIRSET_PLACES];
} fxi_pairset; /* zero-initialised */
void fxi_pairset_clear(fxi_pairset *s);
/** Index of the pair in rates, -1 if it was not added since the last clear. */
int fxi_pairset_find(const fxi_pairset *s, const fxmon_rate *rates, const fxmon_pair *pair);
/** Remember rates[index]; false if its pair is there already. index < FXI_MESSAGE_PAIRS. */
bool fxi_pairset_add(fxi_pairset *s, const fxmon_rate *rates, size_t index);
#endif
