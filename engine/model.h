/* The GPT on a tree of contexts: what the forward pass keeps, and the passes over it. */
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

/* Blocks that are worked through together, so that weights are read once for several of them. */
static inline int64_t chunk_of(const fg_config *config) { return config->n_embd > 32 ? 6 : 3; }

/* One kind of activation. A stride of 0 makes all layers, or all chunks, use the same memory. */
typedef struct {
    vf *data;
    int64_t layer, block;
} buffer;

static inline vf *at(const buffer *b, int32_t l, int64_t block) { return b->data + l * b->layer + block * b->block; }

/* Activations of one forward pass, [features] of vectors for each layer and block. Those that are not kept hold the
 * blocks of one chunk. */
typedef struct {
    buffer x;     /* C: the residual stream into a layer; layer n_layer is the stream out of the last */
    buffer qkv;   /* 3C */
    buffer att;   /* what attention keeps, see attend.c */
    buffer y;     /* C: what the heads read */
    buffer mid;   /* C: the residual stream between attention and MLP */
    buffer fc;    /* 4C: the MLP before its nonlinearity */
    buffer stats; /* 4: mean and 1 / standard deviation of both norms */
    vf *embedded; /* [blocks][C + 2]: the embedding before it is normed and its statistics, where it is */
    vf *scratch;  /* 5C for each block of a chunk */
    void *attend; /* what attention needs, see attend.c */
} tape;

/* keep: whether activations of every layer are kept, for a backward pass or an inspection. */
void tape_place(tape *t, const fg_config *config, int32_t length, int64_t capacity, int keep, char **memory);

/* Fills the tape. In the last layer, blocks that are not wanted get keys and values only; NULL if all are. */
void forward(const fg_config *config, const float *weights, const fg_switches *switches, const tree *t, tape *tape,
             const uint8_t *wanted);

/* Attention of one block: what its heads read, y [C], of qkv [blocks][3C]; att [attention_kept] and `space`
 * [attention_space bytes] are its own. */
int64_t attention_kept(const fg_config *config, int32_t length);
int64_t attention_space(const fg_config *config, int32_t length);
void attend(const fg_config *config, const tree *t, int64_t block, const vf *qkv, vf *att, vf *y, void *space);

/* Adds to dqkv of a block and of its ancestors what dy [C] says. */
void attend_back(const fg_config *config, const tree *t, int64_t block, const vf *qkv, const vf *att, const vf *y,
                 const vf *dy, vf *dqkv, void *space);

/* What a node reads of the one at depth j of its path. */
float attention_at(const fg_config *config, const tree *t, int64_t node, int32_t head, int32_t j, const vf *qkv,
                   const vf *att);

/* The norm (eps 1e-5) of x [n]; stats receives the mean, 0 for RMSNorm, and 1 / standard deviation. */
void norm(int64_t n, const vf *x, norm_weights w, vf *h, vf *stats);

/* The normed stream again, from its statistics. */
void norm_again(int64_t n, const vf *x, const vf *stats, norm_weights w, vf *h);

/* Next-token logits [blocks][V] from the stream out of the last layer x [blocks][C]. h [blocks][C] receives the normed
 * stream, where it is normed, and stats [blocks][2] its statistics. */
void head(const fg_config *config, const float *weights, int64_t blocks, const vf *x, vf *stats, vf *h, vf *logits);

/* y [n] is the nonlinearity of the MLP of x [n]. dy, unless it is NULL, is multiplied by its slope. */
void activate(int32_t kind, int64_t n, const vf *x, vf *y, vf *dy);

/* Turns logits [V] into log-probabilities in place. */
void log_softmax(int32_t n, vf *logits);

typedef struct {
    vf *dx;      /* [blocks][C]: gradient of the residual stream */
    vf *dqkv;    /* [blocks][3C] */
    vf *chunk;   /* 9C for each block of a chunk */
    vf *sums;    /* 13C: gradients of biases and of norms, lane by lane */
    vf *logits;  /* V + 2C + 2 for each block of a chunk of the output layer */
    float *rows; /* activations of a chunk, turned */
    void *attend;
} backward_space;

void backward_place(backward_space *space, const fg_config *config, int32_t length, int64_t capacity, char **memory);

/* Adds to gradient (n_params and LANES more) what targets say. targets [blocks][V]: for each node and token its share
 * in the loss, 0 for nodes without one. Only wanted blocks may have targets. Returns the loss in nats. */
double backward(const fg_config *config, const float *weights, const tree *t, const tape *tape, const vf *targets,
                const uint8_t *wanted, backward_space *space, float *gradient);

/* The loss alone. */
double loss_of(const fg_config *config, const float *weights, const tree *t, const tape *tape, const vf *targets,
               const uint8_t *wanted, backward_space *space);

#endif
