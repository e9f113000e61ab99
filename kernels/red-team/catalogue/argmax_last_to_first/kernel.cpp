typedef long i64;

extern "C" void argmax(int part, int parts, const float* in, i64* out, float* best, i64 outer, i64 mid, i64 inner) {
    for (i64 o = outer * part / parts; o < outer * (part + 1) / parts; ++o) {
        float* b = best + o * inner;
        i64* y = out + o * inner;
        const float* x = in + (o * mid + mid - 1) * inner;
        for (i64 j = 0; j < inner; ++j) b[j] = x[j], y[j] = mid - 1;
        for (i64 m = mid - 2; m >= 0; --m) {
            x -= inner;
            for (i64 j = 0; j < inner; ++j)
                if (x[j] >= b[j] || x[j] != x[j]) b[j] = x[j], y[j] = m;
        }
    }
}
