/* The whole interface of the FiniteGPT engine.
 *
 * Freestanding C11: no libc, no allocation, no threads, no globals. Every array belongs to the caller, is C-contiguous
 * and has the shape given in brackets. Arguments are not checked here: the Python and JavaScript bindings do that.
 *
 * Weights are one flat float32 array in the order of the notebook's named_parameters(), linear weights as (out, in):
 * wte (V, C), wpe (L, C), then for each layer ln_1, c_attn, c_proj, ln_2, c_fc, c_proj, then ln_f, then lm_head (V, C)
 * unless config.tied; each weight is followed by its bias, which linear layers have only when config.bias is set, and
 * norms when they are LayerNorm. What a norm does not have is left out.
 *
 * `switches` turns parts of the model off, or puts something else in their place; NULL leaves all of them on. A
 * `workspace` is scratch memory of at least the number of bytes that fg_workspace returns, aligned in any way.
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
    int32_t tied;            /* whether the output layer is the token embedding */
    int32_t activation;      /* of the MLP: 0 GELU, 1 GELU with tanh, 2 ReLU */
    int32_t norm;            /* 0 LayerNorm, 1 RMSNorm, 2 RMSNorm without a weight */
    int32_t embedding_norm;  /* whether the embedding is normed too, without a weight */
    int32_t final_norm;      /* whether the stream is normed before the output layer */
} fg_config;

/* What of each layer is left on, or put in its place. Heads count before they are projected. */
typedef struct {
    const float *scale; /* [n_layer][n_head + 1]: factors of a layer's heads and, last, of its MLP */
    const float *shift; /* [n_layer][2][L][C]: what is then added to heads and to the MLP at each position, or NULL */
} fg_switches;

/* What to train on. A window is 1 to L tokens and the token that follows each of them. The loss of a step is the mean
 * over all tokens that it predicts, each of which counts by its mask times the weight of its window. */
typedef struct {
    const int32_t *tokens;   /* the data */
    const float *mask;       /* one for each of tokens; NULL for 1 each */
    const int64_t *starts;   /* [steps][batch] or [batch]: where each window begins in tokens */
    const int32_t *lengths;  /* likewise, how long it is; NULL for L each */
    const float *weights;    /* [batch]; NULL for 1 each */
    int64_t batch;           /* windows a step */
    int32_t fresh;           /* whether every step has its own row of starts and of lengths */
    int32_t every_position;  /* whether all tokens of a window predict the next one (1), or its last token alone (0) */
} fg_windows;

/* AdamW (Loshchilov and Hutter 2019). */
typedef struct {
    const double *rates;     /* [steps]: the learning rate of each step */
    double beta1, beta2;
    double weight_decay;
    double clip;             /* the largest norm of the gradient, to which larger ones are scaled down; 0 for any */
    int32_t matrices;        /* whether matrices alone decay */
} fg_optimizer;

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

/* The weights [n_params] that PyTorch's CPU generator draws for this model after torch.manual_seed(seed), and the state
 * [625] in which that leaves the generator. */
FG_API void fg_init(const fg_config *config, uint32_t seed, float *weights, uint32_t *state);

/* The state [625] of PyTorch's CPU generator after torch.manual_seed(seed). */
FG_API void fg_seed(uint32_t seed, uint32_t *state);

/* Draws `count` integers below `high`, as torch.randint(high, ...) does, and moves the generator on. */
FG_API void fg_randint(uint32_t *state, int64_t count, uint32_t high, int64_t *out);

/* Into how many parts the windows of a step are cut, which may be computed at the same time. */
FG_API int64_t fg_parts(const fg_config *config, int64_t batch);

/* What one part adds to the loss in nats over a row of windows, and to its gradient [n_params]. */
FG_API double fg_gradient(const fg_config *config, const fg_windows *windows, int64_t row, int64_t part,
                          const float *weights, float *gradient, void *workspace);

/* The sum of the squares of `count` numbers from `first` on of a gradient, which is the sum of parts [parts][n_params]. */
FG_API double fg_square(const fg_config *config, int64_t parts, const float *gradients, int64_t first, int64_t count);

/* One step of AdamW, number `step` from 0 on, for `count` numbers from `first` on, whose gradient is that sum times
 * `scale`. Updates weights and both moments [n_params]. */
FG_API void fg_update(const fg_config *config, const fg_optimizer *optimizer, double rate, int64_t step, double scale,
                      int64_t parts, const float *gradients, int64_t first, int64_t count, float *weights,
                      float *moment1, float *moment2);

/* `steps` steps, of which the first has number `first` (0 for a new run): what the three functions above do. Writes the
 * loss before each step [steps] and, unless NULL, the chain after each [steps][V**L][V]. */
