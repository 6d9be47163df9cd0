/* Causal self-attention: every node looks at its ancestors and itself. They lie anywhere in a tree (ancestors.h), or in
 * the blocks before it where windows share nothing. */
#include "ancestors.h"
#include "linear.h"
#include "memory.h"
#include "model.h"

#define INLINE __attribute__((always_inline)) static inline
#define UNROLL _Pragma("GCC unroll 8")

/* Sums that are taken at once. */
#if LANES == 16 && !defined(__AVX512F__)
enum { MANY = 4 };
#elif LANES == 4
enum { MANY = 4 };
#else
enum { MANY = 8 };
#endif

/* Of a tree, the attention of every head to every depth; of sequences, every head's largest score and 1 / its sum. */
int64_t attention_kept(const fg_config *config, int32_t length) {
    const int64_t tree = length <= LONGEST_PATH ? length : 0;
    return config->n_head * (tree > 2 ? tree : 2);
}

int64_t attention_space(const fg_config *config, int32_t length) {
    const int64_t tree = length <= LONGEST_PATH ? length : 0, keys = padded(length);
    const int64_t ancestors = tree * (int64_t)(sizeof(ancestor) + config->n_head * sizeof(vf));
    const int64_t scores = 2 * (keys + LANES) * (int64_t)sizeof(vf);
    return ancestors > scores ? ancestors : scores;
}

/* What makes scores of heads of `size` features exponents of 2: log2(e) / sqrt(size). */
static inline vf to_power_of_2(int64_t size) { return splat(1.44269504f / __builtin_sqrtf((float)size)); }

/* The sum over `size` features, from f on, of q times the ancestor's. */
static inline vf scored(int64_t size, const ancestor *from, int64_t f, const vf *q) {
    vf sum = {0};
    int64_t d = 0;
    for (; d + 4 <= size; d += 4) {
        const four k = fetch4(from, f + d);
        sum += q[d] * k.v0 + q[d + 1] * k.v1 + q[d + 2] * k.v2 + q[d + 3] * k.v3;
    }
    for (; d < size; d++) sum += q[d] * fetch(from, f + d);
    return sum;
}

/* out += scale times the ancestor's `size` features, from f on. */
static inline void add_scaled(int64_t size, const ancestor *from, int64_t f, vf scale, vf *out) {
    int64_t d = 0;
    for (; d + 4 <= size; d += 4) {
        const four k = fetch4(from, f + d);
        out[d] += scale * k.v0;
        out[d + 1] += scale * k.v1;
        out[d + 2] += scale * k.v2;
        out[d + 3] += scale * k.v3;
    }
    for (; d < size; d++) out[d] += scale * fetch(from, f + d);
}

/* For each of `size` features, from f on, the sum over all ancestors of att times the ancestor's. */
static inline void mix(int32_t reach, int64_t size, const ancestor *from, int64_t f, const vf *att, vf *y) {
    int64_t d = 0;
    for (; d + 4 <= size; d += 4) {
        four sum = {{0}, {0}, {0}, {0}};
        for (int32_t j = 0; j < reach; j++) {
            const four v = fetch4(&from[j], f + d);
            const vf weight = att[j];
            sum.v0 += weight * v.v0;
            sum.v1 += weight * v.v1;
            sum.v2 += weight * v.v2;
            sum.v3 += weight * v.v3;
        }
        y[d] = sum.v0;
        y[d + 1] = sum.v1;
        y[d + 2] = sum.v2;
        y[d + 3] = sum.v3;
    }
    for (; d < size; d++) {
        vf sum = {0};
        for (int32_t j = 0; j < reach; j++) sum += att[j] * fetch(&from[j], f + d);
        y[d] = sum;
    }
}

static void attend_tree(const fg_config *config, const tree *t, int64_t block, const vf *qkv, vf *att, vf *y,
                        ancestor *from) {
    const int64_t c = config->n_embd, size = c / config->n_head;
    const vf *q = qkv + block * 3 * c;
    const vi depth = *(const vi *)(t->depth + block * LANES);
    const int32_t reach = depth[LANES - 1] + 1, all = depth[0] + 1; /* lanes come in order of depth */
    const vf scale = to_power_of_2(size), nothing = splat(-1e30f);
    for (int32_t j = 0; j < reach; j++) find_ancestor(t, block, j, qkv, 3 * c, &from[j]);
    for (int64_t first = 0; first < c; first += size, att += t->length) {
        vf top = nothing, total = {0};
        for (int32_t j = 0; j < reach; j++) att[j] = scored(size, &from[j], c + first, q + first);
        for (int32_t j = all; j < reach; j++) att[j] = vpick(depth >= j, att[j], nothing);
        for (int32_t j = 0; j < reach; j++) top = vmax(top, att[j]);
        top *= scale;
        for (int32_t j = 0; j < reach; j++) {
            att[j] = vexp2(vmax(att[j] * scale - top, splat(-126.0f)));
            if (j >= all) att[j] = vpick(depth >= j, att[j], splat(0));
            total += att[j];
        }
        total = 1.0f / total;
        for (int32_t j = 0; j < reach; j++) att[j] *= total;
        mix(reach, size, from, 2 * c + first, att, y + first);
    }
}

