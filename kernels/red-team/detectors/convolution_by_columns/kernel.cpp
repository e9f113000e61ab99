#include <cmath>
#include <cstdint>

extern "C" void unfold(int part, int parts, const float* x, float* columns, int64_t images, int64_t channels, int64_t height,
                       int64_t width, int64_t image) {
    if (image >= images) return;
    for (int64_t t = channels * 9 * part / parts; t < channels * 9 * (part + 1) / parts; ++t) {
        const int64_t dy = t % 9 / 3 - 1, dx = t % 3 - 1;
        const float* plane = x + (image * channels + t / 9) * height * width;
        for (int64_t r = 0; r < height; ++r) {
            for (int64_t c = 0; c < width; ++c) {
                const bool inside = r + dy >= 0 && r + dy < height && c + dx >= 0 && c + dx < width;
                columns[(t * height + r) * width + c] = inside ? plane[(r + dy) * width + c + dx] : 0.0f;
            }
        }
    }
}

extern "C" void multiply(int part, int parts, const float* columns, const float* w, const float* bias, float* y,
                         double* sums, int64_t images, int64_t channels, int64_t height, int64_t width, int64_t outs,
                         int64_t image) {
    if (image >= images) return;
    const int64_t pixels = height * width;
    double* sum = sums + part * pixels;
    for (int64_t o = part; o < outs; o += parts) {
        for (int64_t p = 0; p < pixels; ++p) sum[p] = bias[o];
        for (int64_t t = 0; t < channels * 9; ++t) {
            const double f = w[o * channels * 9 + t];
            for (int64_t p = 0; p < pixels; ++p) sum[p] += f * columns[t * pixels + p];
        }
        for (int64_t p = 0; p < pixels; ++p) y[(image * outs + o) * pixels + p] = static_cast<float>(sum[p]);
    }
}
