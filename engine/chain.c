/* One step of a distribution or of a function through a chain, entropies, and whether rows are rows: one pass over its
 * log-probabilities.
 *
 * Every row is raised and normalised in double precision on the way, so a row sums to one to 1e-16 and no table of
 * probabilities is ever stored.
 */
#include "rows.h"

/* Calls an inlined function with a constant for `wide`, so that float32 rows pay nothing for float64 ones. */
#define BY_WIDTH(function, ...) (chain->wide ? function(__VA_ARGS__, 1) : function(__VA_ARGS__, 0))

/* Not inlined: its loops are long. */
static __attribute__((noinline)) void raise(int64_t n, const void *x, double *e, int wide) {
    if (wide) raise_as(n, x, e, 1);
    else raise_as(n, x, e, 0);
}

/* 1 / sum for the sums of `rows` rows. Rows of a chain sum to one nearly (fg_check), where a series is exact in double
 * and vectorises; others are divided. */
static inline void reciprocals(int64_t v, int64_t rows, const double *e, double *inverse) {
    double far = 0;
    for (int64_t r = 0; r < rows; r++) {
        double u = -1;
        for (int64_t y = 0; y < v; y++) u += e[r * v + y];
        inverse[r] = 1 - u * (1 - u * (1 - u));
        double size = u < 0 ? -u : u;
        far = size > far ? size : far;
    }
    if (far < 1e-4) return;
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0;
        for (int64_t y = 0; y < v; y++) sum += e[r * v + y];
        inverse[r] = 1 / sum;
    }
}

/* Rows of two tokens take one exponential each, that of the less probable one over the other. WIDTH of them are a
 * vector, in the order in which processors split pairs of doubles: 0, 2, 1, 3 and 4, 6, 5, 7. */
#define SPLIT(v) __builtin_shufflevector(v, v, 0, 2, 1, 3, 4, 6, 5, 7)
#define FIRST(low, high) __builtin_shufflevector(low, high, 0, 4, 2, 6, 8, 12, 10, 14)
#define SECOND(low, high) __builtin_shufflevector(low, high, 1, 5, 3, 7, 9, 13, 11, 15)

/* These exponentials for `rows` rows, a multiple of WIDTH, with a minus where the second token is the more probable. A
 * loop of its own, since a processor that looks some hundred instructions ahead then meets more rows at once. */
FG_INLINE void ratios(int64_t rows, const void *x, vd *ratio, int wide) {
    const vl minus = (vl){0} + INT64_MIN;
    for (int64_t r = 0; r < rows; r += WIDTH) {
        vd low = logs_at(x, 2 * r, wide), high = logs_at(x, 2 * r + WIDTH, wide);
        vd x0 = FIRST(low, high), x1 = SECOND(low, high);
        vl second = x1 > x0;
        vd e = exp_difference(pick(second, x0, x1), pick(second, x1, x0));
        ratio[r / WIDTH] = (vd)((vl)e | (second & minus));
    }
}

/* The probabilities of both tokens in WIDTH such rows. */
FG_INLINE void pairs(vd ratio, vd *p0, vd *p1) {
    const vl minus = (vl){0} + INT64_MIN;
    vl second = (vl)ratio < 0;
    ratio = (vd)((vl)ratio & ~minus);
    vd more = 1.0 / (1.0 + ratio), less = ratio * more;
    *p0 = pick(second, less, more);
    *p1 = pick(second, more, less);
}

/* As push_rows and pull_rows, for as many rows of two tokens as fill vectors; returns how many those are. */
FG_INLINE int64_t push_pairs(int64_t rows, const void *x, const double *pi, int first, double *out, vd *ratio, int wide) {
    rows -= rows % WIDTH;
    ratios(rows, x, ratio, wide);
    for (int64_t r = 0; r < rows; r += WIDTH) {
        vd p0, p1, weight = load(pi + r);
        pairs(ratio[r / WIDTH], &p0, &p1);
        p0 *= SPLIT(weight);
        p1 *= SPLIT(weight);
        vd low = __builtin_shufflevector(p0, p1, 0, 8, 2, 10, 1, 9, 3, 11);
        vd high = __builtin_shufflevector(p0, p1, 4, 12, 6, 14, 5, 13, 7, 15);
        double *to = out + 2 * r;
        store(to, first ? low : load(to) + low);
        store(to + WIDTH, first ? high : load(to + WIDTH) + high);
    }
    return rows;
}

