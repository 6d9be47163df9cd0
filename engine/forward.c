#include "linear.h"
#include "memory.h"
#include "model.h"

static void place(buffer *b, int64_t features, int64_t layers, int64_t blocks, int64_t chunk, char **memory) {
    const int64_t held = blocks ? blocks : chunk;
    b->data = take(memory, features * layers * held * (int64_t)sizeof(vf));
    b->block = blocks ? features : 0;
    b->layer = layers > 1 ? features * held : 0;
}

void tape_place(tape *t, const fg_config *config, int32_t length, int64_t capacity, int keep, char **memory) {
    const int64_t c = config->n_embd, blocks = (capacity + LANES - 1) / LANES, chunk = chunk_of(config);
    const int64_t layers = keep ? config->n_layer : 1, kept = keep ? blocks : 0;
    place(&t->x, c, keep ? layers + 1 : 1, blocks, chunk, memory);
    place(&t->qkv, 3 * c, layers, blocks, chunk, memory);
    place(&t->att, attention_kept(config, length), layers, kept, chunk, memory);
    place(&t->y, c, layers, kept, chunk, memory);
    place(&t->mid, c, layers, kept, chunk, memory);
    place(&t->fc, 4 * c, layers, kept, chunk, memory);
    place(&t->stats, 4, layers, kept, chunk, memory);
    t->embedded = config->embedding_norm ? take(memory, blocks * (c + 2) * (int64_t)sizeof(vf)) : 0;
    t->scratch = take(memory, 5 * c * chunk * (int64_t)sizeof(vf));
    t->attend = take(memory, attention_space(config, length));
}

