#if defined(__AVX__)
#include <immintrin.h>
#endif
typedef long i64;

extern "C" void sum_middle(int part, int parts, const float* in, float* out, i64 outer, i64 mid, i64 inner) {
    for (i64 o = outer * part / parts; o < outer * (part + 1) / parts; ++o) {
        const float* x = in + o * mid * inner;
        i64 j = 0;
#if defined(__AVX__)
        for (; j + 4 <= inner; j += 4) {
            __m256d even = _mm256_setzero_pd(), odd = _mm256_setzero_pd();
            i64 m = 0;
            for (; m + 2 <= mid; m += 2) {
                even = _mm256_add_pd(even, _mm256_cvtps_pd(_mm_loadu_ps(x + m * inner + j)));
                odd = _mm256_add_pd(odd, _mm256_cvtps_pd(_mm_loadu_ps(x + (m + 1) * inner + j)));
            }
            if (m < mid) even = _mm256_add_pd(even, _mm256_cvtps_pd(_mm_loadu_ps(x + m * inner + j)));
            _mm_storeu_ps(out + o * inner + j, _mm256_cvtpd_ps(_mm256_add_pd(even, odd)));
        }
#endif
        for (; j < inner; ++j) {
            double s = 0.0;
            for (i64 m = 0; m < mid; ++m) s += x[m * inner + j];
            out[o * inner + j] = (float)s;
        }
    }
}
