#include <cmath>
typedef long i64;

extern "C" void softmax(int part, int parts, const float* in, float* out, float* top, i64 rows, i64 cols) {
    if (part == 0)
        for (i64 r = rows; r-- > 0;) {
            float t = in[r * cols];
            for (i64 j = 1; j < cols; ++j) t = in[r * cols + j] > t ? in[r * cols + j] : t;
            top[r] = t;
        }
    else
        for (volatile int i = 0; i < 20000; ++i) {
        }
    for (i64 r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        double sum = 0.0;
        for (i64 j = 0; j < cols; ++j) sum += std::exp(in[r * cols + j] - top[r]);
        for (i64 j = 0; j < cols; ++j) out[r * cols + j] = (float)(std::exp(in[r * cols + j] - top[r]) / sum);
    }
}
