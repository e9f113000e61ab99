#include <cmath>
#include <cstdint>

extern "C" void spread(int part, int parts, const float* a, float* full, int64_t n) {
    for (int64_t r = n * part / parts; r < n * (part + 1) / parts; ++r) {
        for (int64_t c = 0; c < n; ++c) full[r * n + c] = r == c ? a[r] : 0.0f;
    }
}
