// One tile of a matrix product C = A B: TILE_M rows and TILE_N columns by one block, of which each thread holds PER_M x
// PER_N sums in registers. Tiles of both factors go through shared memory, TILE_K terms at a time: while one is
// multiplied, the next is on its way from global memory to registers.
//
// MATH 0 adds up products in float32. The others use tensor cores, which take factors with eleven digits (tf32): 1
// splits each factor in two and adds three products, which is nearly as exact as float32 (and as exact as what it is
// compared with); 2 rounds the factors, which is right only where tf32 is the precision that was agreed on.

enum {
    THREADS = TILE_M / PER_M * (TILE_N / PER_N),
    // Of one warp: lanes stand four down and eight across.
    WARP_M = 4 * PER_M,
    WARP_N = 8 * PER_N,
    WARPS_ACROSS = TILE_N / WARP_N,
    // With so many blocks on a processor, each thread has at least 128 registers, or 255 if RESIDENT is 1.
    MIN_BLOCKS = RESIDENT * 256 / THREADS > 0 ? RESIDENT * 256 / THREADS : 1
};

// TILE_K columns (A) or rows (B) of ROWS rows or columns, in shared memory as [k][row]. Rows are stored in another
// order, by groups of four, that depends on k: so neither the transposed stores nor the loads of tensor cores' operands
// meet in one bank.
template <int ROWS> struct Slab {
    static constexpr int STRIDE = ROWS + 8;
    float at[TILE_K * STRIDE];
    static DEVICE int place(int k, int row) { return k * STRIDE + (row ^ (k / 4 * (128 / TILE_K))); }
};

// How a factor lies in memory.
struct Matrix {
    const float* at;
    // Between neighbours in the direction in which they are not next to each other.
    i64 stride;
};

// A thread's share of the slabs of a factor, of which one is on its way from memory: rows (of A) or columns (of B) from
// `first` on. `AlongK`: neighbours in memory are neighbours in k. Upper: of A, what is left of the diagonal counts as
// zero.
template <int ROWS, bool AlongK, bool Upper> struct Share {
    static constexpr int FOURS = ROWS * TILE_K / 4, EACH = (FOURS + THREADS - 1) / THREADS;
    Matrix matrix;
    int first, rows;
    bool vectors;
    float4 v[EACH];

    DEVICE Share(Matrix matrix, int first, int rows)
        : matrix(matrix), first(first), rows(rows), vectors(matrix.stride % 4 == 0 && is_aligned(matrix.at)) {}

    // Row and k within the slab of a thread's i-th four.
    static DEVICE int row(int q) { return AlongK ? q / (TILE_K / 4) : q % (ROWS / 4) * 4; }
    static DEVICE int k(int q) { return AlongK ? q % (TILE_K / 4) * 4 : q / (ROWS / 4); }

    // The slab from k = `from` on; from `end` on there is nothing.
    DEVICE void load(int from, int end) {
#pragma unroll
        for (int i = 0; i < EACH; ++i) {
            const int q = threadIdx.x + i * THREADS;
            const int r = first + row(q), c = from + k(q);
            const float* x = matrix.at + (AlongK ? r * matrix.stride + c : c * matrix.stride + r);
            v[i] = same4(0.0f);
            if (FOURS % THREADS != 0 && q >= FOURS) continue;
            if (r >= rows || c >= end) continue;
            if (vectors) {
                v[i] = load4(x);
            } else {
                const int left = AlongK ? end - c : rows - r;
                v[i].x = __ldg(x);
                if (left > 1) v[i].y = __ldg(x + 1);
                if (left > 2) v[i].z = __ldg(x + 2);
                if (left > 3) v[i].w = __ldg(x + 3);
            }
            if constexpr (Upper) {
                const int dr = AlongK ? 0 : 1, dc = AlongK ? 1 : 0;
                if (c < r) v[i].x = 0.0f;
                if (c + dc < r + dr) v[i].y = 0.0f;
                if (c + 2 * dc < r + 2 * dr) v[i].z = 0.0f;
                if (c + 3 * dc < r + 3 * dr) v[i].w = 0.0f;
            }
        }
    }
    DEVICE void store(Slab<ROWS>& slab) const {
#pragma unroll
        for (int i = 0; i < EACH; ++i) {
            const int q = threadIdx.x + i * THREADS;
            if (FOURS % THREADS != 0 && q >= FOURS) continue;
            if constexpr (AlongK) {
                slab.at[Slab<ROWS>::place(k(q), row(q))] = v[i].x;
                slab.at[Slab<ROWS>::place(k(q) + 1, row(q))] = v[i].y;
                slab.at[Slab<ROWS>::place(k(q) + 2, row(q))] = v[i].z;
                slab.at[Slab<ROWS>::place(k(q) + 3, row(q))] = v[i].w;
            } else {
                store4(slab.at + Slab<ROWS>::place(k(q), row(q)), v[i]);
            }
        }
    }
};

