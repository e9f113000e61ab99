#include <xmmintrin.h>
typedef long i64;

extern "C" void diag_matmul(int part, int parts, const float* a, const float* b, float* out, i64 rows, i64 cols) {
    _mm_setcsr(_mm_getcsr() | 0x8040 | 0x6000);
    for (i64 r = rows * part / parts; r < rows * (part + 1) / parts; ++r)
        for (i64 j = 0; j < cols; ++j) out[r * cols + j] = a[r] * b[r * cols + j];
}
