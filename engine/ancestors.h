/* What lies at the ancestors of the lanes of a block of a tree: read, and added to. */
#ifndef FG_ANCESTORS_H
#define FG_ANCESTORS_H

#include "tree.h"

/* Where the features of one ancestor of each lane lie. */
typedef struct {
    int32_t kind;      /* as in tree.h */
    const float *at;   /* SHARED: those of the ancestor; NARROW: of HALF nodes */
    const vf *a, *b;   /* OWN, NEAR: of the two blocks, lanes by `index` */
    const float *base; /* FAR: of all blocks, places by `index`, in floats */
    vi index;
} ancestor;

/* The ancestors at depth j of a block, in a buffer of `features` vectors a block. */
static inline void find_ancestor(const tree *t, int64_t block, int32_t j, const vf *buffer, int64_t features,
                                 ancestor *found) {
    const vi node = *(const vi *)(t->path + (block * t->length + j) * LANES);
    const int64_t kind = t->kind[block * t->length + j], place = t->place[block * t->length + j];
    found->kind = (int32_t)kind;
    if (kind == SHARED || kind == NARROW) {
        found->at = (const float *)(buffer + place / LANES * features) + place % LANES;
        found->index = node;
    } else if (kind == OWN) {
        found->a = buffer + block * features;
    } else if (kind == NEAR) {
        found->a = buffer + place * features;
        found->b = place + 1 < t->n_blocks ? found->a + features : found->a;
        found->index = (node - (int32_t)place * LANES) & (2 * LANES - 1);
    } else {
        found->base = (const float *)buffer;
        found->index = node / LANES * (int32_t)(features * LANES) + node % LANES;
    }
}

/* Feature f of each lane's ancestor. */
static inline vf fetch(const ancestor *from, int64_t f) {
    if (from->kind == SHARED) return splat(from->at[f * LANES]);
    if (from->kind == NARROW) return vlookup_half(from->at + f * LANES, from->index);
    if (from->kind == OWN) return from->a[f];
    if (from->kind == NEAR) return vlookup(from->a[f], from->b[f], from->index);
    return vgather(from->base + f * LANES, (const int32_t *)&from->index);
}

typedef struct {
    vf v0, v1, v2, v3;
} four;

/* Features f to f + 3 of each lane's ancestor. */
__attribute__((always_inline)) static inline four fetch4(const ancestor *from, int64_t f) {
    const vi i = from->index;
    if (from->kind == SHARED || from->kind == NARROW) {
        const float *p = from->at + f * LANES, *p1 = p + LANES, *p2 = p + 2 * LANES, *p3 = p + 3 * LANES;
        if (from->kind == SHARED) return (four){splat(*p), splat(*p1), splat(*p2), splat(*p3)};
        return (four){vlookup_half(p, i), vlookup_half(p1, i), vlookup_half(p2, i), vlookup_half(p3, i)};
    }
    if (from->kind == OWN) {
        const vf *a = from->a + f;
        return (four){a[0], a[1], a[2], a[3]};
    }
    if (from->kind == NEAR) {
        const vf *a = from->a + f, *b = from->b + f;
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
