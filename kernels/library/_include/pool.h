// Windows over planes: for each output row, the input rows of its windows are joined into one padded row, then
// that row is joined across columns; strides 1 and 2 use whole vectors.
// Uses the parameters UNROLL and AHEAD (input rows ahead that are fetched).

// How two numbers join, and the one that changes nothing.
struct Largest {
    // A NaN in a window is its maximum, as in the reference.
    static vf join(vf a, vf b) { return max_nan(a, b); }
    static float join_one(float a, float b) { return b > a || b != b ? b : a; }
    static float nothing() { return -__builtin_inff(); }
};
struct Total {
    static vf join(vf a, vf b) { return a + b; }
    static float join_one(float a, float b) { return a + b; }
    static float nothing() { return 0.0f; }
};

// A copy.
struct One {
    static vf join(vf a, vf) { return a; }
};

struct Windows {
    i64 height, width, out_width;
    i64 size_y, size_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x;
};

// joined[0..n) = three rows, any of which may be the same as `joined`.
template <class Op> INLINE void join_rows(const float* a, const float* b, const float* c, float* joined, i64 n) {
    i64 j = 0;
    for (; j + UNROLL * VF <= n; j += UNROLL * VF)
#pragma GCC unroll 4
        for (int u = 0; u < UNROLL * VF; u += VF)
            store(joined + j + u, Op::join(Op::join(load(a + j + u), load(b + j + u)), load(c + j + u)));
#pragma GCC unroll 1
    for (; j < n; j += VF) {
        const i64 left = n - j < VF ? n - j : VF;
        const vf v = Op::join(load_some(a + j, left, 0.0f), load_some(b + j, left, 0.0f));
        store_some(joined + j, left, Op::join(v, load_some(c + j, left, 0.0f)));
    }
}

// Even or odd lanes of the 2 VF floats at p.
template <int Odd> INLINE vf every_second(vf low, vf high) {
    vi from;
    for (int i = 0; i < VF; ++i) from[i] = 2 * i + Odd;
    return __builtin_shuffle(low, high, from);
}

// VF windows of `size` columns from column t on.
template <class Op, int Stride> INLINE vf across(const float* t, i64 size, i64 dilation) {
    if constexpr (Stride == 1) {
        vf v = load(t);
        for (i64 k = 1; k < size; ++k) v = Op::join(v, load(t + k * dilation));
        return v;
    }
    vf low = load(t), high = load(t + VF);
    vf v = every_second<0>(low, high);
    i64 k = 1;
    if (dilation == 1 && size > 1) {
        v = Op::join(v, every_second<1>(low, high));
        k = 2;
    }
    for (; k < size; ++k) {
        const float* s = t + k * dilation;
        if (dilation == 1 && k + 1 < size) {
            low = load(s), high = load(s + VF);
            v = Op::join(Op::join(v, every_second<0>(low, high)), every_second<1>(low, high));
            ++k;
        } else {
            v = Op::join(v, every_second<0>(load(s), load(s + VF)));
        }
    }
    return v;
}

// The loop over whole vectors for one size of window, which the compiler then knows; returns where it stopped.
template <class Op, int Stride, int Size, bool Past, class Finish>
INLINE i64 sweep_whole(const float* t, float* y, i64 j, i64 n, Finish finish) {
    for (; j + VF <= n; j += VF) stream<Past>(y + j, finish(across<Op, Stride>(t + j * Stride, Size, 1)));
    return j;
}

template <class Op, int Stride, bool Past, class Finish>
INLINE void sweep(const float* t, float* y, i64 n, i64 size, i64 dilation, Finish finish) {
    const i64 head = Past ? head_of(y, n) : 0;
    i64 j = 0;
    while (j < n) {
        if (j == head && dilation == 1) {
            if (size == 2) j = sweep_whole<Op, Stride, 2, Past>(t, y, j, n, finish);
            if (size == 3) j = sweep_whole<Op, Stride, 3, Past>(t, y, j, n, finish);
            if (size == 4) j = sweep_whole<Op, Stride, 4, Past>(t, y, j, n, finish);
            if (j == n) return;
        }
        const i64 stop = j < head ? head : n, some = stop - j < VF ? stop - j : VF;
        const vf v = finish(across<Op, Stride>(t + j * Stride, size, dilation));
        if (some == VF) stream<Past>(y + j, v);
        else store_some(y + j, some, v);
        j += some;
    }
}

// Before the first row: `t` is one padded row, followed by one of `row` floats that change nothing.
template <class Op> INLINE void start_pool(float* t, i64 row) {
    for (i64 j = 0; j < 2 * row; ++j) t[j] = Op::nothing();
}

// Output row `oy` of a plane.
template <class Op, bool Past, class Finish>
INLINE void pool_row(const float* plane, i64 oy, float* t, i64 row, float* dst, Windows w, Finish finish) {
    const float* nothing = t + row;
    float* joined = t + w.pad_x;
    i64 y = oy * w.stride_y - w.pad_y, last = y + (w.size_y - 1) * w.dilation_y;
    if (y < 0) y += (-y + w.dilation_y - 1) / w.dilation_y * w.dilation_y;
    if (last >= w.height) last -= (last - w.height + w.dilation_y) / w.dilation_y * w.dilation_y;
    if (AHEAD)
        for (i64 j = 0; j < w.stride_y * w.width; j += 16) prefetch(plane + (last + AHEAD) * w.width + j);

    // Three rows at a time, of which one may be what was joined before.
    auto next = [&]() -> const float* {
        const float* p = y <= last ? plane + y * w.width : nothing;
        y += w.dilation_y;
        return p;
    };
    const float* first = next();
    if (w.size_y == 1) join_rows<One>(first, first, first, joined, w.width);
    else do {
        const float *second = next(), *third = next();
        join_rows<Op>(first, second, third, joined, w.width);
        first = joined;
    } while (y <= last);

    if (w.stride_x == 1) sweep<Op, 1, Past>(t, dst, w.out_width, w.size_x, w.dilation_x, finish);
    else if (w.stride_x == 2) sweep<Op, 2, Past>(t, dst, w.out_width, w.size_x, w.dilation_x, finish);
    else
        for (i64 ox = 0; ox < w.out_width; ++ox) {
            float v = Op::nothing();
            for (i64 k = 0; k < w.size_x; ++k) v = Op::join_one(v, t[ox * w.stride_x + k * w.dilation_x]);
            dst[ox] = finish(splat(v))[0];
        }
}
