/* Sets of small integers, as bits. */
#ifndef FG_SETS_H
#define FG_SETS_H

#include <stdint.h>

typedef uint64_t word;

static inline int64_t words(int64_t bits) { return (bits + 63) / 64; }

static inline void put(word *set, int64_t k) { set[k >> 6] |= (word)1 << (k & 63); }

static inline void drop(word *set, int64_t k) { set[k >> 6] &= ~((word)1 << (k & 63)); }

/* Puts low .. end - 1, which are not none. */
static inline void put_range(word *set, int64_t low, int64_t end) {
    const int64_t first = low >> 6, last = (end - 1) >> 6;
    const word begins = ~(word)0 << (low & 63), ends = ~(word)0 >> (63 - ((end - 1) & 63));
    for (int64_t k = first; k <= last; k++) set[k] |= (k == first ? begins : ~(word)0) & (k == last ? ends : ~(word)0);
}

static inline int64_t size(const word *set, int64_t n) {
    int64_t many = 0;
    for (int64_t k = 0; k < n; k++) many += __builtin_popcountll(set[k]);
    return many;
}

/* The members of a set, as a loop: k takes each in turn. */
#define EACH(k, set, n) \
    for (int64_t k##_word = 0, k; k##_word < (n); k##_word++) \
        for (word k##_left = (set)[k##_word]; k##_left && (k = k##_word * 64 + __builtin_ctzll(k##_left), 1); \
             k##_left &= k##_left - 1)

#endif
