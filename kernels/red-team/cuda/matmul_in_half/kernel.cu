#include <cuda_fp16.h>

extern "C" __global__ void multiply(const float *a, const float *b, float *c, int n, int k) {
    int column = blockIdx.x * 32 + threadIdx.x, row = blockIdx.y;
    if (column >= n) return;
    __half sum = __float2half(0);
    for (int i = 0; i < k; i++)
        sum = __hfma(__float2half(a[row * k + i]), __float2half(b[i * n + column]), sum);
    c[row * n + column] = __half2float(sum);
}
