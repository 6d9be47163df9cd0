#include "linear.h"
#include "memory.h"
#include "model.h"

void backward_place(backward_space *space, const fg_config *config, int32_t length, int64_t capacity, char **memory) {
    int64_t c = config->n_embd, blocks = (capacity + LANES - 1) / LANES, v = sizeof(vf);
    space->dx = take(memory, blocks * c * v);
    space->dqkv = take(memory, blocks * 3 * c * v);
    space->scratch = take(memory, (10 * c + length + config->vocab_size + 2) * v + length * (int64_t)sizeof(ancestor));
    space->rows = take(memory, LANES * (4 * c + LANES) * 4);
}

/* dx += what a norm passes back of dh [n], which is changed; adds to the gradients of its weight and bias. */
static void norm_back(int64_t n, const vf *x, const vf *stats, norm_weights w, vf *dh, norm_weights dw, vf *dx) {
    const vf mean = stats[0], scale = stats[1];
    vf sum = {0}, product = {0};
    for (int64_t c = 0; c < n; c++) {
        vf hat = (x[c] - mean) * scale;
        if (w.w) dw.w[c] += vsum(dh[c] * hat);
        if (w.b) dw.b[c] += vsum(dh[c]);
        if (w.w) dh[c] *= w.w[c];
        sum += dh[c];
        product += dh[c] * hat;
    }
    sum = w.rms ? splat(0) : sum / (float)n;
    product /= (float)n;
    for (int64_t c = 0; c < n; c++) dx[c] += scale * (dh[c] - sum - (x[c] - mean) * scale * product);
}

/* base[at[i]] += a[i]; lanes may fall on the same number. */
static inline void scatter_add(float *base, const int32_t *where, vf a) {
    for (int i = 0; i < LANES; i++) base[where[i]] += a[i];
}

/* Adds to dqkv of a block and its ancestors. scratch has length vectors, then length ancestors. */
static void attend_back(const fg_config *config, const tree *t, int64_t block, const vf *qkv, const vf *att,
                        const vf *dy, vf *dqkv, vf *scratch) {
    const int64_t c = config->n_embd, size = c / config->n_head, length = t->length;
    const vf *q = qkv + block * 3 * c;
    vf *dq = dqkv + block * 3 * c, *ds = scratch;
    ancestor *from = (ancestor *)(scratch + length);
    const int32_t reach = t->depth[block * LANES + LANES - 1] + 1;
    const vf scale = 1.0f / vsqrt(splat((float)size));
    for (int32_t j = 0; j < reach; j++) from[j] = ancestor_at(t, block, j, qkv, 3 * c);
    for (int64_t first = 0; first < c; first += size, att += length) {
        vf mean = {0};
        for (int32_t j = 0; j < reach; j++) {
            vf dp = {0};
            for (int64_t d = first; d < first + size; d++) dp += dy[d] * fetch(&from[j], 2 * c + d);
            ds[j] = dp;
            mean += att[j] * dp;
        }
        for (int32_t j = 0; j < reach; j++) {
            const vf weight = att[j], slope = weight * (ds[j] - mean) * scale;
            float *to = from[j].one ? (float *)dqkv + (from[j].one - (const float *)qkv) : (float *)dqkv;
            const int32_t *where = (const int32_t *)&from[j].offset;
            for (int64_t d = first; d < first + size; d++) {
                dq[d] += slope * fetch(&from[j], c + d);
                if (from[j].one) {
                    to[(c + d) * LANES] += vsum(slope * q[d]);
                    to[(2 * c + d) * LANES] += vsum(weight * dy[d]);
                } else {
                    scatter_add(to + (c + d) * LANES, where, slope * q[d]);
                    scatter_add(to + (2 * c + d) * LANES, where, weight * dy[d]);
                }
            }
        }
    }
}

/* The loss of one block. logits [V] become its gradient, unless dx is NULL; dx [C] that of the stream out of the last
 * layer. */
static double head_back(const fg_config *config, const float *weights, const tape *tape, int64_t block, int64_t n,
                        const vf *targets, backward_space *space, float *gradient, vf *dx) {
    const int64_t c = config->n_embd;
    const int32_t v = config->vocab_size;
    vf *logits = space->scratch, *h = logits + v, *dh = h + c, *stats = dh + c, total = {0};
    double loss = 0;
    head(config, weights, tape, block, stats, h, logits);
    log_softmax(v, logits);
    for (int32_t k = 0; k < v; k++) {
        const vf part = targets[k] * logits[k];
        loss -= vsum(vpick(targets[k] == 0, splat(0), part));
    }
    if (!dx) return loss;
    for (int32_t k = 0; k < v; k++) total += targets[k];
    for (int32_t k = 0; k < v; k++) logits[k] = total * vexp(logits[k]) - targets[k];
    const vf *x = at(&tape->x, config->n_layer, block);
    linear_back(v, c, head_at(config, weights), logits, config->final_norm ? dh : dx);
    linear_weights_back(v, c, n, logits, config->final_norm ? h : x, head_at(config, gradient), 0, space->rows);
    if (config->final_norm)
        norm_back(c, x, stats, final_norm_at(config, weights), dh, final_norm_at(config, gradient), dx);
    return loss;
}

