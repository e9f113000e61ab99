// C = A B for one or more pairs of matrices, side by side in memory. blockIdx.x is the tile, y the pair, z the part of
// the sums.

template <bool AAlongK, bool BAlongK, bool Upper>
DEVICE void product(const float* a, const float* b, float* c, int m, int n, int k, i64 count) {
    const TileAt tile = tile_at(blockIdx.x, m, n);
    const i64 pair = blockIdx.y;
    // Whole slabs for all parts but the last.
    const int slabs = (k + TILE_K - 1) / TILE_K, each = (slabs + SPLITS - 1) / SPLITS * TILE_K;
    // Left of the diagonal there is nothing to add.
    const int from = max((int)blockIdx.z * each, Upper ? tile.m / TILE_K * TILE_K : 0);
    const int end = min((int)(blockIdx.z + 1) * each, k);
    Sums sums;
    multiply_tile(sums, Share<TILE_M, AAlongK, Upper>({a + pair * m * k, AAlongK ? k : m}, tile.m, m),
                  Share<TILE_N, BAlongK, false>({b + pair * k * n, BAlongK ? k : n}, tile.n, n), from, end);
    float* to = c + blockIdx.z * count + pair * m * n;
    const bool vectors = n % 4 == 0 && is_aligned(to);
    sums.store([=](int row, int column, float4 four, int numbers) {
        if (tile.m + row < m) store_some(to + (i64)(tile.m + row) * n, tile.n + column, n, four, numbers, vectors);
    });
}

#ifdef KERNEL_gemm
KERNEL void __launch_bounds__(THREADS, MIN_BLOCKS)
    gemm(const float* a, const float* b, float* c, int m, int n, int k, i64 count) {
    product<true, false, false>(a, b, c, m, n, k, count);
}
#endif
// A stands in columns.
#ifdef KERNEL_gemm_columns
KERNEL void __launch_bounds__(THREADS, MIN_BLOCKS)
    gemm_columns(const float* a, const float* b, float* c, int m, int n, int k, i64 count) {
    product<false, false, false>(a, b, c, m, n, k, count);
}
#endif
// B stands in columns.
#ifdef KERNEL_gemm_rows
KERNEL void __launch_bounds__(THREADS, MIN_BLOCKS)
    gemm_rows(const float* a, const float* b, float* c, int m, int n, int k, i64 count) {
    product<true, true, false>(a, b, c, m, n, k, count);
}
#endif
// Of A only the upper triangle counts.
#ifdef KERNEL_gemm_upper
KERNEL void __launch_bounds__(THREADS, MIN_BLOCKS)
    gemm_upper(const float* a, const float* b, float* c, int m, int n, int k, i64 count) {
    product<true, false, true>(a, b, c, m, n, k, count);
}
#endif

#ifdef KERNEL_add_parts
KERNEL void __launch_bounds__(256) add_parts(const float* parts, float* c, i64 count) {
    const i64 i = (i64)blockIdx.x * 256 + threadIdx.x;
    if (i >= count) return;
    float sum = 0.0f;
#pragma unroll
    for (int p = 0; p < SPLITS; ++p) sum += __ldg(parts + p * count + i);
    c[i] = sum;
}
#endif
