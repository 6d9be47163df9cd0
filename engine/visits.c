/* How often states are visited before the end: from a start, and each from itself. By elimination, likewise without a
 * single subtraction (eliminate.c).
 *
 * How often a state is visited is the same whichever others have been taken out. So what is taken out last is known
 * first, and then each state in turn from those that it comes from and leads to when it goes. Of visits from one state to
 * another, all that is ever needed are those against an arrow that there is when the first of the two goes: as many
 * numbers as elimination leaves, where a chain is sparse (Takahashi, Fagan and Chin 1973).
 */
#include "eliminate.h"

typedef struct {
    factors f;
    int64_t *begin; /* [m + 1] where the arrows into a state begin, from those that go after it */
    int32_t *from;  /* [entries] ascending */
    double *im, *ie; /* [entries] those arrows */
    double *rm, *re; /* [entries] visits to where they come from, from the state */
    double *cm, *ce; /* [entries] visits to the state, from where its arrows lead to, as in f.to */
    double *dm, *de; /* [m] to itself */
} inverse;

static void inverse_place(inverse *s, const fg_graph *graph, int64_t m, int64_t ends, int64_t entries, char **memory) {
    const int64_t d = sizeof(double), up = entries + m * (ends + 1);
    factors_place(&s->f, graph, m, ends, entries, memory);
    s->begin = take(memory, (m + 1) * (int64_t)sizeof(int64_t));
    s->from = take(memory, entries * (int64_t)sizeof(int32_t));
    s->im = take(memory, entries * d);
    s->ie = take(memory, entries * d);
    s->rm = take(memory, entries * d);
    s->re = take(memory, entries * d);
    s->cm = take(memory, up * d);
    s->ce = take(memory, up * d);
    s->dm = take(memory, m * d);
    s->de = take(memory, m * d);
}

int64_t fg_returns_space(const fg_graph *graph, int64_t m, int64_t ends, int64_t entries) {
    char *memory = 0;
    inverse s;
    inverse_place(&s, graph, m, ends, entries, &memory);
    return (int64_t)(intptr_t)memory + 64;
}

/* What rounds in a step of back-substitution: sums of as many products as a state has arrows, and a few divisions. */
static double rounded_off(const factors *f) {
    double error = 0;
    for (int64_t k = 0; k < f->m; k++) error += ROUNDING * ((double)(f->first[k + 1] - f->first[k] + f->into[k]) + 12);
    return error;
}

double fg_visits(const fg_graph *graph, const int32_t *part, const int32_t *order, int64_t m, int64_t ends,
                 int64_t entries, double rounding, const double *start, double *visits, void *space) {
    char *memory = space;
    factors f;
    factors_place(&f, graph, m, ends, entries, &memory);
    double error = factorise(&f, graph, part, order, ends, 1, 0, rounding);
    if (!(error < 1)) return __builtin_inf();
    error += rounded_off(&f);
    for (int64_t k = 0; k < m; k++) {
        const number x = normal(start[order[k]], 0);
        f.xm[k] = x.m;
        f.xe[k] = x.e;
    }
    /* What of the start is in a state when all before it have been taken out. */
    for (int64_t i = 0; i < m; i++) {
        const number b = {f.xm[i], f.xe[i]};
        if (b.m == 0) continue;
        for (int64_t k = f.first[i]; k < f.first[i + 1]; k++) {
            const int64_t to = f.to[k];
            if (to >= m || f.um[k] == 0) continue;
            const number all = plus((number){f.xm[to], f.xe[to]}, times(b, (number){f.um[k], f.ue[k]}));
            f.xm[to] = all.m;
            f.xe[to] = all.e;
        }
    }
    /* And what comes to it from those after it; each visit ends one time in so many. */
    for (int64_t i = m - 1; i >= 0; i--) {
        const number x = f.xm[i] == 0 ? (number){0, NOTHING} : over((number){f.xm[i], f.xe[i]}, (number){f.sm[i], f.se[i]});
        visits[i] = rounded(x);
        if (x.m == 0) continue;
        for (int64_t k = f.from[i]; k < f.from[i + 1]; k++) {
            const int32_t to = f.gone[k];
            const number all = plus((number){f.xm[to], f.xe[to]}, times(x, (number){f.lm[k], f.le[k]}));
            f.xm[to] = all.m;
            f.xe[to] = all.e;
        }
    }
    return 1.001 * error + 4 * ROUNDING;
}