static void attend_tree_back(const fg_config *config, const tree *t, int64_t block, const vf *qkv, const vf *att,
                             const vf *dy, vf *dqkv, ancestor *from) {
    const int64_t c = config->n_embd, size = c / config->n_head, length = t->length;
    const vf *q = qkv + block * 3 * c;
    vf *dq = dqkv + block * 3 * c, *ds = (vf *)(from + length); /* [n_head][length] */
    const int32_t reach = t->depth[block * LANES + LANES - 1] + 1;
    const vf scale = 1.0f / vsqrt(splat((float)size));
    for (int32_t j = 0; j < reach; j++) find_ancestor(t, block, j, qkv, 3 * c, &from[j]);
    for (int64_t h = 0; h < config->n_head; h++) {
        const int64_t first = h * size;
        vf mean = {0}, *s = ds + h * length;
        for (int32_t j = 0; j < reach; j++) {
            s[j] = scored(size, &from[j], 2 * c + first, dy + first);
            mean += att[h * length + j] * s[j];
        }
        for (int32_t j = 0; j < reach; j++) s[j] = att[h * length + j] * (s[j] - mean) * scale;
    }
    for (int32_t j = 0; j < reach; j++) {
        const scatter to = scatter_at(t, block, j, dqkv, 3 * c);
        for (int64_t h = 0; h < config->n_head; h++) {
            const vf slope = ds[h * length + j], weight = att[h * length + j];
            add_scaled(size, &from[j], c + h * size, slope, dq + h * size);
            scatter_add(&to, c + h * size, size, slope, q + h * size);
            scatter_add(&to, 2 * c + h * size, size, weight, dy + h * size);
        }
    }
}

/* For `many` keys from k on, in features [size][LANES], the sum over features of q times the key's. */
INLINE void score_keys(const int many, int64_t size, const float *k, const vf *q, vf *scores) {
    vf sums[MANY];
    UNROLL for (int j = 0; j < many; j++) sums[j] = splat(0);
    for (int64_t d = 0; d < size; d++, k += LANES) {
        const vf a = q[d];
        UNROLL for (int j = 0; j < many; j++) sums[j] += k[j] * a;
    }
    UNROLL for (int j = 0; j < many; j++) scores[j] = sums[j];
}

/* For `many` features, y += the sum over blocks of keys of the weights [blocks][LANES] times the keys' features. */
INLINE void mix_keys(const int many, int64_t blocks, const vf *weights, const float *v, int64_t stride, vf *y) {
    vf sums[MANY];
    UNROLL for (int d = 0; d < many; d++) sums[d] = y[d];
    for (int64_t b = 0; b < blocks; b++, v += stride)
        for (int j = 0; j < LANES; j++) {
            const vf a = *weights++;
            UNROLL for (int d = 0; d < many; d++) sums[d] += v[d * LANES + j] * a;
        }
    UNROLL for (int d = 0; d < many; d++) y[d] = sums[d];
}

/* The same for all features of a head. */
static void mix_head(int64_t size, int64_t blocks, const vf *weights, const vf *v, int64_t stride, vf *y) {
    int64_t d = 0;
    for (; d + MANY <= size; d += MANY)
        mix_keys(MANY, blocks, weights, (const float *)(v + d), stride * LANES, y + d);
    for (; d + 4 <= size; d += 4) mix_keys(4, blocks, weights, (const float *)(v + d), stride * LANES, y + d);
    for (; d < size; d++) mix_keys(1, blocks, weights, (const float *)(v + d), stride * LANES, y + d);
}

/* exp of the scores of one block of keys, less the largest; of the block's own keys, only those up to each lane. */
INLINE vf weigh(vf *scores, vf top, vf scale, int own) {
    vf total = {0};
    for (int j = 0; j < LANES; j++) {
        vf weight = vexp((scores[j] - top) * scale);
        if (own) weight = vpick(lane_numbers() >= j, weight, splat(0));
        scores[j] = weight;
        total += weight;
    }
    return total;
}

INLINE void score_block(int64_t size, const vf *k, const vf *q, vf *scores) {
    for (int j = 0; j < LANES; j += MANY) score_keys(MANY, size, (const float *)k + j, q, scores + j);
}

