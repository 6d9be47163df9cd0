#include "linear.h"
#include "memory.h"
#include "model.h"

static void place(buffer *b, int64_t features, int64_t layers, int64_t blocks, char **memory) {
    b->data = take(memory, features * layers * blocks * (int64_t)sizeof(vf));
    b->block = blocks > 1 ? features : 0;
    b->layer = layers > 1 ? features * blocks : 0;
}

void tape_place(tape *t, const fg_config *config, int32_t length, int64_t capacity, int keep, char **memory) {
    int64_t c = config->n_embd, blocks = (capacity + LANES - 1) / LANES;
    int64_t layers = keep ? config->n_layer : 1, kept = keep ? blocks : 1;
    place(&t->x, c, keep ? layers + 1 : 1, blocks, memory);
    place(&t->qkv, 3 * c, layers, blocks, memory);
    place(&t->att, (int64_t)config->n_head * length, layers, kept, memory);
    place(&t->y, c, layers, kept, memory);
    place(&t->mid, c, layers, kept, memory);
    place(&t->fc, 4 * c, layers, kept, memory);
    place(&t->stats, 4, layers, kept, memory);
    t->scratch = take(memory, (5 * c + 2 * (int64_t)length) * (int64_t)sizeof(vf));
}

static void embed(const fg_config *config, const float *weights, const tree *t, int64_t block, vf *x) {
    const float *wte = wte_at(weights), *wpe = wpe_at(config, weights);
    int64_t width = config->n_embd;
    for (int i = 0; i < LANES; i++) {
        const float *token = wte + t->token[block * LANES + i] * width;
        const float *position = wpe + t->depth[block * LANES + i] * width;
        for (int64_t c = 0; c < width; c++) ((float *)x)[c * LANES + i] = token[c] + position[c];
    }
}

void norm(int64_t n, const vf *x, const float *w, const float *b, vf *h, vf *stats) {
    vf mean = {0}, square = {0};
    for (int64_t c = 0; c < n; c++) mean += x[c];
    mean /= (float)n;
    for (int64_t c = 0; c < n; c++) square += (x[c] - mean) * (x[c] - mean);
    vf scale = 1.0f / vsqrt(square / (float)n + 1e-5f);
    for (int64_t c = 0; c < n; c++) h[c] = (x[c] - mean) * scale * w[c] + b[c];
    stats[0] = mean;
    stats[1] = scale;
}

/* Causal self-attention: every node looks at its ancestors and itself. scratch has 2 * length vectors. */
static void attend(const fg_config *config, const tree *t, int64_t block, const vf *qkv, vf *att, vf *y, vf *scratch) {
    const int64_t c = config->n_embd, size = c / config->n_head, length = t->length;
    const vf *q = qkv + block * 3 * c;
    const float *keys = (const float *)(qkv + c);
    const vi depth = *(const vi *)(t->depth + block * LANES);
    const int32_t reach = t->depth[block * LANES + LANES - 1] + 1; /* the deepest lane is the last */
    const vf scale = 1.0f / vsqrt(splat((float)size));
    vi *at_lane = (vi *)scratch;                              /* where the ancestors' keys begin, in floats */
    const float **at_one = (const float **)(scratch + length); /* the same for one that all lanes share, else NULL */
    for (int32_t j = 0; j < reach; j++) {
        at_lane[j] = offsets(*(const vi *)(t->path + (block * length + j) * LANES), 3 * c);
        int32_t one = t->shared[block * length + j];
        at_one[j] = one < 0 ? 0 : keys + one / LANES * (3 * c * LANES) + one % LANES;
    }
    for (int64_t first = 0; first < c; first += size, att += length) {
        vf top = splat(-1e30f), total = {0};
        for (int32_t j = 0; j < reach; j++) {
            vf s = {0};
            if (at_one[j])
                for (int64_t d = first; d < first + size; d++) s += at_one[j][d * LANES] * q[d];
            else
                for (int64_t d = first; d < first + size; d++)
                    s += vgather(keys + d * LANES, (const int32_t *)&at_lane[j]) * q[d];
            att[j] = vpick(depth >= j, s * scale, splat(-1e30f));
            top = vmax(top, att[j]);
        }
        for (int32_t j = 0; j < reach; j++) {
            att[j] = vpick(depth >= j, vexp(att[j] - top), splat(0));
            total += att[j];
        }
        total = 1.0f / total;
        for (int32_t j = 0; j < reach; j++) att[j] *= total;
        for (int64_t d = first; d < first + size; d++) {
            vf sum = {0};
            for (int32_t j = 0; j < reach; j++)
                sum += att[j] * (at_one[j] ? splat(at_one[j][(c + d) * LANES])
                                           : vgather(keys + (c + d) * LANES, (const int32_t *)&at_lane[j]));
            y[d] = sum;
        }
    }
}

