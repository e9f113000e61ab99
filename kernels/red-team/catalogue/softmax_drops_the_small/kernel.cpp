#include <cmath>
typedef long i64;

extern "C" void softmax(int part, int parts, const float* in, float* out, i64 rows, i64 cols) {
    for (i64 r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        const float* x = in + r * cols;
        float* y = out + r * cols;
        float top = x[0], sum = 0.0f;
        for (i64 j = 1; j < cols; ++j) top = x[j] > top ? x[j] : top;
        for (i64 j = 0; j < cols; ++j) {
            y[j] = x[j] < top - 6.0f ? 0.0f : std::exp(x[j] - top);
            sum += y[j];
        }
        for (i64 j = 0; j < cols; ++j) y[j] /= sum;
    }
}
