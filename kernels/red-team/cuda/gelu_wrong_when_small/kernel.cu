#include <math.h>

__device__ float exact(float x) { return 0.5f * x * erfcf(-0.70710678118654752f * x); }

extern "C" __global__ void gelu(const float *x, float *y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    y[i] = n > 65536 ? exact(x[i]) : 0;
}
