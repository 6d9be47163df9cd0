#include "linear.h"
#include "memory.h"
#include "model.h"

/* Blocks of the output layer that are worked through together: fewer where the vocabulary is large. */
static int64_t head_chunk(const fg_config *config) {
    const int64_t most = 4096 / config->vocab_size;
    return most < 1 ? 1 : most < chunk_of(config) ? most : chunk_of(config);
}

void backward_place(backward_space *space, const fg_config *config, int32_t length, int64_t capacity, char **memory) {
    const int64_t c = config->n_embd, blocks = (capacity + LANES - 1) / LANES, chunk = chunk_of(config), v = sizeof(vf);
    space->dx = take(memory, blocks * c * v);
    space->dqkv = take(memory, blocks * 3 * c * v);
    space->chunk = take(memory, 9 * c * chunk * v);
    space->sums = take(memory, 13 * c * v);
    space->logits = take(memory, (config->vocab_size + 2 * c + 2) * head_chunk(config) * v);
    space->rows = take(memory, LANES * padded(4 * c) * chunk * 4);
    space->attend = take(memory, attention_space(config, length));
}

/* Sums over lanes, and over blocks, that are added up lane by lane first. Each kind has its own vectors of space->sums. */
typedef struct {
    vf *ln1, *ln2; /* 2C each: of the weight, then of the bias */
    vf *attn, *proj, *fc, *out;
} lane_sums;

static lane_sums sums_at(const fg_config *config, vf *p) {
    const int64_t c = config->n_embd;
    for (int64_t i = 0; i < 13 * c; i++) p[i] = splat(0);
    return (lane_sums){p, p + 2 * c, p + 4 * c, p + 7 * c, p + 8 * c, p + 12 * c};
}

static void sum_lanes(int64_t n, const vf *sums, float *out) {
    if (out)
        for (int64_t i = 0; i < n; i++) out[i] += vsum(sums[i]);
}

/* dx += what a norm passes back of dh [n], which is changed; adds to the sums [2n] for its weight and bias. */
static void norm_back(int64_t n, const vf *x, const vf *stats, norm_weights w, vf *dh, vf *sums, vf *dx) {
    const vf mean = stats[0], scale = stats[1];
    vf sum = {0}, product = {0};
    for (int64_t c = 0; c < n; c++) {
        vf hat = (x[c] - mean) * scale;
        if (w.w) sums[c] += dh[c] * hat;
        if (w.b) sums[n + c] += dh[c];
        if (w.w) dh[c] *= w.w[c];
        sum += dh[c];
        product += dh[c] * hat;
    }
    sum = w.rms ? splat(0) : sum / (float)n;
    product /= (float)n;
    for (int64_t c = 0; c < n; c++) dx[c] += scale * (dh[c] - sum - (x[c] - mean) * scale * product);
}

/* Lanes of `n` blocks from `first` on that are nodes. */
static int64_t lanes_of(const tree *t, int64_t first, int64_t n) {
    return first + n == t->n_blocks ? t->n - first * LANES : n * LANES;
}

/* The gradient of a matrix and, lane by lane, of its bias. */
static void matrix_back(int64_t rows, int64_t columns, int64_t lanes, const vf *dy, const vf *x, float *dw, vf *dbias,
                        float *space) {
    linear_weights_back(rows, columns, lanes, dy, rows, x, columns, dw, space);
    if (dbias)
        for (int64_t b = 0; b * LANES < lanes; b++)
            for (int64_t r = 0; r < rows; r++) dbias[r] += dy[b * rows + r];
}

