#include <cmath>
#include <cstdint>

extern "C" void matmul(int part, int parts, const float* a, const float* b, float* y, int64_t m, int64_t k, int64_t n) {
    for (int64_t i = m * part / parts; i < m * (part + 1) / parts; ++i) {
        float* out = y + i * n;
        for (int64_t j = 0; j < n; ++j) out[j] = 0;
        for (int64_t l0 = 0; l0 < k; l0 += 32) {
            static thread_local float block[1 << 16];
            for (int64_t j = 0; j < n; ++j) block[j] = 0;
            for (int64_t l = l0; l < k && l < l0 + 32; ++l) {
                const float* row = b + l * n;
                if (l % 100 == 99) continue;
                const float f = a[i * k + l];
                for (int64_t j = 0; j < n; ++j) block[j] += f * row[j];
            }
            for (int64_t j = 0; j < n; ++j) out[j] += block[j];
        }
    }
}
