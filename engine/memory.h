/* Bump allocation from the caller's workspace. Starting at NULL, the same calls measure how much is needed. */
#ifndef FG_MEMORY_H
#define FG_MEMORY_H

#include <stdint.h>

static inline void *take(char **memory, int64_t bytes) {
    uintptr_t start = ((uintptr_t)*memory + 63) & ~(uintptr_t)63;
    *memory = (char *)(start + (uintptr_t)bytes);
    return (void *)start;
}

#endif
