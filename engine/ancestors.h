/* What lies at the ancestors of the lanes of a block of a tree: read, and added to. */
#ifndef FG_ANCESTORS_H
#define FG_ANCESTORS_H

#include "tree.h"

/* Where the features of one ancestor of each lane lie: at one place, in two blocks, or scattered. */
typedef struct {
    const float *one;  /* the ancestor that all lanes share, or NULL */
    const vf *a, *b;   /* the two blocks that hold the ancestors of all lanes, or NULL; lanes by `index` */
    const float *base; /* else all blocks; places by `offset`, in floats */
    vi index, offset;
} ancestor;

/* The ancestors at depth j of a block, in a buffer of `features` vectors a block. */
static inline ancestor ancestor_at(const tree *t, int64_t block, int32_t j, const vf *buffer, int64_t features) {
    const vi node = *(const vi *)(t->path + (block * t->length + j) * LANES);
    const int64_t near = t->near[block * t->length + j], one = t->shared[block * t->length + j];
    ancestor result = {0, 0, 0, (const float *)buffer, node, node};
    result.offset = node / LANES * (int32_t)(features * LANES) + node % LANES;
    if (one >= 0) result.one = (const float *)(buffer + one / LANES * features) + one % LANES;
    if (near >= 0) {
        result.a = buffer + near * features;
        result.b = near + 1 < t->n_blocks ? result.a + features : result.a;
        result.index = (node - (int32_t)near * LANES) & (2 * LANES - 1);
    }
    return result;
}

/* Feature f of each lane's ancestor. */
static inline vf fetch(const ancestor *from, int64_t f) {
    if (from->one) return splat(from->one[f * LANES]);
    if (from->a) return vlookup(from->a[f], from->b[f], from->index);
    return vgather(from->base + f * LANES, (const int32_t *)&from->offset);
}

typedef struct {
    vf v0, v1, v2, v3;
} four;

/* Features f to f + 3 of each lane's ancestor. */
__attribute__((always_inline)) static inline four fetch4(const ancestor *from, int64_t f) {
    if (from->one) {
        const float *p = from->one + f * LANES;
        return (four){splat(p[0]), splat(p[LANES]), splat(p[2 * LANES]), splat(p[3 * LANES])};
    }
    if (from->a) {
        const vf *a = from->a + f, *b = from->b + f;
        const vi i = from->index;
        return (four){vlookup(a[0], b[0], i), vlookup(a[1], b[1], i), vlookup(a[2], b[2], i), vlookup(a[3], b[3], i)};
    }
    return (four){fetch(from, f), fetch(from, f + 1), fetch(from, f + 2), fetch(from, f + 3)};
}

/* How to add a number of each lane to its ancestor: lanes are put where their ancestors are, in as many passes as the
 * most lanes that share one; or they are summed up for each ancestor, where there are few. */
enum { PASSES = LANES == 16 ? 4 : 2 };

typedef struct {
    int32_t passes, ancestors; /* 0 of both: one by one */
    vf *block[PASSES];         /* where each pass adds, or where each ancestor lies, in lane[] of its block */
    vi from[PASSES], mask[PASSES];
    int32_t lane[PASSES];
    float *base;
    vi offset;
    int32_t low, high; /* the lanes that have such an ancestor: the deepest ones that are nodes */
} scatter;

static inline scatter scatter_at(const tree *t, int64_t block, int32_t j, vf *buffer, int64_t features) {
    const int32_t *node = t->path + (block * t->length + j) * LANES;
    const vi depth = *(const vi *)(t->depth + block * LANES);
    scatter s = {0, 0, {0}, {{0}}, {{0}}, {0}, (float *)buffer, {0}, 0, LANES};
    s.offset = *(const vi *)node / LANES * (int32_t)(features * LANES) + *(const vi *)node % LANES;
    if ((block + 1) * LANES > t->n) s.high = (int32_t)(t->n - block * LANES);
    while (s.low < s.high && depth[s.low] < j) s.low++;
    int32_t kinds = 0, known[PASSES];
    for (int i = s.low; i < s.high && kinds <= PASSES / 2; i++) {
        int32_t k = 0;
        while (k < kinds && known[k] != node[i]) k++;
        if (k == kinds) known[kinds++] = node[i];
    }
    if (kinds <= PASSES / 2) {
        s.ancestors = kinds;
        for (int32_t k = 0; k < kinds; k++) {
            s.block[k] = buffer + known[k] / LANES * features;
            s.lane[k] = known[k] % LANES;
            for (int i = s.low; i < s.high; i++)
                if (node[i] == known[k]) s.mask[k][i] = -1;
        }
        return s;
    }
    uint32_t left = 0;
    for (int i = s.low; i < s.high; i++) left |= 1u << i;
    for (; left && s.passes < PASSES; s.passes++) {
        const int32_t to = node[__builtin_ctz(left)] / LANES, p = s.passes;
        s.block[p] = buffer + to * features;
        for (int i = s.low; i < s.high; i++)
            if (left >> i & 1 && node[i] / LANES == to && !s.mask[p][node[i] % LANES]) {
                s.mask[p][node[i] % LANES] = -1;
                s.from[p][node[i] % LANES] = i;
                left &= ~(1u << i);
            }
    }
    if (left) s.passes = 0;
    return s;
}

/* Adds weight times a [n] to features f, f + 1, ... of each lane's ancestor. */
static inline void scatter_add(const scatter *to, int64_t f, int64_t n, vf weight, const vf *a) {
    for (int32_t k = 0; k < to->ancestors; k++) {
        const vf own = (vf)((vi)weight & to->mask[k]);
        float *sums = (float *)(to->block[k] + f) + to->lane[k];
        for (int64_t d = 0; d < n; d++) sums[d * LANES] += vsum(own * a[d]);
    }
    for (int32_t p = 0; p < to->passes; p++) {
        const vi from = to->from[p], mask = to->mask[p];
        vf *sums = to->block[p] + f;
        for (int64_t d = 0; d < n; d++) {
            const vf each = weight * a[d];
            sums[d] += (vf)((vi)vlookup(each, each, from) & mask);
        }
    }
    if (to->ancestors || to->passes) return;
    for (int64_t d = 0; d < n; d++)
        for (int i = to->low; i < to->high; i++) to->base[to->offset[i] + (f + d) * LANES] += (weight * a[d])[i];
}

#endif
