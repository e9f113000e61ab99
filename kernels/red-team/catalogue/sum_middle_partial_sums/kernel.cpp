typedef long i64;

enum { LANES = 7 };

extern "C" void partial(int part, int parts, const float* in, double* sums, i64 outer, i64 mid, i64 inner) {
    const i64 units = LANES * outer;
    for (i64 u = units * part / parts; u < units * (part + 1) / parts; ++u) {
        const i64 lane = u / outer, o = u % outer;
        double* s = sums + u * inner;
        for (i64 j = 0; j < inner; ++j) s[j] = 0.0;
        for (i64 m = lane; m < mid; m += LANES)
            for (i64 j = 0; j < inner; ++j) s[j] += in[(o * mid + m) * inner + j];
    }
}
extern "C" void combine(int part, int parts, double* sums, float* out, i64 outer, i64 inner) {
    const i64 all = outer * inner;
    for (i64 i = all * part / parts; i < all * (part + 1) / parts; ++i) {
        double s = 0.0;
        for (i64 lane = LANES; lane-- > 0;) s += sums[lane * all + i];
        out[i] = (float)s;
    }
}
