// Rows that a warp or a whole block shares. Kernels say what is to be done with a row; here is who takes which, and
// where its numbers are meanwhile: in registers if they fit, else they are read again for each sweep over them, which
// the caches then serve.
//
// Of the parameters: BLOCK threads, of which each holds HELD numbers of a row, a multiple of four; a warp takes rows of
// up to WARP_COLS columns by itself, a multiple of 128.

enum { WARPS = BLOCK / 32 };

// Threads that share a row.
template <int Threads> struct Team {
    static constexpr int SIZE = Threads;
    static DEVICE int rank() { return threadIdx.x % Threads; }
    template <class Op> static DEVICE float reduce(float v) {
        if constexpr (Threads == 32) return reduce_warp<Op>(v);
        else return reduce_block<Op, Threads>(v);
    }
};

// Largest number of some, and the sum of their exponentials after that has been subtracted. No numbers: -INF and 0.
struct Exps {
    float max, sum;
    // More numbers, whose largest is `top`.
    DEVICE void raise(float top) {
        const float larger = max_(max, top);
        // Of two infinities of the same sign the difference is no number: nothing has been added yet, or NaN is right.
        if (larger != max) sum *= expf(max - larger);
        max = larger;
    }
    // Of infinitely small numbers only, the sum is that of none.
    DEVICE void add(float v) { sum += max == -INF ? 0.0f : expf(v - max); }
    template <class Team> DEVICE Exps over() const {
        const float top = Team::template reduce<Max>(max);
        return {top, Team::template reduce<Add>(max == -INF ? 0.0f : max == top ? sum : sum * expf(max - top))};
    }
    // The logarithm of the sum of exponentials.
    DEVICE float log() const { return max - max == 0.0f ? max + logf(sum) : max; }
};

// Where the numbers of a row come from: f of column j of one, two or three arrays.
template <class F> struct Of1 {
    F f;
    const float* a;
    DEVICE float one(int j) const { return f(__ldg(a + j)); }
    DEVICE float4 four(int j) const { return lanes(f, load4(a + j)); }
};
template <class F> struct Of2 {
    F f;
    const float *a, *b;
    DEVICE float one(int j) const { return f(__ldg(a + j), __ldg(b + j)); }
    DEVICE float4 four(int j) const { return lanes(f, load4(a + j), load4(b + j)); }
};
template <class F> struct Of3 {
    F f;
    const float *a, *b, *c;
    DEVICE float one(int j) const { return f(__ldg(a + j), __ldg(b + j), __ldg(c + j)); }
    DEVICE float4 four(int j) const { return lanes(f, load4(a + j), load4(b + j), load4(c + j)); }
};
template <class F> DEVICE Of1<F> of(F f, const float* a) { return {f, a}; }
template <class F> DEVICE Of2<F> of(F f, const float* a, const float* b) { return {f, a, b}; }
template <class F> DEVICE Of3<F> of(F f, const float* a, const float* b, const float* c) { return {f, a, b, c}; }

struct Itself {
    DEVICE float operator()(float u) const { return u; }
};
struct Sum {
    DEVICE float operator()(float u, float v) const { return u + v; }
};

// What a result takes besides: column j of an array, or the entry of the channel that it belongs to.
struct PerChannel {
    const float* at;
    int pixels;
};
DEVICE float take(const float* p, int j) { return __ldg(p + j); }
DEVICE float4 take4(const float* p, int j) { return load4(p + j); }
DEVICE float take(PerChannel p, int j) { return __ldg(p.at + j / p.pixels); }
DEVICE float4 take4(PerChannel p, int j) { return same4(take(p, j)); }

// A row of which each thread holds N numbers, neighbours in fours if `Vectors`.
template <class T, bool Vectors, int N, class From> struct Held {
    int cols;
    float v[N];

    static DEVICE int column(int k) {
        return Vectors ? (k / 4 * T::SIZE + T::rank()) * 4 + k % 4 : k * T::SIZE + T::rank();
    }
    DEVICE Held(int cols, From from) : cols(cols) {
        if constexpr (Vectors) {
#pragma unroll
            for (int k = 0; k < N; k += 4) {
                const float4 four = column(k) < cols ? from.four(column(k)) : same4(0.0f);
                v[k] = four.x, v[k + 1] = four.y, v[k + 2] = four.z, v[k + 3] = four.w;
            }
        } else {
#pragma unroll
            for (int k = 0; k < N; ++k) v[k] = column(k) < cols ? from.one(column(k)) : 0.0f;
        }
    }
    // Op over f of all numbers.
    template <class Op, class F> DEVICE float reduce(F f) const {
        float result = Op::none();
#pragma unroll
        for (int k = 0; k < N; ++k)
            if (column(k) < cols) result = Op::of(result, f(v[k]));
        return T::template reduce<Op>(result);
    }
    DEVICE Exps exps() const {
        const float max = reduce<Max>(Itself{});
        return {max, reduce<Add>([=](float u) { return expf(u - max); })};
    }
    // y[j] = f(x[j], column j of others...).
    template <class F, class... P> DEVICE void store(float* y, F f, P... p) const {
        if constexpr (Vectors) {
#pragma unroll
            for (int k = 0; k < N; k += 4) {
                const int j = column(k);
                const float4 four = make_float4(v[k], v[k + 1], v[k + 2], v[k + 3]);
                if (j < cols) store4(y + j, lanes(f, four, take4(p, j)...));
            }
        } else {
#pragma unroll
            for (int k = 0; k < N; ++k) {
                const int j = column(k);
                if (j < cols) y[j] = f(v[k], take(p, j)...);
            }
        }
    }
};

