#include "tree.h"

#include "memory.h"

void tree_place(tree *t, int32_t length, int64_t capacity, char **memory) {
    int64_t blocks = (capacity + LANES - 1) / LANES;
    t->length = length;
    t->token = take(memory, blocks * LANES * 4);
    t->depth = take(memory, blocks * LANES * 4);
    t->path = take(memory, blocks * LANES * length * 4);
    t->shared = take(memory, blocks * length * 4);
    t->near = take(memory, blocks * length * 4);
    t->child = take(memory, (capacity + 1) * 4);
    t->sibling = take(memory, capacity * 4);
}

int64_t tree_capacity_windows(int64_t count, int32_t length) { return count * length; }

int64_t tree_capacity_range(int64_t count, int32_t length) { return 2 * count + 2 * (int64_t)length; }

static int32_t *path_of(const tree *t, int64_t node) {
    return t->path + node / LANES * t->length * LANES + node % LANES;
}

static void add(tree *t, int64_t parent, int32_t depth, int32_t token) {
    int64_t node = t->n++;
    t->token[node] = token;
    t->depth[node] = depth;
    int32_t *path = path_of(t, node);
    if (depth) {
        const int32_t *above = path_of(t, parent);
        for (int32_t j = 0; j < depth; j++) path[j * LANES] = above[j * LANES];
    }
    for (int32_t j = depth; j < t->length; j++) path[j * LANES] = (int32_t)node;
}

/* Fills the last block up and finds where ancestors are shared or near each other. */
static void finish(tree *t) {
    t->n_blocks = (t->n + LANES - 1) / LANES;
    for (int64_t node = t->n; node < t->n_blocks * LANES; node++) {
        t->token[node] = t->token[t->n - 1];
        t->depth[node] = t->depth[t->n - 1];
        int32_t *path = path_of(t, node), *last = path_of(t, t->n - 1);
        for (int32_t j = 0; j < t->length; j++) path[j * LANES] = last[j * LANES];
    }
    for (int64_t b = 0; b < t->n_blocks; b++) {
        const vi depth = *(const vi *)(t->depth + b * LANES);
        for (int32_t j = 0; j < t->length; j++) {
            /* The last lane is the deepest: it has an ancestor wherever any lane has, and stands in for the others. */
            vi path = *(const vi *)(t->path + (b * t->length + j) * LANES), mask = depth >= j;
            int32_t low = path[LANES - 1], high = low;
            path = (mask & path) | (~mask & low);
            for (int i = 0; i < LANES; i++) {
                low = path[i] < low ? path[i] : low;
                high = path[i] > high ? path[i] : high;
            }
            t->shared[b * t->length + j] = low == high ? low : -1;
            t->near[b * t->length + j] = high / LANES - low / LANES < 2 ? low / LANES : -1;
        }
    }
}

void tree_of_range(tree *t, int32_t vocab_size, int64_t first, int64_t count) {
    int64_t above = 0, above_id = 0; /* the first node of the level above, and the id of its context */
    t->n = 0;
    for (int32_t depth = 0; depth < t->length; depth++) {
        int64_t span = 1; /* ids that share a prefix of this depth */
        for (int32_t j = depth + 1; j < t->length; j++) {
            if (span > (first + count) / vocab_size) {
                span = first + count; /* all ids are below it: one node, of token 0 */
                break;
            }
            span *= vocab_size;
        }
        int64_t low = first / span, high = (first + count - 1) / span;
        t->first_leaf = t->n;
        for (int64_t id = low; id <= high; id++)
            add(t, above + id / vocab_size - above_id, depth, (int32_t)(id % vocab_size));
        above = t->first_leaf;
        above_id = low;
    }
    finish(t);
}

void tree_of_windows(tree *t, const int32_t *tokens, const int64_t *starts, const int32_t *lengths, int64_t count,
                     int32_t *nodes) {
    int32_t *child = t->child + 1; /* child[-1] is the first node of depth 0 */
    t->n = 0;
    child[-1] = -1;
    for (int32_t depth = 0; depth < t->length; depth++) {
        t->first_leaf = t->n;
        for (int64_t w = 0; w < count; w++) {
            if (lengths && depth >= lengths[w]) continue;
            int32_t token = tokens[(starts ? starts[w] : w * t->length) + depth];
            int32_t parent = depth ? nodes[(depth - 1) * count + w] : -1;
            int32_t node = child[parent];
            while (node >= 0 && t->token[node] != token) node = t->sibling[node];
            if (node < 0) {
                node = (int32_t)t->n;
                add(t, parent, depth, token);
                t->sibling[node] = child[parent];
                child[parent] = node;
                child[node] = -1;
            }
            nodes[depth * count + w] = node;
        }
    }
    finish(t);
}