FG_API void fg_train(const fg_config *config, const fg_windows *windows, const fg_optimizer *optimizer, int64_t first,
                     int64_t steps, float *weights, float *moment1, float *moment2, double *losses, float *chains,
                     void *workspace);

/* The loss in nats over the first row of windows. */
FG_API double fg_loss(const fg_config *config, const fg_windows *windows, const float *weights, void *workspace);

/* Next-token log-probabilities in nats [count][V] of the contexts of `length` tokens with ids first, first + 1, ... */
FG_API void fg_evaluate(const fg_config *config, const float *weights, const fg_switches *switches, int32_t length,
                        int64_t first, int64_t count, float *out, void *workspace);

/* The same [count][V] for any contexts [count][length]. */
FG_API void fg_predict(const fg_config *config, const float *weights, const fg_switches *switches, int32_t length,
                       const int32_t *contexts, int64_t count, float *out, void *workspace);

/* Inside the model for each of `count` contexts [length]: attention [n_layer][n_head][length][length], what the heads
 * read [n_layer][length][C] before it is projected, the residual stream after the embedding and after every attention
 * and MLP [2 * n_layer + 1][length][C], and next-token logits [V]. What is NULL is left out. */
FG_API void fg_inspect(const fg_config *config, const float *weights, const fg_switches *switches, int32_t length,
                       const int32_t *contexts, int64_t count, float *attention, float *heads, float *residual,
                       float *logits, void *workspace);

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

/* A walk of n tokens from a state on: each is the first whose sum is above uniforms[k], from 0 to below 1, times the last
 * sum of its row. sums [V**L][V] are those of each row's probabilities up to each token, suffixes V**(L-1). */
FG_API void fg_walk(int64_t vocab_size, int64_t suffixes, const double *sums, int64_t state, int64_t n,
                    const double *uniforms, int32_t *tokens);

/* The largest |after - before| / before over n numbers of 0 or more; infinite where only before is 0. */
FG_API double fg_change(int64_t n, const double *before, const double *after);

/* How probable it is at least that two copies of a chain that start anywhere, or in `members` [n], which they do not
 * leave, can be made to meet within L steps. space [2 n + V]. */
FG_API double fg_overlap(const fg_chain *chain, const uint8_t *members, double *space);

/* The arrows of a chain of n states, those of state k from first[k] to first[k + 1]; none has a probability of 0. */
typedef struct {
    int64_t n;
    const int64_t *first; /* [n + 1] */
    const int32_t *to;    /* [arrows] */
    const double *probs;  /* [arrows] */
} fg_graph;

/* The largest relative error of a probability that is read from a row, for certificates: of float32 rows as they are
 * stored; of float64 ones, of what was meant, whose logarithms have been rounded. */
FG_API double fg_rounding(const fg_chain *chain);

/* The arrows of a chain, into first [n + 1], to and probs [n V]; row [V] is scratch memory. Returns their number. */
FG_API int64_t fg_arrows(const fg_chain *chain, int64_t *first, int32_t *to, double *probs, double *row);

/* The communicating classes: a label for each state [n], by smallest state, and for each class whether it is never left
 * [n]. Returns how many there are. space [5 n]. */
FG_API int32_t fg_classes(const fg_graph *graph, int32_t *label, uint8_t *recurrent, int32_t *space);

/* The period of a recurrent class, and how many arrows its states are from its first one [n], -1 elsewhere. space [n]. */
FG_API int64_t fg_period(const fg_graph *graph, const int32_t *label, int32_t which, int32_t *distance, int32_t *space);

/* What the graph says of coming to `targets` [n]: 0 perhaps, 1 surely, 2 never. space [2 n + 2 + arrows]. */
FG_API void fg_reach(const fg_graph *graph, const uint8_t *targets, uint8_t *decided, int32_t *space);

/* An order [m] in which to take out the m states whose part [n] is -1. Returns how many arrows there will be, for
 * fg_eliminate_space, and how many products it takes. */
FG_API int64_t fg_plan(const fg_graph *graph, const int32_t *part, int32_t *order, double *work, void *space);
FG_API int64_t fg_plan_space(const fg_graph *graph, int64_t m);
FG_API int64_t fg_eliminate_space(const fg_graph *graph, int64_t m, int64_t ends, int64_t entries);

/* The stationary distribution, in that order [m], of a recurrent class of m states. Returns the relative error that each
 * may have, infinite where there is none. `rounding` is the relative error of each arrow. Numbers too small for double
 * precision are 2**-1022, which is then a bound; unless `exponents` [m] is NULL, they are probs times 2**exponents. */
