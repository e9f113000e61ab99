// Logarithm of a sum of exponentials over rows, column by column, with a running maximum.
// Uses the parameters ROWS, PREFETCH and DEGREE.
//
// For each column `top` holds the largest number so far and `sum` the sum of exp(x - shift), where shift is `top`
// made finite: the difference of two infinities would be a NaN.

INLINE vf finite_(vf x) {
    const vf v = x > splat(3e38f) ? splat(3e38f) : x;
    return v < splat(-3e38f) ? splat(-3e38f) : v;
}

struct Running {
    vf top, sum;
};

// Takes N rows into a running vector; `at(r)` is row r.
template <int N, class At> INLINE Running take(Running so_far, At at) {
    vf v[N], top = so_far.top;
#pragma GCC unroll 16
    for (int r = 0; r < N; ++r) {
        v[r] = at(r);
        top = max_(v[r], top);
    }
    const vf shift = finite_(top);
    vf sum[4] = {};
#pragma GCC unroll 16
    for (int r = 0; r < N; ++r) sum[r % 4] += exp_<DEGREE>(v[r] - shift);
    const vf before = so_far.sum * exp_<DEGREE>(finite_(so_far.top) - shift);
    return {top, before + ((sum[0] + sum[1]) + (sum[2] + sum[3]))};
}

INLINE void start_running(float* top, float* sum, i64 n) {
    for (i64 j = 0; j < n; ++j) {
        top[j] = -__builtin_inff();
        sum[j] = 0.0f;
    }
}

// Rows x, x + step, … into running columns 0..n, whose buffers are padded to whole vectors.
template <int N> INLINE void take_rows(const float* x, i64 step, float* top, float* sum, i64 n) {
    i64 j = 0;
    for (; j + VF <= n; j += VF) {
        if (PREFETCH)
            for (int r = 0; r < N; ++r) prefetch(x + (r + N) * step + j);
        const Running now = take<N>({load(top + j), load(sum + j)}, [=](int r) { return load(x + r * step + j); });
        store(top + j, now.top);
        store(sum + j, now.sum);
    }
    if (j < n) {
        const i64 left = n - j;
        const Running now =
            take<N>({load(top + j), load(sum + j)}, [=](int r) { return load_some(x + r * step + j, left, 0.0f); });
        store(top + j, now.top);
        store(sum + j, now.sum);
    }
}

// The logarithm: NaN if there was one, an infinity if that was the largest.
INLINE vf finish_running(vf top, vf sum) {
    const vf y = finite_(top) + log_(sum);
    const vf v = (top - top) != vf{} ? top : y;
    return sum != sum ? sum : v;
}
