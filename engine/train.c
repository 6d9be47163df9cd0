/* Loss, gradient and AdamW steps on windows of tokens. */
#include "space.h"

#include "memory.h"

enum { NODES = 2048 }; /* windows are worked through in groups of at most so many nodes, to stay within the cache */
enum { PART = 256 };   /* and are cut into parts of at least about so many, to be computed at the same time; */
enum { TREE = 1024 };  /* of short windows, which share less in smaller parts, so many; */
enum { PARTS = 16 };   /* and there are at most so many parts */

static const int64_t PARTS_SIZE = 1 << 26; /* whose gradients together are at most so many numbers */

/* Neither the parts nor their sum depend on how many threads there are. */
int64_t fg_parts(const fg_config *config, int64_t batch) {
    const int64_t nodes = tree_capacity_windows(batch, config->context_length);
    const int64_t least = config->context_length < LANES ? TREE : PART;
    int64_t parts = 1;
    while (parts < PARTS && parts < batch && parts * least < nodes && 2 * parts * fg_n_params(config) <= PARTS_SIZE)
        parts *= 2;
    return parts < batch ? parts : batch;
}

/* Windows in a group; a part has whole groups, but for the last one. */
static int64_t group_of(const fg_config *config, int64_t batch) {
    const int64_t parts = fg_parts(config, batch), part = (batch + parts - 1) / parts;
    const int64_t most = NODES / tree_capacity_windows(1, config->context_length), groups = (part + most - 1) / most;
    return most < 1 ? 1 : (part + groups - 1) / groups;
}

void train_place(train_space *s, const fg_config *config, int64_t batch, char **memory) {
    s->group = group_of(config, batch);
    int64_t nodes = tree_capacity_windows(s->group, config->context_length), blocks = (nodes + LANES - 1) / LANES;
    int64_t size = (fg_n_params(config) + LANES) * 4;
    tree_place(&s->tree, config->context_length, nodes, memory);
    tape_place(&s->tape, config, config->context_length, nodes, 1, memory);
    backward_place(&s->back, config, config->context_length, nodes, memory);
    s->nodes = take(memory, nodes * 4);
    s->wanted = take(memory, blocks);
    s->targets = take(memory, blocks * config->vocab_size * (int64_t)sizeof(vf));
    s->gradient = take(memory, size);
    s->total = fg_parts(config, batch) > 1 ? take(memory, size) : s->gradient;
}

typedef struct {
    const int64_t *starts;
    const int32_t *lengths; /* or NULL */
    double total;           /* of what all tokens that are predicted count */
} row_of_windows;

static inline int32_t length_of(const fg_config *config, const row_of_windows *row, int64_t w) {
    return row->lengths ? row->lengths[w] : config->context_length;
}

/* How much the token after position j of a window counts. */
static inline double counts(const fg_windows *windows, const row_of_windows *row, int64_t w, int32_t j) {
    double weight = windows->weights ? windows->weights[w] : 1;
    return windows->mask ? weight * windows->mask[row->starts[w] + j + 1] : weight;
}

static row_of_windows row_at(const fg_config *config, const fg_windows *windows, int64_t index) {
    const int64_t skipped = windows->fresh ? index * windows->batch : 0;
    row_of_windows row = {windows->starts + skipped, windows->lengths ? windows->lengths + skipped : 0, 0};
    for (int64_t w = 0; w < windows->batch; w++) {
        const int32_t length = length_of(config, &row, w), first = windows->every_position ? 0 : length - 1;
        if (windows->mask)
            for (int32_t j = first; j < length; j++) row.total += counts(windows, &row, w, j);
        else
            row.total += (length - first) * counts(windows, &row, w, 0);
    }
    return row;
}

/* Lays out one group of windows, and what they are to predict. */
static void lay_out(const fg_config *config, const fg_windows *windows, const row_of_windows *row, int64_t first,
                    int64_t count, train_space *s) {
    const int32_t v = config->vocab_size;
    tree *t = &s->tree;
    tree_of_windows(t, windows->tokens, row->starts + first, row->lengths ? row->lengths + first : 0, count, s->nodes);
    for (int64_t i = 0; i < t->n_blocks * v; i++) s->targets[i] = splat(0);
    for (int64_t b = 0; b < t->n_blocks; b++) s->wanted[b] = 0;
    for (int64_t w = first; w < first + count; w++) {
        const int32_t length = length_of(config, row, w);
        for (int32_t j = windows->every_position ? 0 : length - 1; j < length; j++) {
            const float share = (float)(counts(windows, row, w, j) / row->total);
            const int32_t node = s->nodes[j * count + w - first], next = windows->tokens[row->starts[w] + j + 1];
            if (share == 0) continue;
            ((float *)s->targets)[((int64_t)(node / LANES) * v + next) * LANES + node % LANES] += share;
            s->wanted[node / LANES] = 1;
        }
    }
}

