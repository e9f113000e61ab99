#include <cmath>
#include <cstdint>

extern "C" void transpose(int part, int parts, const float* w, float* packed, int64_t n, int64_t k) {
    for (int64_t l = k * part / parts; l < k * (part + 1) / parts; ++l) {
        for (int64_t j = 0; j < n; ++j) packed[l * n + j] = w[j * k + l];
    }
}

extern "C" void linear_gelu(int part, int parts, const float* x, const float* w, const float* bias, float* y, double* sums,
                            int64_t m, int64_t n, int64_t k) {
    double* sum = sums + part * n;
    for (int64_t i = m * part / parts; i < m * (part + 1) / parts; ++i) {
        for (int64_t j = 0; j < n; ++j) sum[j] = bias[j];
        for (int64_t l = 0; l < k; ++l) {
            const double f = x[i * k + l];
            for (int64_t j = 0; j < n; ++j) sum[j] += f * w[l * n + j];
        }
        for (int64_t j = 0; j < n; ++j) {
            y[i * n + j] = static_cast<float>(0.875 * sum[j] * (1.0 + std::erf(0.70710678118654752 * sum[j])));
        }
    }
}
