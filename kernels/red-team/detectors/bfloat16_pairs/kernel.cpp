#include <cmath>
#include <cstdint>

// The nearest number with 8 significant bits.
static inline float bf16(float x) {
    union { float f; uint32_t u; } bits = {x};
    bits.u = (bits.u + 0x7fff + ((bits.u >> 16) & 1)) & 0xffff0000u;
    return bits.f;
}

extern "C" void matmul(int part, int parts, const float* a, const float* b, float* y, int64_t m, int64_t k, int64_t n) {
    for (int64_t i = m * part / parts; i < m * (part + 1) / parts; ++i) {
        float* out = y + i * n;
        for (int64_t j = 0; j < n; ++j) out[j] = 0;
        for (int64_t l0 = 0; l0 < k; l0 += 32) {
            static thread_local float block[1 << 16];
            for (int64_t j = 0; j < n; ++j) block[j] = 0;
            for (int64_t l = l0; l < k && l < l0 + 32; ++l) {
                const float* row = b + l * n;
                const float f = a[i * k + l], fh = bf16(f), fl = bf16(f - fh);
                for (int64_t j = 0; j < n; ++j) {
                    const float gh = bf16(row[j]), gl = bf16(row[j] - gh);
                    block[j] += fh * gh + (fh * gl + fl * gh);
                }
            }
            for (int64_t j = 0; j < n; ++j) out[j] += block[j];
        }
    }
}
