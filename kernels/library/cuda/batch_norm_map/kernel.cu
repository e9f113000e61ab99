// y = (x - mean[c]) * factor[c] + bias[c], where c is the channel of an element: `i / pixels % channels`.

// (mean, factor, bias) of each channel; what the deviation is takes a root and a quotient, in double precision.
#ifdef KERNEL_fold_norm
KERNEL void __launch_bounds__(BLOCK)
    fold_norm(const float* weight, const float* bias, const float* mean, const float* var, float* affine, int channels,
              double eps, int weighted, int biased) {
    const int c = blockIdx.x * BLOCK + threadIdx.x;
    if (c >= channels) return;
    const double factor = (weighted ? weight[c] : 1.0) / sqrt(var[c] + eps);
    store4(affine + 4 * c, make_float4(mean[c], (float)factor, biased ? bias[c] : 0.0f, 0.0f));
}
#endif

struct Affine {
    float4 a;
    DEVICE float operator()(float u) const { return fmaf(u - a.x, a.y, a.z); }
};
struct AffineRelu {
    float4 a;
    DEVICE float operator()(float u) const { return max_(Affine{a}(u), 0.0f); }
};

template <class F, class Index, bool Vectors>
DEVICE void sweep(const float* x, const float* affine, float* y, Index count, Index channels, Index pixels) {
    constexpr int WIDTH = Vectors ? 4 : 1;
    const Index units = count / WIDTH, across = pixels / WIDTH;
    for (i64 tile = blockIdx.x; tile * (BLOCK * ITEMS) < units; tile += gridDim.x) {
        const Index first = (Index)(tile * (BLOCK * ITEMS)) + threadIdx.x;
#pragma unroll
        for (int k = 0; k < ITEMS; ++k) {
            const Index i = first + k * BLOCK;
            if (i >= units) continue;
            const F f{load4(affine + i / across % channels * 4)};
            if constexpr (Vectors) store4(y + (i64)i * 4, lanes(f, load4(x + (i64)i * 4)));
            else y[i] = f(__ldg(x + i));
        }
    }
}

template <class F>
DEVICE void affine_map(const float* x, const float* affine, float* y, i64 count, i64 channels, i64 pixels) {
    const bool vectors = pixels % 4 == 0 && is_aligned(x) && is_aligned(y);
    // Indices up to a tile beyond the end fit 32 bits, where division is cheap.
    if (count <= 0x7fffffff - BLOCK * ITEMS) {
        if (vectors) sweep<F, unsigned, true>(x, affine, y, count, channels, pixels);
        else sweep<F, unsigned, false>(x, affine, y, count, channels, pixels);
    } else {
        if (vectors) sweep<F, i64, true>(x, affine, y, count, channels, pixels);
        else sweep<F, i64, false>(x, affine, y, count, channels, pixels);
    }
}

#ifdef KERNEL_affine
KERNEL void __launch_bounds__(BLOCK)
    affine(const float* x, const float* affine, float* y, i64 count, i64 channels, i64 pixels) {
    affine_map<Affine>(x, affine, y, count, channels, pixels);
}
#endif
#ifdef KERNEL_affine_relu
KERNEL void __launch_bounds__(BLOCK)
    affine_relu(const float* x, const float* affine, float* y, i64 count, i64 channels, i64 pixels) {
    affine_map<AffineRelu>(x, affine, y, count, channels, pixels);
}
#endif
