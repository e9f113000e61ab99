// Softmax of each row, or its logarithm. The exponentials of a row wait in a buffer of this part, which
// stays in the first-level cache for rows up to some 4000 floats, until their sum is known; the logarithm reads
// the row again instead. The kernels are static: only the one that the plan names is compiled.

// Where the scores of a row come from.
struct Plain {
    const float* x;
    vf at(i64 j) const { return load(x + j); }
    vf some(i64 j, i64 n, float fill) const { return load_some(x + j, n, fill); }
};
struct Masked {
    const float *x, *mask;
    float scale;
    vf at(i64 j) const { return load(x + j) * scale + load(mask + j); }
    vf some(i64 j, i64 n, float fill) const { return load_some(x + j, n, fill) * scale + load_some(mask + j, n, fill); }
};

// Largest of the first n scores; NaN may be passed over.
template <class Row> INLINE float row_max(Row row, i64 n) {
    if (n < VF) {
        float m = row.some(0, n, 0.0f)[0];
        for (i64 j = 1; j < n; ++j) {
            const float v = row.some(j, 1, 0.0f)[0];
            m = v > m ? v : m;
            scalar_loop();
        }
        return m;
    }
    vf m[4];
    for (vf& v : m) v = row.at(0);
    i64 j = 0;
    for (; j + 4 * VF <= n; j += 4 * VF)
        for (int u = 0; u < 4; ++u) m[u] = max_(row.at(j + u * VF), m[u]);
    for (; j + VF <= n; j += VF) m[0] = max_(row.at(j), m[0]);
    m[1] = max_(row.at(n - VF), m[1]);
    return reduce_max(max_(max_(m[0], m[1]), max_(m[2], m[3])));
}

struct Sweep {
    float sum, max;
};

// e[j] = exp(row[j] - shift) if there is a buffer for them; returns their sum and the maximum of the row.
template <bool Keep, class Row>
__attribute__((noinline)) static Sweep sweep(Row row, float* e, i64 n, float shift, const float* next) {
    vf sum[UNROLL] = {}, top[UNROLL];
    for (vf& v : top) v = splat(shift);
    i64 j = 0;
    for (; j + UNROLL * VF <= n; j += UNROLL * VF) {
        if (PREFETCH)
            for (int b = 0; b < UNROLL * VF; b += 16) prefetch(next + j + b);
#pragma GCC unroll 4
        for (int u = 0; u < UNROLL; ++u) {
            vf v = row.at(j + u * VF);
            if (LAZY) top[u] = max_(v, top[u]);
            vf y = exp_<DEGREE, true>(v - shift);
            if (Keep) store(e + j + u * VF, y);
            sum[u] += y;
        }
    }
    for (; j < n; j += VF) {
        i64 left = n - j < VF ? n - j : VF;
        // Lanes past the row are infinities or NaN, but never a maximum.
        vf v = row.some(j, left, -__builtin_inff());
        if (LAZY) top[0] = max_(v, top[0]);
        vf y = exp_<DEGREE, true>(v - shift);
        // The buffer is padded, so a whole vector may be written; lanes past the row add nothing.
        if (Keep) store(e + j, y);
        sum[0] += keep_some(y, left);
    }
    for (int u = 1; u < UNROLL; ++u) {
        sum[0] += sum[u];
        top[0] = max_(top[u], top[0]);
    }
    return {reduce_sum(sum[0]), reduce_max(top[0])};
}

struct Found {
    float shift, sum;
};

template <bool Keep, class Row> INLINE Found exp_sum(Row row, float* e, i64 cols, const float* next) {
    const float shift = row_max(row, LAZY && cols > 64 ? 64 : cols);
    const Sweep s = sweep<Keep>(row, e, cols, shift, next);
    // exp(60) times any row length is far from overflow; beyond that, start over with the
    // true maximum. Not `>`: an infinite estimate must end up here too.
    if (LAZY && !(s.max - shift <= 60.0f)) return {s.max, sweep<Keep>(row, e, cols, s.max, next).sum};
    return {shift, s.sum};
}

INLINE void write_quotients(const float* e, float* y, i64 n, float sum) {
    const float scale = 1.0f / sum;
    i64 j = NT ? head_of(y, n) : 0;
    store_some(y, j, load(e) * scale);
    for (; j + 4 * VF <= n; j += 4 * VF)
#pragma GCC unroll 4
        for (int u = 0; u < 4; ++u) stream<NT>(y + j + u * VF, load(e + j + u * VF) * scale);
    for (; j < n; j += VF) store_some(y + j, n - j < VF ? n - j : VF, load(e + j) * scale);
}

static void softmax_rows(int part, int parts, const float* in, float* out, float* exps, i64 rows, i64 cols,
                         i64 stride) {
    float* e = exps + part * stride;
    Range r(rows, part, parts);
    for (i64 i = r.begin; i < r.end; ++i) {
        const float* x = in + i * cols;
        const Found found = exp_sum<true>(Plain{x}, e, cols, i + 1 < r.end ? x + cols : x);
        write_quotients(e, out + i * cols, cols, found.sum);
    }
    if (NT) fence();
}

static void masked_softmax_rows(int part, int parts, const float* in, const float* mask, float* out, float* exps,
                                i64 rows, i64 cols, i64 stride, i64 mask_rows, float scale) {
    float* e = exps + part * stride;
    Range r(rows, part, parts);
    for (i64 i = r.begin; i < r.end; ++i) {
        const float* x = in + i * cols;
        const Masked row = {x, mask + i % mask_rows * cols, scale};
        const Found found = exp_sum<true>(row, e, cols, i + 1 < r.end ? x + cols : x);
        write_quotients(e, out + i * cols, cols, found.sum);
    }
    if (NT) fence();
}

static void log_softmax_rows(int part, int parts, const float* in, float* out, i64 rows, i64 cols) {
    Range r(rows, part, parts);
    for (i64 i = r.begin; i < r.end; ++i) {
        const float* x = in + i * cols;
        float* y = out + i * cols;
        const Found found = exp_sum<false>(Plain{x}, nullptr, cols, i + 1 < r.end ? x + cols : x);
        // The logarithm must not hide a NaN.
        const float shift = found.shift, log_sum = found.sum == found.sum ? (float)log_(found.sum) : found.sum;
        i64 j = NT ? head_of(y, cols) : 0;
        if (j) store_some(y, j, load_some(x, j, 0.0f) - shift - log_sum);
        for (; j + 4 * VF <= cols; j += 4 * VF)
#pragma GCC unroll 4
            for (int u = 0; u < 4; ++u) stream<NT>(y + j + u * VF, load(x + j + u * VF) - shift - log_sum);
        for (; j < cols; j += VF) {
            const i64 left = cols - j < VF ? cols - j : VF;
            store_some(y + j, left, load_some(x + j, left, 0.0f) - shift - log_sum);
        }
    }
    if (NT) fence();
}
