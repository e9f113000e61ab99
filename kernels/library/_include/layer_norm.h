// Layer normalisation of one row that lies in the first-level cache.
// Uses the parameters NT, PREFETCH (0 none, 1 while taking statistics, 2 while writing) and UNROLL.

struct Stats {
    float mean, var;
};

// Sum over j of f(v) where v runs through x[0..n); fetches as much of `next` as it reads of x.
template <bool Fetch, class F> INLINE float sum_of(const float* x, i64 n, const float* next, F f) {
    vf acc[UNROLL] = {};
    i64 j = 0;
    for (; j + UNROLL * VF <= n; j += UNROLL * VF) {
        if constexpr (Fetch)
            for (int b = 0; b < UNROLL * VF; b += 16) prefetch(next + j + b);
#pragma GCC unroll 8
        for (int u = 0; u < UNROLL; ++u) acc[u] += f(load(x + j + u * VF));
    }
    for (; j < n; j += VF) {
        i64 left = n - j < VF ? n - j : VF;
        acc[0] += keep_some(f(load_some(x + j, left, 0.0f)), left);
    }
    for (int w = UNROLL / 2; w > 0; w /= 2)
        for (int u = 0; u < w; ++u) acc[u] += acc[u + w];
    return reduce_sum(acc[0]);
}

// The same divided by n. Of long rows, blocks are added up in double: a row may be all of an image, and equal numbers
// round alike, so that long chains drift.
template <bool Fetch, class F> INLINE float mean_of(const float* x, i64 n, const float* next, F f) {
    const i64 block = n <= 8192 ? n : 1024;
    double total = 0.0;
    for (i64 j = 0; j < n; j += block) total += sum_of<Fetch>(x + j, n - j < block ? n - j : block, next + j, f);
    return total / n;
}

// Mean first, then squared distances from it: no cancellation whatever the offset of the row.
INLINE Stats stats_of(const float* x, i64 n, const float* next) {
    const float mean = mean_of<false>(x, n, next, [](vf v) { return v; });
    const float var = mean_of<PREFETCH == 1>(x, n, next, [=](vf v) { return (v - mean) * (v - mean); });
    return {mean, var};
}

template <class Finish>
INLINE void normalise(const float* x, const float* weight, const float* bias, float* y, i64 n, Stats s, float eps,
                      const float* next, Finish finish) {
    const float scale = 1.0f / __builtin_sqrtf(s.var + eps);
    const i64 head = NT ? head_of(y, n) : 0;
    auto some = [=](i64 j, i64 left) {
        const vf v = (load_some(x + j, left, 0.0f) - s.mean) * scale * load_some(weight + j, left, 0.0f);
        store_some(y + j, left, finish(v + load_some(bias + j, left, 0.0f)));
    };
    if (head) some(0, head);
    i64 j = head;
    for (; j + 2 * VF <= n; j += 2 * VF) {
        if (PREFETCH == 2)
            for (int b = 0; b < 2 * VF; b += 16) prefetch(next + j + b);
#pragma GCC unroll 2
        for (int u = 0; u < 2 * VF; u += VF)
            stream<NT>(y + j + u,
                       finish((load(x + j + u) - s.mean) * scale * load(weight + j + u) + load(bias + j + u)));
    }
#pragma GCC unroll 1
    for (; j < n; j += VF) some(j, n - j < VF ? n - j : VF);
}

INLINE void normalise(const float* x, const float* weight, const float* bias, float* y, i64 n, Stats s, float eps,
                      const float* next) {
    normalise(x, weight, bias, y, n, s, eps, next, [](vf v) { return v; });
}
