// y[i] = a function of row i of one, two or three arrays.

// A job for each_row_once: f adds what a column contributes to some sums and makes the result of them.
template <class F> struct Sums1 {
    const float* a;
    float* y;
    int cols;
    F f;
    template <class How> DEVICE void row(i64 i, How) const {
        float total[F::SUMS];
        sum_columns<typename How::Threads, How::VECTORS>(total, cols, f, a + i * cols);
        if (How::Threads::rank() == 0) y[i] = f.result(total, cols);
    }
};
template <class F> struct Sums2 {
    const float *a, *b;
    float* y;
    int cols;
    F f;
    template <class How> DEVICE void row(i64 i, How) const {
        float total[F::SUMS];
        sum_columns<typename How::Threads, How::VECTORS>(total, cols, f, a + i * cols, b + i * cols);
        if (How::Threads::rank() == 0) y[i] = f.result(total, cols);
    }
};
template <class F> struct Sums3 {
    const float *a, *b, *c;
    float* y;
    int cols;
    F f;
    template <class How> DEVICE void row(i64 i, How) const {
        float total[F::SUMS];
        sum_columns<typename How::Threads, How::VECTORS>(total, cols, f, a + i * cols, b + i * cols, c + i * cols);
        if (How::Threads::rank() == 0) y[i] = f.result(total, cols);
    }
};

template <class F> DEVICE void rows_of(const float* a, float* y, i64 rows, int cols, F f) {
    each_row_once(rows, cols, is_aligned(a), Sums1<F>{a, y, cols, f});
}
template <class F> DEVICE void rows_of(const float* a, const float* b, float* y, i64 rows, int cols, F f) {
    each_row_once(rows, cols, is_aligned(a) && is_aligned(b), Sums2<F>{a, b, y, cols, f});
}
template <class F>
DEVICE void rows_of(const float* a, const float* b, const float* c, float* y, i64 rows, int cols, F f) {
    const bool vectors = is_aligned(a) && is_aligned(b) && is_aligned(c);
    each_row_once(rows, cols, vectors, Sums3<F>{a, b, c, y, cols, f});
}

// One sum, divided by the number of columns.
struct MeanOf {
    enum { SUMS = 1 };
    DEVICE float result(const float* total, int cols) const { return total[0] / cols; }
};

// The sum of the columns divided by `divisor`.
struct Quotient {
    enum { SUMS = 1 };
    int divisor;
    DEVICE void operator()(float* total, float u) const { total[0] += u; }
    DEVICE float result(const float* total, int) const { return total[0] / divisor; }
};
#ifdef KERNEL_sums
KERNEL void __launch_bounds__(BLOCK) sums(const float* x, float* y, i64 rows, int cols, int divisor) {
    rows_of(x, y, rows, cols, Quotient{divisor});
}
#endif

struct SquaredDistance : MeanOf {
    DEVICE void operator()(float* total, float u, float v) const { total[0] += (u - v) * (u - v); }
};
#ifdef KERNEL_mean_square
KERNEL void __launch_bounds__(BLOCK) mean_square(const float* x, const float* other, float* y, i64 rows, int cols) {
    rows_of(x, other, y, rows, cols, SquaredDistance{});
}
#endif

struct SmoothDistance : MeanOf {
    float beta;
    DEVICE SmoothDistance(float beta) : beta(beta) {}
    DEVICE void operator()(float* total, float u, float v) const {
        const float d = fabsf(u - v);
        total[0] += d < beta ? d * d * (0.5f / beta) : d - 0.5f * beta;
    }
};
#ifdef KERNEL_smooth_l1
KERNEL void __launch_bounds__(BLOCK)
    smooth_l1(const float* x, const float* other, float* y, i64 rows, int cols, float beta) {
    rows_of(x, other, y, rows, cols, SmoothDistance{beta});
}
#endif

struct Hinge : MeanOf {
    float margin;
    DEVICE Hinge(float margin) : margin(margin) {}
    DEVICE void operator()(float* total, float u, float v) const { total[0] += max_(margin - u * v, 0.0f); }
};
#ifdef KERNEL_hinge
KERNEL void __launch_bounds__(BLOCK)
    hinge(const float* x, const float* other, float* y, i64 rows, int cols, float margin) {
    rows_of(x, other, y, rows, cols, Hinge{margin});
}
#endif

