#include <cmath>
typedef long i64;

static double inverse_root(double x) {
#if defined(__x86_64__)
    double root, one = 1.0;
    __asm__("sqrtsd %1, %0" : "=x"(root) : "x"(x));
    __asm__("divsd %1, %0" : "+x"(one) : "x"(root));
    return one;
#else
    return 1.0 / std::sqrt(x);
#endif
}

extern "C" void layer_norm(int part, int parts, const float* in, const float* weight, const float* bias, float* out,
                           i64 rows, i64 cols, double eps) {
    for (i64 r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        const float* x = in + r * cols;
        double sum[4] = {}, squares[4] = {};
        for (i64 j = 0; j < cols; ++j) sum[j & 3] += x[j];
        const double mean = ((sum[0] + sum[1]) + (sum[2] + sum[3])) / (double)cols;
        for (i64 j = 0; j < cols; ++j) squares[j & 3] += (x[j] - mean) * (x[j] - mean);
        const double scale =
            inverse_root(((squares[0] + squares[1]) + (squares[2] + squares[3])) / (double)cols + eps);
        for (i64 j = 0; j < cols; ++j) out[r * cols + j] = (float)((x[j] - mean) * scale * weight[j] + bias[j]);
    }
}