/* The share of one part in the loss and, unless `gradient` is NULL, in its gradient. */
static double part_of(const fg_config *config, const fg_windows *windows, const row_of_windows *row, int64_t part,
                      const float *weights, float *gradient, train_space *s) {
    const int64_t parts = fg_parts(config, windows->batch), size = (windows->batch + parts - 1) / parts;
    const int64_t end = (part + 1) * size < windows->batch ? (part + 1) * size : windows->batch;
    const int64_t n = fg_n_params(config) + LANES;
    double loss = 0;
    for (int64_t i = 0; gradient && i < n; i++) gradient[i] = 0;
    for (int64_t first = part * size; first < end; first += s->group) {
        lay_out(config, windows, row, first, end - first < s->group ? end - first : s->group, s);
        forward(config, weights, 0, &s->tree, &s->tape, s->wanted);
        loss += gradient ? backward(config, weights, &s->tree, &s->tape, s->targets, s->wanted, &s->back, gradient)
                         : loss_of(config, weights, &s->tree, &s->tape, s->targets, s->wanted, &s->back);
    }
    return loss;
}

double fg_gradient(const fg_config *config, const fg_windows *windows, int64_t row, int64_t part, const float *weights,
                   float *gradient, void *workspace) {
    train_space s;
    char *memory = workspace;
    train_place(&s, config, windows->batch, &memory);
    const row_of_windows at = row_at(config, windows, row);
    double loss = part_of(config, windows, &at, part, weights, s.gradient, &s);
    const int64_t n = fg_n_params(config);
    for (int64_t i = 0; i < n; i++) gradient[i] = s.gradient[i];
    return loss;
}

double fg_loss(const fg_config *config, const fg_windows *windows, const float *weights, void *workspace) {
    train_space s;
    char *memory = workspace;
    train_place(&s, config, windows->batch, &memory);
    const row_of_windows row = row_at(config, windows, 0);
    double loss = 0;
    for (int64_t part = 0; part < fg_parts(config, windows->batch); part++)
        loss += part_of(config, windows, &row, part, weights, 0, &s);
    return loss;
}

/* One AdamW update of n numbers with decoupled weight decay (Loshchilov and Hutter 2019), n a multiple of LANES. */
typedef struct {
    float scale, beta2, new1, new2, keep, step, correction;
} adamw_step;

static inline void adamw(int64_t n, const adamw_step *a, int64_t parts, int64_t stride, const float *g, float *p,
                         float *m, float *v) {
    const adamw_step s = *a;
#pragma GCC unroll 4
    for (int64_t i = 0; i < n; i += LANES) {
        vf gi = *(const vf_unaligned *)(g + i), mi = *(vf_unaligned *)(m + i), si = *(vf_unaligned *)(v + i);
        for (int64_t k = 1; k < parts; k++) gi += *(const vf_unaligned *)(g + k * stride + i);
        gi *= s.scale;
        mi += s.new1 * (gi - mi);
        si = s.beta2 * si + s.new2 * gi * gi;
        *(vf_unaligned *)(m + i) = mi;
        *(vf_unaligned *)(v + i) = si;
        *(vf_unaligned *)(p + i) =
            s.keep * *(vf_unaligned *)(p + i) - s.step * mi / (vsqrt(si) * s.correction + 1e-8f);
    }
}

static void update(int64_t n, const adamw_step *a, int64_t parts, int64_t stride, const float *g, float *p, float *m,
                   float *v) {
    int64_t whole = n / LANES * LANES, rest = n - whole;
    adamw(whole, a, parts, stride, g, p, m, v);
    if (!rest) return;
    _Alignas(64) float tail[4][LANES] = {{0}};
    float *from[4] = {(float *)g, p, m, v};
    for (int k = 0; k < 4; k++)
        for (int64_t i = 0; i < rest; i++) tail[k][i] = from[k][whole + i];
    for (int64_t k = 1; k < parts; k++)
        for (int64_t i = 0; i < rest; i++) tail[0][i] += g[k * stride + whole + i];
    adamw(LANES, a, 1, 0, tail[0], tail[1], tail[2], tail[3]);
    for (int k = 1; k < 4; k++)
        for (int64_t i = 0; i < rest; i++) from[k][whole + i] = tail[k][i];
}

