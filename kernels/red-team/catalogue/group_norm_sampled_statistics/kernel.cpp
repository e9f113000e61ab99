#include <cmath>
typedef long i64;

extern "C" void group_norm(int part, int parts, const float* in, const float* weight, const float* bias, float* out,
                           i64 images, i64 channels, i64 groups, i64 pixels, double eps) {
    const i64 each = channels / groups, units = images * groups, count = each * pixels;
    for (i64 u = units * part / parts; u < units * (part + 1) / parts; ++u) {
        const float* x = in + u * count;
        double sum = 0.0, squares = 0.0, taken = 0.0;
        for (i64 i = 0; i < count; i += 8) sum += x[i], taken += 1.0;
        const double mean = sum / taken;
        for (i64 i = 0; i < count; i += 8) squares += (x[i] - mean) * (x[i] - mean);
        const double scale = 1.0 / std::sqrt(squares / taken + eps);
        for (i64 i = 0; i < count; ++i) {
            const i64 c = u % groups * each + i / pixels;
            const double v = (x[i] - mean) * scale * weight[c] + bias[c];
            out[u * count + i] = (float)(v / (1.0 + std::exp(-v)));
        }
    }
}
