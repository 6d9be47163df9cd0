/* Products of a weight matrix [rows][columns] with blocks of activations. Block number b of x begins xs vectors after
 * block b - 1, and so on: what is between is left alone. */
#ifndef FG_LINEAR_H
#define FG_LINEAR_H

#include "vec.h"

typedef struct {
    int64_t rows, columns;
    const float *w, *bias; /* no bias: NULL */
} matrix;

/* y [blocks][rows] = W x + bias of x [blocks][columns] */
void linear(matrix m, int64_t blocks, const vf *x, int64_t xs, vf *y, int64_t ys);

/* dx [blocks][columns] = transposed(W) dy of dy [blocks][rows] */
void linear_back(matrix m, int64_t blocks, const vf *dy, int64_t ds, vf *dx, int64_t xs);

/* dw [rows][columns] += sum over the first `lanes` lanes of all blocks of dy x. `space` has padded(columns) floats for
 * each lane of these blocks. The last vector of a row of dw may reach into the next row, or LANES past the end: it adds
 * zeros there. */
void linear_weights_back(int64_t rows, int64_t columns, int64_t lanes, const vf *dy, int64_t ds, const vf *x, int64_t xs,
                         float *dw, float *space);

static inline int64_t padded(int64_t n) { return (n + LANES - 1) / LANES * LANES; }

/* Features by lanes become lanes by features: out [LANES][padded(n)] of x [n], filled up with zeros. */
void turn(int64_t n, const vf *x, float *out);

/* x [n] of a row [n] for each lane. */
void turn_back(int64_t n, const float *const *rows, vf *x);

/* The same for LANES vectors, in place. */
void turn_square(vf *a);

#endif
