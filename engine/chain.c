/* One step of a distribution or of a function through a chain, and entropies: one pass over its log-probabilities.
 *
 * Log-probabilities are float32, but every row is raised and normalised in double precision on the way, so a row sums
 * to one to 1e-16 and no table of probabilities is ever stored.
 */
#include "engine.h"

#define WIDTH 8
typedef double vd __attribute__((vector_size(8 * WIDTH)));
typedef int64_t vl __attribute__((vector_size(8 * WIDTH)));
typedef double vu __attribute__((vector_size(8 * WIDTH), aligned(8))); /* anywhere in an array */
typedef float vs __attribute__((vector_size(4 * WIDTH), aligned(4)));

enum { ROWS = 512 }; /* numbers that are raised at once, in a buffer on the stack */

/* exp(x) in double, to about 3e-16, by its Taylor series on [-(ln 2) / 2, (ln 2) / 2]; 0 below -708. */
static inline vd exp_double(vd x) {
    const double round = 6755399441055744.0; /* 1.5 * 2**52 */
    vl tiny = x < -708.0;
    x = (vd)((vl)x & ~tiny);
    vd shifted = x * 1.4426950408889634074 + round;
    vd n = shifted - round;
    vd r = x - n * 0x1.62e42fefa38p-1 - n * 0x1.ef35793c7673p-45; /* ln 2 in two parts */
    vd p = r * (1.0 / 479001600) + 1.0 / 39916800;
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
    return (vd)(((vl)p + ((vl)shifted << 52)) & ~tiny);
}

/* e[i] = exp(x[i]) for n numbers; e has room for a multiple of WIDTH. */
static inline void raise(int64_t n, const float *x, double *e) {
    int64_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH) *(vd *)(e + i) = exp_double(__builtin_convertvector(*(const vs *)(x + i), vd));
    if (i < n) {
        vd v = {0};
        for (int k = 0; k < n - i; k++) v[k] = (double)x[i + k];
        *(vd *)(e + i) = exp_double(v);
    }
}

/* 1 / sum for the sums of `rows` rows. Rows of a chain sum to one to float32's precision, where a series is exact in
 * double and vectorises; others are divided. */
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

/* The probabilities of WIDTH rows of two tokens, by one exponential each: that of the less probable one over the other. */
static inline void pairs(const float *x, vd *p0, vd *p1) {
    vs low = *(const vs *)x, high = *(const vs *)(x + WIDTH);
    vd x0 = __builtin_convertvector(__builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14), vd);
    vd x1 = __builtin_convertvector(__builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15), vd);
    vd d = x1 - x0;
    vl second = d > 0; /* the second is the more probable */
    d = (vd)((vl)d | (vl)(vd){-0.0, -0.0, -0.0, -0.0, -0.0, -0.0, -0.0, -0.0});
    vd ratio = exp_double(d), more = 1.0 / (1.0 + ratio), less = ratio * more;
    *p0 = (vd)(((vl)less & second) | ((vl)more & ~second));
    *p1 = (vd)(((vl)more & second) | ((vl)less & ~second));
}

static inline vd load(const double *x) { return *(const vu *)x; }
static inline void store(double *x, vd v) { *(vu *)x = v; }

/* As push_rows and pull_rows, for as many rows of two tokens as fill vectors; returns how many those are. */
static int64_t push_pairs(int64_t rows, const float *x, const double *pi, int first, double *out) {
    int64_t r = 0;
    for (; r + WIDTH <= rows; r += WIDTH) {
        vd p0, p1, weight = load(pi + r);
        pairs(x + 2 * r, &p0, &p1);
        p0 *= weight;
        p1 *= weight;
        vd low = __builtin_shufflevector(p0, p1, 0, 8, 1, 9, 2, 10, 3, 11);
        vd high = __builtin_shufflevector(p0, p1, 4, 12, 5, 13, 6, 14, 7, 15);
        double *to = out + 2 * r;
        store(to, first ? low : load(to) + low);
        store(to + WIDTH, first ? high : load(to + WIDTH) + high);
    }
    return r;
}

