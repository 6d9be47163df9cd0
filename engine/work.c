/* Rows in work, to which stored rows are added: nearly all of the time that elimination takes is spent here.
 *
 * Where doubles are not enough, a sum takes the largest exponent of what is added up, and mantissas are left as they come:
 * no branches and no making them lie in [1, 2) again, so that the loops become vectors. Mantissas of stored rows are in
 * [2**SMALL, 2**LARGE), those of factors in [1, 2), so sums are at least 2**SMALL and below 2**LARGE times the number of
 * additions: what a power below 2**-1022 leaves out is less than 2**-400 of the sum.
 */
#include "work.h"

/* A run of a stored row, and what it is multiplied by. */
typedef struct {
    int64_t low, end; /* positions */
    int64_t at;       /* where position 0 would be stored */
    number b;
} term;

static inline void add_one(double *wm, double *we, number b, double um, double ue) {
    const double pe = b.e + ue, e = pe > *we ? pe : *we, shift = e - BIAS;
    *wm = *wm * power(*we - shift) + b.m * um * power(pe - shift);
    *we = e;
}

/* Positions low .. end - 1 of the row in work plus those of one term. */
static inline void add_range(const factors *f, work_row *row, const term *t, int64_t low, int64_t end) {
    double *restrict wm = row->wm + low, *restrict we = row->we + low;
    const double *um = f->um + (t->at + low), *ue = f->ue + (t->at + low);
    const number b = t->b;
    if (row->plain)
        for (int64_t j = 0; j < end - low; j++) wm[j] += b.m * um[j];
    else
        for (int64_t j = 0; j < end - low; j++) add_one(wm + j, we + j, b, um[j], ue[j]);
}

/* The same for four terms. */
static void add_four(const factors *f, work_row *row, const term *t, int64_t low, int64_t end) {
    double *restrict wm = row->wm + low, *restrict we = row->we + low;
    const double *m[FOUR], *e[FOUR];
    for (int s = 0; s < FOUR; s++) {
        m[s] = f->um + (t[s].at + low);
        e[s] = f->ue + (t[s].at + low);
    }
    const double *m0 = m[0], *m1 = m[1], *m2 = m[2], *m3 = m[3], *e0 = e[0], *e1 = e[1], *e2 = e[2], *e3 = e[3];
    const number b0 = t[0].b, b1 = t[1].b, b2 = t[2].b, b3 = t[3].b;
    if (row->plain) {
        for (int64_t j = 0; j < end - low; j++)
            wm[j] = wm[j] + b0.m * m0[j] + b1.m * m1[j] + b2.m * m2[j] + b3.m * m3[j];
        return;
    }
    for (int64_t j = 0; j < end - low; j++) {
        const double p0 = b0.e + e0[j], p1 = b1.e + e1[j], p2 = b2.e + e2[j], p3 = b3.e + e3[j];
        const double first = p0 > p1 ? p0 : p1, second = p2 > p3 ? p2 : p3, both = first > second ? first : second;
        const double most = both > we[j] ? both : we[j], shift = most - BIAS;
        double sum = wm[j] * power(we[j] - shift);
        sum += b0.m * m0[j] * power(p0 - shift);
        sum += b1.m * m1[j] * power(p1 - shift);
        sum += b2.m * m2[j] * power(p2 - shift);
        sum += b3.m * m3[j] * power(p3 - shift);
        wm[j] = sum;
        we[j] = most;
    }
}

/* The row in work plus b times the row of state k. */
static void add_row(const factors *f, work_row *row, int64_t k, number b) {
    int64_t stored = f->first[k];
    for (int64_t r = f->first_run[k]; r < f->first_run[k + 1]; r++) {
        const term t = {f->runs[r].low, f->runs[r].end, stored - f->runs[r].low, b};
        add_range(f, row, &t, t.low, t.end);
        put_range(row->set, t.low, t.end);
        stored += t.end - t.low;
    }
}

void scale(const factors *f, work_row *row) {
    if (!row->plain) return;
    row->plain = 0;
    EACH(j, row->set, words(f->total)) {
        const number w = normal(row->wm[j], 0);
        row->wm[j] = w.m;
        row->we[j] = w.e;
    }
}

/* Leaves nothing of what went to state k in a row in work, notes it, and returns it. */
static number take_out(factors *f, work_row *row, int64_t k) {
    if (row->wm[k] == 0) return (number){0, NOTHING};
    if (row->plain && (!f->plain[k] || row->wm[k] < power(SMALL + BIAS))) scale(f, row);
    const number b = row->plain ? (number){row->wm[k], 0} : normal(row->wm[k], row->we[k]);
    row->gone[row->below] = (int32_t)k;
    row->lm[row->below] = b.m;
    row->le[row->below++] = b.e;
    f->into[k] += 1;
    row->wm[k] = 0;
    row->we[k] = NOTHING;
    return b;
}

void pass_on(factors *f, work_row *row, int64_t k) {
    const number b = take_out(f, row, k);
    if (b.m > 0) add_row(f, row, k, b);
}

void pass_on_four(factors *f, work_row *row, int64_t k) {
    const int64_t behind = k + FOUR;
    term t[FOUR];
    int64_t low = behind, end = f->total; /* what all four lead to, but for each other */
    int some = 0;
    for (int s = 0; s < FOUR; s++) {
        const run *all = f->runs + f->first_run[k + s];
        t[s] = (term){all->low, all->end, f->first[k + s] - all->low, take_out(f, row, k + s)};
        if (t[s].low > low) low = t[s].low;
        if (t[s].end < end) end = t[s].end;
        if (t[s].b.m == 0) continue;
        some++;
        put_range(row->set, t[s].low, t[s].end);
        add_range(f, row, t + s, t[s].low, t[s].end < behind ? t[s].end : behind); /* to the others of the four */
    }
    const int together = some >= 3 && low < end;
    if (!together) low = end = f->total;
    for (int s = 0; s < FOUR; s++) {
        if (!row->plain) t[s].b = normal(t[s].b.m, t[s].b.e); /* if it became so meanwhile */
        if (t[s].b.m == 0) continue;
        add_range(f, row, t + s, t[s].low > behind ? t[s].low : behind, t[s].end < low ? t[s].end : low);
        add_range(f, row, t + s, end, t[s].end);
    }
    if (together) add_four(f, row, t, low, end);
}
