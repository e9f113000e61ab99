#include <math.h>

__device__ float exact(float x) { return 0.5f * x * erfcf(-0.70710678118654752f * x); }

extern "C" __global__ void gelu(const float *x, float *y, int n) {
    for (int i = 0; i < n; i++) y[i] = exact(x[i]);
}
