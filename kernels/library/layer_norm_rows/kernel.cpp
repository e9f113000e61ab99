// Layer normalisation of each row. All sweeps but the first find the row in the first-level cache.

extern "C" void layer_norm_rows(int part, int parts, const float* in, const float* weight, const float* bias,
                                float* out, i64 rows, i64 cols, double eps) {
    Range r(rows, part, parts);
    for (i64 i = r.begin; i < r.end; ++i) {
        const float* x = in + i * cols;
        const float* next = i + 1 < r.end ? x + cols : x;
        normalise(x, weight, bias, out + i * cols, cols, stats_of(x, cols, next), eps, next);
    }
    if (NT) fence();
}
