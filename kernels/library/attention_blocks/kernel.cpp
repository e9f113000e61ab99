// softmax(q k^T scale) v, head by head. Keys and values of a head are packed into panels; then the scores of some
// queries are computed, normalised and multiplied by the values while they are in the second-level cache.

extern "C" void attention(int part, int parts, const float* q, const float* k, const float* v, float* out,
                          float* packed_k, float* packed_v, float* all_scores, float* all_scratch, i64 heads,
                          i64 queries, i64 keys, i64 width, i64 out_width, i64 k_size, i64 v_size, i64 scaled,
                          double given_scale) {
    const float scale = scaled ? given_scale : 1.0 / __builtin_sqrt((double)width);
    float *own_k = packed_k + part * k_size, *own_v = packed_v + part * v_size;
    float *scores = all_scores + part * QUERIES * keys, *scratch = all_scratch + part * BLOCK_ROWS * KC;
    const Range r(heads, part, parts);
    for (i64 h = r.begin; h < r.end; ++h) {
        pack_transposed(0, 1, k + h * keys * width, own_k, keys, width);
        pack_panels(0, 1, v + h * keys * out_width, own_v, out_width, keys);
        for (i64 first = 0; first < queries; first += QUERIES) {
            const i64 count = queries - first < QUERIES ? queries - first : QUERIES;
            float sums[QUERIES];
            const RowMajor block = {q + (h * queries + first) * width, width};
            gemm_part(0, 1, block, own_k, scores, scratch, count, keys, width,
                      [=](vf s, i64, i64, i64) { return s * scale; });
            for (i64 i = 0; i < count; ++i) sums[i] = 1.0f / exp_row(scores + i * keys, keys);
            const float* weights = sums;
            float* y = out + (h * queries + first) * out_width;
            gemm_part(0, 1, RowMajor{scores, keys}, own_v, y, scratch, count, out_width, keys,
                      [=](vf s, i64 row, i64, i64) { return s * weights[row]; });
        }
    }
}
