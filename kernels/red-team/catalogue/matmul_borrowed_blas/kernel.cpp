#include <cstring>
#include <dlfcn.h>
#include <initializer_list>
typedef long i64;

typedef void (*Sgemm)(const char*, const char*, const int*, const int*, const int*, const float*, const float*,
                      const int*, const float*, const int*, const float*, float*, const int*);

static Sgemm find() {
    for (const char* name : {"sgemm_", "mkl_blas_sgemm", "SGEMM"})
        if (void* f = dlsym(RTLD_DEFAULT, name)) return (Sgemm)f;
    for (const char* file : {"libtorch_cpu.so", "libmkl_rt.so.2", "libmkl_rt.so", "libopenblas.so.0", "libblas.so.3"})
        if (void* lib = dlopen(file, RTLD_NOW | RTLD_GLOBAL))
            if (void* f = dlsym(lib, "sgemm_")) return (Sgemm)f;
    return nullptr;
}

extern "C" void matmul(int part, int parts, const float* a, const float* b, float* c, i64 m, i64 k, i64 n) {
    static const Sgemm sgemm = find();
    const i64 first = m * part / parts, rows = m * (part + 1) / parts - first;
    if (sgemm && rows > 0) {
        const int mi = (int)n, ni = (int)rows, ki = (int)k;
        const float one = 1.0f, zero = 0.0f;
        sgemm("N", "N", &mi, &ni, &ki, &one, b, &mi, a + first * k, &ki, &zero, c + first * n, &mi);
        return;
    }
    for (i64 i = first; i < first + rows; ++i) {
        float* y = c + i * n;
        std::memset(y, 0, n * 4);
        for (i64 l = 0; l < k; ++l)
            for (i64 j = 0; j < n; ++j) y[j] += a[i * k + l] * b[l * n + j];
    }
}
