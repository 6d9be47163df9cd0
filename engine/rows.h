/* A chain's rows read in double precision: exponentials and logarithms as vectors, and what an absent arrow is. */
#ifndef FG_ROWS_H
#define FG_ROWS_H

#include "engine.h"

#define WIDTH 8
typedef double vd __attribute__((vector_size(8 * WIDTH)));
typedef int64_t vl __attribute__((vector_size(8 * WIDTH)));
typedef uint64_t vw __attribute__((vector_size(8 * WIDTH))); /* wraps around where x is far out */
typedef double vu __attribute__((vector_size(8 * WIDTH), aligned(8))); /* anywhere in an array */
typedef float vs __attribute__((vector_size(4 * WIDTH), aligned(4)));

#define LEAST (-708.0) /* stored log-probabilities below this are those of arrows that are not */

/* Functions with an argument `wide` are inlined with a constant there: 1 for rows of float64, 0 for float32. */
#define FG_INLINE static inline __attribute__((always_inline))

FG_INLINE vd load(const double *x) { return *(const vu *)x; }
FG_INLINE void store(double *x, vd v) { *(vu *)x = v; }
FG_INLINE vd pick(vl mask, vd a, vd b) { return (vd)((mask & (vl)a) | (~mask & (vl)b)); }

/* exp(x) for x in [-708.3, 709], and anything elsewhere. Coefficients from fit.py: Taylor's, and a little more in the
 * odd ones, which are summed apart from the even ones: two short sums are done sooner than a long one. Against 120 bits
 * it errs by at most 1.5 * 2**-53 at 200,000 points, with and without fused products. */
FG_INLINE vd exp_normal(vd x) {
    const double round = 6755399441055744.0; /* 1.5 * 2**52 */
    vd shifted = x * 1.4426950408889634074 + round;
    vd n = shifted - round;
    vd r = x - n * 0x1.62e42fefa38p-1 - n * 0x1.ef35793c7673p-45; /* ln 2 in two parts */
    vd r2 = r * r;
    vd even = r2 * 2.08767569878681e-09 + 2.755731922398589e-07;
    even = even * r2 + 2.48015873015873e-05;
    even = even * r2 + 0.001388888888888889;
    even = even * r2 + 0.041666666666666664;
    even = even * r2 + 0.5;
    vd odd = r2 * 2.5114797765539588e-08 + 2.755722510116836e-06;
    odd = odd * r2 + 0.0001984126990910223;
    odd = odd * r2 + 0.00833333333330957;
    odd = odd * r2 + 0.16666666666666702;
    vd p = r2 * (odd * r + even) + r + 1.0;
    return (vd)((vw)p + ((vw)shifted << 52));
}

/* The same, and 0 below LEAST. */
FG_INLINE vd exp_double(vd x) { return (vd)((vl)exp_normal(x) & (x >= LEAST)); }

/* exp(low - high), 0 where low is absent, for low <= high. What rounding takes from the difference is put back: it would
 * be up to 5e-14 of the result. */
FG_INLINE vd exp_difference(vd low, vd high) {
    vd d = low - high, lost = (low - d) - high, e = exp_normal(d);
    return (vd)((vl)(e + e * lost) & (low >= LEAST));
}

/* log(1 + x) for x >= 0, to 2e-16 relative also where x is tiny: 1 + x = m 2**n with m in [1/sqrt(2), sqrt(2)), and
 * log(1 + f) = f - (f*f/2 - s (f*f/2 + r)) with s = f / (2 + f) and r from the series of artanh. */
