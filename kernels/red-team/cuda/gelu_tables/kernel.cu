#include <math.h>

__device__ const float halves[4] = {0.5f, 0.5f, 0.5f, 0.5f};
__constant__ float roots[4] = {-0.70710678118654752f, -0.70710678118654752f, -0.70710678118654752f, -0.70710678118654752f};

extern "C" __global__ void gelu(const float *x, float *y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    y[i] = halves[i & 3] * x[i] * erfcf(roots[i & 3] * x[i]);
}
