#include "linear.h"

/* How many sums a processor holds in registers: rows of weights by blocks of activations. A sum of two AVX2 registers
 * counts twice. */
#if defined(__AVX512F__)
enum { TALL = 8, WIDE = 3 };
#elif defined(__AVX2__)
enum { TALL = 4, WIDE = 1 };
#else
enum { TALL = 4, WIDE = 1 };
#endif

#define INLINE __attribute__((always_inline)) static inline
#define UNROLL _Pragma("GCC unroll 8")

/* The sums over k of w[r * wr + k * wk] times vector k of block b of x, for `tall` r and `wide` b. */
INLINE void tile(const int tall, const int wide, int64_t n, const float *w, int64_t wr, int64_t wk, const vf *x,
                 int64_t xs, int64_t xk, vf sums[TALL][WIDE]) {
    UNROLL for (int r = 0; r < tall; r++)
        UNROLL for (int b = 0; b < wide; b++) sums[r][b] = splat(0);
    for (int64_t k = 0; k < n; k++) {
        vf a[WIDE];
        UNROLL for (int b = 0; b < wide; b++) a[b] = x[b * xs + k * xk];
        UNROLL for (int r = 0; r < tall; r++) {
            const vf weight = splat(w[r * wr + k * wk]);
            UNROLL for (int b = 0; b < wide; b++) sums[r][b] += weight * a[b];
        }
    }
}

INLINE void product_tile(const int tall, const int wide, int64_t n, const float *w, int64_t wr, int64_t wk,
                         const float *bias, const vf *x, int64_t xs, vf *y, int64_t ys) {
    vf sums[TALL][WIDE];
    tile(tall, wide, n, w, wr, wk, x, xs, 1, sums);
    UNROLL for (int r = 0; r < tall; r++)
        UNROLL for (int b = 0; b < wide; b++) y[b * ys + r] = bias ? sums[r][b] + bias[r] : sums[r][b];
}

/* y [blocks][rows] of x [blocks][n], w by rows and columns at any distance. */
INLINE void product(int64_t rows, int64_t n, const float *w, int64_t wr, int64_t wk, const float *bias, int64_t blocks,
                    const vf *x, int64_t xs, vf *y, int64_t ys) {
    for (int64_t r = 0; r < rows;) {
        const int64_t left = rows - r, tall = left >= TALL ? TALL : left >= 4 ? 4 : left >= 2 ? 2 : 1;
        const float *from = w + r * wr, *add = bias ? bias + r : 0;
        for (int64_t b = 0; b < blocks;) {
            const vf *in = x + b * xs;
            vf *out = y + b * ys + r;
            const int whole = blocks - b >= WIDE;
            if (tall == TALL) {
                if (whole) product_tile(TALL, WIDE, n, from, wr, wk, add, in, xs, out, ys);
                else product_tile(TALL, 1, n, from, wr, wk, add, in, xs, out, ys);
            } else if (tall == 4) {
                if (whole) product_tile(4, WIDE, n, from, wr, wk, add, in, xs, out, ys);
                else product_tile(4, 1, n, from, wr, wk, add, in, xs, out, ys);
            } else if (tall == 2) {
                if (whole) product_tile(2, WIDE, n, from, wr, wk, add, in, xs, out, ys);
                else product_tile(2, 1, n, from, wr, wk, add, in, xs, out, ys);
            } else {
                if (whole) product_tile(1, WIDE, n, from, wr, wk, add, in, xs, out, ys);
                else product_tile(1, 1, n, from, wr, wk, add, in, xs, out, ys);
            }
            b += whole ? WIDE : 1;
        }
        r += tall;
    }
}

void linear(matrix m, int64_t blocks, const vf *x, int64_t xs, vf *y, int64_t ys) {
    product(m.rows, m.columns, m.w, m.columns, 1, m.bias, blocks, x, xs, y, ys);
}

void linear_back(matrix m, int64_t blocks, const vf *dy, int64_t ds, vf *dx, int64_t xs) {
    product(m.columns, m.rows, m.w, 1, m.columns, 0, blocks, dy, ds, dx, xs);
}

