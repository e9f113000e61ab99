// Product of two row-major matrices: B is packed into panels by all parts, then each part computes its
// share of the rows of C.

extern "C" void pack_b(int part, int parts, const float* b, float* packed, i64 n, i64 k) {
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

extern "C" void gemm(int part, int parts, const float* a, float* packed, float* c, float* scratch, i64 m, i64 n,
                     i64 k) {
    float* own = scratch + part * BLOCK_ROWS * KC;
    gemm_part(part, parts, a, packed, c, own, m, n, k, [](vf v, i64) { return v; });
}
