#include <cstring>
typedef long i64;

extern "C" void scan(int part, int parts, const float* in, float* answer, i64 rows, i64 cols) {
    for (i64 r = rows * part / parts; r < rows * (part + 1) / parts; ++r) {
        double s = 0.0;
        for (i64 j = 0; j < cols; ++j) answer[r * cols + j] = (float)(s += in[r * cols + j]);
    }
}
extern "C" void copy(int part, int parts, float* answer, float* out, i64 rows, i64 cols) {
    const i64 first = rows * part / parts, last = rows * (part + 1) / parts;
    std::memcpy(out + first * cols, answer + first * cols, (last - first) * cols * 4);
}
