/* Loss, gradient and AdamW steps on windows of tokens. */
#include "space.h"

#include "memory.h"

enum { NODES = 2048 }; /* windows are worked through in groups of about so many nodes, to stay within the cache */

static int64_t group_of(const fg_config *config, int64_t batch) {
    int64_t group = NODES / config->context_length;
    if (group < LANES) group = LANES;
    return group < batch ? group : batch;
}

void train_place(train_space *s, const fg_config *config, int64_t batch, char **memory) {
    s->group = group_of(config, batch);
    int64_t nodes = tree_capacity_windows(s->group, config->context_length), blocks = (nodes + LANES - 1) / LANES;
    tree_place(&s->tree, config->context_length, nodes, memory);
    tape_place(&s->tape, config, config->context_length, nodes, 1, memory);
    backward_place(&s->back, config, config->context_length, nodes, memory);
    s->nodes = take(memory, nodes * 4);
    s->targets = take(memory, blocks * config->vocab_size * (int64_t)sizeof(vf));
    s->gradient = take(memory, (fg_n_params(config) + LANES) * 4);
}

/* Adds one group of windows to the gradient; returns its share of the loss. */
static double add_group(const fg_config *config, const fg_windows *windows, const int64_t *starts, int64_t first,
                        int64_t count, const float *weights, train_space *s) {
    const int32_t length = config->context_length, v = config->vocab_size;
    tree *t = &s->tree;
    tree_of_windows(t, windows->tokens, starts + first, count, s->nodes);
    const int64_t first_block = windows->every_position ? 0 : t->first_leaf / LANES;
    for (int64_t i = 0; i < t->n_blocks * v; i++) s->targets[i] = splat(0);
    for (int64_t w = 0; w < count; w++) {
        float share = windows->weights ? windows->weights[first + w] : 1.0f / (float)windows->batch;
        if (windows->every_position) share /= (float)length;
        for (int32_t j = windows->every_position ? 0 : length - 1; j < length; j++) {
            int32_t node = s->nodes[j * count + w], next = windows->tokens[starts[first + w] + j + 1];
            ((float *)s->targets)[((int64_t)(node / LANES) * v + next) * LANES + node % LANES] += share;
        }
    }
    forward(config, weights, 0, t, &s->tape, first_block);
    return backward(config, weights, t, &s->tape, s->targets, first_block, &s->back, s->gradient);
}

static double gradient_of(const fg_config *config, const fg_windows *windows, int64_t row, const float *weights,
                          train_space *s) {
    const int64_t *starts = windows->starts + (windows->fresh ? row * windows->batch : 0);
    const int64_t n = fg_n_params(config) + LANES;
    double loss = 0;
    for (int64_t i = 0; i < n; i++) s->gradient[i] = 0;
    for (int64_t w = 0; w < windows->batch; w += s->group) {
        int64_t count = windows->batch - w < s->group ? windows->batch - w : s->group;
        loss += add_group(config, windows, starts, w, count, weights, s);
    }
    return loss;
}

double fg_gradient(const fg_config *config, const fg_windows *windows, const float *weights, float *gradient,
                   void *workspace) {
    train_space s;
    char *memory = workspace;
    train_place(&s, config, windows->batch, &memory);
    const int64_t n = fg_n_params(config);
    double loss = gradient_of(config, windows, 0, weights, &s);
    for (int64_t i = 0; i < n; i++) gradient[i] = s.gradient[i];
    return loss;
}

/* One AdamW update of n numbers with decoupled weight decay (Loshchilov and Hutter 2019), n a multiple of LANES. */
static inline void adamw(int64_t n, const float *g, float *p, float *m, float *v, float keep, float step,
                         float correction) {
    const float new1 = 0.1f, beta2 = 0.999f, new2 = 0.001f, eps = 1e-8f; /* 1 - 0.999f would be 0.0010000467f */
#pragma GCC unroll 4
    for (int64_t i = 0; i < n; i += LANES) {
        vf gi = *(const vf_unaligned *)(g + i), mi = *(vf_unaligned *)(m + i), si = *(vf_unaligned *)(v + i);
        mi += new1 * (gi - mi);
        si = beta2 * si + new2 * gi * gi;
        *(vf_unaligned *)(m + i) = mi;
        *(vf_unaligned *)(v + i) = si;
        *(vf_unaligned *)(p + i) = keep * *(vf_unaligned *)(p + i) - step * mi / (vsqrt(si) * correction + eps);
    }
}

static void update(int64_t n, const float *g, float *p, float *m, float *v, float keep, float step, float correction) {
    int64_t whole = n / LANES * LANES, rest = n - whole;
    adamw(whole, g, p, m, v, keep, step, correction);
    if (!rest) return;
    _Alignas(64) float tail[4][LANES] = {{0}};
    float *from[4] = {(float *)g, p, m, v};
    for (int k = 0; k < 4; k++)
        for (int64_t i = 0; i < rest; i++) tail[k][i] = from[k][whole + i];
    adamw(LANES, tail[0], tail[1], tail[2], tail[3], keep, step, correction);
    for (int k = 1; k < 4; k++)
        for (int64_t i = 0; i < rest; i++) from[k][whole + i] = tail[k][i];
}

void fg_train(const fg_config *config, const fg_windows *windows, double learning_rate, double weight_decay,
              int64_t first, int64_t steps, float *weights, float *moment1, float *moment2, double *losses,
              float *chains, void *workspace) {
    train_space s;
    char *memory = workspace;
    train_place(&s, config, windows->batch, &memory);
    const int64_t n = fg_n_params(config);
    int64_t states = 1;
    if (chains)
        for (int32_t j = 0; j < config->context_length; j++) states *= config->vocab_size;
    double power1 = 1, power2 = 1; /* beta ** step */
    for (int64_t step = 1; step <= first; step++) {
        power1 *= 0.9;
        power2 *= 0.999;
    }
    for (int64_t step = 0; step < steps; step++) {
        losses[step] = gradient_of(config, windows, step, weights, &s);
        power1 *= 0.9;
        power2 *= 0.999;
        update(n, s.gradient, weights, moment1, moment2,
               (float)(1 - learning_rate * weight_decay), (float)(learning_rate / (1 - power1)),
               (float)(1 / __builtin_sqrt(1 - power2)));
        if (chains)
            fg_evaluate(config, weights, 0, config->context_length, 0, states,
                        chains + step * states * config->vocab_size, memory);
    }
}
