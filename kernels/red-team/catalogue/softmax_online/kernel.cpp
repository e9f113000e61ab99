#include <cmath>
typedef long i64;

extern "C" void softmax(int part, int parts, const float* in, float* out, i64 rows, i64 cols) {
    for (i64 r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        const float* x = in + r * cols;
        double top = -INFINITY, sum = 0.0;
        for (i64 j = 0; j < cols; ++j) {
            const double v = x[j];
            if (v == -INFINITY) continue;  // adds nothing, and the difference of two of them is no number
            if (v > top) {
                sum *= std::exp(top - v);
                top = v;
            }
            sum += std::exp(v - top);
        }
        if (top == -INFINITY) sum = NAN;
        for (i64 j = 0; j < cols; ++j) out[r * cols + j] = (float)(std::exp(x[j] - top) / sum);
    }
}
