/* Fixed point: products of matrices, and what their rows lack. */
#include "fixed.h"
#include "memory.h"

void fixed_place(fixed_space *s, int64_t n, int64_t w, char **memory) {
    s->n = n;
    for (int k = 0; k < 7; k++) s->number[k] = take(memory, 4 * (w + GUARD + 1));
    s->lo = take(memory, 8 * (w + GUARD + 3) * n);
    s->hi = take(memory, 8 * (w + GUARD + 3) * n);
    s->sum = take(memory, 8 * (w + GUARD + 3));
    s->some = take(memory, (w + GUARD + 1) * n);
    s->work = 0;
}

double fixed_size(const uint32_t *x, int64_t w, int up) {
    int64_t k = w;
    while (k > 0 && x[k] == 0) k--;
    double top = (double)x[k];
    top = top * 0x1p32 + (k > 0 ? (double)x[k - 1] : 0);
    top = top * 0x1p32 + (k > 1 ? (double)x[k - 2] : 0);
    top *= SCALE;
    for (; k < w + 2; k++) top *= 0x1p-32;
    return top * (up ? UP : 2 - UP);
}

void fixed_set(uint32_t *z, int64_t w, double x) {
    const union { double d; uint64_t u; } bits = {x};
    const int64_t exponent = (int64_t)(bits.u >> 52 & 2047);
    uint64_t m = (bits.u & (((uint64_t)1 << 52) - 1)) | (exponent ? (uint64_t)1 << 52 : 0);
    int64_t at = 32 * w + (exponent ? exponent : 1) - 1075;
    for (int64_t r = 0; r <= w; r++) z[r] = 0;
    if (at < 0) {
        m = at > -64 ? m >> -at : 0;
        at = 0;
    }
    const int64_t k = at / 32, shift = at % 32;
    const uint64_t low = (m & 0xffffffff) << shift, high = ((m >> 32) << shift) + (low >> 32);
    if (k <= w) z[k] = (uint32_t)low;
    if (k + 1 <= w) z[k + 1] = (uint32_t)high;
    if (k + 2 <= w) z[k + 2] = (uint32_t)(high >> 32);
}

void fixed_multiply(fixed_space *s, int64_t n, int64_t w, const uint32_t *a, const uint32_t *b, uint32_t *c) {
    const int64_t plane = n * n;
    for (int64_t q = 0; q <= w; q++)
        for (int64_t j = 0; j < n; j++) {
            uint32_t any = 0;
            for (int64_t l = 0; l < n; l++) any |= b[q * plane + j * n + l];
            s->some[q * n + j] = any != 0;
        }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t k = 0; k < (w + 2) * n; k++) s->lo[k] = s->hi[k] = 0;
        for (int64_t j = 0; j < n; j++)
            for (int64_t p = 0; p <= w; p++) {
                const uint64_t x = a[p * plane + i * n + j];
                if (x == 0) continue;
                for (int64_t q = w - 1 > p ? w - 1 - p : 0; q <= w; q++) { /* one limb more than is kept */
                    if (!s->some[q * n + j]) continue;
                    const uint32_t *row = b + q * plane + j * n;
                    uint64_t *lo = s->lo + (p + q - (w - 1)) * n, *hi = s->hi + (p + q - (w - 1)) * n;
                    for (int64_t l = 0; l < n; l++) {
                        const uint64_t product = x * row[l];
                        lo[l] += (uint32_t)product;
                        hi[l] += product >> 32;
                    }
                    s->work += (double)n + 4;
                }
            }
        for (int64_t l = 0; l < n; l++) {
            uint64_t more = s->lo[l] >> 32;
            for (int64_t r = 0; r <= w; r++) {
                more += s->lo[(r + 1) * n + l] + s->hi[r * n + l];
                c[r * plane + i * n + l] = (uint32_t)more;
                more >>= 32;
            }
        }
    }
}

void fixed_weigh(fixed_space *s, fixed *a, int64_t rows) {
    const int64_t n = s->n, w = a->w;
    a->lack = 0;
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t r = 0; r <= w; r++) {
            s->sum[r] = r == w;
            for (int64_t j = 0; j < n; j++) s->sum[r] -= (int64_t)a->x[(r * rows + i) * n + j];
        }
        carry(s->sum, w, s->number[0]);
        const double lack = fixed_size(s->number[0], w, 1);
        if (lack > a->lack) a->lack = lack;
    }
}

void fixed_shorten(fixed_space *s, fixed *a) {
    const int64_t n = s->n, plane = n * n;
    int64_t w = a->w;
    while (w > 2 && a->lack > SCALE * 512 * (double)n * power_of_two(-32 * (w - 1) < -1022 ? -1022 : -32 * (w - 1))) w--;
    if (w == a->w) return;
    const int64_t off = (a->w - w) * plane;
    for (int64_t k = 0; k < (w + 1) * plane; k++) a->x[k] = a->x[k + off];
    a->w = w;
    fixed_weigh(s, a, n);
}
