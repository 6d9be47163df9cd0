/* Elimination without a single subtraction: what a chain does in the long run, and where and when it ends.
 *
 * States are taken out one after the other: what the chain does between two visits to the others becomes arrows among
 * those. Nothing is ever subtracted, so nothing cancels, and every number is right relatively, however small it is
 * (Grassmann, Taksar and Heyman 1985). Three things are added here:
 *
 * - Order. Next to go is the state that adds the fewest arrows (Markowitz 1957). Contexts are a sparse graph that stays
 *   sparse for long: 2**12 states over two tokens take 650 times less work than without.
 * - Range. Products of probabilities leave double precision soon. Numbers have exponents of their own where they must
 *   (numbers.h), and are doubles where these are enough, as they nearly always are.
 * - The error. Taking out a state k rounds the arrows from its predecessors to its successors, each by a few roundings.
 *   By the matrix-tree theorem what is sought is a ratio of two sums, over trees or forests, of products that hold at most
 *   one arrow out of each state (Freidlin and Wentzell 1984; O'Cinneide 1993); so it is off by at most twice that for
 *   each predecessor of k, and these are counted.
 */
#include "memory.h"
#include "work.h"

enum { EVERY = (1 << FOUR) - 1 }; /* a bit for each of four */
enum { NARROW = 4 }; /* gaps up to here are filled with zeros where there is room, so that runs are long */

void factors_place(factors *f, const fg_graph *graph, int64_t m, int64_t ends, int64_t entries, char **memory) {
    const int64_t n = graph->n, d = sizeof(double), l = sizeof(int64_t), i = sizeof(int32_t);
    f->m = m;
    f->total = m + ends + 1;
    const int64_t up = entries + m * (ends + 1); /* an end or a gain may follow every state */
    f->place = take(memory, n * i);
    f->first = take(memory, (m + 1) * l);
    f->first_run = take(memory, (m + 1) * l);
    f->runs = take(memory, (entries / 2 + m * (2 * ends + 3)) * (int64_t)sizeof(run));
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
    if (most >= 0x1p70) scale(f, row);
    return 1;
}

/* The sum of a row's arrows, but for the gain; to little more than one rounding. */
static number row_sum(const factors *f, const work_row *row) {
    double top = NOTHING;
    const int64_t last = f->total - 1;
    EACH(j, row->set, words(last))
        if (j < last && row->wm[j] > 0 && row->we[j] > top) top = row->we[j];
    double sum = 0, rest = 0;
    EACH(j, row->set, words(last)) {
        if (j >= last) continue;
        const double x = row->wm[j] * power(row->we[j] - (top - BIAS)), more = sum + x, part = more - sum;
        rest += (sum - (more - part)) + (x - part); /* Knuth's two-sum */
        sum = more;
    }
    return normal(sum + rest, top);
}

/* Divides what row i has behind it by its sum, which it returns, and empties the rest. */
static number divide_row(const factors *f, work_row *row, int64_t i) {
    EACH(j, row->set, words(f->total)) {
        const number w = j > i ? normal(row->wm[j], row->plain ? 0 : row->we[j]) : normal(0, 0);
        row->wm[j] = w.m;
        row->we[j] = w.e;
    }
    const number sum = row_sum(f, row);
    EACH(j, row->set, words(f->total)) {
        if (row->wm[j] == 0) continue;
        const number u = sum.m > 0 ? over((number){row->wm[j], row->we[j]}, sum) : normal(0, 0);
        row->wm[j] = u.m;
        row->we[j] = u.e;
    }
    return sum;
}

