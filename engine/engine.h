/* The whole interface of the FiniteGPT engine.
 *
 * Freestanding C11: no libc, no allocation, no threads, no globals. Every array belongs to the caller, is C-contiguous
 * and has the shape given in brackets. Arguments are not checked here: the Python and JavaScript bindings do that.
 *
 * Weights are one flat float32 array in the order of the notebook's named_parameters(), linear weights as (out, in):
 * wte (V, C), wpe (L, C), then for each layer ln_1, c_attn, c_proj, ln_2, c_fc, c_proj, then ln_f; each weight is
 * followed by its bias, which linear layers have only when config.bias is set.
 *
 * `switches` turns parts of the model off, or scales them: [n_layer][n_head + 1] factors, a layer's heads first and
 * its MLP last; NULL leaves all of them on. A `workspace` is scratch memory of at least the number of bytes that
 * fg_workspace returns, aligned in any way.
 */
#ifndef FG_ENGINE_H
#define FG_ENGINE_H

#include <stdint.h>

#define FG_API __attribute__((visibility("default")))

typedef struct {
    int32_t vocab_size;      /* V */
    int32_t context_length;  /* L */
    int32_t n_layer;
    int32_t n_head;
    int32_t n_embd;          /* C, a multiple of n_head */
    int32_t bias;            /* whether linear layers have one */
} fg_config;

/* What to train on. A window is context_length tokens and the token that follows each of them. */
typedef struct {
    const int32_t *tokens;   /* the data */
    const int64_t *starts;   /* [steps][batch] or [batch]: where each window begins in tokens */
    const float *weights;    /* [batch]: share of each window in the loss; NULL for 1/batch each */
    int64_t batch;           /* windows a step */
    int32_t fresh;           /* whether every step has its own row of starts */
    int32_t every_position;  /* the loss: of every position (1), or of the last one (0) */
} fg_windows;

/* A chain: next-token log-probabilities in nats, every row of which is normalised in double precision when it is read.
 * Those below -708 are of arrows that are not there: exactly 0. */
typedef struct {
    int64_t vocab_size;    /* V */
    int64_t suffixes;      /* V**(L-1), what states share their successors by */
    const void *log_probs; /* [V][suffixes][V] */
    int32_t wide;          /* float64 (1) or float32 (0) */
} fg_chain;

FG_API int64_t fg_n_params(const fg_config *config);

/* Bytes of scratch memory that any one call of a function below needs for windows a step of at most `batch`. */
FG_API int64_t fg_workspace(const fg_config *config, int64_t batch);

/* The weights [n_params] that PyTorch's CPU generator draws for this model after torch.manual_seed(seed). */
FG_API void fg_init(const fg_config *config, uint32_t seed, float *weights);

/* The state [625] of PyTorch's CPU generator after torch.manual_seed(seed). */
FG_API void fg_seed(uint32_t seed, uint32_t *state);

/* Draws `count` integers below `high`, as torch.randint(high, ...) does, and moves the generator on. */
FG_API void fg_randint(uint32_t *state, int64_t count, uint32_t high, int64_t *out);

/* The loss in nats over the first row of windows, and its gradient [n_params]. */
FG_API double fg_gradient(const fg_config *config, const fg_windows *windows, const float *weights, float *gradient,
                          void *workspace);

/* `steps` AdamW steps, of which the first has number `first` (0 for a new run). Updates weights and both moments
 * [n_params]; writes the loss before each step [steps] and, unless NULL, the chain after each [steps][V**L][V]. */
FG_API void fg_train(const fg_config *config, const fg_windows *windows, double learning_rate, double weight_decay,
                     int64_t first, int64_t steps, float *weights, float *moment1, float *moment2, double *losses,
                     float *chains, void *workspace);

/* Next-token log-probabilities in nats [count][V] of the contexts of `length` tokens with ids first, first + 1, ... */
FG_API void fg_evaluate(const fg_config *config, const float *weights, const float *switches, int32_t length,
                        int64_t first, int64_t count, float *out, void *workspace);

/* The same [count][V] for any contexts [count][length]. */
FG_API void fg_predict(const fg_config *config, const float *weights, const float *switches, int32_t length,
                       const int32_t *contexts, int64_t count, float *out, void *workspace);

/* Inside the model for one context [length]: attention [n_layer][n_head][length][length], the residual stream after
 * the embedding and after every attention and MLP [2 * n_layer + 1][length][C], and next-token logits [V]. */
FG_API void fg_inspect(const fg_config *config, const float *weights, const float *switches, int32_t length,
                       const int32_t *context, float *attention, float *residual, float *logits, void *workspace);

/* One step forward: out[b - first][y] = sum over a of pi[a][b] p[a][b][y] for `count` suffixes b from `first` on; pi
 * [V][suffixes]. */
FG_API void fg_push(const fg_chain *chain, const double *pi, int64_t first, int64_t count, double *out);

/* One step backward: out[r - first] = sum over y of p[r][y] f[r % suffixes][y] for `count` states r; f [suffixes][V]. */
FG_API void fg_pull(const fg_chain *chain, const double *f, int64_t first, int64_t count, double *out);

/* Entropy in nats [count] of `count` rows from `first` on, right to about 1e-15 of itself however small it is. */
FG_API void fg_entropy(const fg_chain *chain, int64_t first, int64_t count, double *out);

/* How far from one the sum of a row's probabilities is, of `count` rows from `first` on the largest; infinite where a
 * number is NaN or far above 0. The other kernels ask that this was found small. */
FG_API double fg_check(const fg_chain *chain, int64_t first, int64_t count);

/* The largest |after - before| / before over n numbers of 0 or more; infinite where only before is 0. */
FG_API double fg_change(int64_t n, const double *before, const double *after);

/* The best instruction set this processor has: x86-64 level 1, 3 (AVX2) or 4 (AVX-512); 0 elsewhere. */
FG_API int32_t fg_cpu_level(void);

#endif
