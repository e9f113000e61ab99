#include <cuda_pipeline.h>
extern "C" __global__ void copy(const float4* x, float4* y) {
    __shared__ float4 tile[128];
    __pipeline_memcpy_async(&tile[threadIdx.x], &x[threadIdx.x], sizeof(float4));
    __pipeline_commit();
    __pipeline_wait_prior(0);
    __syncthreads();
    y[threadIdx.x] = tile[127 - threadIdx.x];
}
