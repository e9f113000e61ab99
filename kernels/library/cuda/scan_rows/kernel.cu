// y[i][j] = what the columns of row i up to j make together. A block takes a row, or a segment of one, and goes along
// it TILE columns at a time: each thread scans ITEMS neighbours, a warp its threads' totals, the block its warps'. All
// totals are in double precision: what comes out is rounded once, as what PyTorch's loop makes on a processor is.

enum { WARPS = BLOCK / 32, TILE = BLOCK * ITEMS };

struct Product {
    static DEVICE double none() { return 1.0; }
    static DEVICE double of(double a, double b) { return a * b; }
};
struct Total {
    static DEVICE double none() { return 0.0; }
    static DEVICE double of(double a, double b) { return a + b; }
};

// Kinds of scan: how columns are put together, whether from the end, whether a mask of truth values is multiplied in,
// and what becomes of the result and the column that it ends with.
template <class O, bool FROM_END, bool MASKED, bool WITHOUT_OWN> struct Kind {
    using Op = O;
    static constexpr bool BACKWARDS = FROM_END, WITH_MASK = MASKED;
    static DEVICE float result(double all, float own) { return WITHOUT_OWN ? (float)all - own : (float)all; }
};
using Cumsum = Kind<Total, false, false, false>;
using Cumprod = Kind<Product, false, false, false>;
using ReverseCumsum = Kind<Total, true, false, false>;
using MaskedCumsum = Kind<Total, false, true, false>;
using ExclusiveCumsum = Kind<Total, false, false, true>;

DEVICE float4 reversed(float4 v) { return make_float4(v.w, v.z, v.y, v.x); }

// Whether rows may be read four columns at a time.
template <class K> DEVICE bool in_vectors(const float* x, const unsigned char* mask, int cols) {
    return cols % 4 == 0 && is_aligned(x) && (!K::WITH_MASK || reinterpret_cast<size_t>(mask) % 4 == 0);
}

// Columns j..j + ITEMS of a row in the order of the scan; what is beyond the end changes nothing.
template <class K>
DEVICE void load_items(float (&v)[ITEMS], const float* x, const unsigned char* mask, int j, int cols, bool vectors) {
#pragma unroll
    for (int k = 0; k < ITEMS; k += 4) {
        const int c = j + k;
        float four[4];
        if (vectors) {
            const int at = K::BACKWARDS ? cols - 4 - c : c;
            float4 u = c < cols ? load4(x + at) : same4((float)K::Op::none());
            if (K::WITH_MASK && c < cols) {
                const uchar4 m = __ldg(reinterpret_cast<const uchar4*>(mask + at));
                u = make_float4(u.x * m.x, u.y * m.y, u.z * m.z, u.w * m.w);
            }
            if (K::BACKWARDS) u = reversed(u);
            four[0] = u.x, four[1] = u.y, four[2] = u.z, four[3] = u.w;
        } else {
#pragma unroll
            for (int e = 0; e < 4; ++e) {
                const int at = K::BACKWARDS ? cols - 1 - c - e : c + e;
                four[e] = c + e < cols ? __ldg(x + at) : (float)K::Op::none();
                if (K::WITH_MASK && c + e < cols) four[e] *= __ldg(mask + at);
            }
        }
#pragma unroll
        for (int e = 0; e < 4; ++e) v[k + e] = four[e];
    }
}
template <class K> DEVICE void store_items(float* y, const float (&v)[ITEMS], int j, int cols, bool vectors) {
#pragma unroll
    for (int k = 0; k < ITEMS; k += 4) {
        const int c = j + k;
        if (vectors) {
            const float4 u = make_float4(v[k], v[k + 1], v[k + 2], v[k + 3]);
            if (c < cols) store4(y + (K::BACKWARDS ? cols - 4 - c : c), K::BACKWARDS ? reversed(u) : u);
        } else {
#pragma unroll
            for (int e = 0; e < 4; ++e)
                if (c + e < cols) y[K::BACKWARDS ? cols - 1 - c - e : c + e] = v[k + e];
        }
    }
}

// Columns of segment blockIdx.y: whole tiles for all but the last.
struct Segment {
    int begin, end;
    DEVICE Segment(int cols) {
        const int tiles = (cols + TILE - 1) / TILE, each = (tiles + SEGMENTS - 1) / SEGMENTS;
        begin = min((int)blockIdx.y * each * TILE, cols);
        end = min(begin + each * TILE, cols);
    }
};

// What the threads of the block make together, those before this one and all.
struct Scanned {
    double before, all;
};
template <class Op> DEVICE Scanned scan_block(double own) {
    __shared__ double of_warps[WARPS];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    double up_to = own;
#pragma unroll
    for (int step = 1; step < 32; step *= 2) {
        const double other = __shfl_up_sync(0xffffffffu, up_to, step);
        if (lane >= step) up_to = Op::of(other, up_to);
    }
    const double left = __shfl_up_sync(0xffffffffu, up_to, 1);
    // The last tile's have been read by all.
    __syncthreads();
    if (lane == 31) of_warps[warp] = up_to;
    __syncthreads();
    double before = Op::none(), all = Op::none();
#pragma unroll
    for (int w = 0; w < WARPS; ++w) {
        if (w == warp) before = all;
        all = Op::of(all, of_warps[w]);
    }
    return {lane == 0 ? before : Op::of(before, left), all};
}

