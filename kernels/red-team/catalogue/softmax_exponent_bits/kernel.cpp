#include <cstdint>
#include <cstring>
typedef long i64;

static float quick_exp(float x) {
    const float t = (x < -86.0f ? -86.0f : x) * 1.44269504f + 127.0f;
    const int32_t whole = (int32_t)t;
    const float f = t - (float)whole;
    const float y = 1.0f + f * (0.6565f + 0.3435f * f);
    int32_t bits = whole << 23;
    float power;
    std::memcpy(&power, &bits, 4);
    return y * power;
}

extern "C" void softmax(int part, int parts, const float* in, float* out, i64 rows, i64 cols) {
    for (i64 r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        const float* x = in + r * cols;
        float* y = out + r * cols;
        float top = x[0], sum = 0.0f;
        for (i64 j = 1; j < cols; ++j) top = x[j] > top ? x[j] : top;
        for (i64 j = 0; j < cols; ++j) sum += y[j] = quick_exp(x[j] - top);
        for (i64 j = 0; j < cols; ++j) y[j] *= 1.0f / sum;
    }
}
