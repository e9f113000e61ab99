// Folds of the columns of an array [outer][mid][inner] over mid. A block takes COLUMNS neighbouring columns, and each
// of its warps every WARPS-th row of them, so that a warp reads neighbours; the warps' results meet in shared memory.
//
// An `Op` has a State, which `none()` is before anything; `add(state, v, m)` takes the N numbers v of rows m, m + step,
// …; `merge(state, other)` takes what another thread has. Of the parameters: BLOCK threads, ROWS loads in flight.

enum { WARPS = BLOCK / 32, COLUMNS = 128 };

// Which column of its block's a lane's k-th is.
template <bool Vectors> DEVICE int lane_column(int lane, int k) { return Vectors ? lane * 4 + k : k * 32 + lane; }

// v[k][0..4) = row m + k * step of this lane's columns, of which there are `columns` in the block.
template <bool Vectors, int N>
DEVICE void load_rows(float (&v)[4][N], const float* x, i64 row_length, int step, int columns) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int r = 0; r < N; ++r) {
        const float* row = x + (i64)(r * step) * row_length;
        if constexpr (Vectors) {
            const float4 four = lane * 4 < columns ? load4(row + lane * 4) : same4(0.0f);
            v[0][r] = four.x, v[1][r] = four.y, v[2][r] = four.z, v[3][r] = four.w;
        } else {
#pragma unroll
            for (int k = 0; k < 4; ++k) v[k][r] = k * 32 + lane < columns ? __ldg(row + k * 32 + lane) : 0.0f;
        }
    }
}

// store(column, state) for each of this block's columns, by one thread, of rows begin..end. x is at row 0 of the first
// column; `meeting` has room for the states of all threads.
template <class Op, bool Vectors, class Store>
DEVICE void fold_strip(const float* x, int begin, int end, int inner, int columns, Op op, typename Op::State* meeting,
                       Store store) {
    using State = typename Op::State;
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    State state[4] = {op.none(), op.none(), op.none(), op.none()};
    int m = begin + warp;
    for (; m + (ROWS - 1) * WARPS < end; m += ROWS * WARPS) {
        float v[4][ROWS];
        load_rows<Vectors>(v, x + (i64)m * inner, inner, WARPS, columns);
#pragma unroll
        for (int k = 0; k < 4; ++k) op.add(state[k], v[k], m, (int)WARPS);
    }
    for (; m < end; m += WARPS) {
        float v[4][1];
        load_rows<Vectors>(v, x + (i64)m * inner, inner, WARPS, columns);
#pragma unroll
        for (int k = 0; k < 4; ++k) op.add(state[k], v[k], m, (int)WARPS);
    }
#pragma unroll
    for (int k = 0; k < 4; ++k) meeting[warp * COLUMNS + k * 32 + lane] = state[k];
    __syncthreads();
    if (threadIdx.x < COLUMNS) {
        State all = meeting[threadIdx.x];
#pragma unroll
        for (int w = 1; w < WARPS; ++w) op.merge(all, meeting[w * COLUMNS + threadIdx.x]);
        const int column = lane_column<Vectors>(threadIdx.x % 32, threadIdx.x / 32);
        if (column < columns) store(column, all);
    }
}

// One column of neighbours: all threads share it.
template <class Op, class Store>
DEVICE void fold_row(const float* x, int begin, int end, Op op, typename Op::State* meeting, Store store) {
    typename Op::State state = op.none();
#pragma unroll 4
    for (int m = begin + (int)threadIdx.x; m < end; m += BLOCK) {
        const float v[1] = {__ldg(x + m)};
        op.add(state, v, m, (int)BLOCK);
    }
    meeting[threadIdx.x] = state;
#pragma unroll
    for (int half = BLOCK / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) op.merge(meeting[threadIdx.x], meeting[threadIdx.x + half]);
    }
    if (threadIdx.x == 0) store(0, meeting[0]);
}

// The columns of block blockIdx.x, of `outer * ceil_div(inner, COLUMNS)` that there are, over rows begin..end:
// `store(i, state)`, where i counts columns of the whole array.
template <class Op, class Store>
DEVICE void fold_columns(const float* x, int begin, int end, int mid, int inner, Op op, Store store) {
    const int strips = (inner + COLUMNS - 1) / COLUMNS, first = (int)(blockIdx.x % strips) * COLUMNS;
    const i64 o = blockIdx.x / strips, at = o * inner + first;
    const float* from = x + o * mid * inner + first;
    const int columns = min(inner - first, (int)COLUMNS);
    const auto put = [=](int column, typename Op::State state) { store(at + column, state); };
    __shared__ typename Op::State meeting[WARPS * COLUMNS];
    if (inner == 1) fold_row(from, begin, end, op, meeting, put);
    else if (inner % 4 == 0 && is_aligned(x)) fold_strip<Op, true>(from, begin, end, inner, columns, op, meeting, put);
    else fold_strip<Op, false>(from, begin, end, inner, columns, op, meeting, put);
}
