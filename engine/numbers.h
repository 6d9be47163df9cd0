/* Numbers of 0 or more, of any size.
 *
 * Exponents are doubles, so that loops over numbers are loops over doubles, of which compilers make vectors.
 */
#ifndef FG_NUMBERS_H
#define FG_NUMBERS_H

#include <stdint.h>

#define NOTHING (-0x1p40)      /* the exponent of zero */
#define ROUND 0x1.8p52         /* the last bits of its sum with a whole number are that number */
#define BIAS (ROUND + 1023)    /* 1023 is what doubles add to their exponents */

typedef struct {
    double m, e;
} number; /* m 2**e with m in [1, 2) and a whole e */

/* 2**d for whole d of 1023 or less, 0 below -1022; `shifted` is d + BIAS. */
static inline double power(double shifted) {
    union {
        double x;
        uint64_t bits;
    } u = {shifted > ROUND ? shifted : ROUND};
    u.bits <<= 52;
    return u.x;
}

/* m 2**e for any m of 0 or more that a double can be. */
static inline number normal(double m, double e) {
    if (m == 0) return (number){0, NOTHING};
    if (m < 0x1p-1022) m *= 0x1p64, e -= 64;
    union {
        double x;
        uint64_t bits;
    } u = {m};
    e += (double)((int64_t)(u.bits >> 52) - 1023);
    u.bits = (u.bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)1023 << 52;
    return (number){u.x, e};
}

static inline number times(number a, number b) { return normal(a.m * b.m, a.e + b.e); }

static inline number over(number a, number b) { return normal(a.m / b.m, a.e - b.e); }

/* One of the two powers is 1. What the other leaves out is below 2**-1022. */
static inline number plus(number a, number b) {
    const double e = a.e > b.e ? a.e : b.e, shift = e - BIAS;
    return normal(a.m * power(a.e - shift) + b.m * power(b.e - shift), e);
}

/* As a double: at least the smallest normal one, at most the largest, which are then bounds. */
static inline double rounded(number a) {
    if (a.m == 0) return 0;
    if (a.e > 1023) return 0x1.fffffffffffffp1023;
    return a.e < -1022 ? 0x1p-1022 : a.m * power(a.e + BIAS);
}

#endif
