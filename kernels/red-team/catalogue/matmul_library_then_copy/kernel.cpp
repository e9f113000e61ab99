#include <cstring>
typedef long i64;

extern "C" void copy(int part, int parts, float* product, float* out, i64 m, i64 n) {
    const i64 first = m * part / parts * n, last = m * (part + 1) / parts * n;
    std::memcpy(out + first, product + first, (last - first) * sizeof(float));
}
