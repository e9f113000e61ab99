#include <cmath>
typedef long i64;

extern "C" void widen(int part, int parts, const float* in, double* work, i64 count) {
    for (i64 i = count * part / parts; i < count * (part + 1) / parts; ++i) work[i] = in[i];
}
extern "C" void phi(int part, int parts, double* work, i64 count) {
    for (i64 i = count * part / parts; i < count * (part + 1) / parts; ++i)
        work[i] = 0.5 * std::erfc(work[i] * -0.70710678118654752440);
}
extern "C" void product(int part, int parts, const float* in, double* work, float* out, i64 count) {
    for (i64 i = count * part / parts; i < count * (part + 1) / parts; ++i) out[i] = (float)(in[i] * work[i]);
}
