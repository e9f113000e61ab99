// y[i][j] = diagonal[i] * x[i][j]. Threads take whole vectors, or single numbers, of all rows one after the other.

template <bool Vectors> DEVICE void scale(const float* diagonal, const float* x, float* y, i64 rows, int cols) {
    constexpr int WIDTH = Vectors ? 4 : 1;
    const unsigned across = cols / WIDTH;
    const i64 count = rows * across;
    for (i64 first = (i64)blockIdx.x * (BLOCK * ITEMS) + threadIdx.x; first < count;
         first += (i64)gridDim.x * (BLOCK * ITEMS)) {
#pragma unroll
        for (int k = 0; k < ITEMS; ++k) {
            const i64 i = first + k * BLOCK;
            if (i >= count) continue;
            const float factor = __ldg(diagonal + (i <= 0x7fffffff ? (unsigned)i / across : i / across));
            if constexpr (Vectors) store4(y + i * 4, lanes([=](float u) { return factor * u; }, load4(x + i * 4)));
            else y[i] = factor * __ldg(x + i);
        }
    }
}

KERNEL void __launch_bounds__(BLOCK) scale_rows(const float* diagonal, const float* x, float* y, i64 rows, int cols) {
    if (cols % 4 == 0 && is_aligned(x) && is_aligned(y)) scale<true>(diagonal, x, y, rows, cols);
    else scale<false>(diagonal, x, y, rows, cols);
}
