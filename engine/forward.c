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
    t->embedded = config->embedding_norm ? take(memory, blocks * (c + 2) * (int64_t)sizeof(vf)) : 0;
    t->scratch = take(memory, 5 * c * (int64_t)sizeof(vf) + length * (int64_t)sizeof(ancestor));
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

void norm_again(int64_t n, const vf *x, const vf *stats, norm_weights w, vf *h) {
    const vf mean = stats[0], scale = stats[1];
    if (w.b)
        for (int64_t c = 0; c < n; c++) h[c] = (x[c] - mean) * scale * w.w[c] + w.b[c];
    else if (w.w)
        for (int64_t c = 0; c < n; c++) h[c] = x[c] * scale * w.w[c];
    else
        for (int64_t c = 0; c < n; c++) h[c] = x[c] * scale;
}

void norm(int64_t n, const vf *x, norm_weights w, vf *h, vf *stats) {
    vf mean = {0}, square = {0};
    if (!w.rms) {
        for (int64_t c = 0; c < n; c++) mean += x[c];
        mean /= (float)n;
    }
    for (int64_t c = 0; c < n; c++) square += (x[c] - mean) * (x[c] - mean);
    stats[0] = mean;
    stats[1] = 1.0f / vsqrt(square / (float)n + 1e-5f);
    norm_again(n, x, stats, w, h);
}

/* For each ancestor the sum over `size` features, from f on, of q times the ancestor's. */
static inline void score(int32_t reach, int64_t size, const ancestor *from, int64_t f, const vf *q, vf *scores) {
    for (int32_t j = 0; j < reach; j++) {
        vf sum = {0};
        int64_t d = 0;
        for (; d + 4 <= size; d += 4) {
            const four k = fetch4(&from[j], f + d);
            sum += q[d] * k.v0 + q[d + 1] * k.v1 + q[d + 2] * k.v2 + q[d + 3] * k.v3;
        }
        for (; d < size; d++) sum += q[d] * fetch(&from[j], f + d);
        scores[j] = sum;
    }
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

/* Causal self-attention: every node looks at its ancestors and itself. `from` has room for length ancestors. */
static void attend(const fg_config *config, const tree *t, int64_t block, const vf *qkv, vf *att, vf *y,
                   ancestor *from) {
    const int64_t c = config->n_embd, size = c / config->n_head;
    const vf *q = qkv + block * 3 * c;
    const vi depth = *(const vi *)(t->depth + block * LANES);
    const int32_t reach = depth[LANES - 1] + 1, all = depth[0] + 1; /* lanes come in order of depth */
    const vf scale = 1.0f / vsqrt(splat((float)size)), nothing = splat(-1e30f);
    for (int32_t j = 0; j < reach; j++) from[j] = ancestor_at(t, block, j, qkv, 3 * c);
    for (int64_t first = 0; first < c; first += size, att += t->length) {
        vf top = nothing, total = {0};
        score(reach, size, from, c + first, q + first, att);
        for (int32_t j = all; j < reach; j++) att[j] = vpick(depth >= j, att[j], nothing);
        for (int32_t j = 0; j < reach; j++) top = vmax(top, att[j]);
        for (int32_t j = 0; j < reach; j++) {
            att[j] = vexp((att[j] - top) * scale);
            if (j >= all) att[j] = vpick(depth >= j, att[j], splat(0));
            total += att[j];
        }
        total = 1.0f / total;
        for (int32_t j = 0; j < reach; j++) att[j] *= total;
        mix(reach, size, from, 2 * c + first, att, y + first);
    }
}

/* Factors of heads or of an MLP, and what is put in their place at each lane's position. */
static void switched(vf *y, int64_t n, int64_t size, const float *scale, const float *shift, const int32_t *depth) {
    for (int64_t d = 0; d < n; d++) y[d] *= scale[d / size];
    if (shift)
        for (int i = 0; i < LANES; i++)
            for (int64_t d = 0; d < n; d++) ((float *)y)[d * LANES + i] += shift[depth[i] * n + d];
}

void forward(const fg_config *config, const float *weights, const fg_switches *switches, const tree *t, tape *tape,
             const uint8_t *wanted) {
    const int64_t c = config->n_embd, size = c / config->n_head, positions = (int64_t)config->context_length * c;
    const norm_weights plain = {0, 0, 1};
    vf *h = tape->scratch, *g = h + c;
    for (int64_t b = 0; b < t->n_blocks; b++) {
        vf *x = tape->embedded ? tape->embedded + b * (c + 2) : at(&tape->x, 0, b);
        embed(config, weights, t, b, x);
        if (tape->embedded) norm(c, x, plain, at(&tape->x, 0, b), x + c);
    }
    for (int32_t l = 0; l < config->n_layer; l++) {
        const layer w = layer_at(config, weights, l);
        const float *on = switches ? switches->scale + l * (config->n_head + 1) : 0;
        const float *instead = switches && switches->shift ? switches->shift + 2 * l * positions : 0;
        for (int64_t b = 0; b < t->n_blocks; b++) {
            vf *x = at(&tape->x, l, b), *out = at(&tape->x, l + 1, b), *qkv = at(&tape->qkv, l, b);
            vf *y = at(&tape->y, l, b), *mid = at(&tape->mid, l, b), *fc = at(&tape->fc, l, b);
            vf *stats = at(&tape->stats, l, b);
            norm(c, x, w.ln1, h, stats);
            if (l == config->n_layer - 1 && wanted && !wanted[b]) {
                linear(2 * c, c, w.attn_w + c * c, w.attn_b ? w.attn_b + c : 0, h, qkv + c);
                continue;
            }
            linear(3 * c, c, w.attn_w, w.attn_b, h, qkv);
            attend(config, t, b, at(&tape->qkv, l, 0), at(&tape->att, l, b), y,
                   (ancestor *)(g + 4 * c));
            if (on) switched(y, c, size, on, instead, t->depth + b * LANES);
            linear(c, c, w.proj_w, w.proj_b, y, mid);
            for (int64_t d = 0; d < c; d++) mid[d] += x[d];
            norm(c, mid, w.ln2, h, stats + 2);
            linear(4 * c, c, w.fc_w, w.fc_b, h, fc);
            vf slope;
            for (int64_t d = 0; d < 4 * c; d++) g[d] = activate(config->activation, fc[d], &slope);
            linear(c, 4 * c, w.out_w, w.out_b, g, out);
            if (on) switched(out, c, c, on + config->n_head, instead ? instead + positions : 0, t->depth + b * LANES);
            for (int64_t d = 0; d < c; d++) out[d] += mid[d];
        }
    }
}

void head(const fg_config *config, const float *weights, const tape *tape, int64_t block, vf *stats, vf *h,
          vf *logits) {
    const int64_t c = config->n_embd;
    const vf *x = at(&tape->x, config->n_layer, block);
    if (config->final_norm) {
        norm(c, x, final_norm_at(config, weights), h, stats);
        x = h;
    }
    linear(config->vocab_size, c, head_at(config, weights), 0, x, logits);
}

void log_softmax(int32_t n, vf *logits) {
    vf top = logits[0], total = {0};
    for (int32_t v = 1; v < n; v++) top = vmax(top, logits[v]);
    for (int32_t v = 0; v < n; v++) total += vexp(logits[v] - top);
    top += vlog(total);
    for (int32_t v = 0; v < n; v++) logits[v] -= top;
}
