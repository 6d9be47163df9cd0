/* Elimination without a single subtraction: what a chain does in the long run, and where and when it ends.
 *
 * States are taken out one after the other: what the chain does between two visits to the others becomes arrows among
 * those. Nothing is ever subtracted, so nothing cancels, and every number is right relatively, however small it is
 * (Grassmann, Taksar and Heyman 1985). Three things are added here:
 *
 * - Order. Next to go is the state that adds the fewest arrows (Markowitz 1957). Contexts are a sparse graph that stays
 *   sparse for long: 2**12 states over two tokens take 650 times less work than without.
 * - Range. Products of probabilities leave double precision soon. Numbers are mantissa times 2**(1000 exponent) where
 *   they must be, and doubles where these are enough, as they nearly always are.
 * - The error. Taking out a state k rounds the arrows from its predecessors to its successors, each by a few roundings.
 *   By the matrix-tree theorem what is sought is a ratio of two sums, over trees or forests, of products that hold at most
 *   one arrow out of each state (Freidlin and Wentzell 1984; O'Cinneide 1993); so it is off by at most twice that for
 *   each predecessor of k, and these are counted.
 */
#include "eliminate.h"

enum { ROWS = 8 }; /* so many are worked on at once, so that a row that is added to them is read from memory once */

/* ---- order ---- */

static inline int64_t words(int64_t bits) { return (bits + 63) / 64; }

static inline void put(word *set, int64_t k) { set[k >> 6] |= (word)1 << (k & 63); }

static inline void drop(word *set, int64_t k) { set[k >> 6] &= ~((word)1 << (k & 63)); }

static inline int64_t size(const word *set, int64_t n) {
    int64_t many = 0;
    for (int64_t k = 0; k < n; k++) many += __builtin_popcountll(set[k]);
    return many;
}

