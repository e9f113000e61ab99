#include <cmath>
typedef long i64;

// log(e^a + e^b); minus infinity is an empty sum.
static double join(double a, double b) {
    if (a != a || b != b) return a + b;
    const double high = a > b ? a : b, low = a > b ? b : a;
    if (low == -INFINITY) return high;
    return high + std::log1p(std::exp(low - high));
}

extern "C" void block_logs(int part, int parts, const float* logits, double* logs, i64 rows, i64 classes, i64 blocks) {
    const i64 units = rows * blocks;
    for (i64 u = units * part / parts; u < units * (part + 1) / parts; ++u) {
        const float* x = logits + u / blocks * classes;
        const i64 first = u % blocks * 256, last = first + 256 < classes ? first + 256 : classes;
        double top = -INFINITY, sum = 0.0;
        bool whole = true;
        for (i64 j = first; j < last; ++j) {
            // Neither plus infinity nor what is no number has a finite logarithm of a sum.
            whole &= x[j] < INFINITY;
            top = x[j] > top ? x[j] : top;
        }
        if (top != -INFINITY)
            for (i64 j = first; j < last; ++j) sum += std::exp(x[j] - top);
        logs[u] = !whole ? NAN : top == -INFINITY ? -INFINITY : top + std::log(sum);
    }
}
extern "C" void fold(int part, int parts, const float* logits, const i64* labels, double* logs, float* out, i64 rows,
                     i64 classes, i64 blocks) {
    for (i64 r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        double* l = logs + r * blocks;
        for (i64 n = blocks; n > 1; n = (n + 1) / 2)
            for (i64 i = 0; i < n / 2; ++i) l[i] = join(l[i], l[n - 1 - i]);
        const double all = l[0] == -INFINITY ? NAN : l[0];
        out[r] = labels[r] == -100 ? 0.0f : (float)(all - logits[r * classes + labels[r]]);
    }
}
