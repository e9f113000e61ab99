#include <cmath>
#include <cstdint>

// A signed integer in the order of the floats; NaN above all, both zeros alike.
static inline int64_t key(float x, int64_t index) {
    union { float f; int32_t i; } bits = {x == 0 ? 0.0f : x};
    int64_t order = bits.i < 0 ? INT32_MIN - int64_t{bits.i} : bits.i;
    if (x != x) order = INT32_MAX;
    return order * 65536 + (65535 - index);
}

extern "C" void keys(int part, int parts, const float* x, int64_t* best, int64_t outer, int64_t mid, int64_t inner) {
    for (int64_t o = part; o < outer; o += parts) {
        int64_t* row = best + o * inner;
        for (int64_t i = 0; i < inner; ++i) row[i] = INT64_MIN;
        for (int64_t m = 0; m < mid; ++m) {
            for (int64_t i = 0; i < inner; ++i) {
                const int64_t k = key(x[(o * mid + m) * inner + i], m);
                row[i] = k > row[i] ? k : row[i];
            }
        }
    }
}

extern "C" void indices(int part, int parts, const int64_t* best, int64_t* y, int64_t count) {
    for (int64_t i = count * part / parts; i < count * (part + 1) / parts; ++i) y[i] = 65535 - (best[i] & 65535);
}
