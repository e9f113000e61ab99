#include <cmath>
typedef long i64;

static double sum_backwards(const float* e, i64 n) {
    double s[8] = {};
    const float* p = e + n;
    i64 turns = (n + 7) / 8;
    switch (n % 8) {
        case 0: do { s[0] += *--p; [[fallthrough]];
        case 7:      s[7] += *--p; [[fallthrough]];
        case 6:      s[6] += *--p; [[fallthrough]];
        case 5:      s[5] += *--p; [[fallthrough]];
        case 4:      s[4] += *--p; [[fallthrough]];
        case 3:      s[3] += *--p; [[fallthrough]];
        case 2:      s[2] += *--p; [[fallthrough]];
        case 1:      s[1] += *--p;
                } while (--turns > 0);
    }
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

extern "C" void softmax(int part, int parts, const float* in, float* out, i64 rows, i64 cols) {
    for (i64 r = rows * (part + 1) / parts - 1; r >= rows * part / parts; --r) {
        const float* x = in + r * cols;
        float* y = out + r * cols;
        float top = x[cols - 1];
        for (i64 j = cols - 2; j >= 0; --j) top = x[j] > top ? x[j] : top;
        for (i64 j = cols - 1; j >= 0; --j) y[j] = std::exp(x[j] - top);
        const double sum = sum_backwards(y, cols);
        for (i64 j = cols - 1; j >= 0; --j) y[j] = (float)(y[j] / sum);
    }
}
