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
#include "fixed.h"
#include "memory.h"

enum {
    KEPT = 64,     /* powers that are kept, a ring */
    BITS = 52,     /* below the first bit of a number of steps */
    BEYOND = 9,    /* squarings behind the mixing time, for the law itself */
    LONGEST = 1023 /* a power of two of steps */
};

typedef enum { OPEN = -1, NEAR = 0, FAR = 1 } verdict;

typedef struct {
    int64_t n;
    fixed_space with;
    fixed ring[KEPT], at, ahead, law, least; /* powers; two more; the law as given, and as the powers have it */
    uint32_t *epsilon;                       /* 2 epsilon */
    int64_t last;                            /* the highest power so far */
    double error, rounding, most;
    int cut, rough, blame;                   /* 2 epsilon, or the law, is cut off; more bits would have told */
} mixing;

static int64_t widest(int64_t n) { return n <= 32 ? 36 : 12; }

/* z = x. Whether any of its 53 bits may have been cut off, which are all above 2**-64 unless it is small. */
static int store_double(uint32_t *z, int64_t w, double x) {
    fixed_set(z, w, x);
    return x != 0 && x < 0x1p-8;
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
    int64_t *sum = s->with.sum;
    uint32_t *number = s->with.number[0];
    for (int64_t i = 0; i < n; i++) {
        for (int64_t r = 0; r <= w; r++) sum[r] = 0;
        for (int64_t j = 0; j < n; j++) {
            int64_t top = w, sign = 1;
            while (top > 0 && p[top * plane + i * n + j] == q[top * n + j]) top--;
            if (p[top * plane + i * n + j] < q[top * n + j]) sign = -1;
            for (int64_t r = 0; r <= top; r++)
                sum[r] += sign * ((int64_t)p[r * plane + i * n + j] - (int64_t)q[r * n + j]);
        }
        int64_t above = 0; /* the sign of sum - 2 epsilon */
        for (int64_t r = 0; r <= w; r++) {
            sum[r] -= (int64_t)epsilon[r];
            above = (above + sum[r]) >> 32;
        }
        if (above < 0)
            for (int64_t r = 0; r <= w; r++) sum[r] = -sum[r];
        carry(sum, w, number);
        const double beside = fixed_size(number, w, 0);
        if (above >= 0 && beside > off) return FAR;
        if (above < 0 ? beside < off : beside > 0 || off > 0) worst = OPEN;
    }
    if (worst == OPEN && cut * 8 > other) s->blame = 1;
    return worst;
}

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
    fixed_multiply(&s->with, n, out->w, from(a, plane, out->w), from(b, plane, out->w), out->x);
    fixed_weigh(&s->with, out, n);
}

static void square(mixing *s) {
    times(s, power(s, s->last), power(s, s->last), power(s, s->last + 1));
    s->last += 1;
    fixed_shorten(&s->with, power(s, s->last));
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
    for (int64_t bit = k - 1; bit >= least && s->with.work < s->most; bit--) {
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
    return open || s->with.work >= s->most;
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
    fixed_weigh(&s->with, &s->least, 1);
}

/* With w limbs. Returns whether more of them would help. */
static int attempt(mixing *s, const fg_chain *chain, const double *law, double epsilon, int64_t w, double *low,
                   double *high) {
    const int64_t n = s->n;
    s->law.w = w;
    s->rough = s->blame = 0;
    for (int64_t j = 0; j < n; j++) {
        s->rough |= store_double(s->with.number[0], w, law[j]);
        for (int64_t k = 0; k <= w; k++) s->law.x[k * n + j] = s->with.number[0][k];
    }
    s->cut = store_double(s->epsilon, w, 2 * epsilon);
    identity(s, &s->at, w);
    const verdict none = compare(s, &s->at, &s->law, 0);
    if (none == FAR && *low < 1) *low = 1;
    if (none == NEAR) *high = 0;
    if (none == NEAR) return 0;
    if (!fixed_read(&s->with, chain, w, power(s, 0))) return 0;
    verdict found;
    for (s->last = 0; (found = compare(s, power(s, s->last), &s->law, power_of_two(s->last))) != NEAR; square(s)) {
        const double steps = power_of_two(s->last);
        if (found == FAR && more(steps) > *low) *low = more(steps);
        if (steps * s->rounding > 2) return 0;
        if (s->last == LONGEST || power(s, s->last)->lack > SCALE * 0x1p-6 || s->with.work > s->most) return 1;
    }
    const int64_t first = greater(0, s->last - BITS - 1);
    int open = search(s, &s->law, first, s->last, low, high);
    if (none == OPEN && *high == 1) open = 1;
    if (!open) return 0;
    if (s->rounding > 0) return s->blame;
    for (int k = 0; k < BEYOND && s->last < LONGEST && power(s, s->last)->lack < SCALE * 0x1p-6; k++) {
        if (s->with.work > s->most) return 1;
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
    fixed_place(&s->with, n, w, memory);
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
    s.most = most;
    double low = 0, high = INFINITE;
    static const int64_t limbs[] = {4, 8, 16, 36};
    for (int k = 0; k < 4; k++) {
        const int64_t w = lesser(limbs[k], widest(s.n));
        if (!attempt(&s, chain, law, epsilon, w, &low, &high) || w == widest(s.n) || s.with.work > most) break;
    }
    out[0] = out[1] = low;
    out[2] = high > low ? high : low;
}
