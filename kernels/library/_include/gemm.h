// The inner part of a matrix product: C (m x n) = A (m x k) times packed B.
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

// Where A comes from. `direct`: tiles read it where it is; else blocks are packed first, as tiles of MR rows
// [tile][k][MR], the last padded by repeating its last row. `skip(i, k0, kc)`: how many terms from k0 on are zero in
// row i and all below; `share`: the first of `tiles` tiles of rows that part is to do.
struct RowMajor {
    const float* a;
    i64 step;
    enum { direct = !PACK_A };
    static i64 skip(i64, i64, i64) { return 0; }
    static i64 share(i64 tiles, i64 part, i64 parts) { return tiles * part / parts; }
    void pack(float* packed, i64 first, i64 k0, i64 rows, i64 kc) const {
        for (i64 i = 0; i < rows; i += MR)
            for (i64 r = 0; r < MR; ++r) {
                const float* x = a + (first + (i + r < rows ? i + r : rows - 1)) * step + k0;
                for (i64 k = 0; k < kc; ++k) {
                    packed[i * kc + k * MR + r] = x[k];
                    scalar_loop();
                }
            }
    }
};

// A stored by columns.
struct ColumnMajor {
    const float* a;
    i64 step;
    enum { direct = false };
    static i64 skip(i64, i64, i64) { return 0; }
    static i64 share(i64 tiles, i64 part, i64 parts) { return tiles * part / parts; }
    void pack(float* packed, i64 first, i64 k0, i64 rows, i64 kc) const {
        for (i64 i = 0; i < rows; i += MR)
            for (i64 k = 0; k < kc; ++k) {
                const float* x = a + (k0 + k) * step + first + i;
                float* y = packed + i * kc + k * MR;
                if (i + MR <= rows) {
#pragma GCC unroll 16
                    for (i64 r = 0; r < MR; ++r) y[r] = x[r];
                } else {
                    for (i64 r = 0; r < MR; ++r) {
                        y[r] = x[i + r < rows ? r : rows - 1 - i];
                        scalar_loop();
                    }
                }
            }
    }
};

// The upper triangle of A, the rest taken for zero.
struct UpperRows {
    const float* a;
    i64 step;
    enum { direct = false };
    static i64 skip(i64 i, i64 k0, i64 kc) { return i <= k0 ? 0 : i - k0 < kc ? i - k0 : kc; }
    // Rows have fewer terms the lower they are.
    static i64 share(i64 tiles, i64 part, i64 parts) {
        return (i64)(tiles * (1.0 - __builtin_sqrt(1.0 - (double)part / parts)) + 0.5);
    }
    void pack(float* packed, i64 first, i64 k0, i64 rows, i64 kc) const {
        for (i64 i = 0; i < rows; i += MR)
            for (i64 r = 0; r < MR; ++r) {
                const i64 row = first + (i + r < rows ? i + r : rows - 1);
                for (i64 k = 0; k < kc; ++k) {
                    packed[i * kc + k * MR + r] = k0 + k < row ? 0.0f : a[row * step + k0 + k];
                    scalar_loop();
                }
            }
    }
};

// A product as it is.
struct Plain {
    enum { plain };
    vf operator()(vf v, i64, i64, i64) const { return v; }
};

// What happens to a tile when its terms are done: add to what C holds unless `first`, apply `finish`
// if `last`.
struct Phase {
    bool first, last;
};

