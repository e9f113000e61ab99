// y = x W^T + bias, and what follows. W has a row for each feature of y, so both factors lie along k. Without a bias
// (`biased` is 0), any pointer stands in its place.

DEVICE float4 with_bias(float4 four, const float* bias, int column, int n, bool biased, bool vectors) {
    if (!biased || column >= n) return four;
    if (vectors) return lanes(Sum{}, four, load4(bias + column));
    four.x += __ldg(bias + column);
    if (column + 1 < n) four.y += __ldg(bias + column + 1);
    if (column + 2 < n) four.z += __ldg(bias + column + 2);
    if (column + 3 < n) four.w += __ldg(bias + column + 3);
    return four;
}

DEVICE void multiply(Sums& sums, TileAt tile, const float* x, const float* weight, int m, int n, int k) {
    const Share<TILE_M, true, false> rows({x, k}, tile.m, m);
    const Share<TILE_N, true, false> features({weight, k}, tile.n, n);
    multiply_tile(sums, rows, features, 0, k);
}

#ifdef KERNEL_linear
KERNEL void __launch_bounds__(THREADS, MIN_BLOCKS)
    linear(const float* x, const float* weight, const float* bias, float* y, int m, int n, int k, int biased) {
    const TileAt tile = tile_at(blockIdx.x, m, n);
    Sums sums;
    multiply(sums, tile, x, weight, m, n, k);
    const bool vectors = n % 4 == 0 && is_aligned(y) && is_aligned(bias);
    sums.store([=](int row, int column, float4 four, int numbers) {
        const int r = tile.m + row, c = tile.n + column;
        if (r >= m) return;
        four = with_bias(four, bias, c, n, biased, vectors && numbers == 4);
        store_some(y + (i64)r * n, c, n, four, numbers, vectors);
    });
}
#endif

#ifdef KERNEL_linear_epilogue
KERNEL void __launch_bounds__(THREADS, MIN_BLOCKS)
    linear_epilogue(const float* x, const float* weight, const float* bias, float* y, int m, int n, int k,
                    int biased OPERANDS) {
    const Epilogue f = EPILOGUE;
    const TileAt tile = tile_at(blockIdx.x, m, n);
    Sums sums;
    multiply(sums, tile, x, weight, m, n, k);
    const bool vectors = n % 4 == 0 && is_aligned(y) && is_aligned(bias) && f.aligned();
    sums.store([=](int row, int column, float4 four, int numbers) {
        const int r = tile.m + row, c = tile.n + column;
        if (r >= m) return;
        four = with_bias(four, bias, c, n, biased, vectors && numbers == 4);
        store_mapped(y, (i64)r * n, -1, c, n, f, four, numbers, vectors);
    });
}
#endif

#ifdef KERNEL_softmax_rows
struct Softmax {
    const float* x;
    float* y;
    int cols;
    template <class How> DEVICE void row(i64 i, How how) const {
        const auto row = how.row(cols, of(Itself{}, x + i * cols));
        const Exps e = row.exps();
        const float max = e.max, factor = 1.0f / e.sum;
        row.store(y + i * cols, [=](float u) { return expf(u - max) * factor; });
    }
};
KERNEL void __launch_bounds__(BLOCK) softmax_rows(const float* x, float* y, i64 rows, int cols) {
    each_row(rows, cols, is_aligned(x) && is_aligned(y), Softmax{x, y, cols});
}
#endif
