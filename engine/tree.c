#include "tree.h"

#include "memory.h"

void tree_place(tree *t, int32_t length, int64_t capacity, char **memory) {
    const int64_t blocks = (capacity + LANES - 1) / LANES, paths = length <= LONGEST_PATH ? length : 0;
    t->length = length;
    t->token = take(memory, blocks * LANES * 4);
    t->depth = take(memory, blocks * LANES * 4);
    t->first = take(memory, blocks * 4);
    t->path = take(memory, blocks * LANES * paths * 4);
    t->kind = take(memory, blocks * paths * 4);
    t->place = take(memory, blocks * paths * 4);
    t->parent = take(memory, capacity * 4);
    t->child = take(memory, (capacity + 1) * 4);
    t->sibling = take(memory, capacity * 4);
}

static int64_t blocks_of(int32_t length) { return (length + LANES - 1) / LANES; }

int64_t tree_capacity_windows(int64_t count, int32_t length) {
    return count * (length < LANES ? length : blocks_of(length) * LANES);
}

int64_t tree_capacity_range(int64_t count, int32_t length) {
    int64_t levels = 2; /* at least as many as tree_of_range aligns */
    for (int64_t n = count; n > LANES; n /= 2) levels++;
    return length <= LONGEST_PATH ? 2 * count + 2 * (int64_t)length + levels * LANES : 0;
}

static void add(tree *t, int64_t parent, int32_t depth, int32_t token) {
    t->token[t->n] = token;
    t->depth[t->n] = depth;
    t->parent[t->n++] = depth ? (int32_t)parent : 0;
}

static int32_t *path_of(const tree *t, int64_t node) {
    return t->path + node / LANES * t->length * LANES + node % LANES;
}

/* Fills the last block up, and finds all paths and where ancestors are shared or near each other. */
static void finish(tree *t) {
    t->n_blocks = (t->n + LANES - 1) / LANES;
    t->sequences = 0;
    for (int64_t node = 0; node < t->n_blocks * LANES; node++) {
        int32_t *path = path_of(t, node), depth = 0;
        if (node < t->n) {
            const int32_t *above = path_of(t, t->parent[node]);
            for (depth = t->depth[node]; depth > 0; depth--) path[(depth - 1) * LANES] = above[(depth - 1) * LANES];
            for (depth = t->depth[node]; depth < t->length; depth++) path[depth * LANES] = (int32_t)node;
        } else {
            const int32_t *last = path_of(t, t->n - 1);
            t->token[node] = t->token[t->n - 1];
            t->depth[node] = t->depth[t->n - 1];
            for (; depth < t->length; depth++) path[depth * LANES] = last[depth * LANES];
        }
    }
    for (int64_t b = 0; b < t->n_blocks; b++) {
        const vi depth = *(const vi *)(t->depth + b * LANES), own = lane_numbers() + (int32_t)(b * LANES);
        for (int32_t j = 0; j < t->length; j++) {
            /* The last lane is the deepest: it has an ancestor wherever any lane has, and stands in for the others. */
            vi path = *(const vi *)(t->path + (b * t->length + j) * LANES), mask = depth >= j;
            int32_t low = path[LANES - 1], high = low;
            path = (mask & path) | (~mask & low);
            for (int i = 0; i < LANES; i++) {
                low = path[i] < low ? path[i] : low;
                high = path[i] > high ? path[i] : high;
            }
            int32_t kind = FAR, place = 0;
            if (low == high) kind = SHARED, place = low;
            else if (all(path == own)) kind = OWN;
            else if (low / HALF == high / HALF) kind = NARROW, place = low / HALF * HALF;
            else if (high / LANES - low / LANES < 2) kind = NEAR, place = low / LANES;
            t->kind[b * t->length + j] = kind;
            t->place[b * t->length + j] = place;
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
        /* Where families fit into blocks they are not to be cut in two, so that fewer blocks hold all ancestors. */
        if (LANES % vocab_size == 0 && high - low >= LANES && t->n)
            while (t->n % LANES != low % LANES) add(t, t->parent[t->n - 1], depth - 1, t->token[t->n - 1]);
        t->first_leaf = t->n;
        for (int64_t id = low; id <= high; id++)
            add(t, above + id / vocab_size - above_id, depth, (int32_t)(id % vocab_size));
        above = t->first_leaf;
        above_id = low;
    }
    finish(t);
}

/* Every distinct prefix becomes a node. */
static void share(tree *t, const int32_t *tokens, const int64_t *starts, const int32_t *lengths, int64_t count,
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
}

void tree_of_windows(tree *t, const int32_t *tokens, const int64_t *starts, const int32_t *lengths, int64_t count,
                     int32_t *nodes) {
    const int32_t length = t->length;
    int64_t blocks = 0; /* of sequences */
    for (int64_t w = 0; w < count; w++) blocks += blocks_of(lengths ? lengths[w] : length);
    if (length <= LONGEST_PATH) {
        share(t, tokens, starts, lengths, count, nodes);
        if (length < LANES || 2 * t->n <= blocks * LANES) {
            finish(t);
            return;
        }
    }
    t->sequences = 1;
    t->n_blocks = blocks;
    t->n = blocks * LANES;
    int32_t block = 0;
    for (int64_t w = 0; w < count; w++) {
        const int32_t n = lengths ? lengths[w] : length, start = block;
        const int32_t *from = tokens + (starts ? starts[w] : w * length);
        for (int32_t j = 0; j < n; j++) nodes[j * count + w] = start * LANES + j;
        for (; block < start + blocks_of(n); block++) {
            t->first[block] = start;
            for (int32_t j = (block - start) * LANES, i = block * LANES; i < (block + 1) * LANES; i++, j++) {
                t->depth[i] = j < n ? j : n - 1;
                t->token[i] = from[t->depth[i]];
            }
        }
    }
}