// A row that is read for each sweep, with the same functions.
template <class T, bool Vectors, class From> struct Swept {
    From from;
    int cols;
    DEVICE Swept(int cols, From from) : from(from), cols(cols) {}

    template <class Op, class F> DEVICE float reduce(F f) const {
        float result = Op::none();
        if constexpr (Vectors) {
            float others[3] = {Op::none(), Op::none(), Op::none()};
#pragma unroll 4
            for (int j = T::rank() * 4; j < cols; j += T::SIZE * 4) {
                const float4 x = from.four(j);
                result = Op::of(result, f(x.x));
                others[0] = Op::of(others[0], f(x.y));
                others[1] = Op::of(others[1], f(x.z));
                others[2] = Op::of(others[2], f(x.w));
            }
            result = Op::of(Op::of(result, others[0]), Op::of(others[1], others[2]));
        } else {
#pragma unroll 4
            for (int j = T::rank(); j < cols; j += T::SIZE) result = Op::of(result, f(from.one(j)));
        }
        return T::template reduce<Op>(result);
    }
    // With a running maximum, which is raised for eight numbers at a time: one sweep.
    DEVICE Exps exps() const {
        Exps e{-INF, 0.0f};
        constexpr int WIDTH = Vectors ? 4 : 1, STEP = T::SIZE * WIDTH;
        for (int first = T::rank() * WIDTH; first < cols; first += STEP * (8 / WIDTH)) {
            float v[8];
#pragma unroll
            for (int k = 0; k < 8; k += WIDTH) {
                const int j = first + k / WIDTH * STEP;
                if constexpr (Vectors) {
                    const float4 x = j < cols ? from.four(j) : same4(-INF);
                    v[k] = x.x, v[k + 1] = x.y, v[k + 2] = x.z, v[k + 3] = x.w;
                } else {
                    v[k] = j < cols ? from.one(j) : -INF;
                }
            }
            float top = v[0];
#pragma unroll
            for (int k = 1; k < 8; ++k) top = max_(top, v[k]);
            e.raise(top);
#pragma unroll
            for (int k = 0; k < 8; ++k) e.add(v[k]);
        }
        return e.over<T>();
    }
    template <class F, class... P> DEVICE void store(float* y, F f, P... p) const {
        if constexpr (Vectors) {
#pragma unroll 4
            for (int j = T::rank() * 4; j < cols; j += T::SIZE * 4)
                store4(y + j, lanes(f, from.four(j), take4(p, j)...));
        } else {
#pragma unroll 4
            for (int j = T::rank(); j < cols; j += T::SIZE) y[j] = f(from.one(j), take(p, j)...);
        }
    }
};

// How the rows of a kernel are taken: `row(cols, of(f, x))` is one of the two above.
template <class T, bool Vectors, int N> struct InRegisters {
    using Threads = T;
    static constexpr bool VECTORS = Vectors;
    template <class From> static DEVICE Held<T, Vectors, N, From> row(int cols, From from) { return {cols, from}; }
};
template <class T, bool Vectors> struct InMemory {
    using Threads = T;
    static constexpr bool VECTORS = Vectors;
    template <class From> static DEVICE Swept<T, Vectors, From> row(int cols, From from) { return {cols, from}; }
};

// job.row(i, how) for each of this block's rows. `vectors`: all arrays of rows may be read by whole vectors.
// The grid has a block for each row, or for WARPS rows of up to WARP_COLS columns; if it has fewer, blocks take more.
template <class Job> DEVICE void each_row(i64 rows, int cols, bool vectors, Job job) {
    vectors = vectors && cols % 4 == 0;
    if (cols <= WARP_COLS) {
        using T = Team<32>;
        for (i64 i = (i64)blockIdx.x * WARPS + threadIdx.x / 32; i < rows; i += (i64)gridDim.x * WARPS) {
            if (vectors) job.row(i, InRegisters<T, true, WARP_COLS / 32>{});
            else job.row(i, InRegisters<T, false, WARP_COLS / 32>{});
        }
        return;
    }
    using T = Team<BLOCK>;
    for (i64 i = blockIdx.x; i < rows; i += gridDim.x) {
        if (cols <= BLOCK * HELD) {
            if (vectors) job.row(i, InRegisters<T, true, HELD>{});
            else job.row(i, InRegisters<T, false, HELD>{});
        } else {
            if (vectors) job.row(i, InMemory<T, true>{});
            else job.row(i, InMemory<T, false>{});
        }
    }
}

// The same for jobs that look at each number once: rows are never held.
template <class Job> DEVICE void each_row_once(i64 rows, int cols, bool vectors, Job job) {
    vectors = vectors && cols % 4 == 0;
    if (cols <= WARP_COLS) {
        using T = Team<32>;
        for (i64 i = (i64)blockIdx.x * WARPS + threadIdx.x / 32; i < rows; i += (i64)gridDim.x * WARPS) {
            if (vectors) job.row(i, InMemory<T, true>{});
            else job.row(i, InMemory<T, false>{});
        }
        return;
    }
    using T = Team<BLOCK>;
    for (i64 i = blockIdx.x; i < rows; i += gridDim.x) {
        if (vectors) job.row(i, InMemory<T, true>{});
        else job.row(i, InMemory<T, false>{});
    }
}