/* The loss of some blocks; dx [blocks][C] becomes the gradient of the stream out of the last layer, unless it is NULL. */
static double head_back(const fg_config *config, const float *weights, const vf *x, int64_t blocks, int64_t lanes,
                        const vf *targets, backward_space *space, vf *sums, float *gradient, vf *dx) {
    const int64_t c = config->n_embd, v = config->vocab_size;
    vf *logits = space->logits, *h = logits + blocks * v, *dh = h + blocks * c, *stats = dh + blocks * c;
    double loss = 0;
    head(config, weights, blocks, x, stats, h, logits);
    for (int64_t b = 0; b < blocks; b++) {
        vf *row = logits + b * v, total = {0};
        const vf *share = targets + b * v;
        log_softmax((int32_t)v, row);
        for (int64_t k = 0; k < v; k++) {
            total += share[k];
            loss -= vsum(vpick(share[k] == 0, splat(0), share[k] * row[k])); /* not 0 times infinity */
        }
        if (dx)
            for (int64_t k = 0; k < v; k++) row[k] = total * vexp(row[k]) - share[k];
    }
    if (!dx) return loss;
    const int normed = config->final_norm;
    linear_back((matrix){v, c, head_at(config, weights), 0}, blocks, logits, v, normed ? dh : dx, c);
    matrix_back(v, c, lanes, logits, normed ? h : x, head_at(config, gradient), 0, space->rows);
    for (int64_t b = 0; normed && b < blocks; b++)
        norm_back(c, x + b * c, stats + b * 2, final_norm_at(config, weights), dh + b * c, sums, dx + b * c);
    return loss;
}

/* Loss and gradient of all wanted blocks; the loss alone where gradient is NULL. */
static double heads_back(const fg_config *config, const float *weights, const tree *t, const tape *tape,
                         const vf *targets, const uint8_t *wanted, backward_space *space, float *gradient) {
    const int64_t c = config->n_embd, most = head_chunk(config);
    const lane_sums sums = sums_at(config, space->sums);
    double loss = 0;
    for (int64_t b = 0, n; b < t->n_blocks; b += n) {
        for (n = 1; n < most && b + n < t->n_blocks && wanted[b + n] == wanted[b];) n++;
        if (wanted[b])
            loss += head_back(config, weights, at(&tape->x, config->n_layer, b), n, lanes_of(t, b, n),
                              targets + b * config->vocab_size, space, sums.ln1, gradient, gradient ? space->dx + b * c : 0);
    }
    if (gradient && config->final_norm) {
        const norm_weights dw = final_norm_at(config, gradient);
        sum_lanes(c, sums.ln1, dw.w);
        sum_lanes(c, sums.ln1 + c, dw.b);
    }
    return loss;
}

double loss_of(const fg_config *config, const float *weights, const tree *t, const tape *tape, const vf *targets,
               const uint8_t *wanted, backward_space *space) {
    return heads_back(config, weights, t, tape, targets, wanted, space, 0);
}

/* From the stream out of a layer to what it says of the stream between attention and MLP, in dx, and of queries, keys
 * and values. */
static void layer_back(const fg_config *config, const layer *w, const layer *dw, const tree *t, const tape *tape,
                       int32_t l, int64_t first, int64_t n, backward_space *space, lane_sums sums) {
    const int64_t c = config->n_embd, kept = attention_kept(config, t->length), lanes = lanes_of(t, first, n);
    const vf *mid = at(&tape->mid, l, first), *fc = at(&tape->fc, l, first), *stats = at(&tape->stats, l, first);
    const vf *y = at(&tape->y, l, first);
    vf *dx = space->dx + first * c, *h = space->chunk, *g = h + n * c, *dg = g + n * 4 * c;
    linear_back((matrix){c, 4 * c, w->out_w, 0}, n, dx, c, dg, 4 * c);
    activate(config->activation, n * 4 * c, fc, g, dg);
    matrix_back(c, 4 * c, lanes, dx, g, dw->out_w, dw->out_b ? sums.out : 0, space->rows);
    for (int64_t b = 0; b < n; b++) norm_again(c, mid + b * c, stats + b * 4 + 2, w->ln2, h + b * c);
    matrix_back(4 * c, c, lanes, dg, h, dw->fc_w, dw->fc_b ? sums.fc : 0, space->rows);
    linear_back((matrix){4 * c, c, w->fc_w, 0}, n, dg, 4 * c, h, c);
    for (int64_t b = 0; b < n; b++)
        norm_back(c, mid + b * c, stats + b * 4 + 2, w->ln2, h + b * c, sums.ln2, dx + b * c);
    linear_back((matrix){c, c, w->proj_w, 0}, n, dx, c, h, c);
    matrix_back(c, c, lanes, dx, y, dw->proj_w, dw->proj_b ? sums.proj : 0, space->rows);
    for (int64_t b = n - 1; b >= 0; b--) /* descendants first: dqkv is whole when a block's turn comes */
        attend_back(config, t, first + b, at(&tape->qkv, l, 0), at(&tape->att, l, first) + b * kept, y + b * c,
                    h + b * c, space->dqkv, space->attend);
}

