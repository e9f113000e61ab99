// Accesses whose sectors and bank conflicts are worked out by hand.

// x and y have n rows of n floats; blocks of 32 by 8 threads move tiles of 32 by 32.
extern "C" __global__ void transpose_by_columns(const float* x, float* y, int n) {
    int column = blockIdx.x * 32 + threadIdx.x;
    int row = blockIdx.y * 32 + threadIdx.y;
    for (int j = 0; j < 32; j += 8) {
        y[column * n + row + j] = x[(row + j) * n + column];
    }
}

template <int WIDTH>
__device__ void by_tiles(const float* x, float* y, int n) {
    __shared__ float tile[32][WIDTH];
    int column = blockIdx.x * 32 + threadIdx.x;
    int row = blockIdx.y * 32 + threadIdx.y;
    for (int j = 0; j < 32; j += 8) {
        tile[threadIdx.y + j][threadIdx.x] = x[(row + j) * n + column];
    }
    __syncthreads();
    column = blockIdx.y * 32 + threadIdx.x;
    row = blockIdx.x * 32 + threadIdx.y;
    for (int j = 0; j < 32; j += 8) {
        y[(row + j) * n + column] = tile[threadIdx.x][threadIdx.y + j];
    }
}

extern "C" __global__ void transpose_by_tiles(const float* x, float* y, int n) {
    by_tiles<32>(x, y, n);
}

extern "C" __global__ void transpose_by_padded_tiles(const float* x, float* y, int n) {
    by_tiles<33>(x, y, n);
}

extern "C" __global__ void every_nth(const float* x, float* y, int stride) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    y[i] = x[i * stride];
}

extern "C" __global__ void four_at_once(const float4* x, float4* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float4 v = x[i];
    y[i] = make_float4(v.x * n, v.y * n, v.z * n, v.w * n);
}

extern "C" __global__ void one_counter(const float* x, unsigned* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (x[i] > 0.0f) {
        atomicInc(y, 0xffffffffu);
    }
}
