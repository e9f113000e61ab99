#include <curand_kernel.h>
extern "C" __global__ void noise(float* y, int n, unsigned long long seed) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    curandStatePhilox4_32_10_t state;
    curand_init(seed, i, 0, &state);
    if (i < n) y[i] = curand_normal(&state);
}
