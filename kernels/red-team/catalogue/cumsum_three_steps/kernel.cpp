typedef long i64;

enum { BLOCK = 100 };

extern "C" void block_sums(int part, int parts, const float* in, double* carry, i64 rows, i64 cols, i64 blocks) {
    const i64 units = rows * blocks;
    for (i64 u = units * part / parts; u < units * (part + 1) / parts; ++u) {
        const i64 first = u % blocks * BLOCK, last = first + BLOCK < cols ? first + BLOCK : cols;
        double s = 0.0;
        for (i64 j = first; j < last; ++j) s += in[u / blocks * cols + j];
        carry[u] = s;
    }
}
// Each becomes what comes before it, in place.
extern "C" void carries(int part, int parts, double* carry, i64 rows, i64 blocks) {
    for (i64 r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        double before = 0.0;
        for (i64 b = 0; b < blocks; ++b) {
            const double s = carry[r * blocks + b];
            carry[r * blocks + b] = before;
            before += s;
        }
    }
}
extern "C" void inside(int part, int parts, const float* in, double* carry, float* out, i64 rows, i64 cols,
                       i64 blocks) {
    const i64 units = rows * blocks;
    for (i64 u = units * part / parts; u < units * (part + 1) / parts; ++u) {
        const i64 first = u % blocks * BLOCK, last = first + BLOCK < cols ? first + BLOCK : cols;
        double s = carry[u];
        for (i64 j = first; j < last; ++j) out[u / blocks * cols + j] = (float)(s += in[u / blocks * cols + j]);
    }
}
