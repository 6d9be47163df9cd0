/* The GPT on a tree of contexts: what the forward pass keeps, and the three passes over it. */
#ifndef FG_MODEL_H
#define FG_MODEL_H

#include "engine.h"
#include "tree.h"

/* The weight [C] and the bias [C] of a norm, NULL where it has none, and whether it leaves the mean where it is. */
typedef struct {
    float *w, *b;
    int32_t rms;
} norm_weights;

/* Where each tensor of one layer lies in a flat array of weights, or of gradients. Biases may be NULL. */
typedef struct {
    norm_weights ln1, ln2;
    float *attn_w, *attn_b, *proj_w, *proj_b, *fc_w, *fc_b, *out_w, *out_b;
} layer;

layer layer_at(const fg_config *config, const float *flat, int32_t index);
static inline float *wte_at(const float *flat) { return (float *)flat; }
float *wpe_at(const fg_config *config, const float *flat);
norm_weights final_norm_at(const fg_config *config, const float *flat);
float *head_at(const fg_config *config, const float *flat);

/* Where the tensors of one kind end among which `place` lies, and whether they are matrices. */
int64_t tensor_end(const fg_config *config, int64_t place, int32_t *matrix);

/* One kind of activation. A stride of 0 makes all layers, or all blocks, use the same memory. */
typedef struct {
    vf *data;
    int64_t layer, block;
} buffer;

static inline vf *at(const buffer *b, int32_t l, int64_t block) { return b->data + l * b->layer + block * b->block; }

/* Activations of one forward pass, [features] of vectors for each layer and block. */
typedef struct {
    buffer x;     /* C: the residual stream into a layer; layer n_layer is the stream out of the last */
    buffer qkv;   /* 3C */
    buffer att;   /* n_head * length: attention probabilities */
    buffer y;     /* C: what the heads read */
    buffer mid;   /* C: the residual stream between attention and MLP */
    buffer fc;    /* 4C: the MLP before its nonlinearity */
    buffer stats; /* 4: mean and 1 / standard deviation of both norms */
    vf *embedded; /* [blocks][C + 2]: the embedding before it is normed and its statistics, where it is */
    vf *scratch;  /* 5C, then length ancestors */
} tape;

/* keep: whether activations of every layer are kept, for a backward pass or an inspection. */
void tape_place(tape *t, const fg_config *config, int32_t length, int64_t capacity, int keep, char **memory);

/* Fills the tape. In the last layer, blocks that are not wanted get keys and values only; NULL if all are. */
void forward(const fg_config *config, const float *weights, const fg_switches *switches, const tree *t, tape *tape,
             const uint8_t *wanted);

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

/* The norm (eps 1e-5) of x [n]; stats receives the mean, 0 for RMSNorm, and 1 / standard deviation. */
void norm(int64_t n, const vf *x, norm_weights w, vf *h, vf *stats);

/* The normed stream again, from its statistics. */
void norm_again(int64_t n, const vf *x, const vf *stats, norm_weights w, vf *h);

/* Next-token logits [V] of one block, from the stream out of the last layer. h [C] receives the normed stream. */
void head(const fg_config *config, const float *weights, const tape *tape, int64_t block, vf *stats, vf *h,
          vf *logits);

/* The nonlinearity of the MLP, and its slope. */
static inline vf activate(int32_t kind, vf x, vf *slope) {
    if (kind == 0) return vgelu(x, slope);
    if (kind == 1) return vgelu_tanh(x, slope);
    *slope = vpick(x > 0, splat(1), splat(0));
    return vmax(x, splat(0));
}

/* Turns logits [V] into log-probabilities in place. */
void log_softmax(int32_t n, vf *logits);

typedef struct {
    vf *dx;      /* [blocks][C]: gradient of the residual stream */
    vf *dqkv;    /* [blocks][3C] */
    vf *scratch; /* 10C + length + V + 2, then length ancestors */
    float *rows; /* [LANES][4C rounded up to LANES] */
} backward_space;

void backward_place(backward_space *space, const fg_config *config, int32_t length, int64_t capacity, char **memory);

/* Adds to gradient (n_params and LANES more) what targets say. targets [blocks][V]: for each node and token its share
 * in the loss, 0 for nodes without one. Only wanted blocks may have targets. Returns the loss in nats. */
double backward(const fg_config *config, const float *weights, const tree *t, tape *tape, const vf *targets,
                const uint8_t *wanted, backward_space *space, float *gradient);

/* The loss alone. */
double loss_of(const fg_config *config, const float *weights, const tree *t, tape *tape, const vf *targets,
               const uint8_t *wanted, backward_space *space);

#endif