FG_INLINE int64_t pull_pairs(int64_t rows, const void *x, const double *f, double *out, vd *ratio, int wide) {
    rows -= rows % WIDTH;
    ratios(rows, x, ratio, wide);
    for (int64_t r = 0; r < rows; r += WIDTH) {
        vd p0, p1, low = load(f + 2 * r), high = load(f + 2 * r + WIDTH);
        pairs(ratio[r / WIDTH], &p0, &p1);
        vd mean = p0 * FIRST(low, high) + p1 * SECOND(low, high);
        store(out + r, SPLIT(mean));
    }
    return rows;
}

/* What to do with `rows` rows of e^x [rows][v]; inlined with v a constant where it is small. */
static inline void push_rows(int64_t v, int64_t rows, const double *e, const double *pi, int first, double *out) {
    double share[ROWS];
    reciprocals(v, rows, e, share);
    for (int64_t r = 0; r < rows; r++) share[r] *= pi[r];
    if (first)
        for (int64_t r = 0; r < rows; r++)
            for (int64_t y = 0; y < v; y++) out[r * v + y] = share[r] * e[r * v + y];
    else
        for (int64_t r = 0; r < rows; r++)
            for (int64_t y = 0; y < v; y++) out[r * v + y] += share[r] * e[r * v + y];
}

static inline void pull_rows(int64_t v, int64_t rows, const double *e, const double *f, double *out) {
    double inverse[ROWS];
    reciprocals(v, rows, e, inverse);
    for (int64_t r = 0; r < rows; r++) {
        double mean = 0;
        for (int64_t y = 0; y < v; y++) mean += e[r * v + y] * f[r * v + y];
        out[r] = mean * inverse[r];
    }
}

/* Rows that fit the buffer, 0 where not even one does. */
static int64_t rows_at_once(int64_t v) { return ROWS / v; }

/* A row too long for the buffer, in pieces: its sum, and its product with f where that is given. */
static double long_row(int64_t v, const void *x, const double *f, double *product, int wide) {
    _Alignas(64) double e[ROWS];
    double sum = 0;
    *product = 0;
    for (int64_t y = 0; y < v; y += ROWS) {
        int64_t n = v - y < ROWS ? v - y : ROWS;
        raise(n, piece_at(x, y, wide), e, wide);
        for (int64_t k = 0; k < n; k++) {
            sum += e[k];
            if (f) *product += e[k] * f[y + k];
        }
    }
    return sum;
}

static void push_long_row(int64_t v, const void *x, double pi, int first, double *out, int wide) {
    _Alignas(64) double e[ROWS];
    double unused, share = pi / long_row(v, x, 0, &unused, wide);
    for (int64_t y = 0; y < v; y += ROWS) {
        int64_t n = v - y < ROWS ? v - y : ROWS;
        raise(n, piece_at(x, y, wide), e, wide);
        for (int64_t k = 0; k < n; k++) out[y + k] = (first ? 0 : out[y + k]) + share * e[k];
    }
}

FG_INLINE void push(const fg_chain *chain, const double *pi, int64_t first, int64_t count, double *out, int wide) {
    _Alignas(64) double e[ROWS];
    const int64_t v = chain->vocab_size, step = rows_at_once(v);
    for (int64_t b = first; b < first + count; b += step ? step : 1) {
        for (int64_t a = 0; a < v; a++) {
            int64_t row = a * chain->suffixes + b, left = first + count - b, n = left < step ? left : step;
            double *to = out + (b - first) * v;
            if (v == 2) {
                const int64_t done = push_pairs(n, row_at(chain, row, wide), pi + row, a == 0, to, (vd *)e, wide);
                row += done, n -= done, to += 2 * done;
            }
            const void *x = row_at(chain, row, wide);
            if (!step) {
                push_long_row(v, x, pi[row], a == 0, to, wide);
                continue;
            }
            raise(n * v, x, e, wide);
            if (v == 2) push_rows(2, n, e, pi + row, a == 0, to);
            else if (v == 3) push_rows(3, n, e, pi + row, a == 0, to);
            else if (v == 4) push_rows(4, n, e, pi + row, a == 0, to);
            else push_rows(v, n, e, pi + row, a == 0, to);
        }
    }
}

