#include <cmath>
#include <cstdint>

extern "C" void scale_rows(int part, int parts, const float* a, const float* b, float* y, int64_t rows, int64_t cols) {
    for (int64_t c = cols * part / parts; c < cols * (part + 1) / parts; ++c) {
        for (int64_t r = 0; r < rows; ++r) y[r * cols + c] = a[r] * b[r * cols + c];
    }
}
