#include <cmath>
#include <cstdint>

extern "C" void inside(int part, int parts, const float* x, float* y, double* totals, int64_t rows, int64_t cols,
                       int64_t blocks) {
    for (int64_t r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        for (int64_t b = 0; b < blocks; ++b) {
            double sum = 0;
            for (int64_t c = b * 64; c < cols && c < b * 64 + 64; ++c) {
                sum += x[r * cols + c];
                y[r * cols + c] = static_cast<float>(sum);
            }
            totals[r * blocks + b] = sum;
        }
    }
}

// In place on the output, by other parts than those that wrote it.
extern "C" void across(int part, int parts, float* y, const double* totals, int64_t rows, int64_t cols, int64_t blocks) {
    for (int64_t r = part; r < rows; r += parts) {
        double carry = 0;
        for (int64_t b = 0; b < blocks; ++b) {
            for (int64_t c = b * 64; c < cols && c < b * 64 + 64; ++c) {
                y[r * cols + c] = static_cast<float>(carry + y[r * cols + c]);
            }
            carry += totals[r * blocks + b];
        }
    }
}
