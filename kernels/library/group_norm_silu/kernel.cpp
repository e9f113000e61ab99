// Group normalisation, v = (x - mean) * scale * weight + bias, or its Swish, v / (1 + exp(-v)).
// A unit is one group of one image, `each` channels of `pixels` floats. The kernels are static: only the one that
// the plan names is compiled.

// Additions that an accumulator takes before it is emptied. Values that repeat, such as whole numbers,
// round the same way each time: in one chain over a block the sum of squares would be wrong by more
// than the budget allows a channel whose shift nearly cancels it.
enum { CHAIN = 16 };

template <class F> INLINE float sum_of(const float* x, i64 n, F f) {
    vf total = {};
    i64 j = 0;
    while (j + UNROLL * VF <= n) {
        const i64 whole = (n - j) / (UNROLL * VF), turns = whole < CHAIN ? whole : CHAIN;
        vf acc[UNROLL] = {};
        for (i64 turn = 0; turn < turns; ++turn, j += UNROLL * VF)
#pragma GCC unroll 4
            for (int u = 0; u < UNROLL; ++u) acc[u] += f(load(x + j + u * VF));
        for (int u = 1; u < UNROLL; ++u) acc[0] += acc[u];
        total += acc[0];
    }
    for (; j < n; j += VF) {
        i64 left = n - j < VF ? n - j : VF;
        total += keep_some(f(load_some(x + j, left, 0.0f)), left);
    }
    return reduce_sum(total);
}

INLINE vf swish(vf v) {
    vf d = 1.0f + exp_<DEGREE>(-v);
    // The reciprocal needs a divisor of ordinary size; beyond e^80 the result is 0 in any case.
    if (RECIPROCAL) d = d > splat(1e35f) ? splat(1e35f) : d;
    return quotient_<RECIPROCAL>(v, d);
}

template <class Finish>
INLINE void norm_groups(int part, int parts, const float* in, const float* weight, const float* bias, float* out,
                        i64 units, i64 groups, i64 each, i64 pixels, double eps, Finish finish) {
    Range r(units, part, parts);
    const i64 count = each * pixels;
    for (i64 unit = r.begin; unit < r.end; ++unit) {
        const float* x = in + unit * count;

        // Mean and sum of squared deviations of each block, merged pairwise in double: one read of
        // memory, and no cancellation whatever the offset.
        double mean = 0.0, m2 = 0.0;
        for (i64 j = 0; j < count; j += BLOCK) {
            const i64 n = count - j < BLOCK ? count - j : BLOCK;
            const float local = sum_of(x + j, n, [](vf v) { return v; }) / n;
            const float spread = sum_of(x + j, n, [=](vf v) { return (v - local) * (v - local); });
            const double delta = local - mean, share = (double)n / (j + n);
            mean += delta * share;
            m2 += spread + delta * delta * j * share;
        }
        const float centre = mean;
        const double scale = 1.0 / __builtin_sqrt(m2 / count + eps);

        const i64 ahead = unit + 1 < r.end ? count : 0;
        for (i64 c = 0; c < each; ++c) {
            const i64 channel = unit % groups * each + c;
            const float a = scale * weight[channel], b = bias[channel];
            const float* p = x + c * pixels;
            float* y = out + unit * count + c * pixels;
            const i64 head = NT ? head_of(y, pixels) : 0;
            i64 j = head;
            if (head) store_some(y, head, finish((load_some(p, head, 0.0f) - centre) * a + b));
            for (; j + 2 * VF <= pixels; j += 2 * VF) {
                if (PREFETCH)
                    for (int q = 0; q < 2 * VF; q += 16) prefetch(p + ahead + j + q);
                vf v = finish((load(p + j) - centre) * a + b);
                vf w = finish((load(p + j + VF) - centre) * a + b);
                stream<NT>(y + j, v);
                stream<NT>(y + j + VF, w);
            }
            for (; j < pixels; j += VF) {
                const i64 left = pixels - j < VF ? pixels - j : VF;
                store_some(y + j, left, finish((load_some(p + j, left, 0.0f) - centre) * a + b));
            }
        }
    }
    if (NT) fence();
}

static void group_norm(int part, int parts, const float* in, const float* weight, const float* bias, float* out,
                       i64 units, i64 groups, i64 each, i64 pixels, double eps) {
    norm_groups(part, parts, in, weight, bias, out, units, groups, each, pixels, eps, [](vf v) { return v; });
}

static void group_norm_silu(int part, int parts, const float* in, const float* weight, const float* bias, float* out,
                            i64 units, i64 groups, i64 each, i64 pixels, double eps) {
    norm_groups(part, parts, in, weight, bias, out, units, groups, each, pixels, eps, [](vf v) { return swish(v); });
}
