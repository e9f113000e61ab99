// out[i] = a function of row i. A part takes whole rows. The kernels are static: only the one that the plan names
// is compiled.

// out[i] = f(i) for this part's rows.
template <class F> INLINE void each_row(int part, int parts, float* out, i64 rows, F f) {
    const Range r(rows, part, parts);
    for (i64 i = r.begin; i < r.end; ++i) out[i] = f(i);
}

struct Sweep {
    double sum;
    float max;
};

// Largest element of x[0..n); NaN may be passed over.
INLINE float row_max(const float* x, i64 n) {
    vf m = splat(x[0]);
    i64 j = 0;
    for (; j + VF <= n; j += VF) m = max_(load(x + j), m);
    if (j < n) m = max_(load_some(x + j, n - j, x[0]), m);
    return reduce_max(m);
}

// Sum of exp(x[j] - shift) for a finite shift, and the maximum of x.
__attribute__((noinline)) static Sweep sweep(const float* x, i64 n, float shift) {
    vf sum[UNROLL] = {}, top[UNROLL];
    for (vf& v : top) v = splat(x[0]);
    double total = 0.0;
    i64 j = 0;
    while (j + UNROLL * VF <= n) {
        // Blocks, so that a long row does not lose digits in one long float sum.
        const i64 stop = j + 256 * UNROLL * VF < n ? j + 256 * UNROLL * VF : n;
        for (; j + UNROLL * VF <= stop; j += UNROLL * VF) {
#pragma GCC unroll 8
            for (int u = 0; u < UNROLL; ++u) {
                const vf v = ReadWhole{u * VF % 16 == 0}(x + j + u * VF);
                if (LAZY) top[u] = max_(v, top[u]);
                sum[u] += exp_<DEGREE>(v - shift);
            }
        }
        for (vf& s : sum) {
            total += reduce_sum(s);
            s = vf{};
        }
    }
    for (; j < n; j += VF) {
        const vf v = load_some(x + j, n - j < VF ? n - j : VF, -__builtin_inff());
        if (LAZY) top[0] = max_(v, top[0]);
        sum[0] += exp_<DEGREE>(v - shift);
    }
    for (int u = 1; u < UNROLL; ++u) top[0] = max_(top[u], top[0]);
    return {total + reduce_sum(sum[0]), reduce_max(top[0])};
}

// Infinities are no shift: the difference of two of them is a NaN.
INLINE float finite(float x) { return x > 3e38f ? 3e38f : x < -3e38f ? -3e38f : x == x ? x : 0.0f; }

static void logsumexp(int part, int parts, const float* in, float* out, i64 rows, i64 cols) {
    each_row(part, parts, out, rows, [=](i64 i) -> float {
        const float* x = in + i * cols;
        const float top = row_max(x, LAZY && cols > 64 ? 64 : cols);
        float shift = finite(top);
        Sweep s = sweep(x, cols, shift);
        if (!LAZY) s.max = top;
        // exp(60) times any row length is far from overflow; beyond that, start over with the
        // true maximum.
        if (LAZY && !(s.max - shift <= 60.0f)) {
            shift = finite(s.max);
            s.sum = sweep(x, cols, shift).sum;
        }
        if (s.sum != s.sum) return __builtin_nanf("");
        if (s.max - s.max != 0.0f) return s.max;
        return shift + log_(s.sum);
    });
}

// Mean first, then squared distances from it: no cancellation whatever the offset of the row. The second sweep
// finds the row in the first-level cache.
static void variance(int part, int parts, const float* in, float* out, i64 rows, i64 cols, double correction) {
    const i64 last = Range(rows, part, parts).end - 1;
    each_row(part, parts, out, rows, [=](i64 i) -> float {
        const float *x = in + i * cols, *next = i < last ? x + cols : x;
        const float mean = sum_of(cols, [=](auto read, i64 j) { return read(x + j); }) / cols;
        const double squares = sum_of(cols, [=](auto read, i64 j) {
            if (PREFETCH) read.ahead(next + j);
            const vf d = read.near(x + j) - mean;
            return d * d;
        });
        return squares / (cols - correction);
    });
}

