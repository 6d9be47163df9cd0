/* The network that PyTorch would draw for a seed: the same generator, the same draws in the same order. */
#include "model.h"

/* The 32-bit Mersenne Twister (Matsumoto and Nishimura 1998), which PyTorch's CPU generator is. */
typedef struct {
    uint32_t *state; /* [625]: 624 words, and how many of them are used */
    int has_spare;   /* a second normal deviate, drawn but not yet given out */
    double spare;
} generator;

void fg_seed(uint32_t seed, uint32_t *state) {
    state[0] = seed;
    for (uint32_t i = 1; i < 624; i++) state[i] = 1812433253u * (state[i - 1] ^ (state[i - 1] >> 30)) + i;
    state[624] = 624;
}

static uint32_t draw(generator *g) {
    uint32_t *s = g->state;
    if (s[624] == 624) {
        for (int i = 0; i < 624; i++) {
            uint32_t y = (s[i] & 0x80000000u) | (s[(i + 1) % 624] & 0x7fffffffu);
            s[i] = s[(i + 397) % 624] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
        }
        s[624] = 0;
    }
    uint32_t y = s[s[624]++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

static void skip(generator *g, int64_t count) {
    while (count-- > 0) draw(g);
}

static double draw53(generator *g) {
    uint64_t high = draw(g), low = draw(g);
    return ((high << 32 | low) & 0x1fffffffffffffu) * 0x1p-53;
}

/* log of a double in (0, 1], to a relative 1e-15 or so: as vlog, with more terms. */
static double log_of(double x) {
    union { double d; int64_t i; } u = {x};
    int64_t bits = u.i - 0x3fe6a09e667f3bcd; /* the bits of 1/sqrt(2) */
    double n = (double)(bits >> 52);
    u.i = (bits & 0xfffffffffffff) + 0x3fe6a09e667f3bcd;
    double s = (u.d - 1) / (u.d + 1), z = s * s, p = 0;
    for (int k = 23; k >= 1; k -= 2) p = p * z + 1.0 / k;
    return n * 0.693147180559945309417 + 2 * s * p;
}

/* cos and sin of 2 pi u for u in [0, 1): Taylor series within an eighth of a turn of the nearest quarter. */
static void circle(double u, double *cosine, double *sine) {
    int quarter = (int)(4 * u + 0.5);
    double a = (u - 0.25 * quarter) * 6.283185307179586476925, z = a * a, c = 0, s = 0;
    for (int k = 20; k >= 2; k -= 2) {
        c = (1 - c) * z / (k * (k - 1));
        s = (1 - s) * z / (k * (k + 1));
    }
    c = 1 - c;
    s = a * (1 - s);
    *cosine = quarter % 4 == 0 ? c : quarter % 4 == 1 ? -s : quarter % 4 == 2 ? -c : s;
    *sine = quarter % 4 == 0 ? s : quarter % 4 == 1 ? c : quarter % 4 == 2 ? -s : -c;
}

/* a * b + c rounded once, with or without an instruction for it: the product of two floats is exact in double. */
static float fused(float a, float b, float c) { return (float)((double)a * b + c); }

/* log(x) for x in [2**-24, 1], in the steps and with the coefficients of Moshier's Cephes library (logf), which is
 * how PyTorch's vectorised kernel takes it: training amplifies a difference in the last bit of a weight. */
static float cephes_log(float x) {
    const float p[] = {7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f,
                       -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f};
    union { float f; int32_t i; } u = {x};
    float n = (float)((u.i >> 23) - 126), y = p[0];
    u.i = (u.i & 0x007fffff) | 0x3f000000; /* the fraction, in [1/2, 1) */
    int small = u.f < 0.707106781f;
    float f = small ? u.f - 1 + u.f : u.f - 1, z = f * f;
    n -= (float)small;
    for (int i = 1; i < 9; i++) y = fused(y, f, p[i]);
    y = fused(y * f, z, n * -2.12194440e-4f);
    y = fused(-z, 0.5f, y);
    return fused(n, 0.693359375f, f + y);
}

/* sin and cos of x in [0, 2 pi], likewise (sinf and cosf of Cephes): the distance to an even multiple of pi/4, in
 * three steps, then a polynomial for each. */
static void cephes_circle(float x, float *cosine, float *sine) {
    int octant = ((int)(x * 1.27323954473516f) + 1) & ~1;
    float n = (float)octant;
    x = fused(n, -0.78515625f, x);
    x = fused(n, -2.4187564849853515625e-4f, x);
    x = fused(n, -3.77489497744594108e-8f, x);
    float z = x * x, half = 0.5f * z;
    float c = fused(2.443315711809948e-5f, z, -1.388731625493765e-3f);
    c = fused(c, z, 4.166664568298827e-2f) * z;
    c = fused(c, z, -half) + 1;
    float s = fused(-1.9515295891e-4f, z, 8.3321608736e-3f);
    s = fused(fused(s, z, -1.6666654611e-1f) * z, x, x);
    float sin_part = octant & 2 ? c : s, cos_part = octant & 2 ? s : c;
    *sine = octant & 4 ? -sin_part : sin_part;
    *cosine = (octant + 2) & 4 ? -cos_part : cos_part;
}

/* Box-Muller on 16 numbers: the first eight are radii, the last eight angles. */
static void normal16(generator *g, float std, float *out) {
    float u[16];
    for (int i = 0; i < 16; i++) u[i] = (float)(draw(g) & 0xffffffu) * 0x1p-24f;
    for (int i = 0; i < 8; i++) {
        float radius = __builtin_sqrtf(-2 * cephes_log(1 - u[i])), cosine, sine;
        cephes_circle(6.28318531f * u[i + 8], &cosine, &sine);
        out[i] = radius * cosine * std;
        out[i + 8] = radius * sine * std;
    }
}

/* What tensor.normal_(0, std) draws. From 16 numbers on PyTorch works on groups of 16 single-precision uniforms, all
 * drawn before the last, incomplete group is drawn anew; below, it draws pairs in double precision and keeps the
 * second of a pair for the next small tensor. */
static void normal(generator *g, int64_t n, double std, float *out) {
    if (n < 16) {
        for (int64_t i = 0; i < n; i++) {
            double z = g->spare;
            if (!g->has_spare) {
                double angle = draw53(g), radius = __builtin_sqrt(-2 * log_of(1 - draw53(g))), cosine, sine;
                circle(angle, &cosine, &sine);
                z = radius * cosine;
                g->spare = radius * sine;
            }
            g->has_spare = !g->has_spare;
            out[i] = (float)(z * std);
        }
        return;
    }
    for (int64_t i = 0; i + 16 <= n; i += 16) normal16(g, (float)std, out + i);
    if (n % 16) {
        skip(g, n % 16);
        normal16(g, (float)std, out + n - 16);
    }
}

static void fill(float *p, int64_t n, float value) {
    if (p)
        for (int64_t i = 0; i < n; i++) p[i] = value;
}

static void fill_norm(norm_weights w, int64_t n) {
    fill(w.w, n, 1);
    fill(w.b, n, 0);
}

void fg_init(const fg_config *config, uint32_t seed, float *weights, uint32_t *state) {
    int64_t c = config->n_embd, wte = config->vocab_size * c, wpe = config->context_length * c;
    const double std = 0.02, residual_std = 0.02 / __builtin_sqrt(2.0 * config->n_layer);
    generator g = {state, 0, 0};
    fg_seed(seed, state);
    /* Constructors: normal embeddings, then one uniform number for every weight of a linear layer. */
    normal(&g, wte, 1, wte_at(weights));
    normal(&g, wpe, 1, wpe_at(config, weights));
    skip(&g, config->n_layer * (12 * c * c + (config->bias ? 9 * c : 0)) + wte);
    /* The model's own initialisation, module by module; lm_head comes last, and where it is tied overwrites wte. */
    normal(&g, wte, std, wte_at(weights));
    normal(&g, wpe, std, wpe_at(config, weights));
    for (int32_t i = 0; i < config->n_layer; i++) {
        layer l = layer_at(config, weights, i);
        fill_norm(l.ln1, c);
        normal(&g, 3 * c * c, std, l.attn_w);
        fill(l.attn_b, 3 * c, 0);
        normal(&g, c * c, std, l.proj_w);
        fill(l.proj_b, c, 0);
        fill_norm(l.ln2, c);
        normal(&g, 4 * c * c, std, l.fc_w);
        fill(l.fc_b, 4 * c, 0);
        normal(&g, 4 * c * c, std, l.out_w);
        fill(l.out_b, c, 0);
    }
    normal(&g, wte, std, head_at(config, weights));
    for (int32_t i = 0; i < config->n_layer; i++) {
        layer l = layer_at(config, weights, i);
        normal(&g, c * c, residual_std, l.proj_w);
        normal(&g, 4 * c * c, residual_std, l.out_w);
    }
    if (config->final_norm) fill_norm(final_norm_at(config, weights), c);
}

void fg_randint(uint32_t *state, int64_t count, uint32_t high, int64_t *out) {
    generator g = {state, 0, 0};
    for (int64_t i = 0; i < count; i++) out[i] = draw(&g) % high;
}
