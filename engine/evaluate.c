/* Next-token log-probabilities of many contexts, and a look inside the model at one. */
#include "memory.h"
#include "space.h"

enum { STATES = 1024 }; /* states that share a tree: few nodes lie above them, and their keys stay in the cache */

void evaluate_place(evaluate_space *s, const fg_config *config, int32_t length, char **memory) {
    int64_t range = tree_capacity_range(STATES, length);
    /* By the context length, not by this length: so a workspace for the longest contexts holds all shorter ones. */
    s->group = STATES / config->context_length > LANES ? STATES / config->context_length : LANES;
    int64_t windows = tree_capacity_windows(s->group, length), nodes = range > windows ? range : windows;
    tree_place(&s->tree, length, nodes, memory);
    tape_place(&s->tape, config, length, nodes, 0, memory);
    s->nodes = take(memory, windows * 4);
    s->wanted = take(memory, (nodes + LANES - 1) / LANES);
    s->h = take(memory, (config->n_embd + 2) * (int64_t)sizeof(vf));
    s->logits = take(memory, config->vocab_size * (int64_t)sizeof(vf));
    s->rows = take(memory, s->group * config->vocab_size * 4);
}

/* Runs the model on a tree and writes the log-probabilities of its leaves [leaves][V]. */
static void leaves(const fg_config *config, const float *weights, const fg_switches *switches, evaluate_space *s,
                   float *out) {
    const tree *t = &s->tree;
    const int64_t first_block = t->first_leaf / LANES;
    const int32_t v = config->vocab_size;
    for (int64_t b = 0; b < t->n_blocks; b++) s->wanted[b] = b >= first_block;
    forward(config, weights, switches, t, &s->tape, s->wanted);
    for (int64_t b = first_block; b < t->n_blocks; b++) {
        head(config, weights, &s->tape, b, s->h + config->n_embd, s->h, s->logits);
        log_softmax(v, s->logits);
        for (int i = 0; i < LANES; i++) {
            int64_t leaf = b * LANES + i - t->first_leaf;
            if (leaf >= 0 && leaf < t->n - t->first_leaf)
                for (int32_t k = 0; k < v; k++) out[leaf * v + k] = ((const float *)s->logits)[k * LANES + i];
        }
    }
}

void fg_evaluate(const fg_config *config, const float *weights, const fg_switches *switches, int32_t length, int64_t first,
                 int64_t count, float *out, void *workspace) {
    evaluate_space s;
    char *memory = workspace;
    evaluate_place(&s, config, length, &memory);
    /* Groups begin at multiples of STATES, so that a state's numbers do not depend on the range it is asked in. */
    for (int64_t id = first, last = first + count; id < last;) {
        int64_t end = (id / STATES + 1) * STATES;
        if (end > last) end = last;
        tree_of_range(&s.tree, config->vocab_size, id, end - id);
        leaves(config, weights, switches, &s, out + (id - first) * config->vocab_size);
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
        leaves(config, weights, switches, &s, s.rows);
        for (int64_t w = 0; w < n; w++) {
            int64_t leaf = s.nodes[(length - 1) * n + w] - s.tree.first_leaf;
            for (int32_t k = 0; k < v; k++) out[(first + w) * v + k] = s.rows[leaf * v + k];
        }
    }
}

void inspect_place(inspect_space *s, const fg_config *config, int32_t length, char **memory) {
    s->group = STATES / config->context_length > 1 ? STATES / config->context_length : 1;
    const int64_t nodes = tree_capacity_windows(s->group, length);
    tree_place(&s->tree, length, nodes, memory);
    tape_place(&s->tape, config, length, nodes, 1, memory);
    s->nodes = take(memory, nodes * 4);
    s->h = take(memory, (config->n_embd + 2) * (int64_t)sizeof(vf));
    s->logits = take(memory, config->vocab_size * (int64_t)sizeof(vf));
}

/* Feature f of a node, in a buffer. */
static float value(const buffer *b, int32_t l, int32_t node, int64_t f) {
    return at(b, l, node / LANES)[f][node % LANES];
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
                            *attention++ = j > i ? 0 : value(&s.tape.att, l, node[i * n], h * length + j);
            for (int32_t l = 0; heads && l < config->n_layer; l++)
                for (int32_t i = 0; i < length; i++)
                    for (int64_t d = 0; d < c; d++) *heads++ = value(&s.tape.y, l, node[i * n], d);
            for (int32_t l = 0; residual && l < 2 * config->n_layer + 1; l++)
                for (int32_t i = 0; i < length; i++)
                    for (int64_t d = 0; d < c; d++)
                        *residual++ = value(l % 2 ? &s.tape.mid : &s.tape.x, l / 2, node[i * n], d);
            if (!logits) continue;
            const int32_t last = node[(length - 1) * n];
            head(config, weights, &s.tape, last / LANES, s.h + c, s.h, s.logits);
            for (int32_t v = 0; v < config->vocab_size; v++) *logits++ = s.logits[v][last % LANES];
        }
    }
}
