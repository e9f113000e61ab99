// out[o][i] = log of the sum over m of exp(in[o][m][i]), or the Swish of that. Work is split into strips of columns.
// The kernels are static: only the one that the plan names is compiled.

template <class Finish>
INLINE void reduce(int part, int parts, const float* in, float* out, float* running, i64 outer, i64 mid, i64 inner,
                   i64 strip, Finish finish) {
    float *top = running + part * 2 * strip, *sum = top + strip;
    const i64 strips = (inner + strip - 1) / strip;
    Range r(outer * strips, part, parts);
    for (i64 u = r.begin; u < r.end; ++u) {
        const i64 o = u / strips, first = u % strips * strip;
        const i64 n = inner - first < strip ? inner - first : strip;
        const float* x = in + o * mid * inner + first;
        start_running(top, sum, strip);
        i64 m = 0;
        for (; m + ROWS <= mid; m += ROWS) take_rows<ROWS>(x + m * inner, inner, top, sum, n);
        for (; m < mid; ++m) take_rows<1>(x + m * inner, inner, top, sum, n);
        float* y = out + o * inner + first;
        for (i64 j = 0; j < n; j += VF)
            store_some(y + j, n - j < VF ? n - j : VF, finish(finish_running(load(top + j), load(sum + j))));
    }
}

static void logsumexp_middle(int part, int parts, const float* in, float* out, float* running, i64 outer, i64 mid,
                             i64 inner, i64 strip) {
    reduce(part, parts, in, out, running, outer, mid, inner, strip, [](vf v) { return v; });
}

static void logsumexp_silu(int part, int parts, const float* in, float* out, float* running, i64 outer, i64 mid,
                           i64 inner, i64 strip) {
    reduce(part, parts, in, out, running, outer, mid, inner, strip, [](vf v) { return silu_(v); });
}
