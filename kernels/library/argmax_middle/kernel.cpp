// out[o][i] = the first m with the largest (or smallest) in[o][m][i]. Ties go to the first, and the first NaN
// beats everything: a value wins if it is not <= the best so far, which is true for a NaN, unless
// the best is itself a NaN. The kernels are static: only the one that the plan names is compiled.

template <bool Least, class T> INLINE auto no_better(T v, T best) {
    if constexpr (Least) return v >= best;
    else return v <= best;
}

template <bool Least, int N> INLINE void blend_rows(const float* x, i64 step, i32 m, float* best, i32* index, i64 n) {
    i64 j = 0;
    for (; j + VF <= n; j += VF) {
        if (PREFETCH)
            for (int r = 0; r < N; ++r) prefetch(x + (r + N) * step + j);
        vf b = load(best + j);
        vi k = load(index + j);
#pragma GCC unroll 8
        for (int r = 0; r < N; ++r) {
            vf v = load(x + r * step + j);
            vi wins = ~no_better<Least>(v, b) & (b == b);
            b = wins ? v : b;
            k = wins ? splat(m + r) : k;
        }
        store(best + j, b);
        store(index + j, k);
    }
    for (; j < n; ++j)
        for (int r = 0; r < N; ++r) {
            const float v = x[r * step + j];
            const bool wins = !no_better<Least>(v, best[j]) && best[j] == best[j];
            best[j] = wins ? v : best[j];
            index[j] = wins ? m + r : index[j];
            scalar_loop();
        }
}

template <bool Least>
INLINE void find(int part, int parts, const float* in, i64* out, float* bests, i32* indices, i64 outer, i64 mid,
                 i64 inner, i64 strip) {
    float* best = bests + part * strip;
    i32* index = indices + part * strip;
    const i64 strips = (inner + strip - 1) / strip;
    Range r(outer * strips, part, parts);
    for (i64 u = r.begin; u < r.end; ++u) {
        const i64 o = u / strips, first = u % strips * strip;
        const i64 n = inner - first < strip ? inner - first : strip;
        const float* x = in + o * mid * inner + first;
        for (i64 j = 0; j < n; ++j) {
            best[j] = x[j];
            index[j] = 0;
        }
        i64 m = 1;
        for (; m + ROWS <= mid; m += ROWS) blend_rows<Least, ROWS>(x + m * inner, inner, m, best, index, n);
        for (; m < mid; ++m) blend_rows<Least, 1>(x + m * inner, inner, m, best, index, n);
        i64* y = out + o * inner + first;
        for (i64 j = 0; j < n; ++j) y[j] = index[j];
    }
}

static void argmax_middle(int part, int parts, const float* in, i64* out, float* bests, i32* indices, i64 outer,
                          i64 mid, i64 inner, i64 strip) {
    find<false>(part, parts, in, out, bests, indices, outer, mid, inner, strip);
}

static void argmin_middle(int part, int parts, const float* in, i64* out, float* bests, i32* indices, i64 outer,
                          i64 mid, i64 inner, i64 strip) {
    find<true>(part, parts, in, out, bests, indices, outer, mid, inner, strip);
}
