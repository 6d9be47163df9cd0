/* When a chain is mixed, from its worst start: by its powers in fixed point, of as many bits as it takes.
 *
 * All entries of a power are rounded down, and so are products of what is rounded down: each is at most what it should
 * be. The true rows sum to exactly one, so what a row lacks to one, which is known exactly, is all that is wrong with it
 * (its `lack`). No analysis of rounding is needed, and none is trusted: lack(A B) <= lack(A) + lack(B) + what is cut off.
 *
 * With d the worst distance in total variation, p' <= p a row and q' <= pi a law, both rounded down,
 * |sum |p' - q'| - sum |p - pi|| <= lack(p') + lack(q'). Comparisons with epsilon that are not clear by more than that
 * stay open. d never grows, so powers of two are tried first, and then the bits below, down to those of a double.
 */
#include "memory.h"
#include "rows.h"

enum {
    KEPT = 64,     /* powers that are kept, a ring */
    BITS = 52,     /* below the first bit of a number of steps */
    BEYOND = 9,    /* squarings behind the mixing time, for the law itself */
    GUARD = 3,     /* limbs more in an exponential */
    LONGEST = 1023 /* a power of two of steps */
};
#define SCALE 0x1p300 /* of what may be as small as 2**-1152 */
#define UP (1 + 0x1p-40)
#define INFINITE __builtin_inf()

typedef enum { OPEN = -1, NEAR = 0, FAR = 1 } verdict;

/* Numbers [w + 1][count]: limb w is the integer part, limb 0 has the last bits; those of one limb side by side. */
typedef struct {
    uint32_t *x;
    int64_t w;
    double lack; /* of the worst row, times SCALE, rounded up */
} fixed;

typedef struct {
    int64_t n;
    fixed ring[KEPT], at, ahead, law, least; /* powers; two more; the law as given, and as the powers have it */
    uint32_t *epsilon, *number[7];           /* 2 epsilon; numbers of GUARD limbs more */
    uint64_t *lo, *hi;                       /* [w + GUARD + 3][n] */
    int64_t *sum;                            /* [w + GUARD + 3] */
    uint8_t *some;                           /* [w + 1][n]: whether a row has such a limb */
    int64_t last;                            /* the highest power so far */
    double error, rounding, work, most;
    int cut, rough, blame;                   /* 2 epsilon, or the law, is cut off; more bits would have told */
} mixing;

static int64_t widest(int64_t n) { return n <= 32 ? 36 : 12; }
static uint32_t *from(const fixed *a, int64_t count, int64_t w) { return a->x + (a->w - w) * count; }
static int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t greater(int64_t a, int64_t b) { return a > b ? a : b; }

static double power_of_two(int64_t k) {
    const union { uint64_t u; double d; } x = {(uint64_t)(k + 1023) << 52};
    return x.d;
}

/* The size of a number of w + 1 limbs, times SCALE, rounded up or down. */
static double size(const uint32_t *x, int64_t w, int up) {
    int64_t k = w;
    while (k > 0 && x[k] == 0) k--;
    double top = (double)x[k];
    top = top * 0x1p32 + (k > 0 ? (double)x[k - 1] : 0);
    top = top * 0x1p32 + (k > 1 ? (double)x[k - 2] : 0);
    top *= SCALE;
    for (; k < w + 2; k++) top *= 0x1p-32;
    return top * (up ? UP : 2 - UP);
}

/* Limbs of any sign to a number that is not negative. */
static void carry(const int64_t *sum, int64_t w, uint32_t *out) {
    int64_t more = 0;
    for (int64_t r = 0; r <= w; r++) {
        more += sum[r];
        out[r] = (uint32_t)more;
        more >>= 32;
    }
}

/* c = a b for matrices [n][n], or numbers where n is 1, of w limbs each: at most w + 2 units of the last bit too small,
 * a unit for each number of the row, and never too large. */
