// loss[i] = log(sum over j of exp(x[i][j])) - x[i][label[i]], each row read once.

struct Sweep {
    float sum, max;
};

// Largest element of x[0..n); NaN may be passed over.
INLINE float row_max(const float* x, i64 n) {
    vf m = splat(x[0]);
    i64 j = 0;
    for (; j + VF <= n; j += VF) m = max_(load(x + j), m);
    if (j < n) m = max_(load_some(x + j, n - j, x[0]), m);
    return reduce_max(m);
}

// Sum of exp(x[j] - shift), and the maximum of x.
__attribute__((noinline)) static Sweep sweep(const float* x, i64 n, float shift) {
    vf sum[UNROLL] = {}, top[UNROLL];
    for (vf& v : top) v = splat(shift);
    double total = 0.0;
    i64 j = 0;
    while (j + UNROLL * VF <= n) {
        // Blocks, so that a long row does not lose digits in one long float sum.
        const i64 stop = j + 512 * UNROLL * VF < n ? j + 512 * UNROLL * VF : n;
        for (; j + UNROLL * VF <= stop; j += UNROLL * VF) {
            if (AHEAD)
                for (int b = 0; b < UNROLL * VF; b += 16) prefetch(x + j + b + AHEAD / 4);
#pragma GCC unroll 4
            for (int u = 0; u < UNROLL; ++u) {
                vf v = load(x + j + u * VF);
                if (LAZY) top[u] = max_(v, top[u]);
                sum[u] += exp_<DEGREE>(v - shift);
            }
        }
        for (vf& s : sum) {
            total += reduce_sum(s);
            s = vf{};
        }
    }
    for (; j < n; j += VF) {
        i64 left = n - j < VF ? n - j : VF;
        vf v = load_some(x + j, left, -__builtin_inff());
        if (LAZY) top[0] = max_(v, top[0]);
        sum[0] += keep_some(exp_<DEGREE>(v - shift), left);
    }
    for (int u = 1; u < UNROLL; ++u) top[0] = max_(top[u], top[0]);
    return {(float)(total + reduce_sum(sum[0])), reduce_max(top[0])};
}

extern "C" void cross_entropy_rows(int part, int parts, const float* logits, const i64* labels, float* losses,
                                   i64 rows, i64 classes, i64 ignore) {
    Range r(rows, part, parts);
    for (i64 i = r.begin; i < r.end; ++i) {
        if (labels[i] == ignore) {
            losses[i] = 0.0f;
            continue;
        }
        const float* x = logits + i * classes;
        float shift = row_max(x, LAZY && classes > 64 ? 64 : classes);
        Sweep s = sweep(x, classes, shift);
        // exp(60) times any row length is far from overflow; beyond that, start over with the
        // true maximum. Not `>`: an infinite estimate must end up here too.
        if (LAZY && !(s.max - shift <= 60.0f)) {
            shift = s.max;
            s = sweep(x, classes, shift);
        }
        const bool known = labels[i] >= 0 && labels[i] < classes;
        // A NaN among the logits is in the sum; the logarithm must not hide it.
        losses[i] = known && s.sum == s.sum ? (float)(log_(s.sum) + ((double)shift - x[labels[i]])) : __builtin_nanf("");
    }
}

// Sum (reduction 2) or mean over the rows that are not ignored (reduction 1).
extern "C" void reduce_losses(int part, int, float* losses, const i64* labels, float* out, i64 rows, i64 ignore,
                              i64 reduction) {
    if (part != 0) return;
    double total = 0.0;
    i64 counted = 0;
    for (i64 i = 0; i < rows; ++i) {
        total += losses[i];
        counted += labels[i] != ignore;
    }
    out[0] = (float)(reduction == 1 ? total / (double)counted : total);
}
