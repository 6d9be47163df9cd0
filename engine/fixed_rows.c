/* A chain's rows in fixed point: exponentials of stored logarithms, to as many bits as it takes. */
#include "fixed.h"
#include "rows.h"

static double log_prob(const fg_chain *chain, int64_t k, int64_t y) {
    return log_at(chain->log_probs, k * chain->vocab_size + y, chain->wide != 0);
}
static int is_arrow(const fg_chain *chain, int64_t k, int64_t y) { return log_prob(chain, k, y) >= LEAST; }

static int is_less(const uint32_t *a, const uint32_t *b, int64_t w) {
    int64_t k = w;
    while (k > 0 && a[k] == b[k]) k--;
    return a[k] < b[k];
}

static void subtract(uint32_t *a, const uint32_t *b, int64_t w) { /* a -= b <= a */
    int64_t more = 0;
    for (int64_t r = 0; r <= w; r++) {
        more += (int64_t)a[r] - (int64_t)b[r];
        a[r] = (uint32_t)more;
        more >>= 32;
    }
}

static void add(uint32_t *a, const uint32_t *b, int64_t w) {
    uint64_t more = 0;
    for (int64_t r = 0; r <= w; r++) {
        more += (uint64_t)a[r] + b[r];
        a[r] = (uint32_t)more;
        more >>= 32;
    }
}

static void twice(uint32_t *a, int64_t w) {
    uint32_t more = 0;
    for (int64_t r = 0; r <= w; r++) {
        const uint32_t now = a[r];
        a[r] = now << 1 | more;
        more = now >> 31;
    }
}

enum { HALVED = 34, OFF = HALVED + 8 };

/* e = exp(-z) for 0 <= z < 2**10, within 2**OFF units of the last bit of w <= 40 limbs: by its series at r = z / 2**34
 * < 2**-24, 1 - r (1 - r/2 (1 - r/3 ...)), and 34 squarings. Where the series ends, 2**-24 is wrong, times r**N / N!,
 * which is below a unit; each product is off by at most w + 2 units, which r takes down; z and r by 3 * 2**34 units of
 * z, 3 of r: all of it less than 2**7 units. A squaring doubles what is wrong, and adds w + 2 units. */
static void exponential(fixed_space *s, int64_t w, const uint32_t *z, uint32_t *e, uint32_t *r, uint32_t *t) {
    for (int64_t k = 0; k <= w; k++) { /* by one limb and two bits */
        const uint64_t here = k + 1 <= w ? z[k + 1] : 0, next = k + 2 <= w ? z[k + 2] : 0;
        r[k] = (uint32_t)(here >> (HALVED - 32) | next << (64 - HALVED));
    }
    for (int64_t k = 0; k <= w; k++) e[k] = k == w;
    for (int64_t term = 32 * w / 24 + 1; term >= 1; term--) {
        fixed_multiply(s, 1, w, r, e, t);
        uint64_t rest = 0;
        for (int64_t k = w; k >= 0; k--) {
            rest = rest << 32 | t[k];
            t[k] = (uint32_t)(rest / (uint64_t)term);
            rest %= (uint64_t)term;
        }
        for (int64_t k = 0; k <= w; k++) e[k] = k == w;
        subtract(e, t, w);
    }
    for (int k = 0; k < HALVED; k++) {
        fixed_multiply(s, 1, w, e, e, t);
        for (int64_t r_ = 0; r_ <= w; r_++) e[r_] = t[r_];
    }
}

/* inverse = 1 / x for x of at least 1, bit by bit. */
static void invert(int64_t w, const uint32_t *x, uint32_t *rest, uint32_t *inverse) {
    for (int64_t q = 0; q <= w; q++) rest[q] = q == w, inverse[q] = 0;
    for (int64_t bit = 0; bit <= 32 * w; bit++) {
        if (bit) {
            twice(inverse, w);
            twice(rest, w);
        }
        if (is_less(rest, x, w)) continue;
        subtract(rest, x, w);
        inverse[0] |= 1;
    }
}

/* The arrows of state k, rounded down, as row k of a matrix of w limbs; 0 where there are none. `whole` and `each` are
 * GUARD limbs longer. */
static int read_exactly(fixed_space *s, const fg_chain *chain, int64_t k, fixed *out) {
    const int64_t v = chain->vocab_size, n = s->n, w = out->w + GUARD;
    uint32_t *whole = s->number[0], *each = s->number[1], *z = s->number[2], *r = s->number[3], *t = s->number[4];
    uint32_t *inverse = s->number[5], *off = s->number[6];
    double top = -INFINITE;
    for (int64_t y = 0; y < v; y++)
        if (is_arrow(chain, k, y) && log_prob(chain, k, y) > top) top = log_prob(chain, k, y);
    if (!(top >= LEAST && top < 0x1p20)) return 0;
    for (int64_t q = 0; q <= w; q++) whole[q] = off[q] = 0;
    off[OFF / 32] = (uint32_t)1 << OFF % 32;
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t y = 0; y < v; y++) {
            const double x = log_prob(chain, k, y);
            if (!is_arrow(chain, k, y)) continue;
            const int exact = x == top;
            if (exact)
                for (int64_t q = 0; q <= w; q++) each[q] = q == w;
            else { /* top - x */
                fixed_set(z, w, top < 0 ? -top : top);
                fixed_set(t, w, x < 0 ? -x : x);
                if (top < 0 && x < 0) {
                    subtract(t, z, w);
                    for (int64_t q = 0; q <= w; q++) z[q] = t[q];
                } else if (x < 0) add(z, t, w);
                else subtract(z, t, w);
                if (z[w] < 1024) exponential(s, w, z, each, r, t);
                else /* less than all that may be wrong with it */
                    for (int64_t q = 0; q <= w; q++) each[q] = 0;
            }
            if (pass == 0) {
                add(whole, each, w);
                if (!exact) add(whole, off, w);
                continue;
            }
            if (!exact) {
                if (is_less(each, off, w))
                    for (int64_t q = 0; q <= w; q++) each[q] = 0;
                else subtract(each, off, w);
            }
            fixed_multiply(s, 1, w, each, inverse, t);
            const int64_t to = k % chain->suffixes * v + y;
            for (int64_t q = 0; q <= out->w; q++) out->x[(q * n + k) * n + to] = t[q + GUARD];
        }
        if (pass) break;
        invert(w, whole, t, inverse);
    }
    return 1;
}

int fixed_read(fixed_space *s, const fg_chain *chain, int64_t w, fixed *out) {
    const int64_t n = s->n;
    out->w = w;
    for (int64_t k = 0; k < (w + 1) * n * n; k++) out->x[k] = 0;
    for (int64_t k = 0; k < n; k++)
        if (!read_exactly(s, chain, k, out)) return 0;
    fixed_weigh(s, out, n);
    return 1;
}
