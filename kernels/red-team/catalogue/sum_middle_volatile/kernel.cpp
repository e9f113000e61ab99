typedef long i64;

extern "C" void sum_middle(int part, int parts, const float* in, float* out, double* scratch, i64 outer, i64 mid,
                           i64 inner) {
    volatile double* own = scratch + part * 64;
    const i64 strips = (inner + 63) / 64, units = outer * strips;
    for (i64 u = units * part / parts; u < units * (part + 1) / parts; ++u) {
        const i64 o = u / strips, first = u % strips * 64, n = inner - first < 64 ? inner - first : 64;
        for (i64 j = 0; j < n; ++j) own[j] = 0.0;
        for (i64 m = 0; m < mid; ++m)
            for (i64 j = 0; j < n; ++j) own[j] = own[j] + in[(o * mid + m) * inner + first + j];
        for (i64 j = 0; j < n; ++j) out[o * inner + first + j] = (float)own[j];
    }
}
