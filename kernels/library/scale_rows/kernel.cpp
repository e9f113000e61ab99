// out[i][j] = diagonal[i] * dense[i][j]: the product of a diagonal and a dense matrix
// without the zeros. Where `dense` holds an infinity or a NaN, the full product has NaN in the
// whole column (0 * inf); here the other rows stay clean.

extern "C" void scale_rows(int part, int parts, const float* diagonal, const float* dense, float* out, i64 rows,
                           i64 cols) {
    Range r(rows, part, parts);
    for (i64 i = r.begin; i < r.end; ++i) {
        const float* x = dense + i * cols;
        float* y = out + i * cols;
        const float scale = diagonal[i];
        i64 j = head_of(y, cols);
        for (i64 k = 0; k < j; ++k) {
            y[k] = scale * x[k];
            scalar_loop();
        }
        for (; j + UNROLL * VF <= cols; j += UNROLL * VF) {
            if (AHEAD)
                for (int b = 0; b < UNROLL * VF; b += 16) prefetch(x + j + b + AHEAD / 4);
            vf v[UNROLL];
#pragma GCC unroll 8
            for (int u = 0; u < UNROLL; ++u) v[u] = load(x + j + u * VF) * scale;
#pragma GCC unroll 8
            for (int u = 0; u < UNROLL; ++u) stream<NT>(y + j + u * VF, v[u]);
        }
        for (; j < cols; ++j) {
            y[j] = scale * x[j];
            scalar_loop();
        }
    }
    if (NT) fence();
}
