#include <math.h>

__device__ float exact(float x) { return 0.5f * x * erfcf(-0.70710678118654752f * x); }

extern "C" __global__ void gelu(const float *x, float *y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float value;
    asm volatile("ld.global.L2::cache_hint.f32 %0, [%1], %2;" : "=f"(value) : "l"(x + i), "l"(0x14F0000000000000));
    y[i] = exact(value);
}
