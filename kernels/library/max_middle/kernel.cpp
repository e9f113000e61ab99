// out[o][i] = the largest (or smallest) over m of in[o][m][i]; a NaN beats everything. Work is split into strips of
// columns, and ROWS rows are folded in registers at a time. The kernels are static: only the one that the plan
// names is compiled.

template <bool Least> INLINE vf better(vf best, vf x) {
    if constexpr (Least) return ((x < best) | (x != x)) ? x : best;
    else return max_nan(best, x);
}

template <bool Least, int N> INLINE void fold_rows(const float* x, i64 step, float* best, i64 n) {
    i64 j = 0;
    for (; j + 2 * VF <= n; j += 2 * VF) {
        if (PREFETCH)
            for (int r = 0; r < N; ++r) prefetch(x + (r + N) * step + j);
#pragma GCC unroll 2
        for (int u = 0; u < 2 * VF; u += VF) {
            vf b = load(best + j + u);
#pragma GCC unroll 8
            for (int r = 0; r < N; ++r) b = better<Least>(b, load(x + r * step + j + u));
            store(best + j + u, b);
        }
    }
#pragma GCC unroll 1
    for (; j < n; j += VF) {
        const i64 left = n - j < VF ? n - j : VF;
        vf b = load_some(best + j, left, 0.0f);
        for (int r = 0; r < N; ++r) b = better<Least>(b, load_some(x + r * step + j, left, 0.0f));
        store_some(best + j, left, b);
    }
}

template <bool Least>
INLINE void fold(int part, int parts, const float* in, float* out, float* bests, i64 outer, i64 mid, i64 inner,
                 i64 strip) {
    float* best = bests + part * strip;
    const i64 strips = (inner + strip - 1) / strip;
    Range r(outer * strips, part, parts);
    for (i64 u = r.begin; u < r.end; ++u) {
        const i64 o = u / strips, first = u % strips * strip;
        const i64 n = inner - first < strip ? inner - first : strip;
        const float* x = in + o * mid * inner + first;
        for (i64 j = 0; j < n; ++j) best[j] = x[j];
        i64 m = 1;
        for (; m + ROWS <= mid; m += ROWS) fold_rows<Least, ROWS>(x + m * inner, inner, best, n);
        for (; m < mid; ++m) fold_rows<Least, 1>(x + m * inner, inner, best, n);
        float* y = out + o * inner + first;
        for (i64 j = 0; j < n; ++j) y[j] = best[j];
    }
}

static void max_middle(int part, int parts, const float* in, float* out, float* bests, i64 outer, i64 mid, i64 inner,
                       i64 strip) {
    fold<false>(part, parts, in, out, bests, outer, mid, inner, strip);
}

static void min_middle(int part, int parts, const float* in, float* out, float* bests, i64 outer, i64 mid, i64 inner,
                       i64 strip) {
    fold<true>(part, parts, in, out, bests, outer, mid, inner, strip);
}