static double power(double base, int64_t n) {
    double result = 1;
    for (; n; n >>= 1, base *= base)
        if (n & 1) result *= base;
    return result;
}

static void step_on(const fg_config *config, const fg_optimizer *o, double rate, int64_t step, double scale,
                    int64_t parts, int64_t stride, const float *gradients, int64_t first, int64_t count,
                    float *weights, float *moment1, float *moment2) {
    adamw_step a = {(float)scale, (float)o->beta2, (float)(1 - o->beta1), (float)(1 - o->beta2), 1,
                    (float)(rate / (1 - power(o->beta1, step + 1))),
                    (float)(1 / __builtin_sqrt(1 - power(o->beta2, step + 1)))};
    for (int64_t i = first; i < first + count;) {
        int32_t matrix = 1;
        int64_t end = o->matrices ? tensor_end(config, i, &matrix) : first + count;
        if (end > first + count) end = first + count;
        a.keep = (float)(matrix ? 1 - rate * o->weight_decay : 1);
        update(end - i, &a, parts, stride, gradients + i, weights + i, moment1 + i, moment2 + i);
        i = end;
    }
}

void fg_update(const fg_config *config, const fg_optimizer *optimizer, double rate, int64_t step, double scale,
               int64_t parts, const float *gradients, int64_t first, int64_t count, float *weights, float *moment1,
               float *moment2) {
    step_on(config, optimizer, rate, step, scale, parts, fg_n_params(config), gradients, first, count, weights, moment1,
            moment2);
}

double fg_square(const fg_config *config, int64_t parts, const float *gradients, int64_t first, int64_t count) {
    const int64_t stride = fg_n_params(config);
    double sum[8] = {0};
    for (int64_t i = first; i < first + count; i++) {
        float g = gradients[i];
        for (int64_t k = 1; k < parts; k++) g += gradients[k * stride + i];
        sum[(i - first) % 8] += (double)g * g;
    }
    for (int k = 1; k < 8; k++) sum[0] += sum[k];
    return sum[0];
}

enum { PIECE = 65536 }; /* numbers whose squares are summed at once, for the same sum in any number of threads */

/* By what a gradient is multiplied, so that its norm is at most `clip`; as torch.nn.utils.clip_grad_norm_. */
static double clipped(const fg_config *config, double clip, const float *gradient) {
    const int64_t n = fg_n_params(config);
    double square = 0;
    if (!clip) return 1;
    for (int64_t i = 0; i < n; i += PIECE) square += fg_square(config, 1, gradient, i, n - i < PIECE ? n - i : PIECE);
    const double norm = __builtin_sqrt(square);
    return norm > clip ? clip / (norm + 1e-6) : 1;
}

void fg_train(const fg_config *config, const fg_windows *windows, const fg_optimizer *optimizer, int64_t first,
              int64_t steps, float *weights, float *moment1, float *moment2, double *losses, float *chains,
              void *workspace) {
    train_space s;
    char *memory = workspace;
    train_place(&s, config, windows->batch, &memory);
    const int64_t n = fg_n_params(config), parts = fg_parts(config, windows->batch);
    int64_t states = 1;
    if (chains)
        for (int32_t j = 0; j < config->context_length; j++) states *= config->vocab_size;
    row_of_windows row = row_at(config, windows, 0);
    for (int64_t step = 0; step < steps; step++) {
        if (windows->fresh && step) row = row_at(config, windows, step);
        losses[step] = 0;
        for (int64_t part = 0; part < parts; part++) {
            losses[step] += part_of(config, windows, &row, part, weights, part ? s.gradient : s.total, &s);
            if (part)
                for (int64_t i = 0; i < n; i++) s.total[i] += s.gradient[i];
        }
        step_on(config, optimizer, optimizer->rates[step], first + step, clipped(config, optimizer->clip, s.total), 1,
                n, s.total, 0, n, weights, moment1, moment2);
        if (chains)
            fg_evaluate(config, weights, 0, config->context_length, 0, states,
                        chains + step * states * config->vocab_size, memory);
    }
}
