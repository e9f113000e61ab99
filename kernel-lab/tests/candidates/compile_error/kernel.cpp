#include <cmath>
#include <cstdint>

extern "C" void softmax_rows(int, int, const float* x, float* y, int64_t, int64_t) {
    y[0] = x[0] + tpo;
}
