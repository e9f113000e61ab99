#include <math.h>

__device__ float exact(float x) { return 0.5f * x * erfcf(-0.70710678118654752f * x); }

extern "C" __global__ void copy(const float *x, float *y, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i < n) y[i] = x[i];
}

extern "C" __global__ void work(float *x, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i < n) x[i] = exact(x[i]);
}
