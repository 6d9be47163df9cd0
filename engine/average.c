/* Averages over the long run, and first entries into a set of states: values with what is proved of them. */
#include "engine.h"

#define ROUNDING 0x1p-53
#define LEAST_NORMAL 0x1p-1022

/* A sum of numbers of one sign, right to little more than one rounding (Neumaier 1974). */
typedef struct {
    double sum, rest;
} total;

static inline void add(total *t, double x) {
    const double more = t->sum + x;
    const double big = t->sum > x ? t->sum : x, small = t->sum > x ? x : t->sum;
    t->rest += (big - more) + small;
    t->sum = more;
}

void fg_average(int64_t n, const double *probs, const double *f, double relative, double rounding, double *out) {
    total plus = {0, 0}, minus = {0, 0}, plus_lost = {0, 0}, minus_lost = {0, 0};
    for (int64_t k = 0; k < n; k++) {
        const double size = f[k] < 0 ? -f[k] : f[k], term = probs[k] * size;
        if (size == 0 || probs[k] == 0) continue;
        add(f[k] < 0 ? &minus : &plus, term);
        /* What double precision does not hold may be anything down to zero, and a rounding of its own. */
        if (probs[k] <= LEAST_NORMAL || term <= LEAST_NORMAL)
            add(f[k] < 0 ? &minus_lost : &plus_lost, term + size * LEAST_NORMAL + 0x1p-1073);
    }
    const double off = relative + rounding + 6 * ROUNDING;
    const double above = plus.sum + plus.rest, below = minus.sum + minus.rest;
    const double lost_above = 2 * (plus_lost.sum + plus_lost.rest), lost_below = 2 * (minus_lost.sum + minus_lost.rest);
    const double least = above * (1 - off) - lost_above, most = above * (1 + off) + lost_above;
    const double taken_least = below * (1 - off) - lost_below, taken_most = below * (1 + off) + lost_below;
    out[0] = above - below;
    out[1] = least - taken_most;
    out[2] = most - taken_least;
    if (above > 0 && below > 0) { /* where both are there, the differences round */
        out[1] -= 2 * ROUNDING * (least + taken_most);
        out[2] += 2 * ROUNDING * (most + taken_least);
    }
}

void fg_masses(int64_t n, const double *probs, const int32_t *label, int64_t many, double *sums) {
    for (int64_t k = 0; k < 2 * (many + 1); k++) sums[k] = 0;
    for (int64_t k = 0; k < n; k++) {
        double *at = sums + 2 * (label[k] < 0 ? many : label[k]);
        total t = {at[0], at[1]};
        add(&t, probs[k]);
        at[0] = t.sum;
        at[1] = t.rest;
    }
}

void fg_enter(const fg_graph *graph, const uint8_t *targets, const double *start, int64_t tokens, double rounding,
              double *entered, double *low, double *high, double *visits, void *space) {
    const int64_t n = graph->n;
    double *at = space, *next = at + n;
    uint8_t *here = (uint8_t *)(next + n), *soon = here + n; /* whether the chain can be in a state, however improbable */
    int possible = 0;
    double width = 0; /* the most arrows into a state, which are added up */
    for (int64_t k = 0; k < n; k++) next[k] = 0;
    for (int64_t a = 0; a < graph->first[n]; a++) next[graph->to[a]] += 1;
    for (int64_t k = 0; k < n; k++) {
        if (next[k] > width) width = next[k];
        at[k] = targets[k] ? 0 : start[k];
        here[k] = at[k] > 0;
        visits[k] = 0;
    }
    total in = {0, 0};
    entered[0] = low[0] = high[0] = 0;
    for (int64_t step = 1; step <= tokens; step++) {
        for (int64_t k = 0; k < n; k++) next[k] = 0, soon[k] = 0;
        for (int64_t k = 0; k < n; k++) {
            visits[k] += at[k];
            if (!here[k]) continue;
            for (int64_t a = graph->first[k]; a < graph->first[k + 1]; a++) {
                next[graph->to[a]] += at[k] * graph->probs[a];
                soon[graph->to[a]] = 1;
            }
        }
        for (int64_t k = 0; k < n; k++) {
            if (targets[k]) {
                possible |= soon[k];
                add(&in, next[k]);
            }
            at[k] = targets[k] ? 0 : next[k];
            here[k] = !targets[k] && soon[k];
        }
        /* Relative, since nothing is subtracted, but for what is too small for double precision. */
        const double off = (double)step * (width + 4) * ROUNDING + (double)step * rounding + 8 * ROUNDING;
        const double lost = (double)step * (double)(graph->first[n] + n) * 0x1p-1074;
        entered[step] = in.sum + in.rest < 1 ? in.sum + in.rest : 1;
        low[step] = possible ? entered[step] * (1 - off) - lost : 0;
        high[step] = possible ? entered[step] * (1 + off) + lost : 0;
        if (low[step] < 0) low[step] = 0;
        if (high[step] > 1) high[step] = 1;
    }
}
