/* In which order to take out states: next to go is one that adds the fewest arrows (Markowitz 1957). */
#include "engine.h"
#include "memory.h"
#include "sets.h"

enum { OPEN = -1 };

typedef struct {
    int32_t *place; /* [n] of a state among those left */
    int32_t *left;  /* [m] the states left, by place */
    word *out, *in; /* [m][words(m)] where their arrows go to and come from, by place */
    word *row;      /* [words(m)] */
    int32_t *leads, *comes; /* [m] how many those are */
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
    s->leads = take(memory, m * (int64_t)sizeof(int32_t));
    s->comes = take(memory, m * (int64_t)sizeof(int32_t));
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

static void weigh(plan_space *s, int64_t k) { s->cost[k] = (double)s->leads[k] * (double)s->comes[k]; }

/* Adds to the arrows of state k on one side those of state `gone`, which is taken out of them. Returns how many there are. */
static int32_t join(plan_space *s, word *sets, int64_t k, const word *more, int64_t gone) {
    word *set = sets + k * s->long_;
    for (int64_t w = 0; w < s->long_; w++) set[w] |= more[w];
    drop(set, k);
    drop(set, gone);
    return (int32_t)size(set, s->long_);
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
            s->leads[at] = s->leads[k];
            s->comes[at] = s->comes[k];
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
    for (int64_t k = 0; k < m; k++) {
        s.leads[k] = (int32_t)size(s.out + k * s.long_, s.long_);
        s.comes[k] = (int32_t)size(s.in + k * s.long_, s.long_);
        weigh(&s, k);
    }
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
            const int64_t leads = s.leads[best], comes = s.comes[best], left = m - gone;
            entries += (2 * leads < left ? 2 * leads : left) + comes; /* a row that is half full is stored whole */
            *work += s.cost[best];
            s.cost[best] = -1;
            order[gone++] = s.left[best];
            EACH(i, in, s.long_) s.leads[i] = join(&s, s.out, i, out, best);
            EACH(j, out, s.long_) s.comes[j] = join(&s, s.in, j, in, best);
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
