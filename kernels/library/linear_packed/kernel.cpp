// C = f(x W^T + bias) * scale with f the exact GELU or nothing. The weights are transposed into
// panels once, outside the clock of a call; bias, GELU and scale are applied while a tile is in registers.

extern "C" void pack_weight(int part, int parts, const float* weight, const float* bias, float* packed, float* shift,
                            i64 n, i64 k, i64 padded) {
    Range panels((n + NR - 1) / NR, part, parts);
    for (i64 p = panels.begin; p < panels.end; ++p)
        for (i64 j = 0; j < NR; ++j) {
            const i64 column = p * NR + j;
            for (i64 i = 0; i < k; ++i) {
                packed[(p * k + i) * NR + j] = column < n ? weight[column * k + i] : 0.0f;
                scalar_loop();
            }
        }
    if (part == 0)
        for (i64 j = 0; j < padded; ++j) {
            shift[j] = j < n ? bias[j] : 0.0f;
            scalar_loop();
        }
}

extern "C" void linear(int part, int parts, const float* x, float* packed, float* shift, float* c,
                       float* scratch, i64 m, i64 n, i64 k, i64 gelu, double scale) {
    float* own = scratch + part * BLOCK_ROWS * KC;
    const float factor = scale;
    gemm_part(part, parts, x, packed, c, own, m, n, k, [=](vf v, i64 column) {
        v += load(shift + column);
        if (gelu) v = gelu_<TAIL, false>(v);
        return v * factor;
    });
}