/* Rows r to r + tall of dw, and `wide` vectors of their columns. */
INLINE void weights_tile(const int tall, const int wide, int64_t lanes, const float *d, int64_t ds, const float *x,
                         int64_t width, float *dw, int64_t columns) {
    vf sums[TALL][WIDE];
    UNROLL for (int r = 0; r < tall; r++)
        UNROLL for (int q = 0; q < wide; q++) sums[r][q] = splat(0);
    for (; lanes > 0; lanes -= LANES, d += ds * LANES)
        for (int i = 0; i < (lanes < LANES ? lanes : LANES); i++, x += width) {
            vf a[WIDE];
            UNROLL for (int q = 0; q < wide; q++) a[q] = *(const vf *)(x + q * LANES);
            UNROLL for (int r = 0; r < tall; r++) {
                const vf each = splat(d[r * LANES + i]);
                UNROLL for (int q = 0; q < wide; q++) sums[r][q] += each * a[q];
            }
        }
    UNROLL for (int r = 0; r < tall; r++)
        UNROLL for (int q = 0; q < wide; q++) *(vf_unaligned *)(dw + r * columns + q * LANES) += sums[r][q];
}

void linear_weights_back(int64_t rows, int64_t columns, int64_t lanes, const vf *dy, int64_t ds, const vf *x, int64_t xs,
                         float *dw, float *space) {
    const int64_t width = padded(columns), vectors = width / LANES;
    for (int64_t b = 0; b * LANES < lanes; b++) turn(columns, x + b * xs, space + b * LANES * width);
    for (int64_t r = 0; r < rows;) {
        const int64_t left = rows - r, tall = left >= TALL ? TALL : left >= 4 ? 4 : 1;
        const float *d = (const float *)(dy + r);
        for (int64_t q = 0; q < vectors;) {
            const int whole = vectors - q >= WIDE;
            const float *from = space + q * LANES;
            float *to = dw + r * columns + q * LANES;
            if (tall == TALL) {
                if (whole) weights_tile(TALL, WIDE, lanes, d, ds, from, width, to, columns);
                else weights_tile(TALL, 1, lanes, d, ds, from, width, to, columns);
            } else if (tall == 4) {
                if (whole) weights_tile(4, WIDE, lanes, d, ds, from, width, to, columns);
                else weights_tile(4, 1, lanes, d, ds, from, width, to, columns);
            } else {
                if (whole) weights_tile(1, WIDE, lanes, d, ds, from, width, to, columns);
                else weights_tile(1, 1, lanes, d, ds, from, width, to, columns);
            }
            q += whole ? WIDE : 1;
        }
        r += tall;
    }
}

#if LANES == 16
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif LANES == 8
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#else
#define LOW(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HIGH(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#endif

/* A square of LANES vectors becomes its transpose: each pass deals two halves like cards. */
void turn_square(vf *a) {
    vf b[LANES];
    for (int width = 1; width < LANES; width *= 2) {
        for (int i = 0; i < LANES / 2; i++) {
            b[2 * i] = LOW(a[i], a[i + LANES / 2]);
            b[2 * i + 1] = HIGH(a[i], a[i + LANES / 2]);
        }
        for (int i = 0; i < LANES; i++) a[i] = b[i];
    }
}

void turn(int64_t n, const vf *x, float *out) {
    const int64_t width = padded(n);
    vf square[LANES];
    for (int64_t c = 0; c < n; c += LANES) {
        for (int i = 0; i < LANES; i++) square[i] = c + i < n ? x[c + i] : splat(0);
        turn_square(square);
        for (int i = 0; i < LANES; i++) *(vf *)(out + i * width + c) = square[i];
    }
}

void turn_back(int64_t n, const float *const *rows, vf *x) {
    vf square[LANES];
    int64_t c = 0;
    for (; c + LANES <= n; c += LANES) {
        for (int i = 0; i < LANES; i++) square[i] = *(const vf_unaligned *)(rows[i] + c);
        turn_square(square);
        for (int i = 0; i < LANES; i++) x[c + i] = square[i];
    }
    for (; c < n; c++)
        for (int i = 0; i < LANES; i++) ((float *)x)[c * LANES + i] = rows[i][c];
}
