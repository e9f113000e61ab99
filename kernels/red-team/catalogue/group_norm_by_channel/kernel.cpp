#include <cmath>
typedef long i64;

extern "C" void by_channel(int part, int parts, const float* in, double* mean, double* squares, i64 images,
                           i64 channels, i64 pixels) {
    const i64 units = images * channels;
    for (i64 u = units * part / parts; u < units * (part + 1) / parts; ++u) {
        const float* x = in + u * pixels;
        double s = 0.0, q = 0.0;
        for (i64 i = 0; i < pixels; ++i) s += x[i];
        s /= (double)pixels;
        for (i64 i = 0; i < pixels; ++i) q += (x[i] - s) * (x[i] - s);
        mean[u] = s;
        squares[u] = q;
    }
}
extern "C" void finish(int part, int parts, const float* in, const float* weight, const float* bias, double* mean,
                       double* squares, float* out, i64 images, i64 channels, i64 groups, i64 pixels, double eps) {
    const i64 each = channels / groups, units = images * channels;
    for (i64 u = units * part / parts; u < units * (part + 1) / parts; ++u) {
        const i64 first = u / each * each, c = u % channels;
        double centre = 0.0, q = 0.0;
        for (i64 g = first; g < first + each; ++g) centre += mean[g] / (double)each;
        for (i64 g = first; g < first + each; ++g)
            q += squares[g] + (double)pixels * (mean[g] - centre) * (mean[g] - centre);
        const double scale = weight[c] / std::sqrt(q / (double)(each * pixels) + eps);
        for (i64 i = 0; i < pixels; ++i) {
            const double v = (in[u * pixels + i] - centre) * scale + bias[c];
            out[u * pixels + i] = (float)(v / (1.0 + std::exp(-v)));
        }
    }
}
