// y[o][i] = the sum over m of x[o][m][i]. With several parts, blocks of one row of the grid take one part of mid each.

struct SumOver {
    using State = float;
    DEVICE float none() const { return 0.0f; }
    // A tree, whose sums are short.
    template <int N> DEVICE void add(float& sum, const float (&v)[N], int, int) const {
        float t[N];
#pragma unroll
        for (int r = 0; r < N; ++r) t[r] = v[r];
#pragma unroll
        for (int half = N / 2; half > 0; half /= 2)
#pragma unroll
            for (int r = 0; r < half; ++r) t[r] += t[r + half];
        sum += t[0];
    }
    DEVICE void merge(float& sum, float other) const { sum += other; }
};

#ifdef KERNEL_sum_middle
KERNEL void __launch_bounds__(BLOCK)
    sum_middle(const float* x, float* y, i64 count, int mid, int inner, int divisor) {
    const int part = (mid + (int)gridDim.y - 1) / (int)gridDim.y, begin = (int)blockIdx.y * part;
    float* to = y + blockIdx.y * count;
    fold_columns(x, begin, min(begin + part, mid), mid, inner, SumOver{},
                 [=](i64 i, float sum) { to[i] = sum / divisor; });
}
#endif

#ifdef KERNEL_sum_parts
KERNEL void __launch_bounds__(BLOCK) sum_parts(const float* parts, float* y, i64 count, int n, int divisor) {
    const i64 i = (i64)blockIdx.x * BLOCK + threadIdx.x;
    if (i >= count) return;
    float sum = 0.0f;
#pragma unroll 4
    for (int p = 0; p < n; ++p) sum += __ldg(parts + p * count + i);
    y[i] = sum / divisor;
}
#endif
