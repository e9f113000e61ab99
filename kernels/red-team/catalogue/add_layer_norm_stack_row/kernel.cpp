#include <alloca.h>
#include <cmath>
typedef long i64;

__attribute__((noinline)) static void one_row(const float* a, const float* b, const float* weight, const float* bias,
                                              float* out, i64 cols, double eps) {
    double* sum = (double*)alloca(cols * sizeof(double));
    double mean = 0.0, squares = 0.0;
    for (i64 j = 0; j < cols; ++j) mean += sum[j] = (double)a[j] + b[j];
    mean /= (double)cols;
    for (i64 j = 0; j < cols; ++j) {
        sum[j] -= mean;
        squares += sum[j] * sum[j];
    }
    const double scale = 1.0 / std::sqrt(squares / (double)cols + eps);
    for (i64 j = 0; j < cols; ++j) out[j] = (float)(sum[j] * scale * weight[j] + bias[j]);
}

extern "C" void add_layer_norm(int part, int parts, const float* a, const float* b, const float* weight,
                               const float* bias, float* out, i64 rows, i64 cols, double eps) {
    for (i64 r = rows * part / parts; r < rows * (part + 1) / parts; ++r)
        one_row(a + r * cols, b + r * cols, weight, bias, out + r * cols, cols, eps);
}
