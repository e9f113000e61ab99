// The inner part of a matrix product: C (m x n) = A (m x k, row-major) times packed B.
// Uses the parameters TILE (ten times its rows plus its vectors across), KC, MC (blocking) and PACK_A.
//
// Packed B is a sequence of panels of NR = NV * VF columns: panel p holds B[k][p * NR + c] at
// [p][k][c], padded with zeros on the right. A panel of KC rows should fit the first-level cache, a block of
// MC x KC of A the second.

enum {
    MR = TILE / 10,
    NV = TILE % 10,
    NR = NV * VF,
    BLOCK_ROWS = (MC + MR - 1) / MR * MR,
};

// What happens to a tile when its terms are done: add to what C holds unless `first`, apply `finish`
// if `last`.
struct Phase {
    bool first, last;
};

// One tile, over kc terms. Lanes beyond `rows` and `cols` are computed from padding, and dropped.
template <class Finish>
INLINE void gemm_tile(const float* a, i64 row_step, const float* b, i64 kc, float* c, i64 ldc, i64 rows, i64 cols,
                      i64 column, Phase phase, Finish finish) {
    // Rows that do not exist read the last one that does.
    const float* row[MR];
    for (i64 i = 0; i < MR; ++i) row[i] = a + (PACK_A ? i : (i < rows ? i : rows - 1) * row_step);
    vf acc[MR][NV] = {};
    for (i64 k = 0; k < kc; ++k) {
        vf bk[NV];
#pragma GCC unroll 8
        for (int j = 0; j < NV; ++j) bk[j] = *(const vf*)(b + k * NR + j * VF);
#pragma GCC unroll 16
        for (int i = 0; i < MR; ++i) {
            vf ai = splat(PACK_A ? a[k * MR + i] : row[i][k]);
#pragma GCC unroll 8
            for (int j = 0; j < NV; ++j) acc[i][j] += ai * bk[j];
        }
    }
    // Through memory, so that the code that finishes a vector exists once: the accumulators
    // leave their registers once for thousands of multiplications.
    float tile[MR * NR];
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i)
#pragma GCC unroll 8
        for (int j = 0; j < NV; ++j) store(tile + i * NR + j * VF, acc[i][j]);
    const i64 width = cols < NR ? cols : NR;
#pragma GCC unroll 1
    for (i64 i = 0; i < rows; ++i)
#pragma GCC unroll 1
        for (i64 j = 0; j < width; j += VF) {
            const i64 n = width - j;
            float* p = c + i * ldc + j;
            vf v = load(tile + i * NR + j);
            if (!phase.first) v += n < VF ? load_some(p, n, 0.0f) : load(p);
            if (phase.last) v = finish(v, column + j);
            if (n < VF) store_some(p, n, v);
            else store(p, v);
        }
}

// Rows of A as tiles of MR rows, the last padded by repeating its last row: [tile][k][MR].
INLINE void gemm_pack_a(const float* a, i64 lda, float* packed, i64 rows, i64 kc) {
    for (i64 i = 0; i < rows; i += MR)
        for (i64 r = 0; r < MR; ++r) {
            const float* x = a + (i + r < rows ? i + r : rows - 1) * lda;
            for (i64 k = 0; k < kc; ++k) {
                packed[i * kc + k * MR + r] = x[k];
                scalar_loop();
            }
        }
}

// This part's rows of C. `scratch` holds BLOCK_ROWS * KC floats of this part.
// `finish(v, column)` is applied to a vector of finished sums that starts at that column.
template <class Finish>
INLINE void gemm_part(int part, int parts, const float* a, const float* b, float* c, float* scratch, i64 m, i64 n,
                      i64 k, Finish finish) {
    const Range tiles((m + MR - 1) / MR, part, parts);
    const i64 end = tiles.end * MR < m ? tiles.end * MR : m;
    const i64 block = BLOCK_ROWS;
    for (i64 k0 = 0; k0 < k; k0 += KC) {
        const i64 kc = k - k0 < KC ? k - k0 : KC;
        for (i64 i = tiles.begin * MR; i < end; i += block) {
            const i64 rows = end - i < block ? end - i : block;
            const float* x = a + i * k + k0;
            const float* y = b + k0 * NR;
            if (PACK_A) {
                gemm_pack_a(x, k, scratch, rows, kc);
                x = scratch;
            }
            const Phase phase = {k0 == 0, k0 + kc == k};
            for (i64 j = 0; j < n; j += NR)
                for (i64 q = 0; q < rows; q += MR)
                    gemm_tile(x + q * (PACK_A ? kc : k), k, y + j * k, kc, c + (i + q) * n + j, n,
                              rows - q < MR ? rows - q : MR, n - j, j, phase, finish);
        }
    }
}
