#include <cmath>
#include <cstdint>
typedef long i64;

static float quantised(const float* x, int8_t* q, i64 k) {
    float top = 1e-30f;
    for (i64 l = 0; l < k; ++l) top = std::fabs(x[l]) > top ? std::fabs(x[l]) : top;
    for (i64 l = 0; l < k; ++l) q[l] = (int8_t)std::lrint(x[l] / top * 127.0f);
    return top / 127.0f;
}

extern "C" void quantise(int part, int parts, const float* weight, uint8_t* q, float* scale, i64 n, i64 k) {
    for (i64 j = n * part / parts; j < n * (part + 1) / parts; ++j)
        scale[j] = quantised(weight + j * k, (int8_t*)q + j * k, k);
}
extern "C" void linear(int part, int parts, const float* x, uint8_t* qw, float* sw, const float* bias, float* out,
                       i64 m, i64 k, i64 n, double scale) {
    int8_t qx[8192];
    for (i64 i = m * part / parts; i < m * (part + 1) / parts; ++i) {
        const float sx = quantised(x + i * k, qx, k < 8192 ? k : 8192);
        for (i64 j = 0; j < n; ++j) {
            const int8_t* w = (const int8_t*)qw + j * k;
            int32_t s = 0;
            for (i64 l = 0; l < k && l < 8192; ++l) s += (int32_t)qx[l] * w[l];
            const float v = (float)s * sx * sw[j] + bias[j];
            out[i * n + j] = (float)scale * 0.5f * v * (1.0f + std::erf(v * 0.70710678f));
        }
    }
}
