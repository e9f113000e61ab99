// Bits, bytes, and integers that do not fit.

extern "C" __global__ void counts_of_bits(const unsigned int* x, int4* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = make_int4(__popc(x[i]), __clz(x[i]), __ffs(x[i]), __brev(x[i]));
}

extern "C" __global__ void counts_of_long_bits(const unsigned long long* x, int* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        unsigned long long v = x[i];
        y[i] = __popcll(v) + 100 * __clzll(v) + 10000 * __ffsll(v) + 1000000 * (int)(__brevll(v) & 15);
    }
}

extern "C" __global__ void funnel_shifts(const unsigned int* x, const unsigned int* by, unsigned int* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        unsigned int a = x[i], b = by[i];
        y[i] = __funnelshift_l(a, ~a, b) ^ __funnelshift_rc(a, b, b & 63) ^ (a << (b & 31) | a >> (-b & 31));
    }
}

extern "C" __global__ void bytes_permuted(const unsigned int* x, const unsigned int* how, unsigned int* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        unsigned int swapped = __byte_perm(x[i], 0, 0x0123);
        y[i] = __byte_perm(x[i], swapped * 3, how[i]) + swapped;
    }
}

extern "C" __global__ void bytes_permuted__one_byte(const unsigned int* x, const unsigned int* how, unsigned int* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        unsigned int swapped = __byte_perm(x[i], 0, 0x0122); // WRONG
        y[i] = __byte_perm(x[i], swapped * 3, how[i]) + swapped;
    }
}

extern "C" __global__ void division_by_any(const int* a, const int* b, int* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        int p = a[i], q = b[i];
        unsigned int u = p, v = q;
        y[i] = p / q + 3 * (p % q) + (int)(u / v) - 5 * (int)(u % v) + p / 7 + p % -13 + (int)(u / 10u);
    }
}

extern "C" __global__ void long_division(const long long* a, const long long* b, long long* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        long long p = a[i], q = b[i];
        y[i] = p / q + 3 * (p % q) + (long long)((unsigned long long)p / (unsigned long long)q) + p / 1000003;
    }
}

extern "C" __global__ void high_halves(const int* a, const int* b, long long* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        long long wide = (long long)a[i] * 0x9e3779b97f4a7c15ll + b[i];
        y[i] = __mulhi(a[i], b[i]) + (long long)__umulhi(a[i], b[i]) + __mul64hi(wide, wide) + (long long)__umul64hi(wide, ~wide);
    }
}

// Numbers of 256 bits, added with carries by hand.
extern "C" __global__ void add_256(const unsigned int* a, const unsigned int* b, unsigned int* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    unsigned int r0, r1, r2, r3, r4, r5, r6, r7;
    const unsigned int *p = a + 8 * i, *q = b + 8 * i;
    asm("add.cc.u32 %0, %8, %16;\n\t"
        "addc.cc.u32 %1, %9, %17;\n\t"
        "addc.cc.u32 %2, %10, %18;\n\t"
        "addc.cc.u32 %3, %11, %19;\n\t"
        "addc.cc.u32 %4, %12, %20;\n\t"
        "addc.cc.u32 %5, %13, %21;\n\t"
        "addc.cc.u32 %6, %14, %22;\n\t"
        "addc.u32 %7, %15, %23;"
        : "=r"(r0), "=r"(r1), "=r"(r2), "=r"(r3), "=r"(r4), "=r"(r5), "=r"(r6), "=r"(r7)
        : "r"(p[0]), "r"(p[1]), "r"(p[2]), "r"(p[3]), "r"(p[4]), "r"(p[5]), "r"(p[6]), "r"(p[7]),
          "r"(q[0]), "r"(q[1]), "r"(q[2]), "r"(q[3]), "r"(q[4]), "r"(q[5]), "r"(q[6]), "r"(q[7]));
    unsigned int r[8] = {r0, r1, r2, r3, r4, r5, r6, r7};
    for (int k = 0; k < 8; ++k) y[8 * i + k] = r[k];
}

extern "C" __global__ void bytes_at_once(const unsigned int* a, const unsigned int* b, unsigned int* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        unsigned int p = a[i], q = b[i];
        y[i] = __vadd4(p, q) ^ __vmaxu4(p, q) ^ (__vabsdiffu4(p, q) + __sad(p, q, 7)) ^ __vsubus4(p, q) ^ __vcmpgtu4(p, q);
        y[n + i] = __dp4a((int)p, (int)q, -5) + (int)__dp4a(p, q, 9u) + __dp2a_lo((int)p, (int)q, 1);
    }
}

extern "C" __global__ void morton_and_hash(const unsigned int* x, unsigned int* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    unsigned int h = x[i];
    h ^= h >> 16;
    h *= 0x85ebca6bu;
    h ^= h >> 13;
    h *= 0xc2b2ae35u;
    h ^= h >> 16;
    unsigned int m = h & 0xffff;
    m = (m | m << 8) & 0x00ff00ffu;
    m = (m | m << 4) & 0x0f0f0f0fu;
    m = (m | m << 2) & 0x33333333u;
    m = (m | m << 1) & 0x55555555u;
    unsigned int gray = h ^ h >> 1;
    y[i] = (m | (gray & 1) << 31) ^ (h >> 16 << 1);
}

// A float's square root by its bits, then two of Newton's steps.
extern "C" __global__ void inverse_root_by_bits(const float* x, float* y, int n) {
    union {
        float f;
        int i;
    } u;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        float half = 0.5f * x[i];
        u.f = x[i];
        u.i = 0x5f3759df - (u.i >> 1);
        for (int k = 0; k < 3; ++k) u.f = u.f * (1.5f - half * u.f * u.f);
        y[i] = u.f;
    }
}

// Signs as bits: products of rows of +1 and -1.
extern "C" __global__ void binary_product(const unsigned int* a, const unsigned int* b, int* c, int m, int n, int words) {
    int col = threadIdx.x, row = blockIdx.x;
    if (col >= n || row >= m) return;
    int differ = 0;
    for (int w = 0; w < words; ++w) differ += __popc(a[row * words + w] ^ b[col * words + w]);
    c[row * n + col] = 32 * words - 2 * differ;
}

extern "C" __global__ void pack_signs(const float* x, unsigned int* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned int bits = __ballot_sync(0xffffffffu, i < n && x[i] < 0.0f);
    if ((threadIdx.x & 31) == 0 && i < n) y[i / 32] = bits;
}
