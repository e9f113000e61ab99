// Rows of exponentials. Maximum and sum come from registers, or for long rows from one sweep with a running maximum.

// y[j] = e^(x[j] - max) / sum
template <class Row> DEVICE void softmax(const Row& row, float* y) {
    const Exps e = row.exps();
    const float max = e.max, factor = 1.0f / e.sum;
    row.store(y, [=](float u) { return expf(u - max) * factor; });
}

struct Softmax {
    const float* x;
    float* y;
    int cols;
    template <class How> DEVICE void row(i64 i, How how) const {
        softmax(how.row(cols, of(Itself{}, x + i * cols)), y + i * cols);
    }
};
#ifdef KERNEL_softmax_rows
KERNEL void __launch_bounds__(BLOCK) softmax_rows(const float* x, float* y, i64 rows, int cols) {
    each_row(rows, cols, is_aligned(x) && is_aligned(y), Softmax{x, y, cols});
}
#endif

struct LogSoftmax {
    const float* x;
    float* y;
    int cols;
    template <class How> DEVICE void row(i64 i, How how) const {
        const auto row = how.row(cols, of(Itself{}, x + i * cols));
        const Exps e = row.exps();
        const float max = e.max, log_sum = logf(e.sum);
        // First the maximum, which may be large: what is left of it has all the digits of x.
        row.store(y + i * cols, [=](float u) { return u - max - log_sum; });
    }
};
#ifdef KERNEL_log_softmax_rows
KERNEL void __launch_bounds__(BLOCK) log_softmax_rows(const float* x, float* y, i64 rows, int cols) {
    each_row(rows, cols, is_aligned(x) && is_aligned(y), LogSoftmax{x, y, cols});
}
#endif

// Of `scale * x + mask`; row i of the mask, which has `mask_rows`, is that of row i of x, and again from the start.
struct MaskedSoftmax {
    const float *x, *mask;
    float* y;
    int cols;
    i64 mask_rows;
    float scale;
    template <class How> DEVICE void row(i64 i, How how) const {
        const float factor = scale;
        const auto score = [=](float u, float m) { return u * factor + m; };
        softmax(how.row(cols, of(score, x + i * cols, mask + i % mask_rows * cols)), y + i * cols);
    }
};
#ifdef KERNEL_masked_softmax_rows
KERNEL void __launch_bounds__(BLOCK)
    masked_softmax_rows(const float* x, const float* mask, float* y, i64 rows, int cols, i64 mask_rows, float scale) {
    const bool vectors = is_aligned(x) && is_aligned(mask) && is_aligned(y);
    each_row(rows, cols, vectors, MaskedSoftmax{x, mask, y, cols, mask_rows, scale});
}
#endif
