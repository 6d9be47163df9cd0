/* Where each tensor lies in a flat array. */
#include "model.h"

static int64_t layer_size(const fg_config *config) {
    int64_t c = config->n_embd;
    return 12 * c * c + 4 * c + (config->bias ? 9 * c : 0);
}

static int64_t embeddings(const fg_config *config) {
    return ((int64_t)config->vocab_size + config->context_length) * config->n_embd;
}

int64_t fg_n_params(const fg_config *config) {
    return embeddings(config) + config->n_layer * layer_size(config) + 2 * (int64_t)config->n_embd;
}

static float *cut(float **p, int64_t n) {
    float *start = *p;
    *p += n;
    return start;
}

layer layer_at(const fg_config *config, const float *flat, int32_t index) {
    int64_t c = config->n_embd;
    float *p = (float *)flat + embeddings(config) + index * layer_size(config);
    layer l;
    l.ln1_w = cut(&p, c);
    l.ln1_b = cut(&p, c);
    l.attn_w = cut(&p, 3 * c * c);
    l.attn_b = config->bias ? cut(&p, 3 * c) : 0;
    l.proj_w = cut(&p, c * c);
    l.proj_b = config->bias ? cut(&p, c) : 0;
    l.ln2_w = cut(&p, c);
    l.ln2_b = cut(&p, c);
    l.fc_w = cut(&p, 4 * c * c);
    l.fc_b = config->bias ? cut(&p, 4 * c) : 0;
    l.out_w = cut(&p, 4 * c * c);
    l.out_b = config->bias ? cut(&p, c) : 0;
    return l;
}

float *wpe_at(const fg_config *config, const float *flat) {
    return (float *)flat + (int64_t)config->vocab_size * config->n_embd;
}

float *final_norm_at(const fg_config *config, const float *flat) {
    return (float *)flat + embeddings(config) + config->n_layer * layer_size(config);
}
