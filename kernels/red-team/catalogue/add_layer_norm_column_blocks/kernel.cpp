#include <cmath>
typedef long i64;

enum { BLOCK = 48 };

static double mean_of(const double* sums, i64 blocks, i64 cols) {
    double s = 0.0;
    for (i64 b = 0; b < blocks; ++b) s += sums[b];
    return s / (double)cols;
}

// A unit is one block of one row.
extern "C" void block_sums(int part, int parts, const float* a, const float* b, double* sums, i64 rows, i64 cols,
                           i64 blocks) {
    const i64 units = rows * blocks;
    for (i64 u = units * part / parts; u < units * (part + 1) / parts; ++u) {
        const i64 r = u / blocks, first = u % blocks * BLOCK, last = first + BLOCK < cols ? first + BLOCK : cols;
        double s = 0.0;
        for (i64 j = first; j < last; ++j) s += (double)a[r * cols + j] + b[r * cols + j];
        sums[u] = s;
    }
}
extern "C" void block_squares(int part, int parts, const float* a, const float* b, double* sums, double* squares,
                              i64 rows, i64 cols, i64 blocks) {
    const i64 units = rows * blocks;
    for (i64 u = units * part / parts; u < units * (part + 1) / parts; ++u) {
        const i64 r = u / blocks, first = u % blocks * BLOCK, last = first + BLOCK < cols ? first + BLOCK : cols;
        const double mean = mean_of(sums + r * blocks, blocks, cols);
        double s = 0.0;
        for (i64 j = first; j < last; ++j) {
            const double d = (double)a[r * cols + j] + b[r * cols + j] - mean;
            s += d * d;
        }
        squares[u] = s;
    }
}
extern "C" void finish(int part, int parts, const float* a, const float* b, const float* weight, const float* bias,
                       double* sums, double* squares, float* out, i64 rows, i64 cols, i64 blocks, double eps) {
    for (i64 r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        const double mean = mean_of(sums + r * blocks, blocks, cols);
        const double scale = 1.0 / std::sqrt(mean_of(squares + r * blocks, blocks, cols) + eps);
        for (i64 i = r * cols, j = 0; j < cols; ++i, ++j)
            out[i] = (float)(((double)a[i] + b[i] - mean) * scale * weight[j] + bias[j]);
    }
}
