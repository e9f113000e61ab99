// Each row less its mean, divided by its deviation, times weight, plus bias. Mean first, then distances from it: no
// digits are lost, however far from zero the row is.

template <class Row, class F>
DEVICE void normalise(const Row& row, const float* weight, const float* bias, float* y, int cols, float eps, F after) {
    const float mean = row.template reduce<Add>(Itself{}) / cols;
    const float squares = row.template reduce<Add>([=](float u) { return (u - mean) * (u - mean); });
    const float scale = 1.0f / sqrtf(squares / cols + eps);
    row.store(y, [=](float u, float w, float b) { return after((u - mean) * scale * w + b); }, weight, bias);
}

struct Gelu {
    DEVICE float operator()(float u) const { return gelu_(u); }
};

template <class F> struct LayerNorm {
    const float *x, *weight, *bias;
    float* y;
    int cols;
    float eps;
    F after;
    template <class How> DEVICE void row(i64 i, How how) const {
        normalise(how.row(cols, of(Itself{}, x + i * cols)), weight, bias, y + i * cols, cols, eps, after);
    }
};

#ifdef KERNEL_layer_norm
KERNEL void __launch_bounds__(BLOCK)
    layer_norm(const float* x, const float* weight, const float* bias, float* y, i64 rows, int cols, float eps) {
    const bool vectors = is_aligned(x) && is_aligned(weight) && is_aligned(bias) && is_aligned(y);
    each_row(rows, cols, vectors, LayerNorm<Itself>{x, weight, bias, y, cols, eps, {}});
}
#endif

#ifdef KERNEL_layer_norm_gelu
KERNEL void __launch_bounds__(BLOCK)
    layer_norm_gelu(const float* x, const float* weight, const float* bias, float* y, i64 rows, int cols, float eps) {
    const bool vectors = is_aligned(x) && is_aligned(weight) && is_aligned(bias) && is_aligned(y);
    each_row(rows, cols, vectors, LayerNorm<Gelu>{x, weight, bias, y, cols, eps, {}});
}
#endif

struct AddLayerNorm {
    const float *x, *residual, *weight, *bias;
    float* y;
    int cols;
    float eps;
    template <class How> DEVICE void row(i64 i, How how) const {
        const auto row = how.row(cols, of(Sum{}, x + i * cols, residual + i * cols));
        normalise(row, weight, bias, y + i * cols, cols, eps, Itself{});
    }
};

#ifdef KERNEL_add_layer_norm
KERNEL void __launch_bounds__(BLOCK)
    add_layer_norm(const float* x, const float* residual, const float* weight, const float* bias, float* y, i64 rows,
                   int cols, float eps) {
    const bool inputs = is_aligned(x) && is_aligned(residual) && is_aligned(weight) && is_aligned(bias);
    const bool vectors = inputs && is_aligned(y);
    each_row(rows, cols, vectors, AddLayerNorm{x, residual, weight, bias, y, cols, eps});
}
#endif