/* Stores a row that has been divided as row i, and empties it. */
static void store_row(factors *f, work_row *row, int64_t i) {
    int64_t room = 0, low = 0, high = -1;
    double least = 0, most = 0;
    EACH(j, row->set, words(f->total)) {
        if (row->wm[j] == 0) continue;
        if (high < 0) low = j;
        high = j;
        room += j < f->m ? 2 : 1; /* as the plan counts: one place for each end, and for the gain */
        if (row->we[j] < least) least = row->we[j];
        if (row->we[j] > most) most = row->we[j];
    }
    const int whole = room >= high - low + 1, plain = least >= SMALL && most < LARGE;
    int64_t at = f->first[i], runs = f->first_run[i], end = 0, spare = 0;
    EACH(j, row->set, words(f->total)) {
        if (row->wm[j] == 0) continue;
        const int64_t gap = j - end;
        if (j == low || (gap > 0 && !whole && (gap > spare || gap > NARROW))) {
            f->runs[runs++].low = (int32_t)j;
        } else {
            for (int64_t k = 0; k < gap; k++) f->um[at] = 0, f->ue[at++] = NOTHING;
            spare -= gap;
        }
        f->um[at] = plain ? row->wm[j] * power(row->we[j] + BIAS) : row->wm[j];
        f->ue[at++] = plain ? 0 : row->we[j];
        end = j + 1;
        f->runs[runs - 1].end = (int32_t)end;
        spare += j < f->m ? 1 : 0;
        row->wm[j] = 0;
        row->we[j] = NOTHING;
    }
    for (int64_t k = 0; k < words(f->total); k++) row->set[k] = 0;
    f->plain[i] = (uint8_t)plain;
    f->first[i + 1] = at;
    f->first_run[i + 1] = runs;
}

/* What went from i to states that are gone, unless it is not needed. */
static void store_gone(factors *f, work_row *row, int64_t i, int needed) {
    int64_t to = f->from[i];
    for (int64_t k = 0; needed && k < row->below; k++) {
        f->gone[to] = row->gone[k];
        f->lm[to] = row->lm[k];
        f->le[to++] = row->le[k];
    }
    f->from[i + 1] = to;
    row->below = 0;
}

static number finish_row(factors *f, work_row *row, int64_t i, int kept) {
    const number sum = divide_row(f, row, i);
    f->sm[i] = sum.m;
    f->se[i] = sum.e;
    store_row(f, row, i);
    store_gone(f, row, i, kept);
    return sum;
}

/* Whether there is one run for each of states k .. k + 3. */
static int are_whole(const factors *f, int64_t k) {
    int all = 1;
    for (int s = 0; s < FOUR; s++) all &= f->first_run[k + s + 1] - f->first_run[k + s] == 1;
    return all;
}

double factorise(factors *f, const fg_graph *graph, const int32_t *part, const int32_t *order, int64_t ends, int kept,
                 const double *gains, double rounding) {
    const int64_t n = graph->n, m = f->m, total = f->total, long_ = words(total);
    for (int64_t k = 0; k < n; k++) f->place[k] = part[k] >= 0 && part[k] < ends ? (int32_t)(m + part[k]) : -1;
    for (int64_t k = 0; k < m; k++) f->place[order[k]] = (int32_t)k, f->into[k] = 0;
    work_row rows[ROWS];
    for (int r = 0; r < ROWS; r++) {
        const work_row empty = {f->wm + r * total, f->we + r * total, f->set + r * long_,
                                f->row_gone + r * m, f->row_lm + r * m, f->row_le + r * m, 0, 1};
        rows[r] = empty;
    }
    for (int64_t k = 0; k < ROWS * total; k++) f->wm[k] = 0, f->we[k] = NOTHING;
    for (int64_t k = 0; k < ROWS * long_; k++) f->set[k] = 0;
    f->first[0] = f->first_run[0] = f->from[0] = 0;
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
                const int four = bit <= 64 - FOUR && (~left >> bit & EVERY) == 0 && k + FOUR <= i && are_whole(f, k);
                done = ~(word)0 >> (four ? 64 - FOUR - bit : 63 - bit);
                for (int r = 0; r < many; r++)
                    if (four) pass_on_four(f, rows + r, k);
                    else pass_on(f, rows + r, k);
            }
        }
        for (int r = 0; r < many; r++) {
            for (int64_t k = i; k < i + r; k++) pass_on(f, rows + r, k);
            const number sum = finish_row(f, rows + r, i + r, kept);
            if (sum.m == 0 && !(ends == 0 && i + r == m - 1)) return __builtin_inf();
        }
    }
    /* An arrow that is added to: the sum by which a row is divided (1.1 roundings), the division, the product, and the
     * addition. What numbers of any size leave out of a sum does not count. */
    int64_t most = 0; /* arrows of a state, which are added up where they go to the same end */
    for (int64_t k = 0; k < n; k++)
        if (graph->first[k + 1] - graph->first[k] > most) most = graph->first[k + 1] - graph->first[k];
    double error = 2.0 * (double)m * (rounding + (ends ? ROUNDING * (double)most : 0));
    for (int64_t k = 0; k < m; k++) error += 2 * 4.2 * ROUNDING * (double)f->into[k];
    return error;
}
