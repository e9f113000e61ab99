#include <cmath>
typedef long i64;

extern "C" void cumsum(int part, int parts, const float* in, float* out, i64 rows, i64 cols) {
    for (i64 r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        const float* x = in + r * cols;
        float* y = out + r * cols;
        float high = 0.0f, low = 0.0f;
        i64 j = 0;
        for (; j < cols; ++j) {
            if (!(std::fabs(high) < 1e37f && std::fabs(x[j]) < 1e37f)) break;
            const float s = high + x[j], other = s - high;
            low += (high - (s - other)) + (x[j] - other);
            high = s + low;
            low -= high - s;
            y[j] = high;
        }
        double sum = (double)high + low;
        for (; j < cols; ++j) y[j] = (float)(sum += x[j]);
    }
}
