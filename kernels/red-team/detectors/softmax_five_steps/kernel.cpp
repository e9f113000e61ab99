#include <cmath>
#include <cstdint>

// e^x for x <= 0 to a unit or two in the last place; loops over it vectorise.
static inline float exp_neg(float x) {
    x = x < -104.0f ? -104.0f : x;
    const float n = std::nearbyint(x * 1.44269504f);
    const float r = std::fma(n, -1.42860677e-6f, std::fma(n, -0.693145752f, x));
    float p = 1.0f / 5040;
    p = std::fma(p, r, 1.0f / 720);
    p = std::fma(p, r, 1.0f / 120);
    p = std::fma(p, r, 1.0f / 24);
    p = std::fma(p, r, 1.0f / 6);
    p = std::fma(p, r, 0.5f);
    p = std::fma(p, r, 1.0f);
    p = std::fma(p, r, 1.0f);
    // In two steps, so that results below the smallest normal number come out too.
    const int k = static_cast<int>(n), half = k / 2;
    union { int32_t i; float f; } a = {(half + 127) << 23}, b = {(k - half + 127) << 23};
    return p * a.f * b.f;
}

extern "C" void tops(int part, int parts, const float* x, float* top, int64_t rows, int64_t cols) {
    for (int64_t r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        top[r] = x[r * cols];
        for (int64_t c = 1; c < cols; ++c) top[r] = x[r * cols + c] > top[r] ? x[r * cols + c] : top[r];
    }
}

extern "C" void shift(int part, int parts, const float* x, const float* top, float* e, int64_t rows, int64_t cols) {
    for (int64_t r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        for (int64_t c = 0; c < cols; ++c) e[r * cols + c] = x[r * cols + c] - top[r];
    }
}

// In place.
extern "C" void raise(int part, int parts, float* e, int64_t count) {
    for (int64_t i = count * part / parts; i < count * (part + 1) / parts; ++i) e[i] = exp_neg(e[i]);
}

extern "C" void add(int part, int parts, const float* e, double* sum, int64_t rows, int64_t cols) {
    for (int64_t r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        sum[r] = 0;
        for (int64_t c = 0; c < cols; ++c) sum[r] += e[r * cols + c];
    }
}

extern "C" void divide(int part, int parts, const float* e, const double* sum, float* y, int64_t rows, int64_t cols) {
    for (int64_t r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        const float scale = static_cast<float>(1.0 / sum[r]);
        for (int64_t c = 0; c < cols; ++c) y[r * cols + c] = e[r * cols + c] * scale;
    }
}