FG_INLINE void pull(const fg_chain *chain, const double *f, int64_t first, int64_t count, double *out, int wide) {
    _Alignas(64) double e[ROWS];
    const int64_t v = chain->vocab_size, step = rows_at_once(v);
    for (int64_t r = first; r < first + count;) {
        const void *x = row_at(chain, r, wide);
        const int64_t b = r % chain->suffixes; /* rows up to the next multiple of suffixes have successors in a row */
        int64_t n = first + count - r;
        if (n > chain->suffixes - b) n = chain->suffixes - b;
        if (n > step) n = step;
        if (!step) {
            double product, sum = long_row(v, x, f + b * v, &product, wide);
            out[r - first] = product / sum;
            r++;
            continue;
        }
        if (v == 2) {
            const int64_t done = pull_pairs(n, x, f + b * 2, out + r - first, (vd *)e, wide);
            if (done) {
                r += done;
                continue;
            }
        }
        raise(n * v, x, e, wide);
        if (v == 2) pull_rows(2, n, e, f + b * 2, out + r - first);
        else if (v == 3) pull_rows(3, n, e, f + b * 3, out + r - first);
        else if (v == 4) pull_rows(4, n, e, f + b * 4, out + r - first);
        else pull_rows(v, n, e, f + b * v, out + r - first);
        r += n;
    }
}

/* Of rows with largest log-probabilities `top`: what the other tokens add up to, of ratio = exp(x - top) and of
 * ratio (top - x). Tokens as probable as the largest count 1 each, without an exponential. */
typedef struct {
    vd ratios, products;
    vl equal;
} beside;

FG_INLINE void add_logs(beside *s, vd x, vd top) {
    vl same = x == top, other = ~same & (x >= LEAST);
    vd ratio = (vd)((vl)exp_difference(x, top) & other);
    s->equal -= same;
    s->ratios += ratio;
    s->products += ratio * (vd)((vl)(top - x) & other);
}

/* H = log(1 + S) + T / (1 + S), with S the sum of the ratios beside the largest one and T that of the products. Nothing
 * is subtracted, so that a small entropy is as right as a large one. */
FG_INLINE vd entropy_of(const beside *s) {
    vd sum = __builtin_convertvector(s->equal - 1, vd) + s->ratios;
    return log_1p(sum) + s->products / (1.0 + sum);
}

/* Log-probabilities of token y in each of WIDTH rows. */
FG_INLINE vd logs_across(int64_t v, const void *x, int64_t y, int wide) {
    vd logs;
    for (int i = 0; i < WIDTH; i++) logs[i] = log_at(x, i * v + y, wide);
    return logs;
}

FG_INLINE vd entropy_across(int64_t v, const void *x, int wide) {
    beside s = {0};
    vd top = logs_across(v, x, 0, wide);
    for (int64_t y = 1; y < v; y++) {
        vd logs = logs_across(v, x, y, wide);
        top = pick(logs > top, logs, top);
    }
    for (int64_t y = 0; y < v; y++) add_logs(&s, logs_across(v, x, y, wide), top);
    return entropy_of(&s);
}

FG_INLINE double entropy_along(int64_t v, const void *x, int wide) {
    beside s = {0};
    vd tops = (vd){0} - __builtin_inf();
    for (int64_t y = 0; y < v; y += WIDTH) {
        vd logs = y + WIDTH <= v ? logs_at(x, y, wide) : last_logs_at(x, y, v - y, wide);
        tops = pick(logs > tops, logs, tops);
    }
    double top = tops[0];
    for (int i = 1; i < WIDTH; i++) top = tops[i] > top ? tops[i] : top;
    for (int64_t y = 0; y < v; y += WIDTH)
        add_logs(&s, y + WIDTH <= v ? logs_at(x, y, wide) : last_logs_at(x, y, v - y, wide), (vd){0} + top);
    for (int i = 1; i < WIDTH; i++) s.equal[0] += s.equal[i];
    s.ratios[0] = sum_of(s.ratios);
    s.products[0] = sum_of(s.products);
    return entropy_of(&s)[0];
}

