#include <cmath>
typedef long i64;

extern "C" void turn(int part, int parts, const float* in, float* turned, i64 rows, i64 cols) {
    for (i64 r = rows * part / parts; r < rows * (part + 1) / parts; ++r)
        for (i64 j = 0; j < cols; ++j) turned[j * rows + r] = in[r * cols + j];
}
extern "C" void statistics(int part, int parts, float* turned, double* mean, double* scale, i64 rows, i64 cols,
                           double eps) {
    const i64 first = rows * part / parts, last = rows * (part + 1) / parts;
    for (i64 r = first; r < last; ++r) mean[r] = scale[r] = 0.0;
    for (i64 j = 0; j < cols; ++j)
        for (i64 r = first; r < last; ++r) mean[r] += turned[j * rows + r];
    for (i64 r = first; r < last; ++r) mean[r] /= (double)cols;
    for (i64 j = 0; j < cols; ++j)
        for (i64 r = first; r < last; ++r) {
            const double d = turned[j * rows + r] - mean[r];
            scale[r] += d * d;
        }
    for (i64 r = first; r < last; ++r) scale[r] = 1.0 / std::sqrt(scale[r] / (double)cols + eps);
}
extern "C" void normalise(int part, int parts, float* turned, double* mean, double* scale, const float* weight,
                          const float* bias, float* out, i64 rows, i64 cols) {
    for (i64 r = rows * part / parts; r < rows * (part + 1) / parts; ++r)
        for (i64 j = 0; j < cols; ++j)
            out[r * cols + j] = (float)((turned[j * rows + r] - mean[r]) * scale[r] * weight[j] + bias[j]);
}