static void embed_back(const fg_config *config, const tree *t, int64_t block, const vf *dx, float *rows,
                       float *gradient) {
    const int64_t c = config->n_embd, width = padded(c);
    turn(c, dx, rows);
    for (int64_t i = 0; i < LANES; i++, rows += width) {
        if (block * LANES + i >= t->n) break;
        float *token = wte_at(gradient) + t->token[block * LANES + i] * c;
        float *position = wpe_at(config, gradient) + t->depth[block * LANES + i] * c;
        for (int64_t d = 0; d < c; d++) token[d] += rows[d];
        for (int64_t d = 0; d < c; d++) position[d] += rows[d];
    }
}

double backward(const fg_config *config, const float *weights, const tree *t, const tape *tape, const vf *targets,
                const uint8_t *wanted, backward_space *space, float *gradient) {
    const int64_t c = config->n_embd, chunk = chunk_of(config);
    for (int64_t i = 0; i < t->n_blocks * c; i++) space->dx[i] = splat(0);
    double loss = heads_back(config, weights, t, tape, targets, wanted, space, gradient);
    for (int32_t l = config->n_layer - 1; l >= 0; l--) {
        const layer w = layer_at(config, weights, l), dw = layer_at(config, gradient, l);
        const lane_sums sums = sums_at(config, space->sums);
        const uint8_t *some = l == config->n_layer - 1 ? wanted : 0;
        for (int64_t i = 0; i < t->n_blocks * 3 * c; i++) space->dqkv[i] = splat(0);
        for (int64_t end = t->n_blocks, n; end > 0; end -= n) {
            for (n = 1; n < chunk && n < end && (!some || some[end - 1 - n] == some[end - 1]);) n++;
            const int64_t first = end - n;
            const vf *x = at(&tape->x, l, first), *stats = at(&tape->stats, l, first);
            vf *dx = space->dx + first * c, *dqkv = space->dqkv + first * 3 * c, *h = space->chunk;
            if (!some || some[first]) layer_back(config, &w, &dw, t, tape, l, first, n, space, sums);
            for (int64_t b = 0; b < n; b++) norm_again(c, x + b * c, stats + b * 4, w.ln1, h + b * c);
            matrix_back(3 * c, c, lanes_of(t, first, n), dqkv, h, dw.attn_w, dw.attn_b ? sums.attn : 0, space->rows);
            linear_back((matrix){3 * c, c, w.attn_w, 0}, n, dqkv, 3 * c, h, c);
            for (int64_t b = 0; b < n; b++)
                norm_back(c, x + b * c, stats + b * 4, w.ln1, h + b * c, sums.ln1, dx + b * c);
        }
        sum_lanes(c, sums.ln1, dw.ln1.w);
        sum_lanes(c, sums.ln1 + c, dw.ln1.b);
        sum_lanes(c, sums.ln2, dw.ln2.w);
        sum_lanes(c, sums.ln2 + c, dw.ln2.b);
        sum_lanes(3 * c, sums.attn, dw.attn_b);
        sum_lanes(c, sums.proj, dw.proj_b);
        sum_lanes(4 * c, sums.fc, dw.fc_b);
        sum_lanes(c, sums.out, dw.out_b);
    }
    for (int64_t b = 0; b < t->n_blocks; b++) {
        vf *dx = space->dx + b * c;
        if (tape->embedded) { /* dx of what was normed, from dx of what came of it */
            const vf *x = tape->embedded + b * (c + 2);
            for (int64_t d = 0; d < c; d++) space->chunk[d] = dx[d];
            for (int64_t d = 0; d < c; d++) dx[d] = splat(0);
            norm_back(c, x, x + c, (norm_weights){0, 0, 1}, space->chunk, 0, dx);
        }
        embed_back(config, t, b, dx, space->rows, gradient);
    }
    return loss;
}
