#include <cmath>
typedef long i64;

static double dot(const float* x, const float* w, i64 k) {
    double s[8] = {};
    i64 l = 0;
    for (; l + 8 <= k; l += 8)
        for (int u = 0; u < 8; ++u) s[u] += (double)x[l + u] * w[l + u];
    for (; l < k; ++l) s[l & 7] += (double)x[l] * w[l];
    return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

extern "C" void linear(int part, int parts, const float* x, const float* weight, const float* bias, float* out, i64 m,
                       i64 k, i64 n, double scale) {
    // Split by outputs: each part reads only its own rows of the weights.
    for (i64 j = n * part / parts; j < n * (part + 1) / parts; ++j)
        for (i64 i = 0; i < m; ++i) {
            const double v = dot(x + i * k, weight + j * k, k) + bias[j];
            out[i * n + j] = (float)(v * std::erfc(v * -0.70710678118654752440) * 0.5 * scale);
        }
}
