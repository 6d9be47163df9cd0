/* The law of a chain in the long run where its numbers span more than double precision: a step of iteration, and how far
 * off what iteration has found can be.
 *
 * Numbers are m 2**e with m in [1, 2). What flows along each arrow from i to j, x_i p_ij, balances in every state if x is
 * stationary; here it does so nearly. Arrows of a spanning tree can carry what is missing, each the sum of what is missing
 * on one side of it, and then all balances: x is the law of a chain whose arrows are those of the given one, each changed
 * by a share that is known. By the matrix-tree theorem a law is a ratio of two sums, over trees, of products that hold at
 * most one arrow out of each state (Freidlin and Wentzell 1984), and so x is right within twice the sum, over states, of
 * the largest of these shares (O'Cinneide 1993). A tree of the widest flows makes the shares small. What is missing is added
 * up exactly, in fixed point.
 */
#include "engine.h"

#define LOW32 0xffffffff

enum { DIGITS = 1024, DEPTH = 40 }; /* of 32 bits in a sum; sums that are held at once */

/* x = m 2**k with m in [1, 2), for a normal x > 0. */
static inline int64_t split(double *x) {
    union {
        double x;
        int64_t bits;
    } u = {*x};
    const int64_t k = (u.bits >> 52) - 1023;
    u.bits -= k * ((int64_t)1 << 52);
    *x = u.x;
    return k;
}

/* 2**k, 0 where that is below double precision; k <= 1023. */
static inline double power(int64_t k) {
    union {
        int64_t bits;
        double x;
    } u = {k < -1022 ? 0 : (k + 1023) << 52};
    return u.x;
}

typedef struct {
    double m;
    int64_t e;
} number;

static inline number flow(const fg_flows *flows, int64_t arrow) {
    const int32_t from = flows->source[arrow];
    double m = flows->m[from] * flows->graph->probs[arrow];
    const int64_t e = split(&m) + flows->e[from];
    return (number){m, e};
}

static inline number plus(number a, number b) {
    if (a.m == 0 || (b.m != 0 && b.e > a.e)) {
        const number c = a;
        a = b;
        b = c;
    }
    a.m += b.m * power(b.e - a.e);
    a.e += split(&a.m);
    return a;
}

double fg_settle(const fg_flows *flows, const double *leave, int32_t down) {
    const int64_t n = flows->graph->n;
    double most = 0;
    for (int64_t step = 0; step < n; step++) {
        const int64_t k = down ? n - 1 - step : step;
        if (flows->m[k] == 0) continue;
        number in = {0, 0};
        for (int64_t a = flows->in_first[k]; a < flows->in_first[k + 1]; a++) {
            const int32_t arrow = flows->in[a];
            if (flows->source[arrow] != k && flows->m[flows->source[arrow]] > 0) {
                const number more = flow(flows, arrow);
                in = in.m == 0 ? more : plus(in, more);
            }
        }
        in.m /= leave[k];
        in.e += split(&in.m);
        const int64_t further = in.e - flows->e[k];
        const double ratio = further > 60 || further < -60 ? 2 : in.m * power(further) / flows->m[k];
        const double change = ratio > 1 ? ratio - 1 : 1 - ratio;
        if (change > most) most = change;
        flows->m[k] = in.m;
        flows->e[k] = (int32_t)in.e;
    }
    return most;
}

/* Adds sign * x to a sum whose digits begin at 2**least. */
static inline void add(int64_t *sum, number x, int64_t least, int64_t sign) {
    union {
        double x;
        int64_t bits;
    } u = {x.m};
    const int64_t whole = (u.bits & 0xfffffffffffff) | ((int64_t)1 << 52), at = x.e - 52 - least;
    const int64_t low = (whole & LOW32) << (at & 31), high = (whole >> 32) << (at & 31);
    sum += at >> 5;
    sum[0] += sign * (low & LOW32);
    sum[1] += sign * ((low >> 32) + (high & LOW32));
    sum[2] += sign * (high >> 32);
}

/* At least the size of a sum, and that but for 2**-31 of itself; `digits` becomes those of its size. */
static number size(const int64_t *sum, int64_t *digits, int64_t many, int64_t least) {
    int64_t sign = 1, carry = 0, top = -1;
    for (int64_t k = 0; k < many; k++) carry = (sum[k] + carry) >> 32;
    if (carry < 0) sign = -1;
    carry = 0;
    for (int64_t k = 0; k < many; k++) {
        const int64_t digit = sign * sum[k] + carry;
        carry = digit >> 32;
        digits[k] = digit & LOW32;
        if (digits[k]) top = k;
    }
    if (top < 0) return (number){0, 0};
    double m = (double)digits[top] * 0x1p32 + (top ? (double)digits[top - 1] + 1 : 0);
    m *= 1 + 0x1p-50;
    const int64_t e = split(&m) + 32 * (top - 1) + least;
    return (number){m, e};
}

static int32_t find(int32_t *root, int32_t k) {
    while (root[k] != k) k = root[k] = root[root[k]];
    return k;
}

static inline int32_t other(const fg_flows *flows, int32_t arrow, int32_t k) {
    return flows->source[arrow] == k ? flows->graph->to[arrow] : flows->source[arrow];
}

