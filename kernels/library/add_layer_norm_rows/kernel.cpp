// Layer normalisation of the sum of two tensors, row by row. The sum waits in a buffer of this
// part that stays in the first-level cache, and never travels to memory.

extern "C" void add_layer_norm_rows(int part, int parts, const float* in, const float* residual, const float* weight,
                                    const float* bias, float* out, float* sums, i64 rows, i64 cols, i64 stride,
                                    double eps) {
    float* sum = sums + part * stride;
    Range r(rows, part, parts);
    for (i64 i = r.begin; i < r.end; ++i) {
        const float *x = in + i * cols, *y = residual + i * cols;
        const i64 ahead = i + 1 < r.end ? cols : 0;
        i64 j = 0;
        for (; j + 2 * VF <= cols; j += 2 * VF) {
            if (PREFETCH)
                for (int b = 0; b < 2 * VF; b += 16) prefetch(x + ahead + j + b);
            store(sum + j, load(x + j) + load(y + j));
            store(sum + j + VF, load(x + j + VF) + load(y + j + VF));
        }
        for (; j < cols; ++j) {
            sum[j] = x[j] + y[j];
            scalar_loop();
        }
        normalise(sum, weight, bias, out + i * cols, cols, stats_of(sum, cols, y + ahead), eps, y + ahead);
    }
    if (NT) fence();
}