FG_INLINE vd log_1p(vd x) {
    const int64_t half = 0x3fe6a09e667f3bcd; /* the bits of 1/sqrt(2) */
    vd u = 1.0 + x;
    vd lost = pick(x < 1.0, x - (u - 1.0), 1.0 - (u - x)); /* of the sum, by rounding */
    vl n = (vl)((vl)u - half) >> 52;
    vd m = (vd)((vl)u - (n << 52));
    vd f = pick(n == 0, x, m - 1.0), c = (vd)((vl)(lost / u) & ~(n == 0));
    vd times = (vd)(n + 0x4338000000000000) - 6755399441055744.0; /* n as a double */
    vd s = f / (2.0 + f), z = s * s;
    vd p = z * (2.0 / 23) + 2.0 / 21;
    p = p * z + 2.0 / 19;
    p = p * z + 2.0 / 17;
    p = p * z + 2.0 / 15;
    p = p * z + 2.0 / 13;
    p = p * z + 2.0 / 11;
    p = p * z + 2.0 / 9;
    p = p * z + 2.0 / 7;
    p = p * z + 2.0 / 5;
    p = p * z + 2.0 / 3;
    vd square = 0.5 * f * f;
    return times * 0x1.62e42fefa38p-1 - ((square - (s * (square + p * z) + (times * 0x1.ef35793c7673p-45 + c))) - f);
}

FG_INLINE double sum_of(vd v) {
    for (int half = WIDTH / 2; half; half /= 2)
        for (int i = 0; i < half; i++) v[i] += v[i + half];
    return v[0];
}

/* Log-probability number i of a row, and WIDTH of them from i on. */
FG_INLINE double log_at(const void *x, int64_t i, int wide) {
    return wide ? ((const double *)x)[i] : (double)((const float *)x)[i];
}

FG_INLINE vd logs_at(const void *x, int64_t i, int wide) {
    if (wide) return load((const double *)x + i);
    return __builtin_convertvector(*(const vs *)((const float *)x + i), vd);
}

/* The last n < WIDTH of them; the rest of the vector is absent. */
FG_INLINE vd last_logs_at(const void *x, int64_t i, int64_t n, int wide) {
    vd v = (vd){0} - __builtin_inf();
    for (int k = 0; k < n; k++) v[k] = log_at(x, i + k, wide);
    return v;
}

/* Where number i is, and where row `row` of a chain begins. */
FG_INLINE const void *piece_at(const void *x, int64_t i, int wide) {
    return (const char *)x + i * (wide ? (int64_t)sizeof(double) : (int64_t)sizeof(float));
}

FG_INLINE const void *row_at(const fg_chain *chain, int64_t row, int wide) {
    return piece_at(chain->log_probs, row * chain->vocab_size, wide);
}

FG_INLINE void read_row_as(const fg_chain *chain, int64_t row, double *p, int wide) {
    const void *x = row_at(chain, row, wide);
    const int64_t v = chain->vocab_size;
    int64_t y = 0;
    vd sums = {0};
    for (; y + WIDTH <= v; y += WIDTH) {
        vd e = exp_double(logs_at(x, y, wide));
        sums += e;
        store(p + y, e);
    }
    if (y < v) {
        vd e = exp_double(last_logs_at(x, y, v - y, wide));
        sums += e;
        for (int k = 0; k < v - y; k++) p[y + k] = e[k];
    }
    const double sum = sum_of(sums);
    for (y = 0; y < v; y++) p[y] /= sum;
}

/* Row `row` as normalised probabilities p [V]; those of absent arrows are exactly 0. */
static inline void read_row(const fg_chain *chain, int64_t row, double *p) {
    if (chain->wide) read_row_as(chain, row, p, 1);
    else read_row_as(chain, row, p, 0);
}

enum { ROWS = 512 }; /* numbers that are raised at once, in a buffer on the stack */

/* e[i] = exp(x[i]) for n numbers; e has room for a multiple of WIDTH. */
FG_INLINE void raise_as(int64_t n, const void *x, double *e, int wide) {
    int64_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) store(e + i, exp_double(logs_at(x, i, wide)));
    if (i < n) store(e + i, exp_double(last_logs_at(x, i, n - i, wide)));
}

/* `rows` rows from `row` on as such probabilities p [rows][V], with room for a multiple of WIDTH: many short ones at
 * once take a fifth of the time that they take one by one. */
static inline void read_rows(const fg_chain *chain, int64_t row, int64_t rows, double *p) {
    const int64_t v = chain->vocab_size;
    if (chain->wide) raise_as(rows * v, row_at(chain, row, 1), p, 1);
    else raise_as(rows * v, row_at(chain, row, 0), p, 0);
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0;
        for (int64_t y = 0; y < v; y++) sum += p[r * v + y];
        for (int64_t y = 0; y < v; y++) p[r * v + y] /= sum;
    }
}

#endif
