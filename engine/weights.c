/* Where each tensor lies in a flat array. */
#include "model.h"

static int64_t norm_size(const fg_config *config) {
    return config->norm == 0 ? 2 * (int64_t)config->n_embd : config->norm == 1 ? config->n_embd : 0;
}

static int64_t layer_size(const fg_config *config) {
    int64_t c = config->n_embd;
    return 12 * c * c + 2 * norm_size(config) + (config->bias ? 9 * c : 0);
}

static int64_t embeddings(const fg_config *config) {
    return ((int64_t)config->vocab_size + config->context_length) * config->n_embd;
}

static int64_t before_head(const fg_config *config) {
    return embeddings(config) + config->n_layer * layer_size(config) + (config->final_norm ? norm_size(config) : 0);
}

int64_t fg_n_params(const fg_config *config) {
    return before_head(config) + (config->tied ? 0 : (int64_t)config->vocab_size * config->n_embd);
}

static float *cut(float **p, int64_t n) {
    float *start = *p;
    *p += n;
    return start;
}

static norm_weights cut_norm(const fg_config *config, float **p) {
    norm_weights n = {0, 0, config->norm != 0};
    if (config->norm < 2) n.w = cut(p, config->n_embd);
    if (config->norm == 0) n.b = cut(p, config->n_embd);
    return n;
}

layer layer_at(const fg_config *config, const float *flat, int32_t index) {
    int64_t c = config->n_embd;
    float *p = (float *)flat + embeddings(config) + index * layer_size(config);
    layer l;
    l.ln1 = cut_norm(config, &p);
    l.attn_w = cut(&p, 3 * c * c);
    l.attn_b = config->bias ? cut(&p, 3 * c) : 0;
    l.proj_w = cut(&p, c * c);
    l.proj_b = config->bias ? cut(&p, c) : 0;
    l.ln2 = cut_norm(config, &p);
    l.fc_w = cut(&p, 4 * c * c);
    l.fc_b = config->bias ? cut(&p, 4 * c) : 0;
    l.out_w = cut(&p, 4 * c * c);
    l.out_b = config->bias ? cut(&p, c) : 0;
    return l;
}

float *wpe_at(const fg_config *config, const float *flat) {
    return (float *)flat + (int64_t)config->vocab_size * config->n_embd;
}

float *head_at(const fg_config *config, const float *flat) {
    return config->tied ? (float *)flat : (float *)flat + before_head(config);
}

norm_weights final_norm_at(const fg_config *config, const float *flat) {
    float *p = (float *)flat + embeddings(config) + config->n_layer * layer_size(config);
    return cut_norm(config, &p);
}

int64_t tensor_end(const fg_config *config, int64_t place, int32_t *matrix) {
    const int64_t c = config->n_embd, n = norm_size(config), b = config->bias ? c : 0, start = embeddings(config);
    const int64_t sizes[8] = {n, 3 * c * c, 3 * b, c * c, b + n, 4 * c * c, 4 * b, 4 * c * c};
    const int32_t matrices[8] = {0, 1, 0, 1, 0, 1, 0, 1}; /* each layer's last bias, of size b, comes after them */
    *matrix = 1;
    if (place < start) return start;
    const int64_t index = (place - start) / layer_size(config);
    if (index >= config->n_layer) {
        const int64_t before = before_head(config);
        *matrix = place >= before;
        return *matrix ? fg_n_params(config) : before;
    }
    int64_t end = start + index * layer_size(config);
    for (int i = 0; i < 8; i++) {
        end += sizes[i];
        *matrix = matrices[i];
        if (place < end) return end;
    }
    *matrix = 0;
    return end + b;
}
