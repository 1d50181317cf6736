/* base/random.h - seeded generator (xoshiro256**), for jitter, simulation and tests. Not for secrets. */
#ifndef FXI_RANDOM_H
#define FXI_RANDOM_H
#include <stdint.h>
typedef struct fxi_random { uint64_t s[4]; } fxi_random;
void fxi_random_seed(fxi_random *r, uint64_t seed);
uint64_t fxi_random_next(fxi_random *r);
double fxi_random_unit(fxi_random *r);                 /* [0, 1) */
double fxi_random_normal(fxi_random *r);               /* mean 0, sd 1; the same sequence on every platform */
uint64_t fxi_random_below(fxi_random *r, uint64_t bound); /* unbiased; bound > 0 */
#endif
