/* How soon copies of a chain over contexts meet, wherever they start. */
#include "rows.h"

double fg_overlap(const fg_chain *chain, const uint8_t *members, double *space) {
    const int64_t v = chain->vocab_size, n = v * chain->suffixes;
    if (v == 1) return 1; /* there is but one state */
    double *agreed = space, *meet = agreed + n, *long_row = meet + n, several[ROWS];
    const int64_t step = v > ROWS ? 1 : ROWS / v;
    /* What all contexts that end in the same L - 1 tokens agree on: the least probability of each token. */
    for (int64_t k = 0; k < n; k++) agreed[k] = 1;
    for (int64_t k = 0; k < n; k++) {
        const double *row = v > ROWS ? long_row : several + k % step * v;
        if (v > ROWS) read_row(chain, k, long_row);
        else if (k % step == 0) read_rows(chain, k, n - k < step ? n - k : step, several);
        if (members && !members[k]) continue;
        double *least = agreed + k % chain->suffixes * v;
        for (int64_t y = 0; y < v; y++)
            if (row[y] < least[y]) least[y] = row[y];
    }
    /* Copies that share their last L - 1, L - 2, ... 0 tokens share the next one with the probability agreed on. */
    for (int64_t k = 0; k < n; k++) meet[k] = 1;
    for (int64_t words = n; words >= v; words /= v) {
        for (int64_t s = 0; s < words / v; s++) {
            double share = 0;
            for (int64_t y = 0; y < v; y++) share += agreed[s * v + y] * meet[s * v + y];
            meet[s] = share < 1 ? share : 1;
        }
        for (int64_t s = 0; s < words / v; s++) /* without the oldest token */
            for (int64_t a = 1; a < v && words > v; a++)
                if (agreed[a * (words / v) + s] < agreed[s]) agreed[s] = agreed[a * (words / v) + s];
    }
    return meet[0];
}
