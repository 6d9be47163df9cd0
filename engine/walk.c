/* A walk along a chain: each token by a number that is drawn, from sums of the probabilities of a state's row. */
#include "engine.h"

/* The first token whose sum is above a number that is below the last one, so that there is one. Sums of a long row are
 * halved until few are left. */
static inline int64_t drawn(const double *sums, int64_t v, double below) {
    int64_t first = 0;
    while (v > 16) {
        const int64_t half = v / 2;
        if (sums[first + half - 1] <= below) first += half, v -= half;
        else v = half;
    }
    const double *row = sums + first;
    int64_t y = 0;
    for (int64_t k = 0; k < v - 1; k++) y += row[k] <= below; /* no branch that a processor would guess wrong */
    return first + y;
}

void fg_walk(int64_t vocab_size, int64_t suffixes, const double *sums, int64_t state, int64_t n, const double *uniforms,
             int32_t *tokens) {
    for (int64_t k = 0; k < n; k++) {
        const double *row = sums + state * vocab_size;
        const int64_t y = drawn(row, vocab_size, uniforms[k] * row[vocab_size - 1]);
        tokens[k] = (int32_t)y;
        state = state % suffixes * vocab_size + y;
    }
}
