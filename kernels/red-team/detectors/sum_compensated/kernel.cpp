#include <cmath>
#include <cstdint>

extern "C" void sum_middle(int part, int parts, const float* x, float* y, int64_t outer, int64_t mid, int64_t inner) {
    const int64_t total = outer * inner;
    for (int64_t t = total * part / parts; t < total * (part + 1) / parts; ++t) {
        const float* column = x + t / inner * mid * inner + t % inner;
        volatile float carry = 0;
        float sum = 0;
        for (int64_t i = 0; i < mid; ++i) {
            const float term = column[i * inner] - carry;
            const volatile float next = sum + term;
            const volatile float gained = next - sum;
            carry = gained - term;
            sum = next;
        }
        y[t] = sum;
    }
}
