// Running sum or product of each row: a scan across the lanes of a vector in log2(VF) steps, then the
// carry of everything before it, which is kept in double so that it loses no digits.
// The kernels are static: only the one that the plan names is compiled.

// `total` is what a vector adds to the carry: `last` is the last number of its scan.
struct Sum {
    static constexpr float unit = 0.0f;
    template <class T> static T join(T a, T b) { return a + b; }
    static double total(vf, float last) { return last; }
};
// Relative errors of factors add up along a row, so the carry takes none that was rounded to a float.
struct Product {
    static constexpr float unit = 1.0f;
    template <class T> static T join(T a, T b) { return a * b; }
    static double total(vf v, float) {
        typedef float half __attribute__((vector_size(VF * 2), aligned(4), may_alias));
        typedef double wide __attribute__((vector_size(VF * 4)));
        float lanes[VF];
        store(lanes, v);
        wide p = __builtin_convertvector(*(const half*)lanes, wide);
        p *= __builtin_convertvector(*(const half*)(lanes + VF / 2), wide);
        for (int w = VF / 4; w > 0; w /= 2)
            for (int i = 0; i < w; ++i) p[i] *= p[i + w];
        return p[0];
    }
};

// Where the numbers of a row come from.
struct Plain {
    const float* x;
    vf at(i64 j) const { return load(x + j); }
    float one(i64 j) const { return x[j]; }
    Plain row(i64 offset) const { return {x + offset}; }
};
struct Masked {
    const float* x;
    const bool* mask;
    vf at(i64 j) const {
        typedef unsigned char bytes __attribute__((vector_size(VF), aligned(1), may_alias));
        return load(x + j) * __builtin_convertvector(*(const bytes*)(mask + j), vf);
    }
    float one(i64 j) const { return x[j] * (mask[j] ? 1.0f : 0.0f); }
    Masked row(i64 offset) const { return {x + offset, mask + offset}; }
};

// Lanes moved by Step towards the end of the scan, units moving in.
template <class Op, bool Backward, int Step> INLINE vf shift(vf v) {
    vi from;
    for (int i = 0; i < VF; ++i)
        if (Backward) from[i] = i + Step < VF ? i + Step : VF;
        else from[i] = i < Step ? VF : i - Step;
    return __builtin_shuffle(v, splat(Op::unit), from);
}

template <class Op, bool Backward> INLINE vf scan(vf v) {
    v = Op::join(shift<Op, Backward, 1>(v), v);
    v = Op::join(shift<Op, Backward, 2>(v), v);
    if constexpr (VF >= 8) v = Op::join(shift<Op, Backward, 4>(v), v);
    if constexpr (VF >= 16) v = Op::join(shift<Op, Backward, 8>(v), v);
    return v;
}

// Zero, but NaN for an infinity or a NaN: what an exclusive sum, the sum less the number itself, has there.
template <class T> INLINE T nothing(T x) { return x - x; }

// Columns begin..end, one at a time, in the direction of the scan.
template <class Op, bool Backward, bool Exclusive, class Row>
INLINE double scan_some(Row row, float* y, i64 begin, i64 end, double carry) {
    for (i64 k = begin; k < end; ++k) {
        const i64 j = Backward ? begin + end - 1 - k : k;
        if (Exclusive) y[j] = (float)carry + nothing(row.one(j));
        carry = Op::join(carry, (double)row.one(j));
        if (!Exclusive) y[j] = (float)carry;
        scalar_loop();
    }
    return carry;
}

template <class Op, bool Backward, bool Exclusive, int Rows, class Row>
INLINE void scan_together(Row first, float* y, i64 cols) {
    double carry[Rows];
    // Rows that start at different offsets from a vector boundary are not scanned together.
    const i64 head = NT ? head_of(y, cols) : 0, step = UNROLL * VF;
    const i64 body = (cols - head) / step, tail = head + body * step;
    for (int r = 0; r < Rows; ++r)
        carry[r] = scan_some<Op, Backward, Exclusive>(first.row(r * cols), y + r * cols, Backward ? tail : 0,
                                                      Backward ? cols : head, Op::unit);
    for (i64 k = 0; k < body; ++k) {
        const i64 j = Backward ? tail - (k + 1) * step : head + k * step;
        vf y0[Rows][UNROLL];
        double total[Rows][UNROLL];
#pragma GCC unroll 2
        for (int r = 0; r < Rows; ++r) {
            const Row row = first.row(r * cols);
            if (AHEAD)
                for (int b = 0; b < step; b += 16) prefetch(row.x + j + b + (Backward ? -AHEAD / 4 : AHEAD / 4));
#pragma GCC unroll 4
            for (int u = 0; u < UNROLL; ++u) {
                const vf x = row.at(j + u * VF), v = scan<Op, Backward>(x);
                total[r][u] = Op::total(x, v[Backward ? 0 : VF - 1]);
                y0[r][u] = Exclusive ? shift<Op, Backward, 1>(v) + nothing(x) : v;
            }
        }
#pragma GCC unroll 4
        for (int w = 0; w < UNROLL; ++w)
#pragma GCC unroll 2
            for (int r = 0; r < Rows; ++r) {
                const int u = Backward ? UNROLL - 1 - w : w;
                stream<NT>(y + r * cols + j + u * VF, Op::join(y0[r][u], splat((float)carry[r])));
                carry[r] = Op::join(carry[r], total[r][u]);
            }
    }
    for (int r = 0; r < Rows; ++r)
        scan_some<Op, Backward, Exclusive>(first.row(r * cols), y + r * cols, Backward ? 0 : tail,
                                           Backward ? head : cols, carry[r]);
}

template <class Op, bool Backward, bool Exclusive, class Row>
INLINE void scan_part(int part, int parts, Row in, float* out, i64 rows, i64 cols) {
    Range range(rows, part, parts);
    i64 i = range.begin;
    if (ROWS > 1 && (!NT || cols % VF == 0))
        for (; i + ROWS <= range.end; i += ROWS)
            scan_together<Op, Backward, Exclusive, ROWS>(in.row(i * cols), out + i * cols, cols);
    for (; i < range.end; ++i) scan_together<Op, Backward, Exclusive, 1>(in.row(i * cols), out + i * cols, cols);
    if (NT) fence();
}

static void cumsum_rows(int part, int parts, const float* in, float* out, i64 rows, i64 cols) {
    scan_part<Sum, false, false>(part, parts, Plain{in}, out, rows, cols);
}
static void exclusive_cumsum_rows(int part, int parts, const float* in, float* out, i64 rows, i64 cols) {
    scan_part<Sum, false, true>(part, parts, Plain{in}, out, rows, cols);
}
static void reverse_cumsum_rows(int part, int parts, const float* in, float* out, i64 rows, i64 cols) {
    scan_part<Sum, true, false>(part, parts, Plain{in}, out, rows, cols);
}
static void masked_cumsum_rows(int part, int parts, const float* in, const bool* mask, float* out, i64 rows, i64 cols) {
    scan_part<Sum, false, false>(part, parts, Masked{in, mask}, out, rows, cols);
}
static void cumprod_rows(int part, int parts, const float* in, float* out, i64 rows, i64 cols) {
    scan_part<Product, false, false>(part, parts, Plain{in}, out, rows, cols);
}
