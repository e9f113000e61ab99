// Exponentials of one row where it is, which should be in a cache.

// x[j] = exp(x[j] - maximum); returns their sum. A NaN in the row ends up in the sum.
INLINE float exp_row(float* x, i64 n) {
    vf top = splat(x[0]);
    i64 j = 0;
    for (; j + VF <= n; j += VF) top = max_(load(x + j), top);
    if (j < n) top = max_(load_some(x + j, n - j, x[0]), top);
    const float shift = reduce_max(top);
    vf sum[2] = {};
    for (j = 0; j + 2 * VF <= n; j += 2 * VF)
#pragma GCC unroll 2
        for (int u = 0; u < 2; ++u) {
            const vf e = exp_<6, true>(load(x + j + u * VF) - shift);
            store(x + j + u * VF, e);
            sum[u] += e;
        }
#pragma GCC unroll 1
    for (; j < n; j += VF) {
        const i64 left = n - j < VF ? n - j : VF;
        const vf e = exp_<6, true>(load_some(x + j, left, 0.0f) - shift);
        store_some(x + j, left, e);
        sum[0] += keep_some(e, left);
    }
    return reduce_sum(sum[0] + sum[1]);
}

INLINE void scale_row(float* x, i64 n, float scale) {
    i64 j = 0;
    for (; j + VF <= n; j += VF) store(x + j, load(x + j) * scale);
    if (j < n) store_some(x + j, n - j, load_some(x + j, n - j, 0.0f) * scale);
}