static void attend_sequence(const fg_config *config, const tree *t, int64_t block, const vf *qkv, vf *att, vf *y,
                            vf *scores) {
    const int64_t c = config->n_embd, size = c / config->n_head, start = t->first[block], blocks = block - start + 1;
    const vf *q = qkv + block * 3 * c, *k = qkv + start * 3 * c + c, *v = k + c;
    const vf scale = 1.0f / vsqrt(splat((float)size));
    for (int64_t f = 0; f < c; f += size, att += 2) {
        vf top = splat(-1e30f), total = {0};
        for (int64_t b = 0; b < blocks; b++) score_block(size, k + b * 3 * c + f, q + f, scores + b * LANES);
        for (int64_t j = 0; j < (blocks - 1) * LANES; j++) top = vmax(top, scores[j]);
        for (int j = 0; j < LANES; j++) /* a lane sees the keys up to its own */
            top = vmax(top, vpick(lane_numbers() >= j, scores[(blocks - 1) * LANES + j], top));
        for (int64_t b = 0; b < blocks; b++) total += weigh(scores + b * LANES, top, scale, b == blocks - 1);
        att[0] = top;
        att[1] = 1.0f / total;
        for (int64_t d = f; d < f + size; d++) y[d] = splat(0);
        mix_head(size, blocks, scores, v + f, 3 * c, y + f);
        for (int64_t d = f; d < f + size; d++) y[d] *= att[1];
    }
}

static void attend_sequence_back(const fg_config *config, const tree *t, int64_t block, const vf *qkv, const vf *att,
                                 const vf *y, const vf *dy, vf *dqkv, vf *weights) {
    const int64_t c = config->n_embd, size = c / config->n_head, start = t->first[block], blocks = block - start + 1;
    const vf *q = qkv + block * 3 * c, *k = qkv + start * 3 * c + c, *v = k + c;
    vf *dq = dqkv + block * 3 * c, *dk = dqkv + start * 3 * c + c, *dv = dk + c, *slopes = weights + blocks * LANES;
    const vf scale = 1.0f / vsqrt(splat((float)size));
    for (int64_t f = 0; f < c; f += size, att += 2) {
        vf mean = {0}; /* of dp: the weights times v are y */
        for (int64_t d = f; d < f + size; d++) mean += dy[d] * y[d];
        for (int64_t b = 0; b < blocks; b++) {
            vf *p = weights + b * LANES, *s = slopes + b * LANES;
            score_block(size, k + b * 3 * c + f, q + f, p);
            weigh(p, att[0], scale, b == blocks - 1);
            score_block(size, v + b * 3 * c + f, dy + f, s);
            for (int j = 0; j < LANES; j++) {
                p[j] *= att[1];
                s[j] = p[j] * (s[j] - mean) * scale;
            }
        }
        mix_head(size, blocks, slopes, k + f, 3 * c, dq + f);
        for (int64_t b = 0; b < blocks; b++) { /* lanes become keys */
            turn_square(weights + b * LANES);
            turn_square(slopes + b * LANES);
            mix_head(size, 1, slopes + b * LANES, q + f, 0, dk + b * 3 * c + f);
            mix_head(size, 1, weights + b * LANES, dy + f, 0, dv + b * 3 * c + f);
        }
    }
}

void attend(const fg_config *config, const tree *t, int64_t block, const vf *qkv, vf *att, vf *y, void *space) {
    if (t->sequences) attend_sequence(config, t, block, qkv, att, y, space);
    else attend_tree(config, t, block, qkv, att, y, space);
}

void attend_back(const fg_config *config, const tree *t, int64_t block, const vf *qkv, const vf *att, const vf *y,
                 const vf *dy, vf *dqkv, void *space) {
    if (t->sequences) attend_sequence_back(config, t, block, qkv, att, y, dy, dqkv, space);
    else attend_tree_back(config, t, block, qkv, att, dy, dqkv, space);
}

float attention_at(const fg_config *config, const tree *t, int64_t node, int32_t head, int32_t j, const vf *qkv,
                   const vf *att) {
    const int64_t c = config->n_embd, size = c / config->n_head, block = node / LANES, lane = node % LANES;
    if (!t->sequences) return att[head * t->length + j][lane];
    const vf *q = qkv + block * 3 * c + head * size, *k = qkv + (t->first[block] + j / LANES) * 3 * c + c + head * size;
    const float scale = 1.0f / __builtin_sqrtf((float)size);
    vf score = {0};
    for (int64_t d = 0; d < size; d++) score += q[d] * splat(k[d][j % LANES]);
    return (vexp((score - att[2 * head]) * scale) * att[2 * head + 1])[lane];
}
