// The right factor of a matrix product (k x n) as panels of NR columns for gemm.h, padded with zeros on the right.

// From rows: b is k x n.
INLINE void pack_panels(i64 part, i64 parts, const float* b, float* packed, i64 n, i64 k) {
    Range panels((n + NR - 1) / NR, part, parts);
    for (i64 i = 0; i < k; ++i)
        for (i64 p = panels.begin; p < panels.end; ++p) {
            float* y = packed + p * NR * k + i * NR;
            for (i64 j = 0; j < NR; j += VF) {
                const i64 left = n - p * NR - j;
                vf v = {};
                if (left >= VF) v = load(b + i * n + p * NR + j);
                else if (left > 0) v = load_some(b + i * n + p * NR + j, left, 0.0f);
                store(y + j, v);
            }
        }
}

// From columns: b is n x k.
INLINE void pack_transposed(i64 part, i64 parts, const float* b, float* packed, i64 n, i64 k) {
    Range panels((n + NR - 1) / NR, part, parts);
    for (i64 p = panels.begin; p < panels.end; ++p)
        for (i64 j = 0; j < NR; ++j) {
            const i64 column = p * NR + j;
            for (i64 i = 0; i < k; ++i) {
                packed[(p * k + i) * NR + j] = column < n ? b[column * k + i] : 0.0f;
                scalar_loop();
            }
        }
}
