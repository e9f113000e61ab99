typedef long i64;

extern "C" void sum_middle(int part, int parts, const float* in, float* out, float* sums, i64 outer, i64 mid,
                           i64 inner) {
    for (i64 o = outer * part / parts; o < outer * (part + 1) / parts; ++o) {
        float* s = sums + o * inner;
        for (i64 m = 0; m < mid; ++m)
            for (i64 j = 0; j < inner; ++j) s[j] += in[(o * mid + m) * inner + j];
        for (i64 j = 0; j < inner; ++j) out[o * inner + j] = s[j], s[j] = 0.0f;
    }
}
