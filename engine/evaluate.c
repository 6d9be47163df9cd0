/* Next-token log-probabilities of many contexts, and a look inside the model at one. */
#include "memory.h"
#include "space.h"

enum { STATES = 1024 }; /* states that share a tree: few nodes lie above them, and their keys stay in the cache */

/* Windows that are worked through together: by the context length, not by that of the windows, so that a workspace for
 * the longest contexts holds all shorter ones. */
static int64_t group_of(const fg_config *config) {
    const int64_t group = STATES / config->context_length, least = config->context_length <= LONGEST_PATH ? LANES : 1;
    return group > least ? group : least;
}

void evaluate_place(evaluate_space *s, const fg_config *config, int32_t length, char **memory) {
    int64_t range = tree_capacity_range(STATES, length);
    s->group = group_of(config);
    int64_t windows = tree_capacity_windows(s->group, length), nodes = range > windows ? range : windows;
    tree_place(&s->tree, length, nodes, memory);
    tape_place(&s->tape, config, length, nodes, 0, memory);
    s->nodes = take(memory, s->group * length * 4);
    s->wanted = take(memory, (nodes + LANES - 1) / LANES);
    s->h = take(memory, (config->n_embd + 2) * (int64_t)sizeof(vf));
    s->logits = take(memory, config->vocab_size * (int64_t)sizeof(vf));
}

/* Log-probabilities [V] of the next token for all lanes of a block. */
static void rows_of(const fg_config *config, const float *weights, const evaluate_space *s, int64_t block) {
    const int64_t c = config->n_embd;
    head(config, weights, 1, at(&s->tape.x, config->n_layer, block), s->h + c, s->h, s->logits);
    log_softmax(config->vocab_size, s->logits);
}

void fg_evaluate(const fg_config *config, const float *weights, const fg_switches *switches, int32_t length, int64_t first,
                 int64_t count, float *out, void *workspace) {
    evaluate_space s;
    char *memory = workspace;
    evaluate_place(&s, config, length, &memory);
    const int32_t v = config->vocab_size;
    /* Groups begin at multiples of STATES, so that a state's numbers do not depend on the range it is asked in. */
    for (int64_t id = first, last = first + count; id < last;) {
        int64_t end = (id / STATES + 1) * STATES;
        if (end > last) end = last;
        const tree *t = &s.tree;
        tree_of_range(&s.tree, v, id, end - id);
        for (int64_t b = 0; b < t->n_blocks; b++) s.wanted[b] = b >= t->first_leaf / LANES;
        forward(config, weights, switches, t, &s.tape, s.wanted);
        float *rows = out + (id - first) * v;
        for (int64_t b = t->first_leaf / LANES; b < t->n_blocks; b++) {
            rows_of(config, weights, &s, b);
            for (int i = 0; i < LANES; i++) {
                int64_t leaf = b * LANES + i - t->first_leaf;
                if (leaf >= 0 && leaf < end - id)
                    for (int32_t k = 0; k < v; k++) rows[leaf * v + k] = ((const float *)s.logits)[k * LANES + i];
            }
        }
        id = end;
    }
}

void fg_predict(const fg_config *config, const float *weights, const fg_switches *switches, int32_t length,
                const int32_t *contexts, int64_t count, float *out, void *workspace) {
    evaluate_space s;
    char *memory = workspace;
    evaluate_place(&s, config, length, &memory);
    const int32_t v = config->vocab_size;
    for (int64_t first = 0; first < count; first += s.group) {
        int64_t n = count - first < s.group ? count - first : s.group;
        tree_of_windows(&s.tree, contexts + first * length, 0, 0, n, s.nodes);
        const int32_t *last = s.nodes + (length - 1) * n;
        for (int64_t b = 0; b < s.tree.n_blocks; b++) s.wanted[b] = 0;
        for (int64_t w = 0; w < n; w++) s.wanted[last[w] / LANES] = 1;
        forward(config, weights, switches, &s.tree, &s.tape, s.wanted);
        for (int64_t b = 0; b < s.tree.n_blocks; b++) {
            if (!s.wanted[b]) continue;
            rows_of(config, weights, &s, b);
            for (int64_t w = 0; w < n; w++)
                if (last[w] / LANES == b)
                    for (int32_t k = 0; k < v; k++)
                        out[(first + w) * v + k] = ((const float *)s.logits)[k * LANES + last[w] % LANES];
        }
    }
}

void inspect_place(inspect_space *s, const fg_config *config, int32_t length, char **memory) {
    s->group = group_of(config);
    const int64_t nodes = tree_capacity_windows(s->group, length);
    tree_place(&s->tree, length, nodes, memory);
    tape_place(&s->tape, config, length, nodes, 1, memory);
    s->nodes = take(memory, s->group * length * 4);
    s->h = take(memory, (config->n_embd + 2) * (int64_t)sizeof(vf));
    s->logits = take(memory, config->vocab_size * (int64_t)sizeof(vf));
}

/* Feature f of a node, in a buffer. */
static float value(const buffer *b, int32_t l, int32_t node, int64_t f) {
    return at(b, l, node / LANES)[f][node % LANES];
}

static float attention_of(const fg_config *config, const inspect_space *s, int32_t l, int32_t node, int32_t head,
                          int32_t j) {
    return attention_at(config, &s->tree, node, head, j, at(&s->tape.qkv, l, 0), at(&s->tape.att, l, node / LANES));
}

void fg_inspect(const fg_config *config, const float *weights, const fg_switches *switches, int32_t length,
                const int32_t *contexts, int64_t count, float *attention, float *heads, float *residual, float *logits,
                void *workspace) {
    inspect_space s;
    char *memory = workspace;
    inspect_place(&s, config, length, &memory);
    const int64_t c = config->n_embd;
    for (int64_t first = 0; first < count; first += s.group) {
        const int64_t n = count - first < s.group ? count - first : s.group;
        tree_of_windows(&s.tree, contexts + first * length, 0, 0, n, s.nodes);
        forward(config, weights, switches, &s.tree, &s.tape, 0);
        for (int64_t w = 0; w < n; w++) {
            const int32_t *node = s.nodes + w; /* of position i it is node[i * n] */
            for (int32_t l = 0; attention && l < config->n_layer; l++)
                for (int32_t h = 0; h < config->n_head; h++)
                    for (int32_t i = 0; i < length; i++)
                        for (int32_t j = 0; j < length; j++)
                            *attention++ = j > i ? 0 : attention_of(config, &s, l, node[i * n], h, j);
            for (int32_t l = 0; heads && l < config->n_layer; l++)
                for (int32_t i = 0; i < length; i++)
                    for (int64_t d = 0; d < c; d++) *heads++ = value(&s.tape.y, l, node[i * n], d);
            for (int32_t l = 0; residual && l < 2 * config->n_layer + 1; l++)
                for (int32_t i = 0; i < length; i++)
                    for (int64_t d = 0; d < c; d++)
                        *residual++ = value(l % 2 ? &s.tape.mid : &s.tape.x, l / 2, node[i * n], d);
            if (!logits) continue;
            const int32_t last = node[(length - 1) * n];
            const vf *x = at(&s.tape.x, config->n_layer, last / LANES);
            head(config, weights, 1, x, s.h + c, s.h, s.logits);
            for (int32_t v = 0; v < config->vocab_size; v++) *logits++ = s.logits[v][last % LANES];
        }
    }
}
