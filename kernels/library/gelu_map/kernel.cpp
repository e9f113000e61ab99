// Exact GELU, x * Phi(x), over `count` floats.
// Each part takes a contiguous range that starts on a cache line.

extern "C" void gelu_map(int part, int parts, const float* in, float* out, i64 count) {
    const i64 line = 16;
    Range lines((count + line - 1) / line, part, parts);
    i64 i = lines.begin * line;
    const i64 end = lines.end * line < count ? lines.end * line : count;

    for (; i + UNROLL * VF <= end; i += UNROLL * VF) {
        if (AHEAD)
            for (int b = 0; b < UNROLL * VF; b += line) prefetch(in + i + b + AHEAD / 4);
        vf v[UNROLL];
#pragma GCC unroll 8
        for (int u = 0; u < UNROLL; ++u) v[u] = gelu_<TAIL, RECIPROCAL>(load(in + i + u * VF));
#pragma GCC unroll 8
        for (int u = 0; u < UNROLL; ++u) stream<NT>(out + i + u * VF, v[u]);
    }
    for (; i < end; i += VF) {
        i64 n = end - i < VF ? end - i : VF;
        store_some(out + i, n, gelu_<TAIL, RECIPROCAL>(load_some(in + i, n, 0.0f)));
    }
    if (NT) fence();
}
