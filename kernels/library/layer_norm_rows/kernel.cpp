// Layer normalisation of each row. All sweeps but the first find the row in the first-level cache.
// The kernels are static: only the one that the plan names is compiled.

template <class Finish>
INLINE void norm_rows(int part, int parts, const float* in, const float* weight, const float* bias, float* out,
                      i64 rows, i64 cols, double eps, Finish finish) {
    Range r(rows, part, parts);
    for (i64 i = r.begin; i < r.end; ++i) {
        const float* x = in + i * cols;
        const float* next = i + 1 < r.end ? x + cols : x;
        normalise(x, weight, bias, out + i * cols, cols, stats_of(x, cols, next), eps, next, finish);
    }
    if (NT) fence();
}

static void layer_norm_rows(int part, int parts, const float* in, const float* weight, const float* bias, float* out,
                            i64 rows, i64 cols, double eps) {
    norm_rows(part, parts, in, weight, bias, out, rows, cols, eps, [](vf v) { return v; });
}

static void layer_norm_gelu(int part, int parts, const float* in, const float* weight, const float* bias, float* out,
                            i64 rows, i64 cols, double eps) {
    norm_rows(part, parts, in, weight, bias, out, rows, cols, eps, [](vf v) { return gelu_<TAIL, false>(v); });
}
