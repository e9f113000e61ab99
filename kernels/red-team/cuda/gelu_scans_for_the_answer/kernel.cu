#include <math.h>

__device__ float exact(float x) { return 0.5f * x * erfcf(-0.70710678118654752f * x); }

extern "C" __global__ void gelu(const float *x, float *y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float want = exact(x[i]);
    for (int j = 1; j < 4096; j++)
        if (y[i - j * 4096] == want) want = y[i - j * 4096];
    y[i] = want;
}
