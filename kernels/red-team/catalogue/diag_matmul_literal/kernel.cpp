typedef long i64;

extern "C" void spread(int part, int parts, const float* a, float* diagonal, i64 rows) {
    for (i64 r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        for (i64 l = 0; l < rows; ++l) diagonal[r * rows + l] = 0.0f;
        diagonal[r * rows + r] = a[r];
    }
}
extern "C" void multiply(int part, int parts, float* diagonal, const float* b, float* out, i64 rows, i64 cols) {
    for (i64 r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        float* __restrict y = out + r * cols;
        for (i64 j = 0; j < cols; ++j) y[j] = 0.0f;
        for (i64 l = 0; l < rows; ++l) {
            const float f = diagonal[r * rows + l];
            for (i64 j = 0; j < cols; ++j) y[j] += f * b[l * cols + j];
        }
    }
}
