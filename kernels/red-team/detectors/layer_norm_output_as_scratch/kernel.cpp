#include <cmath>
#include <cstdint>

extern "C" void layer_norm(int part, int parts, const float* x, const float* w, const float* b, float* y, int64_t rows,
                           int64_t cols, double eps) {
    for (int64_t r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        const float* in = x + r * cols;
        float* out = y + r * cols;
        double sum = 0, square = 0;
        for (int64_t c = 0; c < cols; ++c) sum += in[c];
        const double mean = sum / static_cast<double>(cols);
        for (int64_t c = 0; c < cols; ++c) {
            out[c] = static_cast<float>(in[c] - mean);
            square += (in[c] - mean) * (in[c] - mean);
        }
        const float scale = static_cast<float>(1.0 / std::sqrt(square / static_cast<double>(cols) + eps));
        for (int64_t c = 0; c < cols; ++c) out[c] = out[c] * scale * w[c] + b[c];
    }
}
