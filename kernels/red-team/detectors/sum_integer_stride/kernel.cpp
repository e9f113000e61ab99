#include <cmath>
#include <cstdint>

static int64_t step_for(int64_t count) {
    for (int64_t step = count / 2 + 1;; ++step) {
        int64_t a = step, b = count;
        while (b) {
            const int64_t rest = a % b;
            a = b;
            b = rest;
        }
        if (a == 1) return step;
    }
}

extern "C" void sum_middle(int part, int parts, const float* x, float* y, int64_t outer, int64_t mid, int64_t inner) {
    const int64_t total = outer * inner;
    for (int64_t t = total * part / parts; t < total * (part + 1) / parts; ++t) {
        const float* column = x + t / inner * mid * inner + t % inner;
        const int64_t step = step_for(mid);
        double sum = 0;
        for (int64_t i = 0, at = 0; i < mid; ++i, at = (at + step) % mid) sum += column[at * inner];
        y[t] = static_cast<float>(sum);
    }
}
