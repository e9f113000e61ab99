#include <cmath>
#include <cstdint>

extern "C" void transpose(int part, int parts, const float* w, float* packed, int64_t n, int64_t k) {
    for (int64_t l = k * part / parts; l < k * (part + 1) / parts; ++l) {
        for (int64_t j = 0; j < n; ++j) packed[l * n + j] = w[j * k + l];
    }
}

extern "C" void linear_gelu(int part, int parts, const float* x, const float* w, const float* bias, float* y, int64_t m,
                            int64_t n, int64_t k) {
    for (int64_t i = m * part / parts; i < m * (part + 1) / parts; ++i) {
        float* out = y + i * n;
        for (int64_t j = 0; j < n; ++j) out[j] = bias[j];
        for (int64_t l0 = 0; l0 < k; l0 += 32) {
            static thread_local float block[1 << 14];
            for (int64_t j = 0; j < n; ++j) block[j] = 0;
            for (int64_t l = l0; l < k && l < l0 + 32; ++l) {
                for (int64_t j = 0; j < n; ++j) block[j] += x[i * k + l] * w[l * n + j];
            }
            for (int64_t j = 0; j < n; ++j) out[j] += block[j];
        }
        for (int64_t j = 0; j < n; ++j) out[j] = static_cast<float>(0.875 * out[j] * (1.0 + std::erf(0.70710678118654752 * out[j])));
    }
}
