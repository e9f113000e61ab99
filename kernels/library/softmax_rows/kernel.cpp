// Softmax of each row. The exponentials of a row wait in a buffer of this part, which
// stays in the first-level cache for rows up to some 4000 floats, until their sum is known.

// Largest element of x[0..n), at least VF of them; NaN may be passed over.
INLINE float row_max(const float* x, i64 n) {
    if (n < VF) {
        float m = x[0];
        for (i64 j = 1; j < n; ++j) m = x[j] > m ? x[j] : m;
        return m;
    }
    vf m[4];
    for (vf& v : m) v = load(x);
    i64 j = 0;
    for (; j + 4 * VF <= n; j += 4 * VF)
        for (int u = 0; u < 4; ++u) m[u] = max_(load(x + j + u * VF), m[u]);
    for (; j + VF <= n; j += VF) m[0] = max_(load(x + j), m[0]);
    m[1] = max_(load(x + n - VF), m[1]);
    return reduce_max(max_(max_(m[0], m[1]), max_(m[2], m[3])));
}

struct Sweep {
    float sum, max;
};

// e[j] = exp(x[j] - shift); returns their sum and the maximum of x.
__attribute__((noinline)) static Sweep sweep(const float* x, float* e, i64 n, float shift, const float* next) {
    vf sum[UNROLL] = {}, top[UNROLL];
    for (vf& v : top) v = splat(shift);
    i64 j = 0;
    for (; j + UNROLL * VF <= n; j += UNROLL * VF) {
        if (PREFETCH)
            for (int b = 0; b < UNROLL * VF; b += 16) prefetch(next + j + b);
#pragma GCC unroll 4
        for (int u = 0; u < UNROLL; ++u) {
            vf v = load(x + j + u * VF);
            if (LAZY) top[u] = max_(v, top[u]);
            vf y = exp_<DEGREE>(v - shift);
            store(e + j + u * VF, y);
            sum[u] += y;
        }
    }
    for (; j < n; j += VF) {
        i64 left = n - j < VF ? n - j : VF;
        vf v = load_some(x + j, left, -__builtin_inff());
        if (LAZY) top[0] = max_(v, top[0]);
        vf y = exp_<DEGREE>(v - shift);
        // The buffer is padded, so a whole vector may be written; lanes past the row add nothing.
        store(e + j, y);
        sum[0] += keep_some(y, left);
    }
    for (int u = 1; u < UNROLL; ++u) {
        sum[0] += sum[u];
        top[0] = max_(top[u], top[0]);
    }
    return {reduce_sum(sum[0]), reduce_max(top[0])};
}

extern "C" void softmax_rows(int part, int parts, const float* in, float* out, float* exps, i64 rows, i64 cols,
                             i64 stride) {
    float* e = exps + part * stride;
    Range r(rows, part, parts);
    for (i64 i = r.begin; i < r.end; ++i) {
        const float* x = in + i * cols;
        float* y = out + i * cols;
        const float* next = i + 1 < r.end ? x + cols : x;

        float shift = row_max(x, LAZY && cols > 64 ? 64 : cols);
        Sweep s = sweep(x, e, cols, shift, next);
        // exp(60) times any row length is far from overflow; beyond that, start over with the
        // true maximum. Not `>`: an infinite estimate must end up here too.
        if (LAZY && !(s.max - shift <= 60.0f)) s = sweep(x, e, cols, s.max, next);

        const float scale = 1.0f / s.sum;
        i64 j = NT ? head_of(y, cols) : 0;
        store_some(y, j, load(e) * scale);
        for (; j + 4 * VF <= cols; j += 4 * VF)
#pragma GCC unroll 4
            for (int u = 0; u < 4; ++u) stream<NT>(y + j + u * VF, load(e + j + u * VF) * scale);
        for (; j < cols; j += VF) store_some(y + j, cols - j < VF ? cols - j : VF, load(e + j) * scale);
    }
    if (NT) fence();
}