FG_API double fg_stationary(const fg_graph *graph, const int32_t *part, const int32_t *order, int64_t m, int64_t entries,
                            double rounding, double *probs, double *exponents, void *space);

/* A law of a graph's chain, m 2**e with m in [1, 2) or 0, and the arrows by where they go: those into state k are
 * in[in_first[k]] .. in[in_first[k + 1] - 1]. */
typedef struct {
    const fg_graph *graph;
    const int32_t *source;   /* [arrows] where each comes from */
    const int64_t *in_first; /* [n + 1] */
    const int32_t *in;       /* [arrows] */
    double *m;               /* [n] */
    int32_t *e;              /* [n] */
} fg_flows;

/* Makes each state in turn, from the last one on if `down`, hold what comes in over the probability to leave [n], which
 * are sums of the arrows to others. Returns the largest relative change. */
FG_API double fg_settle(const fg_flows *flows, const double *leave, int32_t down);

/* The sum over states of the largest share by which an arrow out of it must change for the law to be stationary, at most;
 * infinite where that is not found. `order` [arrows] has the arrows, best those that carry most first. */
FG_API int64_t fg_unbalanced_space(int64_t n);
FG_API double fg_unbalanced(const fg_flows *flows, const int32_t *order, int64_t arrows, void *space);

/* Where m states lead in the end: part [n] is -1 for them, and 0 .. ends - 1 for the ends. For the first `wanted` ends
 * the probability of ending there, in that order [wanted][m]; from `start` [n], unless NULL, the probabilities of all
 * ends [ends], what starts in one left out; and for `gains` [n] above 0, unless NULL, their mean sum until an end [m],
 * with ones the time. Returns as fg_stationary does; numbers too large are the largest double, which is then a bound. */
FG_API double fg_absorb(const fg_graph *graph, const int32_t *part, const int32_t *order, int64_t m, int64_t ends,
                        int64_t entries, double rounding, const double *start, double *weights, int64_t wanted,
                        double *values, const double *gains, double *sums, void *space);

/* How often each of m states is visited before an end, in that order [m], from `start` [n], which counts. Returns as
 * fg_stationary does. */
FG_API double fg_visits(const fg_graph *graph, const int32_t *part, const int32_t *order, int64_t m, int64_t ends,
                        int64_t entries, double rounding, const double *start, double *visits, void *space);

/* The same [m] for each from itself. */
FG_API double fg_returns(const fg_graph *graph, const int32_t *part, const int32_t *order, int64_t m, int64_t ends,
                         int64_t entries, double rounding, double *returns, void *space);
FG_API int64_t fg_returns_space(const fg_graph *graph, int64_t m, int64_t ends, int64_t entries);

/* The average of f [n] under a distribution [n] whose numbers are right within `relative`, relatively, and those of 2**-1022
 * at most so large; f is right within `rounding`. Writes its value, and between what it lies [3]. */
FG_API void fg_average(int64_t n, const double *probs, const double *f, double relative, double rounding, double *out);

/* The sum of the probabilities [n] of each of `many` sets, as their labels [n] say, and of those of none, labelled below
 * zero, last: sums [many + 1], each of two numbers whose sum is right to little more than one rounding. */
FG_API void fg_masses(int64_t n, const double *probs, const int32_t *label, int64_t many, double *sums);

/* How probable it is that a chain that starts in `start` [n], outside of `targets` [n], has come there within 0, 1, ...
 * `tokens` steps: the value and between what it lies [tokens + 1], 0 only where it cannot be; and how often it has been
 * in each state before that [n]. space [18 n bytes]. */
FG_API void fg_enter(const fg_graph *graph, const uint8_t *targets, const double *start, int64_t tokens, double rounding,
                     double *entered, double *low, double *high, double *visits, void *space);

/* The mixing time of a chain with one recurrent class and at most 64 states: the value, and between what it lies [3],
 * infinite where that is not found. `law` [n] is within `error` of its stationary one in total variation; each stored
 * probability is within `rounding` of what is meant, relatively, 0 where what is stored is meant. `most` products of two
 * limbs of 32 bits are made, or little more: 1e9 are about a second. space [fg_mixing_space(n) bytes]. */
FG_API int64_t fg_mixing_space(int64_t n);
FG_API void fg_mixing(const fg_chain *chain, const double *law, double error, double rounding, double epsilon, double most,
                      double *out, void *space);

/* The best instruction set this processor has: x86-64 level 1, 3 (AVX2) or 4 (AVX-512); 0 elsewhere. */
FG_API int32_t fg_cpu_level(void);

#endif
