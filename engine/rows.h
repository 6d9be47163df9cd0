/* How a chain is read: its rows, float32 or float64, as probabilities in double precision. */
#ifndef FG_ROWS_H
#define FG_ROWS_H

#include "engine.h"
#include "memory.h"

#define LEAST -708.0

static inline double log_prob(const fg_chain *chain, int64_t row, int64_t token) {
    const int64_t at = row * chain->vocab_size + token;
    return chain->wide ? ((const double *)chain->log_probs)[at] : (double)((const float *)chain->log_probs)[at];
}
static inline int is_arrow(const fg_chain *chain, int64_t row, int64_t token) {
    return log_prob(chain, row, token) >= LEAST;
}
static inline double exp_scalar(double x) {
    const double round = 6755399441055744.0;
    double shifted = x * 1.4426950408889634074 + round, n = shifted - round;
    double r = x - n * 0x1.62e42fefa38p-1 - n * 0x1.ef35793c7673p-45;
    double p = r * (1.0 / 479001600) + 1.0 / 39916800;
    p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    union { double d; uint64_t u; } a = {p}, b = {shifted};
    a.u += b.u << 52;
    return a.d;
}
static inline void read_row(const fg_chain *chain, int64_t row, double *p) {
    double sum = 0;
    for (int64_t y = 0; y < chain->vocab_size; y++) {
        double x = log_prob(chain, row, y);
        sum += p[y] = x >= LEAST ? exp_scalar(x) : 0;
    }
    for (int64_t y = 0; y < chain->vocab_size; y++) p[y] /= sum;
}
#endif