// One tile, over kc terms. Lanes beyond `rows` and `cols` are computed from padding, and dropped.
template <bool Direct, class Finish>
INLINE void gemm_tile(const float* a, i64 row_step, const float* b, i64 kc, float* c, i64 ldc, i64 rows, i64 cols,
                      i64 first_row, i64 column, Phase phase, Finish finish) {
    // Rows that do not exist read the last one that does.
    const float* row[MR];
    for (i64 i = 0; i < MR; ++i) row[i] = a + (Direct ? (i < rows ? i : rows - 1) * row_step : i);
    vf acc[MR][NV] = {};
    for (i64 k = 0; k < kc; ++k) {
        vf bk[NV];
#pragma GCC unroll 8
        for (int j = 0; j < NV; ++j) bk[j] = *(const vf*)(b + k * NR + j * VF);
#pragma GCC unroll 16
        for (int i = 0; i < MR; ++i) {
            vf ai = splat(Direct ? row[i][k] : a[k * MR + i]);
#pragma GCC unroll 8
            for (int j = 0; j < NV; ++j) acc[i][j] += ai * bk[j];
        }
    }
    const i64 width = cols < NR ? cols : NR;
    constexpr bool plain = requires { Finish::plain; };
    if (width == NR && (plain || !phase.last)) {
#pragma GCC unroll 16
        for (int i = 0; i < MR; ++i)
            if (i < rows)
#pragma GCC unroll 8
                for (int j = 0; j < NV; ++j) {
                    float* p = c + i * ldc + j * VF;
                    store(p, phase.first ? acc[i][j] : load(p) + acc[i][j]);
                }
        return;
    }
    // Through memory, so that the code that finishes a vector exists once: the accumulators
    // leave their registers once for thousands of multiplications.
    float tile[MR * NR];
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i)
#pragma GCC unroll 8
        for (int j = 0; j < NV; ++j) store(tile + i * NR + j * VF, acc[i][j]);
#pragma GCC unroll 1
    for (i64 i = 0; i < rows; ++i)
#pragma GCC unroll 1
        for (i64 j = 0; j < width; j += VF) {
            const i64 n = width - j;
            float* p = c + i * ldc + j;
            vf v = load(tile + i * NR + j);
            if (!phase.first) v += n < VF ? load_some(p, n, 0.0f) : load(p);
            if (phase.last) v = finish(v, first_row + i, column + j, n);
            if (n < VF) store_some(p, n, v);
            else store(p, v);
        }
}

// Rows of C that belong to a part.
template <class Left> INLINE Range rows_of(Left, i64 m, i64 part, i64 parts) {
    const i64 tiles = (m + MR - 1) / MR;
    Range r(0, 0, 1);
    r.begin = Left::share(tiles, part, parts) * MR;
    r.end = Left::share(tiles, part + 1, parts) * MR;
    if (r.end > m) r.end = m;
    return r;
}

// This part's rows of C. `scratch` holds BLOCK_ROWS * KC floats of this part.
// `finish(v, row, column, left)` is applied to a vector of finished sums that starts at that place, of which `left`
// lanes exist if that is fewer than VF.
template <class Left, class Finish>
INLINE void gemm_part(int part, int parts, Left left, const float* b, float* c, float* scratch, i64 m, i64 n, i64 k,
                      Finish finish) {
    const Range own = rows_of(left, m, part, parts);
    const i64 block = BLOCK_ROWS;
    for (i64 k0 = 0; k0 < k; k0 += KC) {
        const i64 kc = k - k0 < KC ? k - k0 : KC;
        for (i64 i = own.begin; i < own.end; i += block) {
            const i64 rows = own.end - i < block ? own.end - i : block;
            const bool last = k0 + kc == k;
            if (Left::skip(i, k0, kc) == kc && !last) continue;
            const float* y = b + k0 * NR;
            if (!Left::direct) left.pack(scratch, i, k0, rows, kc);
            // The first block of terms that is not all zero.
            const bool first = k0 == 0 || Left::skip(i, k0 - KC, KC) == KC;
            for (i64 j = 0; j < n; j += NR)
                for (i64 q = 0; q < rows; q += MR) {
                    const i64 skip = Left::skip(i + q, k0, kc);
                    const float* x = Left::direct ? left.a + (i + q) * left.step + k0 : scratch + q * kc + skip * MR;
                    gemm_tile<Left::direct>(x, left.step, y + j * k + skip * NR, kc - skip, c + (i + q) * n + j, n,
                                            rows - q < MR ? rows - q : MR, n - j, i + q, j, {first, last}, finish);
                }
        }
    }
}