static int64_t pull_pairs(int64_t rows, const float *x, const double *f, double *out) {
    int64_t r = 0;
    for (; r + WIDTH <= rows; r += WIDTH) {
        vd p0, p1, low = load(f + 2 * r), high = load(f + 2 * r + WIDTH);
        pairs(x + 2 * r, &p0, &p1);
        vd f0 = __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14);
        vd f1 = __builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15);
        store(out + r, p0 * f0 + p1 * f1);
    }
    return r;
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
static double long_row(int64_t v, const float *x, const double *f, double *product) {
    _Alignas(64) double e[ROWS];
    double sum = 0;
    *product = 0;
    for (int64_t y = 0; y < v; y += ROWS) {
        int64_t n = v - y < ROWS ? v - y : ROWS;
        raise(n, x + y, e);
        for (int64_t k = 0; k < n; k++) {
            sum += e[k];
            if (f) *product += e[k] * f[y + k];
        }
    }
    return sum;
}

static void push_long_row(int64_t v, const float *x, double pi, int first, double *out) {
    _Alignas(64) double e[ROWS];
    double unused, share = pi / long_row(v, x, 0, &unused);
    for (int64_t y = 0; y < v; y += ROWS) {
        int64_t n = v - y < ROWS ? v - y : ROWS;
        raise(n, x + y, e);
        for (int64_t k = 0; k < n; k++) out[y + k] = (first ? 0 : out[y + k]) + share * e[k];
    }
}

void fg_push(int64_t v, int64_t suffixes, const float *log_probs, const double *pi, int64_t first, int64_t count,
             double *out) {
    _Alignas(64) double e[ROWS];
    const int64_t step = rows_at_once(v);
    for (int64_t b = first; b < first + count; b += step ? step : 1) {
        for (int64_t a = 0; a < v; a++) {
            int64_t row = a * suffixes + b, left = first + count - b, n = left < step ? left : step;
            double *to = out + (b - first) * v;
            if (v == 2) {
                const int64_t done = push_pairs(n, log_probs + row * 2, pi + row, a == 0, to);
                row += done, n -= done, to += 2 * done;
            }
            if (!step) {
                push_long_row(v, log_probs + row * v, pi[row], a == 0, to);
                continue;
            }
            raise(n * v, log_probs + row * v, e);
            if (v == 2) push_rows(2, n, e, pi + row, a == 0, to);
            else if (v == 3) push_rows(3, n, e, pi + row, a == 0, to);
            else if (v == 4) push_rows(4, n, e, pi + row, a == 0, to);
            else push_rows(v, n, e, pi + row, a == 0, to);
        }
    }
}

void fg_pull(int64_t v, int64_t suffixes, const float *log_probs, const double *f, int64_t first, int64_t count,
             double *out) {
    _Alignas(64) double e[ROWS];
    const int64_t step = rows_at_once(v);
    for (int64_t r = first; r < first + count;) {
        const int64_t b = r % suffixes; /* rows up to the next multiple of suffixes have successors in a row */
        int64_t n = first + count - r;
        if (n > suffixes - b) n = suffixes - b;
        if (n > step) n = step;
        if (!step) {
            double product, sum = long_row(v, log_probs + r * v, f + b * v, &product);
            out[r - first] = product / sum;
            r++;
            continue;
        }
        if (v == 2) {
            const int64_t done = pull_pairs(n, log_probs + r * 2, f + b * 2, out + r - first);
            if (done) {
                r += done;
                continue;
            }
        }
        raise(n * v, log_probs + r * v, e);
        if (v == 2) pull_rows(2, n, e, f + b * 2, out + r - first);
        else if (v == 3) pull_rows(3, n, e, f + b * 3, out + r - first);
        else if (v == 4) pull_rows(4, n, e, f + b * 4, out + r - first);
        else pull_rows(v, n, e, f + b * v, out + r - first);
        r += n;
    }
}

void fg_entropy(int64_t v, const float *log_probs, int64_t count, double *out) {
    _Alignas(64) double e[ROWS];
    for (int64_t r = 0; r < count; r++) {
        const float *x = log_probs + r * v;
        double sum = 0, weighted = 0;
        for (int64_t y = 0; y < v; y += ROWS) {
            int64_t n = v - y < ROWS ? v - y : ROWS;
            raise(n, x + y, e);
            for (int64_t k = 0; k < n; k++) {
                sum += e[k];
                if (e[k] > 0) weighted += e[k] * (double)x[y + k];
            }
        }
        /* -sum p log p with p = e / sum and log p = x - log(sum); sum is one to float32's precision, so log(sum) is
         * its series around one where it is near, which it always is for a chain. */
        double u = sum - 1;
        double log_sum = u * (1 - u * (0.5 - u * (1.0 / 3 - u * 0.25)));
        out[r] = log_sum - weighted / sum;
    }
}

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
