// y[o][m][i] = x[o][m][i] / sqrt(mean over m of the squares + eps). A block takes a strip of columns and goes over it
// twice.

struct SquaresOver {
    using State = float;
    DEVICE float none() const { return 0.0f; }
    template <int N> DEVICE void add(float& sum, const float (&v)[N], int, int) const {
#pragma unroll
        for (int r = 0; r < N; ++r) sum += v[r] * v[r];
    }
    DEVICE void merge(float& sum, float other) const { sum += other; }
};

template <bool Vectors>
DEVICE void scale(const float* x, float* y, int mid, int inner, int columns, const float* factor) {
    const int lane = threadIdx.x % 32;
    for (int m = threadIdx.x / 32; m < mid; m += WARPS) {
        const float* from = x + (i64)m * inner;
        float* to = y + (i64)m * inner;
        if constexpr (Vectors) {
            if (lane * 4 < columns) {
                const float4 f = *reinterpret_cast<const float4*>(factor + lane * 4);
                store4(to + lane * 4, lanes([](float u, float v) { return u * v; }, load4(from + lane * 4), f));
            }
        } else {
#pragma unroll
            for (int k = 0; k < 4; ++k)
                if (k * 32 + lane < columns) to[k * 32 + lane] = __ldg(from + k * 32 + lane) * factor[k * 32 + lane];
        }
    }
}

KERNEL void __launch_bounds__(BLOCK) rms_channels(const float* x, float* y, int mid, int inner, float eps) {
    __shared__ alignas(16) float factor[COLUMNS];
    const int strips = (inner + COLUMNS - 1) / COLUMNS, first = (int)(blockIdx.x % strips) * COLUMNS;
    const i64 o = blockIdx.x / strips, at = o * inner + first, start = o * mid * inner + first;
    const int columns = min(inner - first, (int)COLUMNS);
    float* to = factor;
    fold_columns(x, 0, mid, mid, inner, SquaresOver{},
                 [=](i64 i, float squares) { to[i - at] = 1.0f / sqrtf(squares / mid + eps); });
    __syncthreads();
    const bool vectors = inner % 4 == 0 && is_aligned(x) && is_aligned(y);
    if (vectors) scale<true>(x + start, y + start, mid, inner, columns, factor);
    else scale<false>(x + start, y + start, mid, inner, columns, factor);
}
