#include <cmath>
typedef long i64;

extern "C" void sum_middle(int part, int parts, const float* in, float* out, float* pair, i64 outer, i64 mid,
                           i64 inner) {
    float* __restrict sum = pair + part * 2 * inner;
    float* __restrict lost = sum + inner;
    for (i64 o = outer * part / parts; o < outer * (part + 1) / parts; ++o) {
        for (i64 j = 0; j < inner; ++j) sum[j] = lost[j] = 0.0f;
        for (i64 m = 0; m < mid; ++m) {
            const float* x = in + (o * mid + m) * inner;
            for (i64 j = 0; j < inner; ++j) {
                const float s = sum[j] + x[j];
                // Whichever was smaller lost digits.
                lost[j] += std::fabs(sum[j]) >= std::fabs(x[j]) ? (sum[j] - s) + x[j] : (x[j] - s) + sum[j];
                sum[j] = s;
            }
        }
        for (i64 j = 0; j < inner; ++j) out[o * inner + j] = std::isfinite(sum[j]) ? sum[j] + lost[j] : sum[j];
    }
}
