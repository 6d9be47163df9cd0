/* What can be reached from where: classes, periods, and where the graph alone says whether targets are reached. */
#include "rows.h"

double fg_rounding(const fg_chain *chain) {
    /* Exponentials, sums of V of them, and normalising. */
    const double own = (double)(chain->vocab_size + 10) * 0x1p-53;
    if (!chain->wide) return own;
    const double *x = chain->log_probs;
    double least = 0;
    for (int64_t k = 0; k < chain->vocab_size * chain->vocab_size * chain->suffixes; k++)
        if (x[k] >= LEAST && x[k] < least) least = x[k];
    return own + (1 - 2 * least) * 0x1p-53;
}

int64_t fg_arrows(const fg_chain *chain, int64_t *first, int32_t *to, double *probs, double *row) {
    const int64_t v = chain->vocab_size, n = v * chain->suffixes;
    int64_t at = 0;
    for (int64_t k = 0; k < n; k++) {
        first[k] = at;
        read_row(chain, k, row);
        for (int64_t y = 0; y < v; y++) {
            if (row[y] == 0) continue;
            to[at] = (int32_t)(k % chain->suffixes * v + y);
            probs[at++] = row[y];
        }
    }
    first[n] = at;
    return at;
}

/* Strongly connected components without recursion (Tarjan 1972). */
int32_t fg_classes(const fg_graph *graph, int32_t *label, uint8_t *recurrent, int32_t *space) {
    const int64_t n = graph->n, *first = graph->first;
    int32_t *index = space, *low = index + n, *stack = low + n, *path = stack + n, *next = path + n;
    int32_t count = 0, found = 0, depth = 0, height = 0;
    for (int64_t k = 0; k < n; k++) index[k] = label[k] = -1, next[k] = 0; /* arrows of it that are done */
    for (int64_t root = 0; root < n; root++) {
        if (index[root] >= 0) continue;
        path[depth++] = stack[height++] = (int32_t)root;
        index[root] = low[root] = count++;
        while (depth) {
            const int32_t at = path[depth - 1];
            if (first[at] + next[at] < first[at + 1]) {
                const int32_t to = graph->to[first[at] + next[at]++];
                if (index[to] < 0) {
                    index[to] = low[to] = count++;
                    path[depth++] = stack[height++] = to;
                } else if (label[to] < 0 && index[to] < low[at]) low[at] = index[to];
                continue;
            }
            depth--;
            if (depth && low[at] < low[path[depth - 1]]) low[path[depth - 1]] = low[at];
            if (low[at] != index[at]) continue;
            int32_t member;
            do label[member = stack[--height]] = found;
            while (member != at);
            found++;
        }
    }
    /* Numbered by their smallest state. */
    for (int32_t k = 0; k < found; k++) index[k] = -1;
    for (int64_t k = 0, rank = 0; k < n; k++) {
        if (index[label[k]] < 0) index[label[k]] = (int32_t)rank++;
        label[k] = index[label[k]];
    }
    for (int32_t k = 0; k < found; k++) recurrent[k] = 1;
    for (int64_t k = 0; k < n; k++)
        for (int64_t a = first[k]; a < first[k + 1]; a++)
            if (label[graph->to[a]] != label[k]) recurrent[label[k]] = 0;
    return found;
}

static int64_t divisor(int64_t a, int64_t b) {
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

int64_t fg_period(const fg_graph *graph, const int32_t *label, int32_t which, int32_t *distance, int32_t *space) {
    const int64_t n = graph->n;
    int64_t period = 0, head = 0, tail = 0;
    for (int64_t k = 0; k < n; k++) {
        distance[k] = -1;
        if (label[k] == which && tail == 0) {
            space[tail++] = (int32_t)k;
            distance[k] = 0;
        }
    }
    while (head < tail) {
        const int32_t at = space[head++];
        for (int64_t a = graph->first[at]; a < graph->first[at + 1]; a++) {
            const int32_t to = graph->to[a];
            if (label[to] != which) continue;
            if (distance[to] < 0) {
                distance[to] = distance[at] + 1;
                space[tail++] = (int32_t)to;
            } else {
                period = divisor(period, (int64_t)distance[at] + 1 - distance[to]); /* a detour, of 0 arrows or more */
            }
        }
    }
    return period;
}

/* Arrows by where they go: [n + 1] where those into a state begin, and [arrows] where they come from. */
typedef struct {
    int32_t *first, *from;
} arrows_in;

static arrows_in turned(const fg_graph *graph, int32_t *space) {
    const arrows_in in = {space, space + graph->n + 2};
    int32_t *end = in.first + 1; /* counts of states, then where the arrows into each begin, then where they end */
    for (int64_t k = 0; k <= graph->n; k++) end[k] = 0;
    in.first[0] = 0;
    for (int64_t a = 0; a < graph->first[graph->n]; a++) end[graph->to[a] + 1]++;
    for (int64_t k = 0; k < graph->n; k++) end[k + 1] += end[k];
    for (int64_t k = 0; k < graph->n; k++)
        for (int64_t a = graph->first[k]; a < graph->first[k + 1]; a++) in.from[end[graph->to[a]]++] = (int32_t)k;
    return in;
}

/* Marks with `mark` all states that are 0 and from which those in the queue are come to through such states. */
static void back(arrows_in in, uint8_t *decided, uint8_t mark, int32_t *queue, int64_t tail) {
    for (int64_t head = 0; head < tail; head++)
        for (int32_t a = in.first[queue[head]]; a < in.first[queue[head] + 1]; a++) {
            const int32_t from = in.from[a];
            if (decided[from]) continue;
            decided[from] = mark;
            queue[tail++] = from;
        }
}

void fg_reach(const fg_graph *graph, const uint8_t *targets, uint8_t *decided, int32_t *space) {
    enum { OPEN, SURELY, NEVER, PERHAPS };
    const int64_t n = graph->n;
    const arrows_in in = turned(graph, space + n);
    int64_t tail = 0;
    for (int64_t k = 0; k < n; k++) {
        decided[k] = targets[k] ? SURELY : OPEN;
        if (targets[k]) space[tail++] = (int32_t)k;
    }
    back(in, decided, PERHAPS, space, tail);
    tail = 0;
    for (int64_t k = 0; k < n; k++) { /* who is still 0 never comes there; from where one may come to them, it is not sure */
        if (decided[k] == OPEN) decided[k] = NEVER, space[tail++] = (int32_t)k;
        else if (decided[k] == PERHAPS) decided[k] = OPEN;
    }
    back(in, decided, PERHAPS, space, tail);
    for (int64_t k = 0; k < n; k++) decided[k] = decided[k] == PERHAPS ? OPEN : decided[k] == NEVER ? NEVER : SURELY;
}