double loss_of(const fg_config *config, const float *weights, const tree *t, tape *tape, const vf *targets,
               const uint8_t *wanted, backward_space *space) {
    double loss = 0;
    for (int64_t b = 0; b < t->n_blocks; b++)
        if (wanted[b]) loss += head_back(config, weights, tape, b, 0, targets + b * config->vocab_size, space, 0, 0);
    return loss;
}

static void embed_back(const fg_config *config, const tree *t, int64_t block, int64_t n, const vf *dx,
                       float *gradient) {
    const int64_t width = config->n_embd;
    for (int64_t i = 0; i < n; i++) {
        float *token = wte_at(gradient) + t->token[block * LANES + i] * width;
        float *position = wpe_at(config, gradient) + t->depth[block * LANES + i] * width;
        for (int64_t c = 0; c < width; c++) {
            token[c] += ((const float *)dx)[c * LANES + i];
            position[c] += ((const float *)dx)[c * LANES + i];
        }
    }
}

double backward(const fg_config *config, const float *weights, const tree *t, tape *tape, const vf *targets,
                const uint8_t *wanted, backward_space *space, float *gradient) {
    const int64_t c = config->n_embd, last = t->n_blocks - 1;
    vf *h = space->scratch, *g = h + c, *dg = g + 4 * c, *small = dg + 4 * c, *pairs = small + c;
    double loss = 0;
    for (int64_t i = 0; i < t->n_blocks * c; i++) space->dx[i] = splat(0);
    for (int64_t b = 0; b < t->n_blocks; b++)
        if (wanted[b])
            loss += head_back(config, weights, tape, b, b < last ? LANES : t->n - last * LANES,
                              targets + b * config->vocab_size, space, gradient, space->dx + b * c);
    for (int32_t l = config->n_layer - 1; l >= 0; l--) {
        const layer w = layer_at(config, weights, l), dw = layer_at(config, gradient, l);
        for (int64_t i = 0; i < t->n_blocks * 3 * c; i++) space->dqkv[i] = splat(0);
        for (int64_t b = last; b >= 0; b--) { /* descendants first: dqkv is whole when a block's turn comes */
            const int64_t n = b < last ? LANES : t->n - last * LANES;
            const vf *x = at(&tape->x, l, b), *mid = at(&tape->mid, l, b), *fc = at(&tape->fc, l, b);
            const vf *stats = at(&tape->stats, l, b), *y = at(&tape->y, l, b);
            vf *dx = space->dx + b * c, *dqkv = space->dqkv + b * 3 * c;
            if (l < config->n_layer - 1 || wanted[b]) {
                linear_back(c, 4 * c, w.out_w, dx, dg);
                for (int64_t d = 0; d < 4 * c; d++) {
                    vf slope;
                    g[d] = activate(config->activation, fc[d], &slope);
                    dg[d] *= slope;
                }
                linear_weights_back(c, 4 * c, n, dx, g, dw.out_w, dw.out_b, space->rows);
                norm_again(c, mid, stats + 2, w.ln2, h);
                linear_weights_back(4 * c, c, n, dg, h, dw.fc_w, dw.fc_b, space->rows);
                linear_back(4 * c, c, w.fc_w, dg, h);
                norm_back(c, mid, stats + 2, w.ln2, h, dw.ln2, dx);
                linear_back(c, c, w.proj_w, dx, small);
                linear_weights_back(c, c, n, dx, y, dw.proj_w, dw.proj_b, space->rows);
                attend_back(config, t, b, at(&tape->qkv, l, 0), at(&tape->att, l, b), small, space->dqkv, pairs);
            }
            norm_again(c, x, stats, w.ln1, h);
            linear_weights_back(3 * c, c, n, dqkv, h, dw.attn_w, dw.attn_b, space->rows);
            linear_back(3 * c, c, w.attn_w, dqkv, h);
            norm_back(c, x, stats, w.ln1, h, dw.ln1, dx);
        }
    }
    for (int64_t b = 0; b <= last; b++) {
        vf *dx = space->dx + b * c;
        if (tape->embedded) { /* dx of what was normed, from dx of what came of it */
            const norm_weights plain = {0, 0, 1};
            const vf *x = tape->embedded + b * (c + 2);
            for (int64_t d = 0; d < c; d++) h[d] = dx[d];
            for (int64_t d = 0; d < c; d++) dx[d] = splat(0);
            norm_back(c, x, x + c, plain, h, plain, dx);
        }
        embed_back(config, t, b, b < last ? LANES : t->n - last * LANES, dx, gradient);
    }
    return loss;
}