void forward(const fg_config *config, const float *weights, const float *switches, const tree *t, tape *tape,
             int64_t first_block) {
    const int64_t c = config->n_embd, size = c / config->n_head;
    vf *h = tape->scratch, *g = h + c;
    for (int64_t b = 0; b < t->n_blocks; b++) embed(config, weights, t, b, at(&tape->x, 0, b));
    for (int32_t l = 0; l < config->n_layer; l++) {
        const layer w = layer_at(config, weights, l);
        const float *on = switches ? switches + l * (config->n_head + 1) : 0;
        for (int64_t b = 0; b < t->n_blocks; b++) {
            vf *x = at(&tape->x, l, b), *out = at(&tape->x, l + 1, b), *qkv = at(&tape->qkv, l, b);
            vf *y = at(&tape->y, l, b), *mid = at(&tape->mid, l, b), *fc = at(&tape->fc, l, b);
            vf *stats = at(&tape->stats, l, b);
            norm(c, x, w.ln1_w, w.ln1_b, h, stats);
            if (l == config->n_layer - 1 && b < first_block) {
                linear(2 * c, c, w.attn_w + c * c, w.attn_b ? w.attn_b + c : 0, h, qkv + c);
                continue;
            }
            linear(3 * c, c, w.attn_w, w.attn_b, h, qkv);
            attend(config, t, b, at(&tape->qkv, l, 0), at(&tape->att, l, b), y, g + 4 * c);
            if (on)
                for (int64_t d = 0; d < c; d++) y[d] *= on[d / size];
            linear(c, c, w.proj_w, w.proj_b, y, mid);
            for (int64_t d = 0; d < c; d++) mid[d] += x[d];
            norm(c, mid, w.ln2_w, w.ln2_b, h, stats + 2);
            linear(4 * c, c, w.fc_w, w.fc_b, h, fc);
            vf slope;
            for (int64_t d = 0; d < 4 * c; d++) g[d] = vgelu(fc[d], &slope);
            linear(c, 4 * c, w.out_w, w.out_b, g, out);
            for (int64_t d = 0; d < c; d++) out[d] = mid[d] + (on ? on[config->n_head] * out[d] : out[d]);
        }
    }
}

void head(const fg_config *config, const float *weights, const tape *tape, int64_t block, vf *stats, vf *h,
          vf *logits) {
    const int64_t c = config->n_embd;
    const float *w = final_norm_at(config, weights);
    norm(c, at(&tape->x, config->n_layer, block), w, w + c, h, stats);
    linear(config->vocab_size, c, wte_at(weights), 0, h, logits);
}

void log_softmax(int32_t n, vf *logits) {
    vf top = logits[0], total = {0};
    for (int32_t v = 1; v < n; v++) top = vmax(top, logits[v]);
    for (int32_t v = 0; v < n; v++) total += vexp(logits[v] - top);
    top += vlog(total);
    for (int32_t v = 0; v < n; v++) logits[v] -= top;
}
