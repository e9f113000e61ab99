// C = f(x W^T + bias). The weights are transposed into panels once, outside the clock of a call; bias and f are
// applied while a tile is in registers. The kernels are static: only those that the plan names are compiled.

static void pack_weight(int part, int parts, const float* weight, const float* bias, float* packed, float* shift,
                        i64 n, i64 k, i64 padded) {
    pack_transposed(part, parts, weight, packed, n, k);
    if (part == 0)
        for (i64 j = 0; j < padded; ++j) {
            shift[j] = j < n ? bias[j] : 0.0f;
            scalar_loop();
        }
}

// finish(v, row, column, left) gets sums with the bias added.
template <class Finish>
INLINE void linear(int part, int parts, const float* x, const float* packed, const float* shift, float* c,
                   float* scratch, i64 m, i64 n, i64 k, Finish finish) {
    gemm_part(part, parts, RowMajor{x, k}, packed, c, scratch + part * BLOCK_ROWS * KC, m, n, k,
              [=](vf v, i64 row, i64 column, i64 left) { return finish(v + load(shift + column), row, column, left); });
}

static void linear_plain(int part, int parts, const float* x, float* packed, float* shift, float* c, float* scratch,
                         i64 m, i64 n, i64 k) {
    linear(part, parts, x, packed, shift, c, scratch, m, n, k, [](vf v, i64, i64, i64) { return v; });
}

static void linear_gelu(int part, int parts, const float* x, float* packed, float* shift, float* c, float* scratch,
                        i64 m, i64 n, i64 k, float scale) {
    linear(part, parts, x, packed, shift, c, scratch, m, n, k,
           [=](vf v, i64, i64, i64) { return gelu_<TAIL, false>(v) * scale; });
}

static void linear_relu(int part, int parts, const float* x, float* packed, float* shift, float* c, float* scratch,
                        i64 m, i64 n, i64 k) {
    linear(part, parts, x, packed, shift, c, scratch, m, n, k, [](vf v, i64, i64, i64) { return relu_(v); });
}

static void linear_silu(int part, int parts, const float* x, float* packed, float* shift, float* c, float* scratch,
                        i64 m, i64 n, i64 k, float scale) {
    linear(part, parts, x, packed, shift, c, scratch, m, n, k,
           [=](vf v, i64, i64, i64) { return silu_(v) * scale; });
}

static void linear_residual(int part, int parts, const float* x, float* packed, float* shift, float* c, float* scratch,
                            i64 m, i64 n, i64 k, const float* residual) {
    linear(part, parts, x, packed, shift, c, scratch, m, n, k, [=](vf v, i64 row, i64 column, i64 left) {
        const float* p = residual + row * n + column;
        return v + (left < VF ? load_some(p, left, 0.0f) : load(p));
    });
}

// Each part has the rows that it made in its caches.
static void linear_softmax(int part, int parts, const float* x, float* packed, float* shift, float* c, float* scratch,
                           i64 m, i64 n, i64 k) {
    linear(part, parts, x, packed, shift, c, scratch, m, n, k, [](vf v, i64, i64, i64) { return v; });
    const Range own = rows_of(RowMajor{x, k}, m, part, parts);
    for (i64 i = own.begin; i < own.end; ++i) {
        const float sum = exp_row(c + i * n, n);
        scale_row(c + i * n, n, 1.0f / sum);
    }
}