int64_t fg_unbalanced_space(int64_t n) { return 8 * (6 * n + 8) + 8 * DIGITS * (DEPTH + 1); }

double fg_unbalanced(const fg_flows *flows, const int32_t *order, int64_t arrows, void *space) {
    const int64_t n = flows->graph->n;
    double *share = space;
    int64_t *sums = (int64_t *)(share + n), *digits = sums + DEPTH * DIGITS;
    int32_t *first = (int32_t *)(digits + DIGITS), *beside = first + n + 2, *kept = beside + 2 * n, *up = kept + n;
    int32_t *path = up + n, *next = path + n, *weight = next + n; /* 9 n + 2 numbers of 4 bytes */
    int64_t many = 0, least = INT64_MAX, most = INT64_MIN, members = 0, tree = 0;
    for (int64_t k = 0; k <= n + 1; k++) first[k] = 0;
    for (int32_t k = 0; k < n; k++) share[k] = 0, up[k] = k, weight[k] = 1, members += flows->m[k] > 0;
    for (int64_t a = 0; a < arrows; a++) { /* the tree, by Kruskal 1956 */
        const int32_t arrow = order[a], from = flows->source[arrow], to = flows->graph->to[arrow];
        if (from == to || flows->m[from] == 0) continue;
        if (!(flows->graph->probs[arrow] >= 0x1p-1022)) return __builtin_inf();
        const number x = flow(flows, arrow);
        least = x.e - 52 < least ? x.e - 52 : least;
        most = x.e > most ? x.e : most;
        const int32_t one = find(up, from), two = find(up, to);
        if (one == two) continue;
        up[one] = two;
        kept[tree++] = arrow;
        first[from + 2]++;
        first[to + 2]++;
    }
    many = (most - least) / 32 + 5;
    if (members == 0 || tree != members - 1 || many > DIGITS) return __builtin_inf();
    if (tree == 0) return 0;
    for (int64_t k = 0; k < n; k++) first[k + 2] += first[k + 1];
    for (int64_t t = 0; t < tree; t++) {
        beside[first[flows->source[kept[t]] + 1]++] = kept[t];
        beside[first[flows->graph->to[kept[t]] + 1]++] = kept[t];
    }
    /* From a root on: the arrow up of each state, first of those beside it; then of those down the one with most below. */
    int32_t head = 0, tail = 0, root = flows->source[kept[0]];
    path[tail++] = root;
    up[root] = -1;
    while (head < tail) {
        const int32_t k = path[head++];
        for (int32_t a = first[k]; a < first[k + 1]; a++) {
            if (beside[a] == up[k]) {
                beside[a] = beside[first[k]];
                beside[first[k]] = up[k];
                continue;
            }
            const int32_t to = other(flows, beside[a], k);
            up[to] = beside[a];
            path[tail++] = to;
        }
    }
    while (--tail > 0) weight[other(flows, up[path[tail]], path[tail])] += weight[path[tail]];
    for (int64_t k = 0; k < n; k++) {
        if (flows->m[k] == 0) continue;
        const int32_t start = first[k] + (k != root);
        next[k] = start;
        for (int32_t a = start + 1; a < first[k + 1]; a++) {
            const int32_t arrow = beside[a];
            if (weight[other(flows, arrow, (int32_t)k)] <= weight[other(flows, beside[start], (int32_t)k)]) continue;
            beside[a] = beside[start];
            beside[start] = arrow;
        }
    }
    /* What is missing below each arrow of the tree. */
    int64_t depth = 0, *sum = sums - DIGITS;
    path[depth++] = root;
    while (depth) {
        const int32_t k = path[depth - 1];
        if (next[k] < first[k + 1]) {
            path[depth++] = other(flows, beside[next[k]++], k);
            continue;
        }
        depth--;
        const int32_t start = first[k] + (k != root);
        if (start == first[k + 1]) {
            sum += DIGITS;
            for (int64_t d = 0; d < many; d++) sum[d] = 0;
        }
        for (int64_t a = flows->graph->first[k]; a < flows->graph->first[k + 1]; a++)
            if (flows->graph->to[a] != k) add(sum, flow(flows, a), least, -1);
        for (int64_t a = flows->in_first[k]; a < flows->in_first[k + 1]; a++) {
            const int32_t arrow = flows->in[a], from = flows->source[arrow];
            if (from != k && flows->m[from] > 0) add(sum, flow(flows, arrow), least, 1);
        }
        const number missing = size(sum, digits, many, least);
        if (k == root) {
            if (missing.m > 0) return __builtin_inf();
            break;
        }
        if (missing.m > 0) {
            const number held = flow(flows, up[k]);
            const int64_t further = missing.e - held.e;
            const double part = further > 0 ? 2 : missing.m / held.m * (power(further) + 0x1p-1000);
            if (part > 0.5) return __builtin_inf();
            const int32_t from = flows->source[up[k]];
            if (part / (1 - part) > share[from]) share[from] = part / (1 - part);
        }
        const int32_t above = path[depth - 1];
        if (next[above] - (first[above] + (above != root)) > 1) { /* not the first below it */
            for (int64_t d = 0; d < many; d++) sum[d - DIGITS] += sum[d];
            sum -= DIGITS;
        }
    }
    double all = 0;
    for (int64_t k = 0; k < n; k++) all += share[k];
    return all * (1 + 0x1p-20);
}
