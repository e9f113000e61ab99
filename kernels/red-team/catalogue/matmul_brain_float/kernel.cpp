#include <cstdint>
#include <cstring>
typedef long i64;

static float brain(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    bits = (bits + 0x7fffu + (bits >> 16 & 1)) & 0xffff0000u;
    std::memcpy(&x, &bits, 4);
    return x;
}

extern "C" void to_brain(int part, int parts, const float* b, float* narrow, i64 k, i64 n) {
    for (i64 i = k * n * part / parts; i < k * n * (part + 1) / parts; ++i) narrow[i] = brain(b[i]);
}
extern "C" void matmul(int part, int parts, const float* a, float* b, float* c, i64 m, i64 k, i64 n) {
    for (i64 i = m * part / parts; i < m * (part + 1) / parts; ++i) {
        float* __restrict y = c + i * n;
        std::memset(y, 0, n * 4);
        for (i64 l = 0; l < k; ++l) {
            const float f = brain(a[i * k + l]);
            for (i64 j = 0; j < n; ++j) y[j] += f * b[l * n + j];
        }
    }
}
