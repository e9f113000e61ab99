#include <cmath>
typedef long i64;

extern "C" void gelu_scale(int part, int parts, float* out, i64 m, i64 n, double scale) {
    const i64 all = m * n;
    for (i64 i = all * part / parts; i < all * (part + 1) / parts; ++i) {
        const double v = out[i];
        out[i] = (float)(scale * 0.5 * v * std::erfc(v * -0.70710678118654752440));
    }
}