/* Where x is in a part of an ascending array, which has it; at once where nothing is left out. */
static inline int64_t find(const int32_t *sorted, int64_t first, int64_t end, int32_t x) {
    if (sorted[end - 1] - sorted[first] == end - 1 - first) return first + x - sorted[first];
    while (end - first > 1) {
        const int64_t middle = first + (end - first) / 2;
        if (sorted[middle] <= x) first = middle;
        else end = middle;
    }
    return first;
}

/* Sums, in doubles alone where `plain`. */
static inline number gain(number sum, number a, number b, int plain) {
    return plain ? (number){sum.m + a.m * b.m, 0} : plus(sum, times(a, b));
}

/* All visits that are needed. 0 where `plain` doubles are not enough. */
static inline __attribute__((always_inline)) int invert(inverse *s, int plain) {
    const factors *f = &s->f;
    const int64_t m = f->m;
    const double none = plain ? 0 : NOTHING;
    for (int64_t k = m - 1; k >= 0; k--) {
        const int64_t begin = s->begin[k], end = s->begin[k + 1];
        const number leave = {f->sm[k], f->se[k]};
        if (plain && (!f->plain[k] || leave.e != 0)) return 0;
        for (int64_t b = begin; b < end; b++) {
            if (plain && s->ie[b] != 0) return 0;
            s->rm[b] = 0;
            s->re[b] = none;
        }
        number own = over((number){1, 0}, leave);
        for (int64_t a = f->first[k]; a < f->first[k + 1] && f->to[a] < m; a++) {
            const int32_t i = f->to[a];
            const number u = {f->um[a], f->ue[a]};
            if (u.m == 0) continue;
            number sum = {0, none};
            for (int64_t b = begin; b < end; b++) {
                const int32_t j = s->from[b];
                number v; /* visits from i to j */
                if (i < j) {
                    const int64_t at = find(s->from, s->begin[i], s->begin[i + 1], j);
                    v = (number){s->rm[at], s->re[at]};
                } else if (i > j) {
                    const int64_t at = find(f->to, f->first[j], f->first[j + 1], i);
                    v = (number){s->cm[at], s->ce[at]};
                } else {
                    v = (number){s->dm[i], s->de[i]};
                }
                sum = gain(sum, v, (number){s->im[b], s->ie[b]}, plain);
                const number row = gain((number){s->rm[b], s->re[b]}, u, v, plain);
                s->rm[b] = row.m;
                s->re[b] = row.e;
            }
            sum = over(sum, leave);
            if (plain && sum.e != 0) return 0;
            s->cm[a] = sum.m;
            s->ce[a] = sum.e;
            own = plus(own, times(u, sum));
        }
        for (int64_t b = begin; plain && b < end; b++)
            if (s->rm[b] < SMALL || s->rm[b] >= LARGE) return 0;
        if (plain && own.e != 0) return 0;
        s->dm[k] = own.m;
        s->de[k] = own.e;
    }
    return 1;
}

double fg_returns(const fg_graph *graph, const int32_t *part, const int32_t *order, int64_t m, int64_t ends,
                  int64_t entries, double rounding, double *returns, void *space) {
    char *memory = space;
    inverse s;
    inverse_place(&s, graph, m, ends, entries, &memory);
    factors *f = &s.f;
    double error = factorise(f, graph, part, order, ends, 1, 0, rounding);
    if (!(error < 1)) return __builtin_inf();
    error += rounded_off(f);
    s.begin[0] = 0;
    for (int64_t k = 0; k < m; k++) s.begin[k + 1] = s.begin[k] + f->into[k], f->into[k] = s.begin[k];
    for (int64_t i = 0; i < m; i++)
        for (int64_t k = f->from[i]; k < f->from[i + 1]; k++) {
            const int64_t at = f->into[f->gone[k]]++;
            s.from[at] = (int32_t)i;
            s.im[at] = f->lm[k];
            s.ie[at] = f->le[k];
        }
    if (!invert(&s, 1)) invert(&s, 0);
    for (int64_t k = 0; k < m; k++) returns[k] = rounded((number){s.dm[k], s.de[k]});
    return 1.001 * error + 4 * ROUNDING;
}
