/* What a chain does in the long run, and where and when it ends: read from its factors, again without subtracting. */
#include "factors.h"

double fg_stationary(const fg_graph *graph, const int32_t *part, const int32_t *order, int64_t m, int64_t entries,
                     double rounding, double *probs, double *exponents, void *space) {
    char *memory = space;
    factors f;
    factors_place(&f, graph, m, 0, entries, &memory);
    double error = factorise(&f, graph, part, order, 0, 1, 0, rounding);
    if (!(error < 1)) return __builtin_inf();
    for (int64_t k = 0; k < m; k++) f.xm[k] = 0, f.xe[k] = NOTHING;
    number most = {0, NOTHING};
    for (int64_t i = m - 1; i >= 0; i--) {
        number x = {1, 0};
        if (i < m - 1) x = over((number){f.xm[i], f.xe[i]}, (number){f.sm[i], f.se[i]});
        f.xm[i] = x.m;
        f.xe[i] = x.e;
        if (x.e > most.e || (x.e == most.e && x.m > most.m)) most = x;
        for (int64_t k = f.from[i]; k < f.from[i + 1]; k++) {
            const int32_t to = f.gone[k];
            const number more = plus((number){f.xm[to], f.xe[to]}, times(x, (number){f.lm[k], f.le[k]}));
            f.xm[to] = more.m;
            f.xe[to] = more.e;
        }
        error += 2 * ROUNDING * ((double)f.into[i] + 4); /* of a law, whose sum is one, twice */
    }
    double sum = 0, rest = 0;
    for (int64_t k = 0; k < m; k++) {
        const double x = f.xm[k] * power(f.xe[k] - (most.e - BIAS)), more = sum + x, part_ = more - sum;
        rest += (sum - (more - part_)) + (x - part_);
        sum = more;
    }
    const number all = normal(sum + rest, most.e);
    for (int64_t k = 0; k < m; k++) {
        const number x = over((number){f.xm[k], f.xe[k]}, all);
        probs[k] = exponents ? x.m : rounded(x);
        if (exponents) exponents[k] = x.e;
    }
    return 1.001 * error + 4 * ROUNDING;
}

double fg_absorb(const fg_graph *graph, const int32_t *part, const int32_t *order, int64_t m, int64_t ends,
                 int64_t entries, double rounding, const double *start, double *weights, int64_t wanted,
                 double *values, const double *gains, double *sums, void *space) {
    char *memory = space;
    factors f;
    factors_place(&f, graph, m, ends, entries, &memory);
    double error = factorise(&f, graph, part, order, ends, 0, gains, rounding);
    if (!(error < 1)) return __builtin_inf();
    for (int64_t k = 0; k < m; k++) error += ROUNDING * ((double)(f.first[k + 1] - f.first[k]) + 2);
    for (int64_t column = 0; column <= wanted; column++) {
        double *out = column < wanted ? values + column * m : sums;
        if (column == wanted && !gains) break;
        const int64_t end = column < wanted ? m + column : f.total - 1;
        for (int64_t i = m - 1; i >= 0; i--) {
            number x = {0, NOTHING};
            int64_t k = f.first[i];
            for (int64_t r = f.first_run[i]; r < f.first_run[i + 1]; r++)
                for (int64_t to = f.runs[r].low; to < f.runs[r].end; to++, k++) {
                    const number u = {f.um[k], f.ue[k]};
                    if (to < m) x = plus(x, times(u, (number){f.xm[to], f.xe[to]}));
                    else if (to == end) x = plus(x, u);
                }
            f.xm[i] = x.m;
            f.xe[i] = x.e;
            out[i] = rounded(x);
        }
    }
    if (start) {
        /* The start is one more row, and rows in work were left empty: what it becomes when all open states are taken
         * out is where it ends. */
        for (int64_t k = 0; k < ends; k++) weights[k] = 0;
        for (int64_t k = 0; k < m; k++) {
            const number x = normal(start[order[k]], 0);
            f.xm[k] = x.m, f.xe[k] = x.e;
        }
        for (int64_t i = 0; i < m; i++) {
            const number b = {f.xm[i], f.xe[i]};
            if (b.m == 0) continue;
            int64_t k = f.first[i];
            for (int64_t r = f.first_run[i]; r < f.first_run[i + 1]; r++)
                for (int64_t to = f.runs[r].low; to < f.runs[r].end; to++, k++) {
                    const number more = times(b, (number){f.um[k], f.ue[k]});
                    double *xm = to < m ? f.xm + to : f.wm + to, *xe = to < m ? f.xe + to : f.we + to;
                    const number all = plus((number){*xm, *xe}, more);
                    *xm = all.m, *xe = all.e;
                }
        }
        for (int64_t k = 0; k < ends; k++) weights[k] = rounded((number){f.wm[m + k], f.we[m + k]});
    }
    return 1.001 * error + 4 * ROUNDING;
}