static void multiply(mixing *s, int64_t n, int64_t w, const uint32_t *a, const uint32_t *b, uint32_t *c) {
    const int64_t plane = n * n;
    for (int64_t q = 0; q <= w; q++)
        for (int64_t j = 0; j < n; j++) {
            uint32_t any = 0;
            for (int64_t l = 0; l < n; l++) any |= b[q * plane + j * n + l];
            s->some[q * n + j] = any != 0;
        }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t k = 0; k < (w + 2) * n; k++) s->lo[k] = s->hi[k] = 0;
        for (int64_t j = 0; j < n; j++)
            for (int64_t p = 0; p <= w; p++) {
                const uint64_t x = a[p * plane + i * n + j];
                if (x == 0) continue;
                for (int64_t q = w - 1 > p ? w - 1 - p : 0; q <= w; q++) { /* one limb more than is kept */
                    if (!s->some[q * n + j]) continue;
                    const uint32_t *row = b + q * plane + j * n;
                    uint64_t *lo = s->lo + (p + q - (w - 1)) * n, *hi = s->hi + (p + q - (w - 1)) * n;
                    for (int64_t l = 0; l < n; l++) {
                        const uint64_t product = x * row[l];
                        lo[l] += (uint32_t)product;
                        hi[l] += product >> 32;
                    }
                    s->work += (double)n + 4;
                }
            }
        for (int64_t l = 0; l < n; l++) {
            uint64_t more = s->lo[l] >> 32;
            for (int64_t r = 0; r <= w; r++) {
                more += s->lo[(r + 1) * n + l] + s->hi[r * n + l];
                c[r * plane + i * n + l] = (uint32_t)more;
                more >>= 32;
            }
        }
    }
}

/* What the rows of a matrix, or a law, lack to one. */
static void weigh(mixing *s, fixed *a, int64_t rows) {
    const int64_t n = s->n, w = a->w;
    a->lack = 0;
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t r = 0; r <= w; r++) {
            s->sum[r] = r == w;
            for (int64_t j = 0; j < n; j++) s->sum[r] -= (int64_t)a->x[(r * rows + i) * n + j];
        }
        carry(s->sum, w, s->number[0]);
        const double lack = size(s->number[0], w, 1);
        if (lack > a->lack) a->lack = lack;
    }
}

/* Leaves out limbs of which nothing is known: what is cut is a small part of what is wrong already. */
static void shorten(mixing *s, fixed *a) {
    const int64_t n = s->n, plane = n * n;
    int64_t w = a->w;
    while (w > 2 && a->lack > SCALE * 512 * (double)n * power_of_two(-32 * (w - 1) < -1022 ? -1022 : -32 * (w - 1))) w--;
    if (w == a->w) return;
    const int64_t off = (a->w - w) * plane;
    for (int64_t k = 0; k < (w + 1) * plane; k++) a->x[k] = a->x[k + off];
    a->w = w;
    weigh(s, a, n);
}

/* Whether the worst start is far from the law after these many steps. */
static verdict compare(mixing *s, fixed *a, const fixed *law, double steps) {
    const int64_t n = s->n, w = lesser(a->w, law->w), plane = n * n;
    const uint32_t *p = from(a, plane, w), *q = from(law, n, w), *epsilon = s->epsilon + (s->law.w - w);
    const double unit = SCALE * (w * 32 > 1022 ? 0x1p-1022 : power_of_two(-32 * w)), tiny = SCALE * 0x1p-1022;
    double other = steps * s->rounding * SCALE, cut = 0;
    if (law == &s->law) other += 2 * s->error * SCALE + (s->rough || w < law->w ? (double)n * unit : 0);
    else cut = law->lack + (w < law->w ? (double)n * unit : 0);
    cut += a->lack + (w < a->w ? (double)n * unit : 0);
    if (s->cut || w < s->law.w) cut += unit > tiny ? unit : tiny;
    const double off = (other + cut) * UP;
    verdict worst = NEAR;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t r = 0; r <= w; r++) s->sum[r] = 0;
        for (int64_t j = 0; j < n; j++) {
            int64_t top = w, sign = 1;
            while (top > 0 && p[top * plane + i * n + j] == q[top * n + j]) top--;
            if (p[top * plane + i * n + j] < q[top * n + j]) sign = -1;
            for (int64_t r = 0; r <= top; r++)
                s->sum[r] += sign * ((int64_t)p[r * plane + i * n + j] - (int64_t)q[r * n + j]);
        }
        int64_t above = 0; /* the sign of sum - 2 epsilon */
        for (int64_t r = 0; r <= w; r++) {
            s->sum[r] -= (int64_t)epsilon[r];
            above = (above + s->sum[r]) >> 32;
        }
        if (above < 0)
            for (int64_t r = 0; r <= w; r++) s->sum[r] = -s->sum[r];
        carry(s->sum, w, s->number[0]);
        const double beside = size(s->number[0], w, 0);
        if (above >= 0 && beside > off) return FAR;
        if (above < 0 ? beside < off : beside > 0 || off > 0) worst = OPEN;
    }
    if (worst == OPEN && cut * 8 > other) s->blame = 1;
    return worst;
}

