// Rows scaled by what their squares, or sizes, add up to.

struct Square {
    DEVICE float operator()(float u) const { return u * u; }
};

template <class Row> DEVICE void scale_row(const Row& row, const float* weight, float* y, int cols, float eps) {
    const float scale = 1.0f / sqrtf(row.template reduce<Add>(Square{}) / cols + eps);
    row.store(y, [=](float u, float w) { return u * scale * w; }, weight);
}

struct RmsNorm {
    const float *x, *weight;
    float* y;
    int cols;
    float eps;
    template <class How> DEVICE void row(i64 i, How how) const {
        scale_row(how.row(cols, of(Itself{}, x + i * cols)), weight, y + i * cols, cols, eps);
    }
};
#ifdef KERNEL_rms_norm
KERNEL void __launch_bounds__(BLOCK)
    rms_norm(const float* x, const float* weight, float* y, i64 rows, int cols, float eps) {
    const bool vectors = is_aligned(x) && is_aligned(weight) && is_aligned(y);
    each_row(rows, cols, vectors, RmsNorm{x, weight, y, cols, eps});
}
#endif

struct AddRmsNorm {
    const float *x, *residual, *weight;
    float* y;
    int cols;
    float eps;
    template <class How> DEVICE void row(i64 i, How how) const {
        scale_row(how.row(cols, of(Sum{}, x + i * cols, residual + i * cols)), weight, y + i * cols, cols, eps);
    }
};
#ifdef KERNEL_add_rms_norm
KERNEL void __launch_bounds__(BLOCK) add_rms_norm(const float* x, const float* residual, const float* weight, float* y,
                                                  i64 rows, int cols, float eps) {
    const bool vectors = is_aligned(x) && is_aligned(residual) && is_aligned(weight) && is_aligned(y);
    each_row(rows, cols, vectors, AddRmsNorm{x, residual, weight, y, cols, eps});
}
#endif

// Each row divided by its length, or by `least` if that is more.
struct Unit {
    const float* x;
    float* y;
    int cols;
    float least;
    template <class How> DEVICE void row(i64 i, How how) const {
        const auto row = how.row(cols, of(Itself{}, x + i * cols));
        const float divisor = max_(sqrtf(row.template reduce<Add>(Square{})), least);
        row.store(y + i * cols, [=](float u) { return u / divisor; });
    }
};
#ifdef KERNEL_unit_rows
KERNEL void __launch_bounds__(BLOCK) unit_rows(const float* x, float* y, i64 rows, int cols, float least) {
    each_row(rows, cols, is_aligned(x) && is_aligned(y), Unit{x, y, cols, least});
}
#endif

// Each row divided by its mean absolute value.
struct Absolute {
    const float* x;
    float* y;
    int cols;
    template <class How> DEVICE void row(i64 i, How how) const {
        const auto row = how.row(cols, of(Itself{}, x + i * cols));
        const float divisor = row.template reduce<Add>([](float u) { return fabsf(u); }) / cols;
        row.store(y + i * cols, [=](float u) { return u / divisor; });
    }
};
#ifdef KERNEL_absolute_rows
KERNEL void __launch_bounds__(BLOCK) absolute_rows(const float* x, float* y, i64 rows, int cols) {
    each_row(rows, cols, is_aligned(x) && is_aligned(y), Absolute{x, y, cols});
}
#endif
