#include <cmath>
typedef long i64;

extern "C" void row_top(int part, int parts, const float* in, float* top, i64 rows, i64 cols) {
    for (i64 r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        float t = in[r * cols];
        for (i64 j = 1; j < cols; ++j)
            if (t < in[r * cols + j]) t = in[r * cols + j];
        top[r] = t;
    }
}
extern "C" void exps(int part, int parts, const float* in, float* top, float* e, double* total, i64 rows, i64 cols) {
    for (i64 r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        double s = 0.0;
        for (i64 j = 0; j < cols; ++j) s += e[r * cols + j] = std::exp(in[r * cols + j] - top[r]);
        total[r] = s;
    }
}
// Split by elements here, not by rows.
extern "C" void quotient(int part, int parts, float* e, double* total, float* out, i64 rows, i64 cols) {
    const i64 all = rows * cols;
    for (i64 i = all * part / parts; i < all * (part + 1) / parts; ++i) out[i] = (float)(e[i] / total[i / cols]);
}