/* The members of a set, as a loop: k takes each in turn. */
#define EACH(k, set, n) \
    for (int64_t k##_word = 0, k; k##_word < (n); k##_word++) \
        for (word k##_left = (set)[k##_word]; k##_left && (k = k##_word * 64 + __builtin_ctzll(k##_left), 1); \
             k##_left &= k##_left - 1)

typedef struct {
    int32_t *place; /* [n] of a state among those left */
    int32_t *left;  /* [m] the states left, by place */
    word *out, *in; /* [m][words(m)] where their arrows go to and come from, by place */
    word *row;      /* [words(m)] */
    double *cost;   /* [m] how many arrows taking one out would add; below 0 for one that is gone */
    int64_t many, long_; /* places, and words for as many */
} plan_space;

static void plan_place(plan_space *s, const fg_graph *graph, int64_t m, char **memory) {
    const int64_t bytes = m * words(m) * (int64_t)sizeof(word);
    s->place = take(memory, graph->n * (int64_t)sizeof(int32_t));
    s->left = take(memory, m * (int64_t)sizeof(int32_t));
    s->out = take(memory, bytes);
    s->in = take(memory, bytes);
    s->row = take(memory, words(m) * (int64_t)sizeof(word));
    s->cost = take(memory, m * (int64_t)sizeof(double));
    s->many = m;
    s->long_ = words(m);
}

int64_t fg_plan_space(const fg_graph *graph, int64_t m) {
    char *memory = 0;
    plan_space s;
    plan_place(&s, graph, m, &memory);
    return (int64_t)(intptr_t)memory + 64;
}

static void weigh(plan_space *s, int64_t k) {
    s->cost[k] = (double)size(s->out + k * s->long_, s->long_) * (double)size(s->in + k * s->long_, s->long_);
}

/* New places for those that are left, half as many or fewer, so that sets become short. */
static void close_up(plan_space *s) {
    int64_t many = 0;
    for (int64_t k = 0; k < s->many; k++)
        if (s->cost[k] >= 0) s->place[s->left[k]] = (int32_t)many++;
    const int64_t long_ = words(many);
    for (int side = 0; side < 2; side++) {
        word *sets = side ? s->in : s->out;
        for (int64_t k = 0, at = 0; k < s->many; k++) {
            if (s->cost[k] < 0) continue;
            for (int64_t w = 0; w < long_; w++) s->row[w] = 0;
            EACH(j, sets + k * s->long_, s->long_) put(s->row, s->place[s->left[j]]);
            for (int64_t w = 0; w < long_; w++) sets[at * long_ + w] = s->row[w];
            at++;
        }
    }
    for (int64_t k = 0, at = 0; k < s->many; k++)
        if (s->cost[k] >= 0) {
            s->left[at] = s->left[k];
            s->cost[at++] = s->cost[k];
        }
    s->many = many;
    s->long_ = long_;
}

int64_t fg_plan(const fg_graph *graph, const int32_t *part, int32_t *order, double *work, void *space) {
    const int64_t n = graph->n;
    int64_t m = 0;
    for (int64_t k = 0; k < n; k++) m += part[k] == OPEN;
    char *memory = space;
    plan_space s;
    plan_place(&s, graph, m, &memory);
    m = 0;
    for (int64_t k = 0; k < n; k++)
        if (part[k] == OPEN) {
            s.place[k] = (int32_t)m;
            s.left[m++] = (int32_t)k;
        }
    for (int64_t k = 0; k < m * s.long_; k++) s.out[k] = s.in[k] = 0;
    for (int64_t k = 0; k < m; k++)
        for (int64_t a = graph->first[s.left[k]]; a < graph->first[s.left[k] + 1]; a++) {
            const int32_t to = graph->to[a];
            if (part[to] != OPEN || to == s.left[k]) continue;
            put(s.out + k * s.long_, s.place[to]);
            put(s.in + s.place[to] * s.long_, k);
        }
    for (int64_t k = 0; k < m; k++) weigh(&s, k);
    int64_t entries = 0, gone = 0;
    *work = 0;
    while (gone < m) {
        double least = __builtin_inf();
        for (int64_t k = 0; k < s.many; k++)
            if (s.cost[k] >= 0 && s.cost[k] < least) least = s.cost[k];
        if (least >= (double)(m - gone - 1) * (double)(m - gone - 1)) break; /* the rest are all linked with each other */
        for (int64_t best = 0; best < s.many; best++) { /* all that cost no more than that, as they are come to */
            if (s.cost[best] < 0 || s.cost[best] > least) continue;
            word *out = s.out + best * s.long_, *in = s.in + best * s.long_;
            const int64_t leads = size(out, s.long_), comes = size(in, s.long_), left = m - gone;
            entries += (2 * leads < left ? 2 * leads : left) + comes; /* a row that is half full is stored whole */
            *work += s.cost[best];
            s.cost[best] = -1;
            order[gone++] = s.left[best];
            EACH(i, in, s.long_) {
                word *row = s.out + i * s.long_;
                for (int64_t k = 0; k < s.long_; k++) row[k] |= out[k];
                drop(row, i);
                drop(row, best);
            }
            EACH(j, out, s.long_) {
                word *column = s.in + j * s.long_;
                for (int64_t k = 0; k < s.long_; k++) column[k] |= in[k];
                drop(column, j);
                drop(column, best);
            }
            for (int64_t k = 0; k < s.long_; k++) in[k] |= out[k];
            EACH(k, in, s.long_) weigh(&s, k);
        }
        if (2 * (m - gone) < s.many && s.many > 64) close_up(&s);
    }
    const double left = (double)(m - gone);
    entries += (m - gone) * (m - gone);
    *work += left * left * left / 3;
    for (int64_t k = 0; k < s.many; k++)
        if (s.cost[k] >= 0) order[gone++] = s.left[k];
    return entries;
}

/* ---- numbers ---- */

void factors_place(factors *f, const fg_graph *graph, int64_t m, int64_t ends, int64_t entries, char **memory) {
    const int64_t n = graph->n, d = sizeof(double), l = sizeof(int64_t), i = sizeof(int32_t);
    f->m = m;
    f->total = m + ends + 1;
    const int64_t up = entries + m * (ends + 1); /* an end or a gain may follow every state */
    f->place = take(memory, n * i);
    f->first = take(memory, (m + 1) * l);
    f->to = take(memory, up * i);
    f->um = take(memory, up * d);
    f->ue = take(memory, up * d);
    f->plain = take(memory, m);
    f->from = take(memory, (m + 1) * l);
    f->gone = take(memory, entries * i);
    f->lm = take(memory, entries * d);
    f->le = take(memory, entries * d);
    f->sm = take(memory, m * d);
    f->se = take(memory, m * d);
    f->wm = take(memory, ROWS * f->total * d);
    f->we = take(memory, ROWS * f->total * d);
    f->set = take(memory, ROWS * words(f->total) * (int64_t)sizeof(word));
    f->row_gone = take(memory, ROWS * m * i);
    f->row_lm = take(memory, ROWS * m * d);
    f->row_le = take(memory, ROWS * m * d);
    f->into = take(memory, m * l);
    f->xm = take(memory, m * d);
    f->xe = take(memory, m * d);
}

int64_t fg_eliminate_space(const fg_graph *graph, int64_t m, int64_t ends, int64_t entries) {
    char *memory = 0;
    factors f;
    factors_place(&f, graph, m, ends, entries, &memory);
    return (int64_t)(intptr_t)memory + 64;
}

/* A row in work. */
typedef struct {
    double *wm, *we;
    word *set;
    int plain;     /* whether doubles are enough; then exponents are not kept */
    int32_t *gone; /* the states that were taken out of it, and what went to them */
    double *lm, *le;
    int64_t below; /* how many those are */
} work_row;

/* w + b u for one number of any size. Branches would cost more than what they spare. */
static inline void add_one(double *wm, double *we, number b, double um, double ue) {
    const double pm = b.m * um, pe = pm > 0 ? b.e + ue : NOTHING, e = pe > *we ? pe : *we;
    const double m = *wm * beside(e - *we) + pm * beside(e - pe);
    const double more = m >= LARGE ? 1 : 0, less = m < SMALL ? 1 : 0;
    *wm = m * (m >= LARGE ? 1 / BASE : m < SMALL ? BASE : 1);
    *we = e + more - less;
}

/* The row in work plus b times the row of state k. */
static void add_row(const factors *f, work_row *row, int64_t k, number b) {
    const int64_t first = f->first[k], count = f->first[k + 1] - first;
    if (!count) return;
    const int32_t *to = f->to + first;
    const double *restrict um = f->um + first, *restrict ue = f->ue + first;
    if (to[count - 1] - to[0] == count - 1) {
        double *restrict wm = row->wm + to[0], *restrict we = row->we + to[0];
        if (row->plain)
            for (int64_t j = 0; j < count; j++) wm[j] += b.m * um[j];
        else
            for (int64_t j = 0; j < count; j++) add_one(wm + j, we + j, b, um[j], ue[j]);
        const int64_t low = to[0] >> 6, high = to[count - 1] >> 6;
        const word begins = ~(word)0 << (to[0] & 63), ends = ~(word)0 >> (63 - (to[count - 1] & 63));
        for (int64_t w = low; w <= high; w++) row->set[w] |= (w == low ? begins : ~(word)0) & (w == high ? ends : ~(word)0);
        return;
    }
    for (int64_t j = 0; j < count; j++) put(row->set, to[j]);
    if (row->plain)
        for (int64_t j = 0; j < count; j++) row->wm[to[j]] += b.m * um[j];
    else
        for (int64_t j = 0; j < count; j++) add_one(row->wm + to[j], row->we + to[j], b, um[j], ue[j]);
}

/* From doubles to numbers of any size. */
static void scale(const factors *f, work_row *row) {
    if (!row->plain) return;
    row->plain = 0;
    EACH(j, row->set, words(f->total)) {
        const number w = normal(row->wm[j], 0);
        row->wm[j] = w.m;
        row->we[j] = w.e;
    }
}

/* Takes state k out of a row in work: what went to k goes on as k does. */
static void pass_on(factors *f, work_row *row, int64_t k) {
    if (row->wm[k] == 0) return;
    if (row->plain && (!f->plain[k] || row->wm[k] < SMALL)) scale(f, row);
    const number b = {row->wm[k], row->plain ? 0 : row->we[k]};
    add_row(f, row, k, b);
    row->gone[row->below] = (int32_t)k;
    row->lm[row->below] = b.m;
    row->le[row->below++] = b.e;
    f->into[k] += 1;
    row->wm[k] = 0;
    row->we[k] = NOTHING;
}

/* Puts a state's own arrows, and its gain, into an empty row. 0 where one leads to where nothing was said of. */
static int begin_row(const factors *f, work_row *row, const fg_graph *graph, int32_t state, int64_t i,
                     const double *gains) {
    const int64_t time = f->total - 1;
    row->plain = 1;
    double most = 1; /* what is small is scaled when it is passed on */
    for (int64_t a = graph->first[state]; a < graph->first[state + 1]; a++) {
        const int32_t to = f->place[graph->to[a]];
        if (to == i) continue;
        if (to < 0) return 0;
        put(row->set, to);
        row->wm[to] += graph->probs[a]; /* several arrows may go to the same end */
        if (graph->probs[a] > most) most = graph->probs[a];
    }
    if (gains) {
        put(row->set, time);
        row->wm[time] = gains[state];
        if (gains[state] > most) most = gains[state];
    }
    if (most >= LARGE / 1e9) scale(f, row);
    return 1;
}

/* The sum of a row's arrows to positions of at least `first`, but for the gain; to little more than one rounding. */
static number row_sum(const factors *f, const work_row *row, int64_t first) {
    double top = NOTHING;
    const int64_t last = f->total - 1;
    EACH(j, row->set, words(last))
        if (j >= first && j < last && row->wm[j] > 0 && row->we[j] > top) top = row->we[j];
    double sum = 0, rest = 0;
    EACH(j, row->set, words(last)) {
        if (j < first || j >= last) continue;
        const double x = row->wm[j] * beside(top - row->we[j]), more = sum + x, part = more - sum;
        rest += (sum - (more - part)) + (x - part); /* Knuth's two-sum */
        sum = more;
    }
    return normal(sum + rest, top);
}

/* Divides row i by its sum, stores it, and leaves the row in work empty. Returns its sum. */
static number finish_row(factors *f, work_row *row, int64_t i, int kept) {
    row->wm[i] = 0; /* back to itself, which does not count */
    row->we[i] = NOTHING;
    scale(f, row);
    const number sum = row_sum(f, row, i + 1);
    f->sm[i] = sum.m;
    f->se[i] = sum.e;
    f->plain[i] = 1;
    int64_t at = f->first[i], room = 0, low = 0, high = -1;
    EACH(j, row->set, words(f->total)) {
        if (j <= i || row->wm[j] == 0) continue;
        if (high < 0) low = j;
        high = j;
        room += j < f->m ? 2 : 1; /* as the plan counts: one place for each end, and for the gain */
    }
    const int whole = room >= high - low + 1;
    if (sum.m > 0 && whole)
        for (int64_t j = low; j <= high; j++) put(row->set, j);
    EACH(j, row->set, words(f->total)) {
        if (j > i && sum.m > 0 && (row->wm[j] > 0 || (whole && j >= low && j <= high))) {
            const number w = normal(row->wm[j], row->we[j]), u = w.m > 0 ? over(w, sum) : (number){0, 0};
            f->to[at] = (int32_t)j;
            f->um[at] = u.m;
            f->ue[at++] = u.e;
            if (u.e != 0) f->plain[i] = 0;
        }
        row->wm[j] = 0;
        row->we[j] = NOTHING;
    }
    for (int64_t k = 0; k < words(f->total); k++) row->set[k] = 0;
    f->from[i + 1] = f->from[i];
    for (int64_t k = 0; kept && k < row->below; k++) {
        const int64_t to = f->from[i + 1]++;
        f->gone[to] = row->gone[k];
        f->lm[to] = row->lm[k];
        f->le[to] = row->le[k];
    }
    row->below = 0;
    f->first[i + 1] = at;
    return sum;
}

double factorise(factors *f, const fg_graph *graph, const int32_t *part, const int32_t *order, int64_t ends, int kept,
                 const double *gains, double rounding) {
    const int64_t n = graph->n, m = f->m, total = f->total, long_ = words(total);
    for (int64_t k = 0; k < n; k++) f->place[k] = part[k] >= 0 && part[k] < ends ? (int32_t)(m + part[k]) : -1;
    for (int64_t k = 0; k < m; k++) f->place[order[k]] = (int32_t)k, f->into[k] = 0;
    work_row rows[ROWS];
    for (int r = 0; r < ROWS; r++)
        rows[r] = (work_row){f->wm + r * total,    f->we + r * total,   f->set + r * long_,   1,
                             f->row_gone + r * m, f->row_lm + r * m, f->row_le + r * m, 0};
    for (int64_t k = 0; k < ROWS * total; k++) f->wm[k] = 0, f->we[k] = NOTHING;
    for (int64_t k = 0; k < ROWS * long_; k++) f->set[k] = 0;
    f->first[0] = f->from[0] = 0;
    for (int64_t i = 0; i < m; i += ROWS) {
        const int many = m - i < ROWS ? (int)(m - i) : ROWS;
        for (int r = 0; r < many; r++)
            if (!begin_row(f, rows + r, graph, order[i + r], i + r, gains)) return __builtin_inf();
        /* States gone before these rows, in turn; rows that are added may put new ones behind the one in turn. */
        for (int64_t w = 0; w * 64 < i; w++) {
            word done = 0; /* positions up to the last one taken */
            while (1) {
                word left = 0;
                for (int r = 0; r < many; r++) left |= rows[r].set[w];
                left &= ~done;
                if (!left) break;
                const int bit = __builtin_ctzll(left);
                const int64_t k = w * 64 + bit;
                if (k >= i) break;
                done = ~(word)0 >> (63 - bit);
                for (int r = 0; r < many; r++) pass_on(f, rows + r, k);
            }
        }
        for (int r = 0; r < many; r++) {
            for (int64_t k = i; k < i + r; k++) pass_on(f, rows + r, k);
            const number sum = finish_row(f, rows + r, i + r, kept);
            if (sum.m == 0 && !(ends == 0 && i + r == m - 1)) return __builtin_inf();
        }
    }
    /* An arrow that is added to: the sum by which a row is divided (1.1 roundings), the division, the product, and the
     * addition. A product or sum of numbers of any size loses nothing more that counts. */
    int64_t most = 0; /* arrows of a state, which are added up where they go to the same end */
    for (int64_t k = 0; k < n; k++)
        if (graph->first[k + 1] - graph->first[k] > most) most = graph->first[k + 1] - graph->first[k];
    double error = 2.0 * (double)m * (rounding + (ends ? ROUNDING * (double)most : 0));
    for (int64_t k = 0; k < m; k++) error += 2 * 4.2 * ROUNDING * (double)f->into[k];
    return error;
}

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
        const double x = f.xm[k] * beside(most.e - f.xe[k]), more = sum + x, part_ = more - sum;
        rest += (sum - (more - part_)) + (x - part_);
        sum = more;
    }
    const number all = normal(sum + rest, most.e);
    for (int64_t k = 0; k < m; k++) {
        const number x = over((number){f.xm[k], f.xe[k]}, all);
        probs[k] = exponents ? x.m : rounded(x);
        if (exponents) exponents[k] = 1000 * x.e;
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
            for (int64_t k = f.first[i]; k < f.first[i + 1]; k++) {
                const int64_t to = f.to[k];
                const number u = {f.um[k], f.ue[k]};
                if (u.m == 0) continue; /* whose exponent says nothing */
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
            for (int64_t k = f.first[i]; k < f.first[i + 1]; k++) {
                const int64_t to = f.to[k];
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
