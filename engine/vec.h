/* A vector of LANES floats and the functions of it that a GPT needs.
 *
 * Every lane is one node of the tree of contexts (tree.h), so all of the model is written as if for one token, and no
 * shape leaves a remainder. The compiler lowers a vector to what the processor has: one AVX-512 register, two AVX2,
 * two of SSE or NEON, one of WebAssembly, whose page trains on few windows. Polynomial coefficients come from fit.py.
 */
#ifndef FG_VEC_H
#define FG_VEC_H

#include <stdint.h>

#ifdef __AVX2__
#include <immintrin.h>
#define LANES 16
#elif defined(__wasm__)
#define LANES 4
#else
#define LANES 8
#endif

typedef float vf __attribute__((vector_size(4 * LANES)));
typedef int32_t vi __attribute__((vector_size(4 * LANES)));
typedef float vf_unaligned __attribute__((vector_size(4 * LANES), aligned(4)));

/* a - 0 is a for every a, but 0 + a is not for -0, and would be an addition each time. */
static inline vf splat(float a) { return a - (vf){0}; }

static inline vf vpick(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }

static inline vf vmax(vf a, vf b) { return vpick(a > b, a, b); }

static inline vf vmin(vf a, vf b) { return vpick(a < b, a, b); }

static inline vf vsqrt(vf a) {
    for (int i = 0; i < LANES; i++) a[i] = __builtin_sqrtf(a[i]);
    return a;
}

static inline float vsum(vf a) {
    for (int width = LANES / 2; width; width /= 2)
        for (int i = 0; i < width; i++) a[i] += a[i + width];
    return a[0];
}

static inline vi lane_numbers(void) {
    vi lane;
    for (int i = 0; i < LANES; i++) lane[i] = i;
    return lane;
}

/* Whether a comparison holds in every lane. */
static inline int all(vi a) {
    int32_t both = -1;
    for (int i = 0; i < LANES; i++) both &= a[i];
    return both;
}

/* Lane i of the result is base[at[i]]. */
static inline vf vgather(const float *base, const int32_t *at) {
    vf a;
    for (int i = 0; i < LANES; i++) a[i] = base[at[i]];
    return a;
}

/* Lane i of the result is lane index[i] of a, or index[i] - LANES of b; indices from 0 to 2 * LANES - 1. */
static inline vf vlookup(vf a, vf b, vi index) {
#if defined(__AVX512F__)
    return (vf)_mm512_permutex2var_ps((__m512)a, (__m512i)index, (__m512)b);
#elif defined(__AVX2__)
    const __m256 *tables[2] = {(const __m256 *)&a, (const __m256 *)&b};
    const __m256i *indices = (const __m256i *)&index;
    vf result;
    for (int half = 0; half < 2; half++) {
        __m256i i = indices[half];
        __m256 upper = (__m256)_mm256_slli_epi32(i, 28), second = (__m256)_mm256_slli_epi32(i, 27); /* bits 3, 4 */
        __m256 part[2];
        for (int t = 0; t < 2; t++)
            part[t] = _mm256_blendv_ps(_mm256_permutevar8x32_ps(tables[t][0], i),
                                       _mm256_permutevar8x32_ps(tables[t][1], i), upper);
        ((__m256 *)&result)[half] = _mm256_blendv_ps(part[0], part[1], second);
    }
    return result;
#else
    const vf both[2] = {a, b};
    vf result;
    for (int i = 0; i < LANES; i++) result[i] = ((const float *)both)[index[i]];
    return result;
#endif
}

/* Lane i of the result is a[index[i] % HALF]: where a lookup in few numbers is cheaper. */
#if defined(__AVX2__) && !defined(__AVX512F__)
enum { HALF = 8 };
static inline vf vlookup_half(const float *a, vi index) {
    const __m256 table = _mm256_load_ps(a);
    const __m256i *indices = (const __m256i *)&index;
    vf result;
    for (int half = 0; half < 2; half++)
        ((__m256 *)&result)[half] = _mm256_permutevar8x32_ps(table, indices[half]);
    return result;
}
#else
enum { HALF = 1 };
static inline vf vlookup_half(const float *a, vi index) {
    (void)index;
    return splat(*a);
}
#endif

