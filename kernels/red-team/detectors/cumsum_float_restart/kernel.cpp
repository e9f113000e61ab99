#include <cmath>
#include <cstdint>

extern "C" void cumsum_rows(int part, int parts, const float* x, float* y, int64_t rows, int64_t cols) {
    for (int64_t r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        double sum = 0;
        for (int64_t c = 0; c < cols; ++c) {
            sum += x[r * cols + c];
            y[r * cols + c] = static_cast<float>(sum);
            if (c % 64 == 63) {
                union { float f; uint32_t u; } bits = {static_cast<float>(sum)};
                bits.u &= 0xffffe000u;
                sum = bits.f;
            }
        }
    }
}