/* Rows */

static double log_prob(const fg_chain *chain, int64_t k, int64_t y) {
    return log_at(chain->log_probs, k * chain->vocab_size + y, chain->wide != 0);
}
static int is_arrow(const fg_chain *chain, int64_t k, int64_t y) { return log_prob(chain, k, y) >= LEAST; }

static void set(uint32_t *z, int64_t w, double x) { /* of 0 or more, below 2**32, rounded down */
    const union { double d; uint64_t u; } bits = {x};
    const int64_t exponent = (int64_t)(bits.u >> 52 & 2047);
    uint64_t m = (bits.u & (((uint64_t)1 << 52) - 1)) | (exponent ? (uint64_t)1 << 52 : 0);
    int64_t at = 32 * w + (exponent ? exponent : 1) - 1075;
    for (int64_t r = 0; r <= w; r++) z[r] = 0;
    if (at < 0) {
        m = at > -64 ? m >> -at : 0;
        at = 0;
    }
    const int64_t k = at / 32, shift = at % 32;
    const uint64_t low = (m & 0xffffffff) << shift, high = ((m >> 32) << shift) + (low >> 32);
    if (k <= w) z[k] = (uint32_t)low;
    if (k + 1 <= w) z[k + 1] = (uint32_t)high;
    if (k + 2 <= w) z[k + 2] = (uint32_t)(high >> 32);
}

/* The same. Whether any of its 53 bits may have been cut off, which are all above 2**-64 unless it is small. */
static int store_double(uint32_t *z, int64_t w, double x) {
    set(z, w, x);
    return x != 0 && x < 0x1p-8;
}

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

enum { HALVED = 34, OFF = HALVED + 8 };

/* e = exp(-z) for 0 <= z < 2**10, within 2**OFF units of the last bit of w <= 40 limbs: by its series at r = z / 2**34
 * < 2**-24, 1 - r (1 - r/2 (1 - r/3 ...)), and 34 squarings. Where the series ends, 2**-24 is wrong, times r**N / N!,
 * which is below a unit; each product is off by at most w + 2 units, which r takes down; z and r by 3 * 2**34 units of
 * z, 3 of r: all of it less than 2**7 units. A squaring doubles what is wrong, and adds w + 2 units. */
static void exponential(mixing *s, int64_t w, const uint32_t *z, uint32_t *e, uint32_t *r, uint32_t *t) {
    for (int64_t k = 0; k <= w; k++) { /* by one limb and two bits */
        const uint64_t here = k + 1 <= w ? z[k + 1] : 0, next = k + 2 <= w ? z[k + 2] : 0;
        r[k] = (uint32_t)(here >> (HALVED - 32) | next << (64 - HALVED));
    }
    for (int64_t k = 0; k <= w; k++) e[k] = k == w;
    for (int64_t term = 32 * w / 24 + 1; term >= 1; term--) {
        multiply(s, 1, w, r, e, t);
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
        multiply(s, 1, w, e, e, t);
        for (int64_t r_ = 0; r_ <= w; r_++) e[r_] = t[r_];
    }
}

/* The arrows of state k, rounded down, as row k of a matrix of w limbs; 0 where there are none. `whole` and `each` are
 * GUARD limbs longer. */
static int read_exactly(mixing *s, const fg_chain *chain, int64_t k, fixed *out) {
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
                set(z, w, top < 0 ? -top : top);
                set(t, w, x < 0 ? -x : x);
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
            multiply(s, 1, w, each, inverse, t);
            const int64_t to = k % chain->suffixes * v + y;
            for (int64_t q = 0; q <= out->w; q++) out->x[(q * n + k) * n + to] = t[q + GUARD];
        }
        if (pass) break;
        /* 1 / whole, bit by bit; whole is at least 1 */
        for (int64_t q = 0; q <= w; q++) t[q] = q == w, inverse[q] = 0;
        for (int64_t bit = 0; bit <= 32 * w; bit++) {
            uint32_t more = 0, now;
            for (int64_t q = 0; q <= w && bit; q++) {
                now = inverse[q];
                inverse[q] = now << 1 | more;
                more = now >> 31;
            }
            more = 0;
            for (int64_t q = 0; q <= w && bit; q++) {
                now = t[q];
                t[q] = now << 1 | more;
                more = now >> 31;
            }
            if (is_less(t, whole, w)) continue;
            subtract(t, whole, w);
            inverse[0] |= 1;
        }
    }
    return 1;
}