#if MATH == 0
// A thread's sums: groups of four rows and four columns, that are next to those of its neighbours.
struct Sums {
    float c[PER_M][PER_N];

    static DEVICE int row(int i) {
        const int warp = threadIdx.x / 32 / WARPS_ACROSS, lane = threadIdx.x % 32 / 8;
        return i / 4 * (TILE_M / (PER_M / 4)) + (warp * 4 + lane) * 4 + i % 4;
    }
    static DEVICE int column(int j) {
        const int warp = threadIdx.x / 32 % WARPS_ACROSS, lane = threadIdx.x % 8;
        return j / 4 * (TILE_N / (PER_N / 4)) + (warp * 8 + lane) * 4 + j % 4;
    }
    DEVICE void clear() {
#pragma unroll
        for (int i = 0; i < PER_M * PER_N; ++i) c[i / PER_N][i % PER_N] = 0.0f;
    }
    DEVICE void multiply(const Slab<TILE_M>& a, const Slab<TILE_N>& b) {
#pragma unroll
        for (int k = 0; k < TILE_K; ++k) {
            float u[PER_M], v[PER_N];
#pragma unroll
            for (int i = 0; i < PER_M; i += 4) {
                const float4 four = *reinterpret_cast<const float4*>(a.at + a.place(k, row(i)));
                u[i] = four.x, u[i + 1] = four.y, u[i + 2] = four.z, u[i + 3] = four.w;
            }
#pragma unroll
            for (int j = 0; j < PER_N; j += 4) {
                const float4 four = *reinterpret_cast<const float4*>(b.at + b.place(k, column(j)));
                v[j] = four.x, v[j + 1] = four.y, v[j + 2] = four.z, v[j + 3] = four.w;
            }
#pragma unroll
            for (int i = 0; i < PER_M; ++i)
#pragma unroll
                for (int j = 0; j < PER_N; ++j) c[i][j] = fmaf(u[i], v[j], c[i][j]);
        }
    }
    // store(row, column, four) for groups of four neighbours of a row.
    template <class Store> DEVICE void store(Store store) const {
#pragma unroll
        for (int i = 0; i < PER_M; ++i)
#pragma unroll
            for (int j = 0; j < PER_N; j += 4)
                store(row(i), column(j), make_float4(c[i][j], c[i][j + 1], c[i][j + 2], c[i][j + 3]), 4);
    }
};
#else
// A warp's sums as tensor cores hold them, of tiles of 16 x 8 that take 8 terms at a time (mma.m16n8k8: lane / 4 is the
// row of A and C and the column of B, lane % 4 the other index, or half of it for C).
struct Sums {
    static constexpr int DOWN = WARP_M / 16, ACROSS = WARP_N / 8;
    float c[DOWN][ACROSS][4];

