__device__ unsigned arrived[1024];

extern "C" __global__ void add(const float *x, float *parts, float *y, int middle, int inner) {
    __shared__ bool last;
    float *own = parts + (long long)blockIdx.x * 4 * inner;
    for (int i = threadIdx.x; i < inner; i += blockDim.x) {
        double sum = 0;
        for (int j = blockIdx.y; j < middle; j += 4) sum += x[((long long)blockIdx.x * middle + j) * inner + i];
        own[blockIdx.y * inner + i] = sum;
    }
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) last = atomicAdd(arrived + blockIdx.x, 1) == 3;
    __syncthreads();
    if (!last) return;
    __threadfence();
    for (int i = threadIdx.x; i < inner; i += blockDim.x) {
        float sum = 0;
        for (int j = 0; j < 4; j++) sum += __ldcg(own + j * inner + i);
        y[blockIdx.x * inner + i] = sum;
    }
    if (threadIdx.x == 0) arrived[blockIdx.x] = 0;
}