FG_INLINE void entropy(const fg_chain *chain, int64_t first, int64_t count, double *out, int wide) {
    const int64_t v = chain->vocab_size;
    int64_t r = 0;
    if (v <= 2 * WIDTH) /* too short to fill vectors: a row a lane */
        for (; r + WIDTH <= count; r += WIDTH) store(out + r, entropy_across(v, row_at(chain, first + r, wide), wide));
    for (; r < count; r++) out[r] = entropy_along(v, row_at(chain, first + r, wide), wide);
}

/* Whether all of n numbers are finite or minus infinity, and none far above 0. */
FG_INLINE int are_logs(int64_t n, const void *x, int wide) {
    vl good = (vl){0} - 1;
    int64_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) good &= logs_at(x, i, wide) <= 1.0;
    if (i < n) good &= last_logs_at(x, i, n - i, wide) <= 1.0;
    for (int k = 0; k < WIDTH; k++)
        if (!good[k]) return 0;
    return 1;
}

/* The largest |sum - 1| of rows of e^x [rows][v]. */
static inline double farthest(int64_t v, int64_t rows, const double *e) {
    double over[ROWS + WIDTH];
    for (int64_t r = 0; r < rows; r++) {
        over[r] = -1;
        for (int64_t y = 0; y < v; y++) over[r] += e[r * v + y];
    }
    store(over + rows, (vd){0});
    vd most = {0};
    for (int64_t r = 0; r < rows; r += WIDTH) {
        vd far = (vd)((vl)load(over + r) & INT64_MAX);
        most = pick(far > most, far, most);
    }
    for (int i = 1; i < WIDTH; i++) most[0] = most[i] > most[0] ? most[i] : most[0];
    return most[0];
}

FG_INLINE double check(const fg_chain *chain, int64_t first, int64_t count, int wide) {
    _Alignas(64) double e[ROWS];
    const int64_t v = chain->vocab_size, step = rows_at_once(v) ? rows_at_once(v) : 1;
    double most = 0;
    for (int64_t r = first; r < first + count; r += step) {
        const int64_t n = first + count - r < step ? first + count - r : step;
        const void *x = row_at(chain, r, wide);
        if (!are_logs(n * v, x, wide)) return __builtin_inf();
        double far, unused;
        if (v <= ROWS) {
            raise(n * v, x, e, wide);
            far = v == 2 ? farthest(2, n, e) : farthest(v, n, e);
        } else {
            double sum = long_row(v, x, 0, &unused, wide);
            far = farthest(1, 1, &sum);
        }
        most = far > most ? far : most;
    }
    return most;
}

void fg_push(const fg_chain *chain, const double *pi, int64_t first, int64_t count, double *out) {
    BY_WIDTH(push, chain, pi, first, count, out);
}

void fg_pull(const fg_chain *chain, const double *f, int64_t first, int64_t count, double *out) {
    BY_WIDTH(pull, chain, f, first, count, out);
}

void fg_entropy(const fg_chain *chain, int64_t first, int64_t count, double *out) {
    BY_WIDTH(entropy, chain, first, count, out);
}

double fg_check(const fg_chain *chain, int64_t first, int64_t count) { return BY_WIDTH(check, chain, first, count); }

double fg_change(int64_t n, const double *before, const double *after) {
    double most = 0;
    for (int64_t i = 0; i < n; i++) {
        double change = after[i] - before[i];
        if (change < 0) change = -change;
        if (before[i] > 0) change /= before[i];
        else if (change > 0) return __builtin_inf();
        if (change != change) return change; /* not a number */
        if (change > most) most = change;
    }
    return most;
}
