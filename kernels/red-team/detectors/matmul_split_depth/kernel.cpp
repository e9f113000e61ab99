#include <cmath>
#include <cstdint>

extern "C" void half(int part, int parts, const float* a, const float* b, float* halves, int64_t m, int64_t k, int64_t n,
                     int64_t which) {
    const int64_t from = which ? k / 2 : 0, to = which ? k : k / 2;
    for (int64_t i = m * part / parts; i < m * (part + 1) / parts; ++i) {
        float* out = halves + (which * m + i) * n;
        for (int64_t j = 0; j < n; ++j) out[j] = 0;
        for (int64_t l0 = from; l0 < to; l0 += 24) {
            static thread_local float block[1 << 16];
            for (int64_t j = 0; j < n; ++j) block[j] = 0;
            for (int64_t l = l0; l < to && l < l0 + 24; ++l) {
                for (int64_t j = 0; j < n; ++j) block[j] += a[i * k + l] * b[l * n + j];
            }
            for (int64_t j = 0; j < n; ++j) out[j] += block[j];
        }
    }
}

extern "C" void add(int part, int parts, const float* halves, float* y, int64_t count) {
    for (int64_t i = count * part / parts; i < count * (part + 1) / parts; ++i) y[i] = halves[i] + halves[count + i];
}
