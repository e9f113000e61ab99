#include <cuda_fp16.h>
#include <cuda_bf16.h>
#include <cuda_fp8.h>
extern "C" __global__ void narrow(const float* x, __half* h, __nv_bfloat16* b, __nv_fp8_e4m3* f) {
    int i = threadIdx.x;
    h[i] = __float2half(x[i]);
    b[i] = __float2bfloat16(x[i]);
    f[i] = __nv_fp8_e4m3(x[i]);
}
