/* Positive numbers of any size. */
#ifndef FG_NUMBERS_H
#define FG_NUMBERS_H

#define BASE 0x1p1000
#define SMALL 0x1p-500 /* mantissas are from here, so that the product of two is a normal double */
#define LARGE 0x1p500  /* to below here */
#define NOTHING (-1e7) /* the exponent of zero */

typedef struct {
    double m, e;
} number; /* m * BASE**e */

static inline number normal(double m, double e) {
    if (m == 0) return (number){0, NOTHING};
    while (m >= LARGE) m *= 1 / BASE, e += 1;
    while (m < SMALL) m *= BASE, e -= 1;
    return (number){m, e};
}

static inline number times(number a, number b) { return normal(a.m * b.m, a.e + b.e); }

static inline number over(number a, number b) { return normal(a.m / b.m, a.e - b.e); }

/* How much of a number counts beside one whose exponent is larger by d: what is left out is below 2**-400 of the sum. */
static inline double beside(double d) { return d <= 0 ? 1 : d == 1 ? 1 / BASE : 0; }

static inline number plus(number a, number b) {
    double e = a.e > b.e ? a.e : b.e;
    return normal(a.m * beside(e - a.e) + b.m * beside(e - b.e), e);
}

/* As a double: at least the smallest normal one, at most the largest, which are then bounds. */
static inline double rounded(number a) {
    if (a.m == 0) return 0;
    if (a.e > 0) return a.e == 1 && a.m < 0x1p24 ? a.m * BASE : 0x1.fffffffffffffp1023;
    if (a.e < 0) return a.e == -1 && a.m > 0x1p-22 ? a.m * (1 / BASE) : 0x1p-1022;
    return a.m;
}

#endif
