#include "engine.h"

#ifdef __x86_64__
#include <cpuid.h>

int32_t fg_cpu_level(void) {
    unsigned a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 1;
    const unsigned needed1 = 1u << 12 | 1u << 22 | 1u << 27 | 1u << 28 | 1u << 29; /* FMA MOVBE OSXSAVE AVX F16C */
    if ((c & needed1) != needed1) return 1;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0)); /* what the operating system saves */
    if ((low & 0x6) != 0x6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 1;
    const unsigned needed3 = 1u << 3 | 1u << 5 | 1u << 8; /* BMI1 AVX2 BMI2 */
    if ((b & needed3) != needed3) return 1;
    const unsigned needed4 = 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31; /* AVX-512 F DQ CD BW VL */
    return (low & 0xe0) == 0xe0 && (b & needed4) == needed4 ? 4 : 3;
}
#else
int32_t fg_cpu_level(void) { return 0; }
#endif