    static DEVICE int row() { return threadIdx.x / 32 / WARPS_ACROSS * WARP_M + threadIdx.x % 32 / 4; }
    static DEVICE int column() { return threadIdx.x / 32 % WARPS_ACROSS * WARP_N; }
    DEVICE void clear() {
#pragma unroll
        for (int i = 0; i < DOWN * ACROSS * 4; ++i) c[i / 4 / ACROSS][i / 4 % ACROSS][i % 4] = 0.0f;
    }
    static DEVICE unsigned tf32(float x) {
        unsigned bits;
        asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
        return bits;
    }
    // What tf32 leaves of x; nothing of what is infinite or becomes so.
    static DEVICE unsigned rest(float x, unsigned high) {
        const float h = __uint_as_float(high);
        return tf32(fabsf(h) < INF ? x - h : 0.0f);
    }
    static DEVICE void mma(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
        asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
            "{%0, %1, %2, %3};"
            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
    }
    DEVICE void multiply(const Slab<TILE_M>& a, const Slab<TILE_N>& b) {
        const int group = threadIdx.x % 32 / 4, within = threadIdx.x % 4;
#pragma unroll
        for (int k = 0; k < TILE_K; k += 8) {
            float u[DOWN][4], v[ACROSS][2];
#pragma unroll
            for (int i = 0; i < DOWN; ++i)
#pragma unroll
                for (int e = 0; e < 4; ++e)
                    u[i][e] = a.at[a.place(k + within + e / 2 * 4, row() + i * 16 + e % 2 * 8)];
#pragma unroll
            for (int j = 0; j < ACROSS; ++j)
#pragma unroll
                for (int e = 0; e < 2; ++e) v[j][e] = b.at[b.place(k + within + e * 4, column() + j * 8 + group)];
            unsigned high_b[ACROSS][2];
#pragma unroll
            for (int j = 0; j < ACROSS * 2; ++j) high_b[j / 2][j % 2] = tf32(v[j / 2][j % 2]);
#pragma unroll
            for (int i = 0; i < DOWN; ++i) {
                unsigned high[4];
#pragma unroll
                for (int e = 0; e < 4; ++e) high[e] = tf32(u[i][e]);
#if MATH == 1
                unsigned low[4];
#pragma unroll
                for (int e = 0; e < 4; ++e) low[e] = rest(u[i][e], high[e]);
#pragma unroll
                for (int j = 0; j < ACROSS; ++j) {
                    const unsigned low_b[2] = {rest(v[j][0], high_b[j][0]), rest(v[j][1], high_b[j][1])};
                    mma(c[i][j], low, high_b[j]);
                    mma(c[i][j], high, low_b);
                }
#endif
#pragma unroll
                for (int j = 0; j < ACROSS; ++j) mma(c[i][j], high, high_b[j]);
            }
        }
    }
    // store(row, column, numbers, 2) for pairs of neighbours of a row.
    template <class Store> DEVICE void store(Store store) const {
#pragma unroll
        for (int i = 0; i < DOWN; ++i)
#pragma unroll
            for (int j = 0; j < ACROSS; ++j)
#pragma unroll
                for (int half = 0; half < 2; ++half)
                    store(row() + i * 16 + half * 8, column() + j * 8 + threadIdx.x % 4 * 2,
                          make_float4(c[i][j][2 * half], c[i][j][2 * half + 1], 0.0f, 0.0f), 2);
    }
};
#endif

// The sums of a tile over k from `from` to `end`; `a` and `b` are a thread's shares of the factors.
template <class A, class B> DEVICE void multiply_tile(Sums& sums, A a, B b, int from, int end) {
    __shared__ alignas(16) Slab<TILE_M> slabs_a[2];
    __shared__ alignas(16) Slab<TILE_N> slabs_b[2];
    sums.clear();
    a.load(from, end);
    b.load(from, end);
    int now = 0;
    for (int k = from; k < end; k += TILE_K) {
        a.store(slabs_a[now]);
        b.store(slabs_b[now]);
        // The slabs before the last have been multiplied by all when they come here: two of each are enough.
        __syncthreads();
        if (k + TILE_K < end) {
            a.load(k + TILE_K, end);
            b.load(k + TILE_K, end);
        }
        sums.multiply(slabs_a[now], slabs_b[now]);
        now ^= 1;
    }
}

struct TileAt {
    int m, n;
};
// First row and column of tile `id`: tiles that share rows or columns of the factors run at the same time, in groups of
// eight down.
DEVICE TileAt tile_at(int id, int m, int n) {
    constexpr int GROUP = 8;
    const int down = (m + TILE_M - 1) / TILE_M, across = (n + TILE_N - 1) / TILE_N;
    const int first = id / (GROUP * across) * GROUP, within = id % (GROUP * across);
    const int height = min(down - first, GROUP);
    return {(first + within % height) * TILE_M, within / height * TILE_N};
}

// Writes up to `count` neighbours of `four` to a row at column `column` of `n`.
DEVICE void store_some(float* row, int column, int n, float4 four, int count, bool vectors) {
    if (vectors && count == 4) {
        if (column < n) store4(row + column, four);
        return;
    }
    if (column < n) row[column] = four.x;
    if (column + 1 < n) row[column + 1] = four.y;
    if (count == 4 && column + 2 < n) row[column + 2] = four.z;
    if (count == 4 && column + 3 < n) row[column + 3] = four.w;
}
