// out = gelu(in) * scale over a flat array; each part takes a range that starts on a cache line.

extern "C" void gelu_scale(int part, int parts, float* in, float* out, i64 count, double scale) {
    const i64 line = 16;
    const float factor = scale;
    Range lines((count + line - 1) / line, part, parts);
    i64 i = lines.begin * line;
    const i64 end = lines.end * line < count ? lines.end * line : count;
    for (; i + UNROLL * VF <= end; i += UNROLL * VF)
#pragma GCC unroll 4
        for (int u = 0; u < UNROLL * VF; u += VF) stream<NT>(out + i + u, gelu_<TAIL, false>(load(in + i + u)) * factor);
    for (; i < end; i += VF) {
        const i64 n = end - i < VF ? end - i : VF;
        store_some(out + i, n, gelu_<TAIL, false>(load_some(in + i, n, 0.0f)) * factor);
    }
    if (NT) fence();
}