static int read_chain(mixing *s, const fg_chain *chain, int64_t w) {
    const int64_t n = s->n;
    fixed *out = &s->ring[0];
    out->w = w;
    for (int64_t k = 0; k < (w + 1) * n * n; k++) out->x[k] = 0;
    for (int64_t k = 0; k < n; k++)
        if (!read_exactly(s, chain, k, out)) return 0;
    weigh(s, out, n);
    return 1;
}

/* The search */

static void identity(mixing *s, fixed *a, int64_t w) {
    const int64_t n = s->n;
    a->w = w;
    a->lack = 0;
    for (int64_t k = 0; k < (w + 1) * n * n; k++) a->x[k] = 0;
    for (int64_t k = 0; k < n; k++) a->x[(w * n + k) * n + k] = 1;
}

static fixed *power(mixing *s, int64_t k) { return &s->ring[k % KEPT]; }

static void times(mixing *s, const fixed *a, const fixed *b, fixed *out) {
    const int64_t n = s->n, plane = n * n;
    out->w = lesser(a->w, b->w);
    multiply(s, n, out->w, from(a, plane, out->w), from(b, plane, out->w), out->x);
    weigh(s, out, n);
}

static void square(mixing *s) {
    times(s, power(s, s->last), power(s, s->last), power(s, s->last + 1));
    s->last += 1;
    shorten(s, power(s, s->last));
}

static double more(double steps) { return steps < 0x1p53 ? steps + 1 : steps; } /* rounded down */

/* The bits below, from P**(2**k): of the least number of steps that is not surely far, or (`hopeful` 0) of the least that
 * is surely near. Returns whether any comparison stayed open. */
static int below(mixing *s, const fixed *law, int64_t k, int hopeful, double *low, double *high) {
    int open = 0;
    const fixed *at = power(s, k);
    fixed *free[2] = {&s->at, &s->ahead};
    double steps = power_of_two(k);
    const int64_t least = greater(0, greater(k - BITS, s->last - KEPT + 1));
    for (int64_t bit = k - 1; bit >= least && s->work < s->most; bit--) {
        const double there = steps + power_of_two(bit);
        times(s, at, power(s, bit), free[0]);
        const verdict found = compare(s, free[0], law, there);
        if (found == FAR && more(there) > *low) *low = more(there);
        if (found == NEAR && there < *high) *high = there;
        if (found == OPEN) open = 1;
        if (found == NEAR || (found == OPEN && hopeful)) continue;
        steps = there;
        at = free[0];
        free[0] = free[1];
        free[1] = (fixed *)at;
    }
    return open || s->work >= s->most;
}

/* Between what the mixing time lies, by powers first .. last, which are there. Returns whether anything stayed open. */
static int search(mixing *s, const fixed *law, int64_t first, int64_t last, double *low, double *high) {
    int64_t far = -1, near = -1;
    for (int64_t k = first; k <= last && near < 0; k++) {
        const verdict found = compare(s, power(s, k), law, power_of_two(k));
        if (found == FAR) far = k;
        if (found == NEAR) near = k;
    }
    if (far >= 0 && more(power_of_two(far)) > *low) *low = more(power_of_two(far));
    if (near < 0) return 1;
    if (power_of_two(near) < *high) *high = power_of_two(near);
    int open = far < near - 1;
    if (far >= 0) open |= below(s, law, far, 1, low, high);
    if (near > 0 && near > first && open) below(s, law, near - 1, 0, low, high);
    return near == 0 ? *low < *high : open;
}

/* The least of each column of a power is at most the law. */
static void bound_law(mixing *s, const fixed *a) {
    const int64_t n = s->n, w = a->w, plane = n * n;
    s->least.w = w;
    for (int64_t j = 0; j < n; j++) {
        int64_t best = 0;
        for (int64_t i = 1; i < n; i++) {
            int64_t k = w;
            while (k > 0 && a->x[k * plane + i * n + j] == a->x[k * plane + best * n + j]) k--;
            if (a->x[k * plane + i * n + j] < a->x[k * plane + best * n + j]) best = i;
        }
        for (int64_t k = 0; k <= w; k++) s->least.x[k * n + j] = a->x[k * plane + best * n + j];
    }
    weigh(s, &s->least, 1);
}

