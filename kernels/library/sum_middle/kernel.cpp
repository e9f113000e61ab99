// out[o][i] = sum or mean over m of in[o][m][i]. Work is split into strips of columns.
// Rows are summed as a tree of ROWS in registers, then into `near`, and every FOLD rows `near` goes
// into `far`: three levels, so that rounding errors grow with the cube root of the length.

template <int N> INLINE vf tree(const float* x, i64 step) {
    if constexpr (N == 1) return load(x);
    else return tree<N / 2>(x, step) + tree<N / 2>(x + N / 2 * step, step);
}
template <int N> INLINE float tree_one(const float* x, i64 step) {
    if constexpr (N == 1) return *x;
    else return tree_one<N / 2>(x, step) + tree_one<N / 2>(x + N / 2 * step, step);
}

// acc[0..n) += the sum of N rows.
template <int N> INLINE void add_rows(const float* x, i64 step, float* acc, i64 n) {
    i64 j = 0;
    for (; j + VF <= n; j += VF) {
        if (PREFETCH && N > 1)
            for (int r = 0; r < N; ++r) prefetch(x + (r + N) * step + j);
        store(acc + j, load(acc + j) + tree<N>(x + j, step));
    }
    for (; j < n; ++j) {
        acc[j] += tree_one<N>(x + j, step);
        scalar_loop();
    }
}

INLINE void move_into(float* far, float* near, i64 n) {
    for (i64 j = 0; j < n; ++j) {
        far[j] += near[j];
        near[j] = 0.0f;
    }
}

extern "C" void sum_middle(int part, int parts, const float* in, float* out, float* sums, i64 outer, i64 mid,
                           i64 inner, i64 strip, i64 mean) {
    float* __restrict near = sums + part * 2 * strip;
    float* __restrict far = near + strip;
    const i64 strips = (inner + strip - 1) / strip;
    Range r(outer * strips, part, parts);
    for (i64 u = r.begin; u < r.end; ++u) {
        const i64 o = u / strips, first = u % strips * strip;
        const i64 n = inner - first < strip ? inner - first : strip;
        const float* x = in + o * mid * inner + first;
        for (i64 j = 0; j < n; ++j) near[j] = far[j] = 0.0f;
        i64 m = 0;
        for (i64 next = FOLD; m + ROWS <= mid; m += ROWS) {
            if (m >= next) {
                move_into(far, near, n);
                next += FOLD;
            }
            add_rows<ROWS>(x + m * inner, inner, near, n);
        }
        for (; m < mid; ++m) add_rows<1>(x + m * inner, inner, near, n);
        float* y = out + o * inner + first;
        const float count = mean ? (float)mid : 1.0f;
        for (i64 j = 0; j < n; ++j) y[j] = (far[j] + near[j]) / count;
    }
}
