/* Fixed point, of as many bits as it takes: numbers, and matrices whose rows are laws.
 *
 * All is rounded down, so each number is at most what it should be. The rows of what is meant sum to exactly one, so what
 * a row lacks to one, which is known exactly, is all that is wrong with it.
 */
#ifndef FG_FIXED_H
#define FG_FIXED_H

#include "engine.h"

enum { GUARD = 3 };   /* limbs more in an exponential */
#define SCALE 0x1p300 /* of what may be as small as 2**-1152 */
#define UP (1 + 0x1p-40)
#define INFINITE __builtin_inf()

/* Numbers [w + 1][count]: limb w is the integer part, limb 0 has the last bits; those of one limb side by side. */
typedef struct {
    uint32_t *x;
    int64_t w;
    double lack; /* of the worst row, times SCALE, rounded up */
} fixed;

/* What arithmetic needs besides its numbers. */
typedef struct {
    int64_t n;           /* rows of a matrix */
    uint32_t *number[7]; /* [w + GUARD + 1] */
    uint64_t *lo, *hi;   /* [w + GUARD + 3][n] */
    int64_t *sum;        /* [w + GUARD + 3] */
    uint8_t *some;       /* [w + GUARD + 1][n]: whether a row has such a limb */
    double work;         /* products of two limbs so far */
} fixed_space;

/* Places the arrays for numbers of at most w limbs at *memory and moves *memory behind them. */
void fixed_place(fixed_space *s, int64_t n, int64_t w, char **memory);

/* c = a b for matrices [n][n], or numbers where n is 1, of w limbs each: at most w + 2 units of the last bit too small,
 * a unit for each number of the row, and never too large. */
void fixed_multiply(fixed_space *s, int64_t n, int64_t w, const uint32_t *a, const uint32_t *b, uint32_t *c);

/* Finds what the rows of a matrix, or a law, lack to one. */
void fixed_weigh(fixed_space *s, fixed *a, int64_t rows);

/* Leaves out limbs of which nothing is known: what is cut is a small part of what is wrong already. */
void fixed_shorten(fixed_space *s, fixed *a);

/* The size of a number of w + 1 limbs, times SCALE, rounded up or down. */
double fixed_size(const uint32_t *x, int64_t w, int up);

/* z = x, of 0 or more, below 2**32, rounded down. */
void fixed_set(uint32_t *z, int64_t w, double x);

/* The arrows of a chain as a matrix of w limbs (fixed_rows.c); 0 where a state has none. */
int fixed_read(fixed_space *s, const fg_chain *chain, int64_t w, fixed *out);

static inline uint32_t *from(const fixed *a, int64_t count, int64_t w) { return a->x + (a->w - w) * count; }
static inline int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t greater(int64_t a, int64_t b) { return a > b ? a : b; }

static inline double power_of_two(int64_t k) {
    const union { uint64_t u; double d; } x = {(uint64_t)(k + 1023) << 52};
    return x.d;
}

/* Limbs of any sign to a number that is not negative. */
static inline void carry(const int64_t *sum, int64_t w, uint32_t *out) {
    int64_t more = 0;
    for (int64_t r = 0; r <= w; r++) {
        more += sum[r];
        out[r] = (uint32_t)more;
        more >>= 32;
    }
}

#endif