/* With w limbs. Returns whether more of them would help. */
static int attempt(mixing *s, const fg_chain *chain, const double *law, double epsilon, int64_t w, double *low,
                   double *high) {
    const int64_t n = s->n;
    s->law.w = w;
    s->rough = s->blame = 0;
    for (int64_t j = 0; j < n; j++) {
        s->rough |= store_double(s->number[0], w, law[j]);
        for (int64_t k = 0; k <= w; k++) s->law.x[k * n + j] = s->number[0][k];
    }
    s->cut = store_double(s->epsilon, w, 2 * epsilon);
    identity(s, &s->at, w);
    const verdict none = compare(s, &s->at, &s->law, 0);
    if (none == FAR && *low < 1) *low = 1;
    if (none == NEAR) *high = 0;
    if (none == NEAR) return 0;
    if (!read_chain(s, chain, w)) return 0;
    verdict found;
    for (s->last = 0; (found = compare(s, power(s, s->last), &s->law, power_of_two(s->last))) != NEAR; square(s)) {
        const double steps = power_of_two(s->last);
        if (found == FAR && more(steps) > *low) *low = more(steps);
        if (steps * s->rounding > 2) return 0;
        if (s->last == LONGEST || power(s, s->last)->lack > SCALE * 0x1p-6 || s->work > s->most) return 1;
    }
    const int64_t first = greater(0, s->last - BITS - 1);
    int open = search(s, &s->law, first, s->last, low, high);
    if (none == OPEN && *high == 1) open = 1;
    if (!open) return 0;
    if (s->rounding > 0) return s->blame;
    for (int k = 0; k < BEYOND && s->last < LONGEST && power(s, s->last)->lack < SCALE * 0x1p-6; k++) {
        if (s->work > s->most) return 1;
        square(s);
    }
    bound_law(s, power(s, s->last));
    if (none == OPEN) {
        identity(s, &s->at, s->least.w);
        const verdict again = compare(s, &s->at, &s->least, 0);
        if (again == FAR && *low < 1) *low = 1;
        if (again == NEAR) *high = 0;
        if (again == NEAR) return 0;
    }
    open = search(s, &s->least, first, s->last, low, high);
    return open && *low < *high;
}

static void place(mixing *s, int64_t n, char **memory) {
    const int64_t w = widest(n), bytes = 4 * (w + 1) * n * n;
    s->n = n;
    for (int k = 0; k < KEPT; k++) s->ring[k].x = take(memory, bytes);
    s->at.x = take(memory, bytes);
    s->ahead.x = take(memory, bytes);
    s->law.x = take(memory, 4 * (w + 1) * n);
    s->least.x = take(memory, 4 * (w + 1) * n);
    s->epsilon = take(memory, 4 * (w + 1));
    for (int k = 0; k < 7; k++) s->number[k] = take(memory, 4 * (w + GUARD + 1));
    s->lo = take(memory, 8 * (w + GUARD + 3) * n);
    s->hi = take(memory, 8 * (w + GUARD + 3) * n);
    s->sum = take(memory, 8 * (w + GUARD + 3));
    s->some = take(memory, (w + GUARD + 1) * n);
}

int64_t fg_mixing_space(int64_t n) {
    mixing s;
    char *memory = 0;
    place(&s, n, &memory);
    return (int64_t)(intptr_t)memory + 64;
}

void fg_mixing(const fg_chain *chain, const double *law, double error, double rounding, double epsilon, double most,
               double *out, void *space) {
    mixing s;
    char *memory = space;
    place(&s, chain->vocab_size * chain->suffixes, &memory);
    s.error = error;
    s.rounding = rounding * UP;
    s.work = 0;
    s.most = most;
    double low = 0, high = INFINITE;
    static const int64_t limbs[] = {4, 8, 16, 36};
    for (int k = 0; k < 4; k++) {
        const int64_t w = lesser(limbs[k], widest(s.n));
        if (!attempt(&s, chain, law, epsilon, w, &low, &high) || w == widest(s.n) || s.work > most) break;
    }
    out[0] = out[1] = low;
    out[2] = high > low ? high : low;
}