// The mean over j of f(u, v), where u and v run through a row each.
template <class F>
INLINE void row_means(int part, int parts, const float* in, const float* other, float* out, i64 rows, i64 cols, F f) {
    each_row(part, parts, out, rows, [=](i64 i) -> float {
        const float *x = in + i * cols, *y = other + i * cols;
        return sum_of(cols, [=](auto read, i64 j) { return f(read(x + j), read(y + j)); }) / cols;
    });
}

static void mean_square(int part, int parts, const float* in, const float* other, float* out, i64 rows, i64 cols) {
    row_means(part, parts, in, other, out, rows, cols, [](vf u, vf v) { return (u - v) * (u - v); });
}

static void smooth_l1(int part, int parts, const float* in, const float* other, float* out, i64 rows, i64 cols,
                      float beta) {
    row_means(part, parts, in, other, out, rows, cols, [=](vf u, vf v) {
        const vf d = abs_(u - v);
        return d < splat(beta) ? d * d * (0.5f / beta) : d - 0.5f * beta;
    });
}

static void hinge(int part, int parts, const float* in, const float* other, float* out, i64 rows, i64 cols,
                  float margin) {
    row_means(part, parts, in, other, out, rows, cols, [=](vf u, vf v) { return relu_(margin - u * v); });
}

// x holds logarithms of probabilities, y probabilities. Where y is zero its logarithm does not count.
static void kl_div(int part, int parts, const float* in, const float* target, float* out, i64 rows, i64 cols) {
    each_row(part, parts, out, rows, [=](i64 i) -> float {
        const float *x = in + i * cols, *y = target + i * cols;
        return sum_of(cols, [=](auto read, i64 j) {
            const vf v = read(y + j);
            return (v == vf{} ? vf{} : v * log_(v)) - v * read(x + j);
        });
    });
}

static void cosine(int part, int parts, const float* in, const float* other, float* out, i64 rows, i64 cols,
                   double least) {
    each_row(part, parts, out, rows, [=](i64 i) -> float {
        const float *x = in + i * cols, *y = other + i * cols;
        double sums[3];
        sums_of<3>(cols, sums, [=](auto read, i64 j, vf* v) {
            const vf a = read(x + j), b = read(y + j);
            v[0] = a * b;
            v[1] = a * a;
            v[2] = b * b;
        });
        const double a = __builtin_sqrt(sums[1]), b = __builtin_sqrt(sums[2]);
        return sums[0] / ((a < least ? least : a) * (b < least ? least : b));
    });
}

static void triplet(int part, int parts, const float* anchor, const float* positive, const float* negative, float* out,
                    i64 rows, i64 cols, double margin, float eps) {
    each_row(part, parts, out, rows, [=](i64 i) -> float {
        const float *x = anchor + i * cols, *y = positive + i * cols, *z = negative + i * cols;
        double sums[2];
        sums_of<2>(cols, sums, [=](auto read, i64 j, vf* v) {
            const vf a = read(x + j), near = a - read(y + j) + eps, far = a - read(z + j) + eps;
            v[0] = near * near;
            v[1] = far * far;
        });
        const double loss = margin + __builtin_sqrt(sums[0]) - __builtin_sqrt(sums[1]);
        return loss < 0.0 ? 0.0 : loss;
    });
}

static void row_products(int part, int parts, const float* in, const float* vector, float* out, i64 rows, i64 cols) {
    each_row(part, parts, out, rows, [=](i64 i) -> float {
        const float* x = in + i * cols;
        return sum_of(cols, [=](auto read, i64 j) { return read(x + j) * read.near(vector + j); });
    });
}

static void sums(int part, int parts, const float* in, float* out, i64 rows, i64 cols, i64 count) {
    each_row(part, parts, out, rows, [=](i64 i) -> float {
        const float* x = in + i * cols;
        return sum_of(cols, [=](auto read, i64 j) { return read(x + j); }) / count;
    });
}

static void mean_of_means(int part, int, float* means, float* out, i64 rows) {
    if (part != 0) return;
    double total = 0.0;
    for (i64 i = 0; i < rows; ++i) total += means[i];
    out[0] = total / rows;
}
