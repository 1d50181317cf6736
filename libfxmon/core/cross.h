/* core/cross.h - rates over one or two legs, each an exact decimal that is multiplied or divided by. */
#ifndef FXI_CROSS_H
#define FXI_CROSS_H
#include <fxmon/core.h>
typedef struct fxi_leg {
    fxmon_decimal rate;
    bool inverted; /* divide by the rate */
} fxi_leg;
/** Product of 1 or 2 legs with positive rates, correctly rounded. NAN for a rate that is not positive or a scale out of range. */
double fxi_cross_legs(const fxi_leg *leg, size_t legs);
#endif
