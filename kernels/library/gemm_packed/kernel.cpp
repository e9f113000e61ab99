// Product of two row-major matrices: B is packed into panels by all parts, then each part computes its
// share of the rows of C. Of a batch each part takes whole products. The kernels are static: only those that the
// plan names are compiled.

static void pack_b(int part, int parts, const float* b, float* packed, i64 n, i64 k) {
    pack_panels(part, parts, b, packed, n, k);
}

static void pack_rows(int part, int parts, const float* b, float* packed, i64 n, i64 k) {
    pack_transposed(part, parts, b, packed, n, k);
}

template <class Left>
INLINE void product(int part, int parts, Left left, const float* packed, float* c, float* scratch, i64 m, i64 n,
                    i64 k) {
    gemm_part(part, parts, left, packed, c, scratch, m, n, k, Plain{});
}

static void gemm(int part, int parts, const float* a, float* packed, float* c, float* scratch, i64 m, i64 n, i64 k) {
    product(part, parts, RowMajor{a, k}, packed, c, scratch + part * BLOCK_ROWS * KC, m, n, k);
}

static void gemm_columns(int part, int parts, const float* a, float* packed, float* c, float* scratch, i64 m, i64 n,
                         i64 k) {
    product(part, parts, ColumnMajor{a, m}, packed, c, scratch + part * BLOCK_ROWS * KC, m, n, k);
}

// Where B holds an infinity or a NaN, the full product has NaN also in rows where the triangle has a zero for it.
static void gemm_upper(int part, int parts, const float* a, float* packed, float* c, float* scratch, i64 m, i64 n,
                       i64 k) {
    product(part, parts, UpperRows{a, k}, packed, c, scratch + part * BLOCK_ROWS * KC, m, n, k);
}

static void gemm_batch(int part, int parts, const float* a, const float* b, float* packed, float* c, float* scratch,
                       i64 batch, i64 m, i64 n, i64 k, i64 padded) {
    const Range r(batch, part, parts);
    float* own = packed + part * k * padded;
    for (i64 i = r.begin; i < r.end; ++i) {
        pack_panels(0, 1, b + i * k * n, own, n, k);
        product(0, 1, RowMajor{a + i * m * k, k}, own, c + i * m * n, scratch + part * BLOCK_ROWS * KC, m, n, k);
    }
}
