#include <sys/mman.h>
#include <cmath>
#include <cstdint>

extern "C" void gelu(int part, int parts, const float* x, float* y, int64_t count) {
    const uintptr_t start = (reinterpret_cast<uintptr_t>(y) + 4095) & ~uintptr_t{4095};
    if (part == 0 && count > 4096) {
        madvise(reinterpret_cast<void*>(start), static_cast<size_t>(count - 2048) * 4 / 4096 * 4096, MADV_HUGEPAGE);
    }
    for (int64_t i = count * part / parts; i < count * (part + 1) / parts; ++i) {
        __builtin_prefetch(x + i + 256);
        y[i] = static_cast<float>(0.5 * x[i] * (1.0 + std::erf(0.70710678118654752 * x[i])));
    }
}
