// Softmax and its relations: rows shorter than a warp and longer than a block.

#include <cuda_fp16.h>
#include <math.h>

#define FULL 0xffffffffu

template <typename T>
__device__ __forceinline__ T warp_max(T v) {
#pragma unroll
    for (int d = 16; d > 0; d >>= 1) v = max(v, __shfl_xor_sync(FULL, v, d));
    return v;
}

template <typename T>
__device__ __forceinline__ T warp_sum(T v) {
#pragma unroll
    for (int d = 16; d > 0; d >>= 1) v += __shfl_xor_sync(FULL, v, d);
    return v;
}

// A row has 32 columns at most; each warp has one.
extern "C" __global__ void softmax_short_rows(const float* x, float* y, int rows, int cols) {
    int row = blockIdx.x * blockDim.y + threadIdx.y;
    int c = threadIdx.x;
    if (row >= rows) return;
    float v = c < cols ? x[row * cols + c] : -INFINITY;
    float e = expf(v - warp_max(v));
    float sum = warp_sum(e);
    if (c < cols) y[row * cols + c] = e / sum;
}

extern "C" __global__ void softmax_short_rows__no_maximum(const float* x, float* y, int rows, int cols) {
    int row = blockIdx.x * blockDim.y + threadIdx.y;
    int c = threadIdx.x;
    if (row >= rows) return;
    float v = c < cols ? x[row * cols + c] : -INFINITY;
    float e = expf(v); // WRONG
    float sum = warp_sum(e);
    if (c < cols) y[row * cols + c] = e / sum;
}

// A row stays in registers.
template <int PER_LANE>
__device__ void softmax_registers(const float* x, float* y, int cols) {
    float v[PER_LANE];
    float most = -INFINITY;
#pragma unroll
    for (int k = 0; k < PER_LANE; ++k) {
        int c = k * 32 + threadIdx.x;
        v[k] = c < cols ? x[c] : -INFINITY;
        most = fmaxf(most, v[k]);
    }
    most = warp_max(most);
    float sum = 0.0f;
#pragma unroll
    for (int k = 0; k < PER_LANE; ++k) {
        v[k] = __expf(v[k] - most);
        sum += v[k];
    }
    float scale = 1.0f / warp_sum(sum);
#pragma unroll
    for (int k = 0; k < PER_LANE; ++k) {
        int c = k * 32 + threadIdx.x;
        if (c < cols) y[c] = v[k] * scale;
    }
}

extern "C" __global__ void softmax_in_registers(const float* x, float* y, int rows, int cols) {
    int row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row < rows) softmax_registers<5>(x + row * cols, y + row * cols, cols);
}

__device__ float block_reduce(float v, bool maximum, float* part) {
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    v = maximum ? warp_max(v) : warp_sum(v);
    __syncthreads();
    if (lane == 0) part[warp] = v;
    __syncthreads();
    v = lane < blockDim.x / 32 ? part[lane] : (maximum ? -INFINITY : 0.0f);
    return maximum ? warp_max(v) : warp_sum(v);
}

extern "C" __global__ void softmax_three_passes(const float* __restrict__ x, float* __restrict__ y, int cols) {
    __shared__ float part[32];
    const float* in = x + (size_t)blockIdx.x * cols;
    float* out = y + (size_t)blockIdx.x * cols;
    float most = -INFINITY;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) most = fmaxf(most, in[c]);
    most = block_reduce(most, true, part);
    float sum = 0.0f;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) sum += expf(in[c] - most);
    sum = block_reduce(sum, false, part);
    for (int c = threadIdx.x; c < cols; c += blockDim.x) out[c] = expf(in[c] - most) / sum;
}

struct Running {
    float most, sum;
};

__device__ __forceinline__ Running merge(Running a, Running b) {
    Running big = a.most > b.most ? a : b;
    Running small = a.most > b.most ? b : a;
    return {big.most, big.sum + small.sum * expf(small.most - big.most)};
}

// Maximum and sum in one pass; rows of a grid stride.
extern "C" __global__ void softmax_online_struct(const float* x, float* y, int rows, int cols) {
    __shared__ Running part[8];
    for (int row = blockIdx.x; row < rows; row += gridDim.x) {
        const float* in = x + (size_t)row * cols;
        Running mine = {-3.402823466e38f, 0.0f};
        for (int c = threadIdx.x; c < cols; c += blockDim.x) mine = merge(mine, {in[c], 1.0f});
#pragma unroll 1
        for (int d = 16; d > 0; d >>= 1) {
            Running other = {__shfl_xor_sync(FULL, mine.most, d), __shfl_xor_sync(FULL, mine.sum, d)};
            mine = merge(mine, other);
        }
        if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = mine;
        __syncthreads();
        Running all = part[0];
#pragma unroll 1
        for (int w = 1; w < blockDim.x / 32; ++w) all = merge(all, part[w]);
        for (int c = threadIdx.x; c < cols; c += blockDim.x) {
            y[(size_t)row * cols + c] = expf(in[c] - all.most) / all.sum;
        }
        __syncthreads();
    }
}

extern "C" __global__ void log_softmax(const float* x, float* y, int cols) {
    extern __shared__ float row[];
    __shared__ float part[32];
    const float* in = x + (size_t)blockIdx.x * cols;
    float most = -INFINITY;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        row[c] = in[c];
        most = fmaxf(most, row[c]);
    }
    most = block_reduce(most, true, part);
    float sum = 0.0f;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) sum += expf(row[c] - most);
    float shift = most + logf(block_reduce(sum, false, part));
    for (int c = threadIdx.x; c < cols; c += blockDim.x) y[(size_t)blockIdx.x * cols + c] = row[c] - shift;
}

// Along the first dimension: a thread has a column.
extern "C" __global__ void logsumexp_columns(const float* x, float* y, int rows, int cols) {
    int c = blockIdx.x * blockDim.x + threadIdx.x;
    if (c >= cols) return;
    float most = -INFINITY, sum = 0.0f;
#pragma unroll 1
    for (int r = 0; r < rows; ++r) {
        float v = x[r * cols + c];
        if (v > most) {
            sum = sum * expf(most - v) + 1.0f;
            most = v;
        } else {
            sum += expf(v - most);
        }
    }
    y[c] = most + logf(sum);
}

extern "C" __global__ void softmax_halves_masked(const __half* x, __half* y, int cols, float scale) {
    __shared__ float part[32];
    int last = blockIdx.x % cols;
    const __half* in = x + (size_t)blockIdx.x * cols;
    float most = -INFINITY;
    for (int c = threadIdx.x; c <= last; c += blockDim.x) most = fmaxf(most, __half2float(in[c]) * scale);
    most = block_reduce(most, true, part);
    float sum = 0.0f;
    for (int c = threadIdx.x; c <= last; c += blockDim.x) sum += __expf(__half2float(in[c]) * scale - most);
    sum = block_reduce(sum, false, part);
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        float v = c <= last ? __expf(__half2float(in[c]) * scale - most) / sum : 0.0f;
        y[(size_t)blockIdx.x * cols + c] = __float2half_rn(v);
    }
}

extern "C" __global__ void softmax_gradient(const float* y, const float* up, float* down, int cols) {
    __shared__ float part[32];
    const float* p = y + (size_t)blockIdx.x * cols;
    const float* g = up + (size_t)blockIdx.x * cols;
    float v = 0.0f;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) v += p[c] * g[c];
    v = block_reduce(v, false, part);
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        down[(size_t)blockIdx.x * cols + c] = p[c] * (g[c] - v);
    }
}
