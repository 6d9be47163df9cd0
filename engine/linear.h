/* Products of a weight matrix [rows][columns] with one block of activations. */
#ifndef FG_LINEAR_H
#define FG_LINEAR_H

#include "vec.h"

/* y = W x + bias. Four rows at a time, so that each x is loaded once for four sums. */
static inline void linear(int64_t rows, int64_t columns, const float *w, const float *bias, const vf *x, vf *y) {
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        const float *w0 = w + r * columns, *w1 = w0 + columns, *w2 = w1 + columns, *w3 = w2 + columns;
        vf y0 = {0}, y1 = {0}, y2 = {0}, y3 = {0};
        for (int64_t c = 0; c < columns; c++) {
            vf a = x[c];
            y0 += w0[c] * a;
            y1 += w1[c] * a;
            y2 += w2[c] * a;
            y3 += w3[c] * a;
        }
        y[r] = y0;
        y[r + 1] = y1;
        y[r + 2] = y2;
        y[r + 3] = y3;
    }
    for (; r < rows; r++) {
        vf sum = {0};
        for (int64_t c = 0; c < columns; c++) sum += w[r * columns + c] * x[c];
        y[r] = sum;
    }
    if (bias)
        for (r = 0; r < rows; r++) y[r] += bias[r];
}

/* dx = transposed(W) dy */
static inline void linear_back(int64_t rows, int64_t columns, const float *w, const vf *dy, vf *dx) {
    int64_t c = 0;
    for (; c + 4 <= columns; c += 4) {
        vf x0 = {0}, x1 = {0}, x2 = {0}, x3 = {0};
        for (int64_t r = 0; r < rows; r++) {
            const float *wr = w + r * columns + c;
            vf a = dy[r];
            x0 += wr[0] * a;
            x1 += wr[1] * a;
            x2 += wr[2] * a;
            x3 += wr[3] * a;
        }
        dx[c] = x0;
        dx[c + 1] = x1;
        dx[c + 2] = x2;
        dx[c + 3] = x3;
    }
    for (; c < columns; c++) {
        vf sum = {0};
        for (int64_t r = 0; r < rows; r++) sum += w[r * columns + c] * dy[r];
        dx[c] = sum;
    }
}

/* dw += sum over the first n lanes of dy x, dbias += sum of dy. x is first turned so that its features are contiguous
 * (rows of `space`, padded with zeros); sums then run over lanes without adding up any vector. The last vector of a
 * row of dw may reach into the next row, or LANES past the end: it adds zeros there. */
static inline void linear_weights_back(int64_t rows, int64_t columns, int64_t n, const vf *dy, const vf *x,
                                       float *dw, float *dbias, float *space) {
    int64_t width = (columns + LANES - 1) / LANES * LANES;
    const float *xs = (const float *)x, *ds = (const float *)dy;
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < width; c++) space[i * width + c] = c < columns ? xs[c * LANES + i] : 0;
    for (int64_t c = 0; c < columns; c += LANES) {
        int64_t r = 0;
        for (; r + 4 <= rows; r += 4) {
            vf w0 = {0}, w1 = {0}, w2 = {0}, w3 = {0};
            const float *d = ds + r * LANES;
            for (int64_t i = 0; i < n; i++) {
                vf a = *(const vf *)(space + i * width + c);
                w0 += d[i] * a;
                w1 += d[LANES + i] * a;
                w2 += d[2 * LANES + i] * a;
                w3 += d[3 * LANES + i] * a;
            }
            *(vf_unaligned *)(dw + r * columns + c) += w0;
            *(vf_unaligned *)(dw + (r + 1) * columns + c) += w1;
            *(vf_unaligned *)(dw + (r + 2) * columns + c) += w2;
            *(vf_unaligned *)(dw + (r + 3) * columns + c) += w3;
        }
        for (; r < rows; r++) {
            vf sum = {0};
            for (int64_t i = 0; i < n; i++) sum += ds[r * LANES + i] * *(const vf *)(space + i * width + c);
            *(vf_unaligned *)(dw + r * columns + c) += sum;
        }
    }
    if (dbias)
        for (int64_t r = 0; r < rows; r++) dbias[r] += vsum(dy[r]);
}

#endif
