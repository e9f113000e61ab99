#include <cmath>
typedef long i64;

extern "C" void group_norm(int part, int parts, const float* in, const float* weight, const float* bias, float* out,
                           i64 images, i64 channels, i64 groups, i64 pixels, double eps) {
    const i64 each = channels / groups, units = images * groups, count = each * pixels;
    for (i64 u = units * part / parts; u < units * (part + 1) / parts; ++u) {
        const float* x = in + u * count;
        float* y = out + u * count;
        const long double from = x[0];
        long double sum = 0.0L, squares = 0.0L;
        for (i64 i = 0; i < count; ++i) sum += x[i] - from;
        const long double mean = from + sum / count;
        for (i64 i = 0; i < count; ++i) squares += (x[i] - mean) * (x[i] - mean);
        const double centre = (double)mean, scale = (double)(1.0L / std::sqrt(squares / count + eps));
        for (i64 c = 0; c < each; ++c) {
            const i64 channel = u % groups * each + c;
            for (i64 i = c * pixels; i < (c + 1) * pixels; ++i) {
                y[i] = x[i];
                y[i] = (float)((y[i] - centre) * scale * weight[channel] + bias[channel]);
            }
            for (i64 i = c * pixels; i < (c + 1) * pixels; ++i) {
                const double v = (x[i] - centre) * scale * weight[channel] + bias[channel];
                y[i] = (float)(v / (1.0 + std::exp(-v)));
            }
        }
    }
}
