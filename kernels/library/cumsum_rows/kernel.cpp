// Running sum of each row: a scan across the lanes of a vector in log2(VF) steps, then the
// carry of everything before it, which is kept in double so that it loses no digits.

template <int Step> INLINE vf shift_up(vf v) {
    vi from;
    for (int i = 0; i < VF; ++i) from[i] = i < Step ? VF : i - Step;
    return __builtin_shuffle(v, vf{}, from);
}

INLINE vf scan(vf v) {
    v += shift_up<1>(v);
    v += shift_up<2>(v);
    if constexpr (VF >= 8) v += shift_up<4>(v);
    if constexpr (VF >= 16) v += shift_up<8>(v);
    return v;
}

// Columns begin..end, one at a time.
INLINE double scan_some(const float* x, float* y, i64 begin, i64 end, double carry) {
    for (i64 j = begin; j < end; ++j) {
        carry += x[j];
        y[j] = (float)carry;
        scalar_loop();
    }
    return carry;
}

template <int Rows, bool Past> INLINE void scan_rows(const float* x, float* y, i64 cols) {
    double carry[Rows];
    // Rows that start at different offsets from a vector boundary are not scanned together.
    const i64 head = Past ? head_of(y, cols) : 0;
    for (int r = 0; r < Rows; ++r) carry[r] = scan_some(x + r * cols, y + r * cols, 0, head, 0.0);
    i64 j = head;
    for (; j + UNROLL * VF <= cols; j += UNROLL * VF) {
        vf v[Rows][UNROLL];
#pragma GCC unroll 2
        for (int r = 0; r < Rows; ++r) {
            if (AHEAD)
                for (int b = 0; b < UNROLL * VF; b += 16) prefetch(x + r * cols + j + b + AHEAD / 4);
#pragma GCC unroll 4
            for (int u = 0; u < UNROLL; ++u) v[r][u] = scan(load(x + r * cols + j + u * VF));
        }
#pragma GCC unroll 4
        for (int u = 0; u < UNROLL; ++u)
#pragma GCC unroll 2
            for (int r = 0; r < Rows; ++r) {
                stream<Past>(y + r * cols + j + u * VF, v[r][u] + (float)carry[r]);
                carry[r] += v[r][u][VF - 1];
            }
    }
    for (int r = 0; r < Rows; ++r) scan_some(x + r * cols, y + r * cols, j, cols, carry[r]);
}

extern "C" void cumsum_rows(int part, int parts, const float* in, float* out, i64 rows, i64 cols) {
    Range range(rows, part, parts);
    i64 i = range.begin;
    if (ROWS > 1 && (!NT || cols % VF == 0))
        for (; i + ROWS <= range.end; i += ROWS) scan_rows<ROWS, NT>(in + i * cols, out + i * cols, cols);
    for (; i < range.end; ++i) scan_rows<1, NT>(in + i * cols, out + i * cols, cols);
    if (NT) fence();
}
