// y[o][i] = the largest (or smallest) over m of x[o][m][i]; a NaN beats everything. With several parts, blocks of one
// row of the grid take one part of mid each.

template <class Best> struct Extreme {
    using State = float;
    DEVICE float none() const { return Best::none(); }
    template <int N> DEVICE void add(float& best, const float (&v)[N], int, int) const {
#pragma unroll
        for (int r = 0; r < N; ++r) best = Best::of(best, v[r]);
    }
    DEVICE void merge(float& best, float other) const { best = Best::of(best, other); }
};

template <class Best> DEVICE void extremes(const float* x, float* y, i64 count, int mid, int inner) {
    const int part = (mid + (int)gridDim.y - 1) / (int)gridDim.y, begin = (int)blockIdx.y * part;
    float* to = y + blockIdx.y * count;
    fold_columns(x, begin, min(begin + part, mid), mid, inner, Extreme<Best>{},
                 [=](i64 i, float best) { to[i] = best; });
}

template <class Best> DEVICE void of_parts(const float* parts, float* y, i64 count, int n) {
    const i64 i = (i64)blockIdx.x * BLOCK + threadIdx.x;
    if (i >= count) return;
    float best = Best::none();
#pragma unroll 4
    for (int p = 0; p < n; ++p) best = Best::of(best, __ldg(parts + p * count + i));
    y[i] = best;
}

#ifdef KERNEL_max_middle
KERNEL void __launch_bounds__(BLOCK) max_middle(const float* x, float* y, i64 count, int mid, int inner) {
    extremes<Max>(x, y, count, mid, inner);
}
#endif
#ifdef KERNEL_min_middle
KERNEL void __launch_bounds__(BLOCK) min_middle(const float* x, float* y, i64 count, int mid, int inner) {
    extremes<Min>(x, y, count, mid, inner);
}
#endif
#ifdef KERNEL_max_parts
KERNEL void __launch_bounds__(BLOCK) max_parts(const float* parts, float* y, i64 count, int n) {
    of_parts<Max>(parts, y, count, n);
}
#endif
#ifdef KERNEL_min_parts
KERNEL void __launch_bounds__(BLOCK) min_parts(const float* parts, float* y, i64 count, int n) {
    of_parts<Min>(parts, y, count, n);
}
#endif
