#include <cmath>
#include <cstdint>

static inline float larger(float a, float b) {
    return a > b || a != a ? a : b;
}

extern "C" void along(int part, int parts, const float* x, float* y, int64_t rows, int64_t width, int64_t out_width) {
    for (int64_t r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        for (int64_t o = 0; o < out_width; ++o) {
            float top = -INFINITY;
            for (int64_t c = 2 * o - 1; c <= 2 * o + 1; ++c) {
                if (c >= 0 && c < width) top = larger(x[r * width + c], top);
            }
            y[r * out_width + o] = top;
        }
    }
}

extern "C" void down(int part, int parts, const float* x, float* y, int64_t planes, int64_t height, int64_t out_height,
                     int64_t out_width) {
    for (int64_t p = planes * part / parts; p < planes * (part + 1) / parts; ++p) {
        for (int64_t o = 0; o < out_height; ++o) {
            for (int64_t c = 0; c < out_width; ++c) {
                float top = -INFINITY;
                for (int64_t r = 2 * o - 1; r <= 2 * o + 1; ++r) {
                    if (r >= 0 && r < height) top = larger(x[(p * height + r) * out_width + c], top);
                }
                y[(p * out_height + o) * out_width + c] = top;
            }
        }
    }
}