template <class K>
DEVICE void scan_row(const float* x, const unsigned char* mask, const double* totals, float* y, int cols) {
    using Op = typename K::Op;
    const i64 row = blockIdx.x;
    x += row * cols, mask += row * cols, y += row * cols;
    const bool vectors = in_vectors<K>(x, mask, cols) && is_aligned(y);
    const Segment segment(cols);
    double carry = Op::none();
    if (SEGMENTS > 1)
        for (int s = 0; s < blockIdx.y; ++s) carry = Op::of(carry, __ldg(totals + row * SEGMENTS + s));
    for (int first = segment.begin; first < segment.end; first += TILE) {
        const int j = first + threadIdx.x * ITEMS;
        float v[ITEMS];
        load_items<K>(v, x, mask, j, cols, vectors);
        double own = Op::none();
#pragma unroll
        for (int k = 0; k < ITEMS; ++k) own = Op::of(own, v[k]);
        const Scanned tile = scan_block<Op>(own);
        double up_to = Op::of(carry, tile.before);
#pragma unroll
        for (int k = 0; k < ITEMS; ++k) {
            up_to = Op::of(up_to, v[k]);
            v[k] = K::result(up_to, v[k]);
        }
        store_items<K>(y, v, j, cols, vectors);
        carry = Op::of(carry, tile.all);
    }
}

// totals[row][segment] = what the columns of a segment make together.
template <class K> DEVICE void total_of_segment(const float* x, const unsigned char* mask, double* totals, int cols) {
    using Op = typename K::Op;
    const i64 row = blockIdx.x;
    x += row * cols, mask += row * cols;
    const bool vectors = in_vectors<K>(x, mask, cols);
    const Segment segment(cols);
    double own = Op::none();
    for (int first = segment.begin; first < segment.end; first += TILE) {
        float v[ITEMS];
        load_items<K>(v, x, mask, first + threadIdx.x * ITEMS, cols, vectors);
#pragma unroll
        for (int k = 0; k < ITEMS; ++k) own = Op::of(own, v[k]);
    }
    const Scanned block = scan_block<Op>(own);
    if (threadIdx.x == 0) totals[row * SEGMENTS + blockIdx.y] = block.all;
}

// The rest of a kernel of each kind.
#if SEGMENTS > 1
#define SCAN_ROWS(kind)                                                                                   \
    (const float* x, const unsigned char* mask, const double* totals, float* y, int cols) {               \
        scan_row<kind>(x, mask, totals, y, cols);                                                         \
    }
#else
#define SCAN_ROWS(kind)                                                                                   \
    (const float* x, const unsigned char* mask, float* y, int cols) {                                     \
        scan_row<kind>(x, mask, nullptr, y, cols);                                                        \
    }
#endif
#define SEGMENT_TOTALS(kind)                                                                              \
    (const float* x, const unsigned char* mask, double* totals, int cols) {                               \
        total_of_segment<kind>(x, mask, totals, cols);                                                    \
    }

#ifdef KERNEL_cumsum_rows
KERNEL void __launch_bounds__(BLOCK) cumsum_rows SCAN_ROWS(Cumsum)
#endif
#ifdef KERNEL_cumsum_totals
KERNEL void __launch_bounds__(BLOCK) cumsum_totals SEGMENT_TOTALS(Cumsum)
#endif
#ifdef KERNEL_cumprod_rows
KERNEL void __launch_bounds__(BLOCK) cumprod_rows SCAN_ROWS(Cumprod)
#endif
#ifdef KERNEL_cumprod_totals
KERNEL void __launch_bounds__(BLOCK) cumprod_totals SEGMENT_TOTALS(Cumprod)
#endif
#ifdef KERNEL_reverse_cumsum_rows
KERNEL void __launch_bounds__(BLOCK) reverse_cumsum_rows SCAN_ROWS(ReverseCumsum)
#endif
#ifdef KERNEL_reverse_cumsum_totals
KERNEL void __launch_bounds__(BLOCK) reverse_cumsum_totals SEGMENT_TOTALS(ReverseCumsum)
#endif
#ifdef KERNEL_masked_cumsum_rows
KERNEL void __launch_bounds__(BLOCK) masked_cumsum_rows SCAN_ROWS(MaskedCumsum)
#endif
#ifdef KERNEL_masked_cumsum_totals
KERNEL void __launch_bounds__(BLOCK) masked_cumsum_totals SEGMENT_TOTALS(MaskedCumsum)
#endif
#ifdef KERNEL_exclusive_cumsum_rows
KERNEL void __launch_bounds__(BLOCK) exclusive_cumsum_rows SCAN_ROWS(ExclusiveCumsum)
#endif
#ifdef KERNEL_exclusive_cumsum_totals
KERNEL void __launch_bounds__(BLOCK) exclusive_cumsum_totals SEGMENT_TOTALS(ExclusiveCumsum)
#endif
