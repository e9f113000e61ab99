// y[o][m][i] = x[o][m][i] / sqrt(mean over m of the squares + eps). A part takes strips of columns.

// factor[0..n) += squares of N rows, whose distance is `step`.
template <int N> INLINE void add_squares(const float* x, i64 step, float* factor, i64 n) {
    i64 j = 0;
    for (; j + VF <= n; j += VF) {
        if (PREFETCH)
            for (int r = 0; r < N; ++r) prefetch(x + (r + N) * step + j);
        vf sum = {};
#pragma GCC unroll 8
        for (int r = 0; r < N; ++r) {
            const vf v = load(x + r * step + j);
            sum += v * v;
        }
        store(factor + j, load(factor + j) + sum);
    }
    for (; j < n; ++j) {
        float sum = 0.0f;
        for (int r = 0; r < N; ++r) {
            sum += x[r * step + j] * x[r * step + j];
            scalar_loop();
        }
        factor[j] += sum;
    }
}

extern "C" void rms_channels(int part, int parts, const float* in, float* out, float* factors, i64 outer, i64 mid,
                             i64 inner, i64 strip, double eps) {
    float* factor = factors + part * strip;
    const i64 strips = (inner + strip - 1) / strip;
    Range r(outer * strips, part, parts);
    for (i64 u = r.begin; u < r.end; ++u) {
        const i64 first = u % strips * strip, n = inner - first < strip ? inner - first : strip;
        const i64 offset = u / strips * mid * inner + first;
        const float* x = in + offset;
        for (i64 j = 0; j < strip; ++j) factor[j] = 0.0f;
        i64 m = 0;
        for (; m + ROWS <= mid; m += ROWS) add_squares<ROWS>(x + m * inner, inner, factor, n);
        for (; m < mid; ++m) add_squares<1>(x + m * inner, inner, factor, n);
        for (i64 j = 0; j < n; ++j) factor[j] = 1.0 / __builtin_sqrt((double)factor[j] / mid + eps);

        for (m = 0; m < mid; ++m) {
            const float* from = x + m * inner;
            float* y = out + offset + m * inner;
            i64 j = NT ? head_of(y, n) : 0;
            if (j) store_some(y, j, load_some(from, j, 0.0f) * load_some(factor, j, 0.0f));
            for (; j + VF <= n; j += VF) stream<NT>(y + j, load(from + j) * load(factor + j));
            if (j < n) store_some(y + j, n - j, load_some(from + j, n - j, 0.0f) * load_some(factor + j, n - j, 0.0f));
        }
    }
    if (NT) fence();
}