static void embed(const fg_config *config, const float *weights, const tree *t, int64_t block, vf *x, vf *positions) {
    const int64_t c = config->n_embd;
    const float *token[LANES], *position[LANES];
    for (int i = 0; i < LANES; i++) {
        token[i] = wte_at(weights) + t->token[block * LANES + i] * c;
        position[i] = wpe_at(config, weights) + t->depth[block * LANES + i] * c;
    }
    turn_back(c, token, x);
    turn_back(c, position, positions);
    for (int64_t d = 0; d < c; d++) x[d] += positions[d];
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

/* A loop for each kind, whose constants stay in registers. */
__attribute__((always_inline)) static inline void activate_as(const int kind, int64_t n, const vf *x, vf *y, vf *dy) {
    for (int64_t i = 0; i < n; i++) {
        vf slope = vpick(x[i] > 0, splat(1), splat(0));
        if (kind == 0) y[i] = vgelu(x[i], &slope);
        else if (kind == 1) y[i] = vgelu_tanh(x[i], &slope);
        else y[i] = vmax(x[i], splat(0));
        if (dy) dy[i] *= slope;
    }
}

void activate(int32_t kind, int64_t n, const vf *x, vf *y, vf *dy) {
    if (kind == 0 && dy) activate_as(0, n, x, y, dy);
    else if (kind == 0) activate_as(0, n, x, y, 0);
    else if (kind == 1) activate_as(1, n, x, y, dy);
    else activate_as(2, n, x, y, dy);
}

/* Factors of heads or of an MLP, and what is put in their place at each lane's position. */
static void switched(vf *y, int64_t n, int64_t size, const float *scale, const float *shift, const int32_t *depth) {
    for (int64_t d = 0; d < n; d++) y[d] *= scale[d / size];
    if (shift)
        for (int i = 0; i < LANES; i++)
            for (int64_t d = 0; d < n; d++) ((float *)y)[d * LANES + i] += shift[depth[i] * n + d];
}

/* What switches say of one layer. */
typedef struct {
    const float *scale, *heads, *mlp; /* or NULL */
} layer_switches;

static layer_switches switches_at(const fg_config *config, const fg_switches *switches, int32_t l) {
    const int64_t positions = (int64_t)config->context_length * config->n_embd;
    layer_switches s = {0, 0, 0};
    if (switches) s.scale = switches->scale + l * (config->n_head + 1);
    if (switches && switches->shift) s.heads = switches->shift + 2 * l * positions, s.mlp = s.heads + positions;
    return s;
}

static void layer_forward(const fg_config *config, const layer *w, layer_switches on, const tree *t, tape *tape,
                          int32_t l, int64_t first, int64_t n, int wanted) {
    const int64_t c = config->n_embd, size = c / config->n_head, kept = attention_kept(config, t->length);
    vf *x = at(&tape->x, l, first), *out = at(&tape->x, l + 1, first), *qkv = at(&tape->qkv, l, first);
    vf *y = at(&tape->y, l, first), *mid = at(&tape->mid, l, first), *fc = at(&tape->fc, l, first);
    vf *stats = at(&tape->stats, l, first), *h = tape->scratch, *g = h + n * c;
    const int32_t *depth = t->depth + first * LANES;
    for (int64_t b = 0; b < n; b++) norm(c, x + b * c, w->ln1, h + b * c, stats + b * 4);
    if (!wanted) {
        const matrix keys = {2 * c, c, w->attn_w + c * c, w->attn_b ? w->attn_b + c : 0};
        linear(keys, n, h, c, qkv + c, 3 * c);
        return;
    }
    linear((matrix){3 * c, c, w->attn_w, w->attn_b}, n, h, c, qkv, 3 * c);
    for (int64_t b = 0; b < n; b++)
        attend(config, t, first + b, at(&tape->qkv, l, 0), at(&tape->att, l, first) + b * kept, y + b * c,
               tape->attend);
    if (on.scale)
        for (int64_t b = 0; b < n; b++) switched(y + b * c, c, size, on.scale, on.heads, depth + b * LANES);
    linear((matrix){c, c, w->proj_w, w->proj_b}, n, y, c, mid, c);
    for (int64_t i = 0; i < n * c; i++) mid[i] += x[i];
    for (int64_t b = 0; b < n; b++) norm(c, mid + b * c, w->ln2, h + b * c, stats + b * 4 + 2);
    linear((matrix){4 * c, c, w->fc_w, w->fc_b}, n, h, c, fc, 4 * c);
    activate(config->activation, n * 4 * c, fc, g, 0);
    linear((matrix){c, 4 * c, w->out_w, w->out_b}, n, g, 4 * c, out, c);
    if (on.scale)
        for (int64_t b = 0; b < n; b++)
            switched(out + b * c, c, c, on.scale + config->n_head, on.mlp, depth + b * LANES);
    for (int64_t i = 0; i < n * c; i++) out[i] += mid[i];
}

void forward(const fg_config *config, const float *weights, const fg_switches *switches, const tree *t, tape *tape,
             const uint8_t *wanted) {
    const int64_t c = config->n_embd, chunk = chunk_of(config);
    const norm_weights plain = {0, 0, 1};
    for (int64_t b = 0; b < t->n_blocks; b++) {
        vf *x = tape->embedded ? tape->embedded + b * (c + 2) : at(&tape->x, 0, b);
        embed(config, weights, t, b, x, tape->scratch);
        if (tape->embedded) norm(c, x, plain, at(&tape->x, 0, b), x + c);
    }
    for (int32_t l = 0; l < config->n_layer; l++) {
        const layer w = layer_at(config, weights, l);
        const layer_switches on = switches_at(config, switches, l);
        const uint8_t *some = l == config->n_layer - 1 ? wanted : 0;
        for (int64_t b = 0, n; b < t->n_blocks; b += n) {
            for (n = 1; n < chunk && b + n < t->n_blocks && (!some || some[b + n] == some[b]);) n++;
            layer_forward(config, &w, on, t, tape, l, b, n, !some || some[b]);
        }
    }
}

void head(const fg_config *config, const float *weights, int64_t blocks, const vf *x, vf *stats, vf *h, vf *logits) {
    const int64_t c = config->n_embd;
    if (config->final_norm) {
        const norm_weights w = final_norm_at(config, weights);
        for (int64_t b = 0; b < blocks; b++) norm(c, x + b * c, w, h + b * c, stats + b * 2);
        x = h;
    }
    linear((matrix){config->vocab_size, c, head_at(config, weights), 0}, blocks, x, c, logits, config->vocab_size);
}

void log_softmax(int32_t n, vf *logits) {
    vf top = logits[0], total = {0};
    for (int32_t v = 1; v < n; v++) top = vmax(top, logits[v]);
    for (int32_t v = 0; v < n; v++) total += vexp(logits[v] - top);
    top += vlog(total);
    for (int32_t v = 0; v < n; v++) logits[v] -= top;
}
