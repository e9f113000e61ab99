// Maximum over windows. For each output row, the input rows of its windows are folded into one
// padded row, then that row is folded across columns; strides 1 and 2 use whole vectors.
// A NaN in a window is its maximum, as in the reference.

// best[0..n) = maximum of three rows, any of which may be the same or `best` itself.
INLINE void fold(const float* a, const float* b, const float* c, float* best, i64 n) {
    i64 j = 0;
    for (; j + UNROLL * VF <= n; j += UNROLL * VF)
#pragma GCC unroll 4
        for (int u = 0; u < UNROLL * VF; u += VF)
            store(best + j + u, max_nan(max_nan(load(a + j + u), load(b + j + u)), load(c + j + u)));
    for (; j < n; j += VF) {
        const i64 left = n - j < VF ? n - j : VF;
        const vf v = max_nan(load_some(a + j, left, 0.0f), load_some(b + j, left, 0.0f));
        store_some(best + j, left, max_nan(v, load_some(c + j, left, 0.0f)));
    }
}

// Even or odd lanes of the 2 VF floats at p.
template <int Odd> INLINE vf every_second(vf low, vf high) {
    vi from;
    for (int i = 0; i < VF; ++i) from[i] = 2 * i + Odd;
    return __builtin_shuffle(low, high, from);
}

// VF windows of `window` columns from column t on.
template <int Stride> INLINE vf across(const float* t, i64 window, i64 dilation) {
    if constexpr (Stride == 1) {
        vf v = load(t);
        for (i64 k = 1; k < window; ++k) v = max_nan(v, load(t + k * dilation));
        return v;
    }
    vf low = load(t), high = load(t + VF);
    vf v = every_second<0>(low, high);
    i64 k = 1;
    if (dilation == 1 && window > 1) {
        v = max_nan(v, every_second<1>(low, high));
        k = 2;
    }
    for (; k < window; ++k) {
        const float* s = t + k * dilation;
        v = max_nan(v, every_second<0>(load(s), load(s + VF)));
    }
    return v;
}

template <int Stride> INLINE void sweep(const float* t, float* y, i64 n, i64 window, i64 dilation) {
    const i64 head = NT ? head_of(y, n) : 0;
    i64 j = 0;
    while (j < n) {
        if (j == head && window == 3 && dilation == 1) {
            for (; j + VF <= n; j += VF) stream<NT>(y + j, across<Stride>(t + j * Stride, 3, 1));
            if (j == n) return;
        }
        const i64 stop = j < head ? head : n, some = stop - j < VF ? stop - j : VF;
        const vf v = across<Stride>(t + j * Stride, window, dilation);
        if (some == VF) stream<NT>(y + j, v);
        else store_some(y + j, some, v);
        j += some;
    }
}

extern "C" void max_pool2d(int part, int parts, const float* in, float* out, float* rows, i64 row, i64 planes,
                           i64 height, i64 width, i64 out_height, i64 out_width, i64 window_y, i64 window_x,
                           i64 stride_y, i64 stride_x, i64 pad_y, i64 pad_x, i64 dilation_y, i64 dilation_x) {
    const float lowest = -__builtin_inff();
    float* t = rows + part * row;
    for (i64 j = 0; j < row; ++j) t[j] = lowest;
    float* best = t + pad_x;

    Range r(planes * out_height, part, parts);
    for (i64 u = r.begin; u < r.end; ++u) {
        const i64 oy = u % out_height;
        const float* plane = in + u / out_height * height * width;
        i64 y = oy * stride_y - pad_y, last = y + (window_y - 1) * dilation_y;
        if (y < 0) y += (-y + dilation_y - 1) / dilation_y * dilation_y;
        if (last >= height) last -= (last - height + dilation_y) / dilation_y * dilation_y;
        if (AHEAD)
            for (i64 j = 0; j < stride_y * width; j += 16) prefetch(plane + (last + AHEAD) * width + j);

        if (y > last)
            for (i64 j = 0; j < width; ++j) best[j] = lowest;
        for (const float* so_far = nullptr; y <= last; so_far = best) {
            // Three rows at a time; past the last, the last again, which changes nothing.
            const float* a = plane + y * width;
            y = y + dilation_y <= last ? y + dilation_y : last;
            const float* b = plane + y * width;
            if (!so_far) y = y + dilation_y <= last ? y + dilation_y : last;
            fold(a, b, so_far ? so_far : plane + y * width, best, width);
            y += dilation_y;
        }

        float* dst = out + u * out_width;
        if (stride_x == 1) sweep<1>(t, dst, out_width, window_x, dilation_x);
        else if (stride_x == 2) sweep<2>(t, dst, out_width, window_x, dilation_x);
        else
            for (i64 ox = 0; ox < out_width; ++ox) {
                float v = lowest;
                for (i64 k = 0; k < window_x; ++k) {
                    const float w = t[ox * stride_x + k * dilation_x];
                    v = w > v || w != w ? w : v;
                }
                dst[ox] = v;
            }
    }
    if (NT) fence();
}