/* exp(x), relative error below 2e-7 for x in [-87, 88] and clamped outside; x = n ln 2 + r, |r| <= (ln 2) / 2. */
static inline vf vexp(vf x) {
    const float round = 12582912.0f; /* 1.5 * 2**23: adding it leaves the nearest integer in the low bits */
    x = vmin(vmax(x, splat(-87.0f)), splat(88.0f));
    vf shifted = x * 1.44269504f + round;
    vf n = shifted - round;
    vf r = x - n * 0.693145752f - n * 1.42860677e-6f;
    vf p = 0.00138368457f * r + 0.0083748158f;
    p = p * r + 0.0416682256f;
    p = p * r + 0.166664202f;
    p = p * r + 0.499999921f;
    p = p * r + 1.00000004f;
    p = p * r + 1.0f;
    return (vf)((vi)p + ((vi)shifted << 23));
}

/* 2**x for x in [-126, 127], relative error below 2.2e-7. */
static inline vf vexp2(vf x) {
    const float round = 12582912.0f;
    vf shifted = x + round;
    vf r = x - (shifted - round);
    vf p = 0.00132764715f * r + 0.00967554133f;
    p = p * r + 0.0555071327f;
    p = p * r + 0.240221197f;
    p = p * r + 0.693146967f;
    p = p * r + 1.00000007f;
    return (vf)((vi)p + ((vi)shifted << 23));
}

/* log(x) for positive normal x; x = m 2**n with m in [1/sqrt(2), sqrt(2)), log m = 2 artanh((m - 1) / (m + 1)). */
static inline vf vlog(vf x) {
    vi bits = (vi)x - 0x3f3504f3; /* the bits of 1/sqrt(2) */
    vf n = __builtin_convertvector(bits >> 23, vf);
    vf m = (vf)((bits & 0x007fffff) + 0x3f3504f3);
    vf s = (m - 1.0f) / (m + 1.0f), z = s * s;
    vf p = 1.0f / 9 * z + 1.0f / 7;
    p = p * z + 1.0f / 5;
    p = p * z + 1.0f / 3;
    return n * 0.693145752f + (n * 1.42860677e-6f + 2 * s * (p * z + 1.0f));
}

/* Exact GELU x Phi(x) and its slope Phi(x) + x phi(x), errors below 1e-7 and 4e-7. Phi of the negative side is a power
 * of 2 whose exponent is a polynomial; beyond -8 it is as good as 0. */
static inline vf vgelu(vf x, vf *slope) {
    vf a = vmin(splat(8.0f), (vf)((vi)x & 0x7fffffff)); /* in this order NaN stays NaN */
    vf q = 5.18502022e-06f * a - 2.27224301e-05f;
    q = q * a - 0.000533671634f;
    q = q * a + 0.00758315423f;
    q = q * a - 0.0528558944f;
    q = q * a - 0.459089682f;
    q = q * a - 1.15111948f;
    q = q * a - 0.999999725f;
    vf tail = vexp2(q);
    vf d = 2.51578750e-05f * a - 9.44999302e-05f; /* 1 + a q'(a) ln 2 */
    d = d * a - 0.00184956494f;
    d = d * a + 0.0210249679f;
    d = d * a - 0.109910743f;
    d = d * a - 0.636433437f;
    d = d * a - 0.797895222f;
    d = (d * a + 1.0f) * tail;
    *slope = vpick(x < 0, d, 1.0f - d);
    return vmax(x, splat(0)) - a * tail;
}

/* GELU as GPT-2 takes it (Hendrycks and Gimpel 2016), x / (1 + exp(-2 u)) with u = sqrt(2/pi) (x + 0.044715 x^3), which
 * is x (1 + tanh u) / 2; and its slope. */
static inline vf vgelu_tanh(vf x, vf *slope) {
    vf square = x * x, e = vexp(x * (-1.59576912f - 0.0713548163f * square)); /* exp(-2 u) */
    vf phi = 1.0f / (1.0f + e), rest = e * phi; /* 1 - phi, with its digits */
    *slope = phi + x * phi * rest * (1.59576912f + 0.214064449f * square);
    return x * phi;
}

#endif