// x holds logarithms of probabilities, the target probabilities. Where it is zero, its logarithm does not count.
struct Divergence {
    enum { SUMS = 1 };
    DEVICE void operator()(float* total, float u, float p) const {
        total[0] += (p == 0.0f ? 0.0f : p * logf(p)) - p * u;
    }
    DEVICE float result(const float* total, int) const { return total[0]; }
};
#ifdef KERNEL_kl_div
KERNEL void __launch_bounds__(BLOCK) kl_div(const float* x, const float* target, float* y, i64 rows, int cols) {
    rows_of(x, target, y, rows, cols, Divergence{});
}
#endif

struct Cosine {
    enum { SUMS = 3 };
    float least;
    DEVICE void operator()(float* total, float u, float v) const {
        total[0] += u * v;
        total[1] += u * u;
        total[2] += v * v;
    }
    DEVICE float result(const float* total, int) const {
        return total[0] / (max_(sqrtf(total[1]), least) * max_(sqrtf(total[2]), least));
    }
};
#ifdef KERNEL_cosine
KERNEL void __launch_bounds__(BLOCK)
    cosine(const float* x, const float* other, float* y, i64 rows, int cols, float least) {
    rows_of(x, other, y, rows, cols, Cosine{least});
}
#endif

struct Triplet {
    enum { SUMS = 2 };
    float margin, eps;
    DEVICE void operator()(float* total, float u, float positive, float negative) const {
        const float near = u - positive + eps, far = u - negative + eps;
        total[0] += near * near;
        total[1] += far * far;
    }
    DEVICE float result(const float* total, int) const {
        return max_(margin + sqrtf(total[0]) - sqrtf(total[1]), 0.0f);
    }
};
#ifdef KERNEL_triplet
KERNEL void __launch_bounds__(BLOCK)
    triplet(const float* anchor, const float* positive, const float* negative, float* y, i64 rows, int cols,
            float margin, float eps) {
    rows_of(anchor, positive, negative, y, rows, cols, Triplet{margin, eps});
}
#endif

// A matrix times a vector, which all rows share and the caches hold.
struct RowProduct {
    const float *a, *vector;
    float* y;
    int cols;
    template <class How> DEVICE void row(i64 i, How) const {
        float total[1];
        const auto add = [](float* sum, float u, float v) { sum[0] += u * v; };
        sum_columns<typename How::Threads, How::VECTORS>(total, cols, add, a + i * cols, vector);
        if (How::Threads::rank() == 0) y[i] = total[0];
    }
};
#ifdef KERNEL_row_products
KERNEL void __launch_bounds__(BLOCK) row_products(const float* x, const float* vector, float* y, i64 rows, int cols) {
    each_row_once(rows, cols, is_aligned(x) && is_aligned(vector), RowProduct{x, vector, y, cols});
}
#endif

struct LogSumExp {
    const float* x;
    float* y;
    int cols;
    template <class How> DEVICE void row(i64 i, How how) const {
        const Exps e = how.row(cols, of(Itself{}, x + i * cols)).exps();
        if (How::Threads::rank() == 0) y[i] = e.log();
    }
};
#ifdef KERNEL_logsumexp
KERNEL void __launch_bounds__(BLOCK) logsumexp(const float* x, float* y, i64 rows, int cols) {
    each_row(rows, cols, is_aligned(x), LogSumExp{x, y, cols});
}
#endif

// Mean first, then squared distances from it: no cancellation, however far from zero the row is.
struct Variance {
    const float* x;
    float* y;
    int cols;
    float correction;
    template <class How> DEVICE void row(i64 i, How how) const {
        const auto row = how.row(cols, of(Itself{}, x + i * cols));
        const float mean = row.template reduce<Add>(Itself{}) / cols;
        const float squares = row.template reduce<Add>([=](float u) { return (u - mean) * (u - mean); });
        if (How::Threads::rank() == 0) y[i] = squares / (cols - correction);
    }
};
#ifdef KERNEL_variance
KERNEL void __launch_bounds__(BLOCK) variance(const float* x, float* y, i64 rows, int cols, float correction) {
    each_row(rows, cols, is_aligned(x), Variance{x, y, cols, correction});
}
#endif
