// A unit is one group of channels of one image: its numbers lie side by side, a row of `per_group * pixels`.

struct Silu {
    DEVICE float operator()(float u) const { return silu_(u); }
};

template <class F> struct GroupNorm {
    const float *x, *weight, *bias;
    float* y;
    int groups, per_group, pixels;
    float eps;
    F after;
    template <class How> DEVICE void row(i64 unit, How how) const {
        const int cols = per_group * pixels, channel = (int)(unit % groups) * per_group;
        const auto row = how.row(cols, of(Itself{}, x + unit * cols));
        // Mean first, then distances from it: no digits are lost.
        const float mean = row.template reduce<Add>(Itself{}) / cols;
        const float squares = row.template reduce<Add>([=](float u) { return (u - mean) * (u - mean); });
        const float scale = 1.0f / sqrtf(squares / cols + eps);
        const F f = after;
        row.store(y + unit * cols, [=](float u, float w, float b) { return f((u - mean) * scale * w + b); },
                  PerChannel{weight + channel, pixels}, PerChannel{bias + channel, pixels});
    }
};

#ifdef KERNEL_group_norm
KERNEL void __launch_bounds__(BLOCK)
    group_norm(const float* x, const float* weight, const float* bias, float* y, i64 units, int groups, int per_group,
               int pixels, float eps) {
    // Four neighbours must be of one channel.
    const bool vectors = is_aligned(x) && is_aligned(y) && pixels % 4 == 0;
    each_row(units, per_group * pixels, vectors,
             GroupNorm<Itself>{x, weight, bias, y, groups, per_group, pixels, eps, {}});
}
#endif

#ifdef KERNEL_group_norm_silu
KERNEL void __launch_bounds__(BLOCK)
    group_norm_silu(const float* x, const float* weight, const float* bias, float* y, i64 units, int groups,
                    int per_group, int pixels, float eps) {
    const bool vectors = is_aligned(x) && is_aligned(y) && pixels % 4 == 0;
    each_row(units, per_group * pixels, vectors,
             GroupNorm<Silu>{x, weight, bias, y, groups, per_group, pixels, eps, {}});
}
#endif
