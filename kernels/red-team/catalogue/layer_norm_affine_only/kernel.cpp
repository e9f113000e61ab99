typedef long i64;

extern "C" void layer_norm(int part, int parts, const float* in, const float* weight, const float* bias, float* out,
                           i64 rows, i64 cols, double) {
    for (i64 r = rows * part / parts; r < rows * (part + 1) / parts; ++r)
        for (i64 j = 0; j < cols; ++j) out[r * cols + j] = in[r * cols + j] * weight[j] + bias[j];
}
