// Sums, products and extremes: in warps, in trees, in two stages, by atomics.

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#define FULL 0xffffffffu

__device__ __forceinline__ float warp_sum(float v) {
#pragma unroll
    for (int d = 16; d > 0; d >>= 1) {
        v += __shfl_down_sync(FULL, v, d);
    }
    return v;
}

// The sum of a block is in its first thread.
__device__ float block_sum(float v) {
    __shared__ float part[32];
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    v = warp_sum(v);
    if (lane == 0) part[warp] = v;
    __syncthreads();
    int warps = (blockDim.x + 31) / 32;
    v = threadIdx.x < warps ? part[lane] : 0.0f;
    if (warp == 0) v = warp_sum(v);
    return v;
}

extern "C" __global__ void sum_first_stage(const float* x, float* part, int n) {
    float v = 0.0f;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        v += x[i];
    }
    v = block_sum(v);
    if (threadIdx.x == 0) part[blockIdx.x] = v;
}

extern "C" __global__ void sum_second_stage(const float* part, float* y, int count) {
    float v = threadIdx.x < count ? part[threadIdx.x] : 0.0f;
    v = block_sum(v);
    if (threadIdx.x == 0) y[0] = v;
}

// A tree over a block whose size is no power of two.
extern "C" __global__ void sum_tree_odd(const float* x, float* y, int n) {
    extern __shared__ float tree[];
    int t = threadIdx.x;
    float v = 0.0f;
    for (int i = t; i < n; i += blockDim.x) v += x[i];
    tree[t] = v;
    __syncthreads();
    for (int size = blockDim.x; size > 1;) {
        int half = (size + 1) / 2;
        if (t < size - half) tree[t] += tree[t + half];
        __syncthreads();
        size = half;
    }
    if (t == 0) y[0] = tree[0];
}

extern "C" __global__ void sum_tree_odd__no_barrier(const float* x, float* y, int n) {
    extern __shared__ float tree[];
    int t = threadIdx.x;
    float v = 0.0f;
    for (int i = t; i < n; i += blockDim.x) v += x[i];
    tree[t] = v;
    __syncthreads();
    for (int size = blockDim.x; size > 1;) {
        int half = (size + 1) / 2;
        if (t < size - half) tree[t] += tree[t + half]; // BUG: race
        size = half;
    }
    if (t == 0) y[0] = tree[0]; // BUG: race
}

// Whoever comes last adds up what all blocks left.
__device__ unsigned int blocks_done = 0;

extern "C" __global__ void sum_last_block(const float4* x, float* part, float* y, int n4) {
    __shared__ bool last;
    float v = 0.0f;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n4; i += gridDim.x * blockDim.x) {
        float4 q = x[i];
        v += (q.x + q.y) + (q.z + q.w);
    }
    v = block_sum(v);
    if (threadIdx.x == 0) {
        part[blockIdx.x] = v;
        __threadfence();
        unsigned int ticket = atomicInc(&blocks_done, gridDim.x - 1);
        last = ticket == gridDim.x - 1;
    }
    __syncthreads();
    if (last) {
        float all = 0.0f;
        for (int i = threadIdx.x; i < gridDim.x; i += blockDim.x) {
            all += ((volatile float*)part)[i];
        }
        __syncthreads();
        all = block_sum(all);
        if (threadIdx.x == 0) y[0] = all;
    }
}

extern "C" __global__ void sum_last_block__no_fence(const float4* x, float* part, float* y, int n4) {
    __shared__ bool last;
    float v = 0.0f;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n4; i += gridDim.x * blockDim.x) {
        float4 q = x[i];
        v += (q.x + q.y) + (q.z + q.w);
    }
    v = block_sum(v);
    if (threadIdx.x == 0) {
        part[blockIdx.x] = v;
        unsigned int ticket = atomicInc(&blocks_done, gridDim.x - 1);
        last = ticket == gridDim.x - 1;
    }
    __syncthreads();
    if (last) {
        float all = 0.0f;
        for (int i = threadIdx.x; i < gridDim.x; i += blockDim.x) {
            all += part[i]; // BUG: race
        }
        __syncthreads();
        all = block_sum(all);
        if (threadIdx.x == 0) y[0] = all;
    }
}

extern "C" __global__ void dot_atomic(const float* a, const float* b, float* y, int n) {
    float v = 0.0f;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        v = fmaf(a[i], b[i], v);
    }
    v = warp_sum(v);
    if ((threadIdx.x & 31) == 0) atomicAdd(y, v);
}

extern "C" __global__ void dot_double(const double* a, const double* b, double* y, int n) {
    __shared__ double part[256];
    double v = 0.0;
    for (int i = threadIdx.x; i < n; i += blockDim.x) v += a[i] * b[i];
    part[threadIdx.x] = v;
    __syncthreads();
    for (int s = blockDim.x / 2; s > 0; s >>= 1) {
        if (threadIdx.x < s) part[threadIdx.x] += part[threadIdx.x + s];
        __syncthreads();
    }
    if (threadIdx.x == 0) *y = part[0];
}

// Several rows a block, a warp each, by four.
extern "C" __global__ void norms_of_rows(const float* x, float* y, int rows, int cols) {
    int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    int lane = threadIdx.x % 32;
    if (row >= rows) return;
    const float* p = x + (size_t)row * cols;
    float v = 0.0f;
    if (cols % 4 == 0) {
        for (int c = lane; c < cols / 4; c += 32) {
            float4 q = reinterpret_cast<const float4*>(p)[c];
            v += q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w;
        }
    } else {
        for (int c = lane; c < cols; c += 32) v += p[c] * p[c];
    }
    v = warp_sum(v);
    if (lane == 0) y[row] = sqrtf(v);
}

// Columns: neighbours read neighbours, then a tile is turned.
extern "C" __global__ void sums_of_columns(const float* x, float* y, int rows, int cols) {
    __shared__ float tile[32][33];
    int col = blockIdx.x * 32 + threadIdx.x;
    float v = 0.0f;
    if (col < cols) {
        for (int r = threadIdx.y; r < rows; r += blockDim.y) v += x[r * cols + col];
    }
    tile[threadIdx.y][threadIdx.x] = v;
    __syncthreads();
    v = threadIdx.x < blockDim.y ? tile[threadIdx.x][threadIdx.y] : 0.0f;
    v = warp_sum(v);
    int out = blockIdx.x * 32 + threadIdx.y;
    if (threadIdx.x == 0 && out < cols) y[out] = v;
    for (int more = threadIdx.y + blockDim.y; more < 32; more += blockDim.y) {
        v = threadIdx.x < blockDim.y ? tile[threadIdx.x][more] : 0.0f;
        v = warp_sum(v);
        out = blockIdx.x * 32 + more;
        if (threadIdx.x == 0 && out < cols) y[out] = v;
    }
}

__device__ __forceinline__ void atomic_max_float(float* at, float v) {
    if (v >= 0.0f) {
        atomicMax((int*)at, __float_as_int(v));
    } else {
        atomicMin((unsigned int*)at, __float_as_uint(v));
    }
}

extern "C" __global__ void max_atomic(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float v = i < n ? x[i] : -3.402823466e38f;
#pragma unroll
    for (int d = 16; d > 0; d >>= 1) v = fmaxf(v, __shfl_xor_sync(FULL, v, d));
    if ((threadIdx.x & 31) == 0) atomic_max_float(y, v);
}

extern "C" __global__ void product_by_cas(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    int* at = (int*)y;
    int old = *(volatile int*)at, assumed;
    do {
        assumed = old;
        old = atomicCAS(at, assumed, __float_as_int(__int_as_float(assumed) * x[i]));
    } while (assumed != old);
}

// Counts by barriers that count, and whether all or any.
extern "C" __global__ void votes_of_block(const float* x, int* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    bool in = i < n;
    float v = in ? x[i] : 0.0f;
    int positive = __syncthreads_count(in && v > 0.0f);
    int all_small = __syncthreads_and(v < 0.99f);
    int any_large = __syncthreads_or(v > 0.95f);
    if (threadIdx.x == 0) {
        y[3 * blockIdx.x] = positive;
        y[3 * blockIdx.x + 1] = all_small;
        y[3 * blockIdx.x + 2] = any_large;
    }
}

extern "C" __global__ void integer_sums_by_redux(const int* x, int* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    int v = i < n ? x[i] : 0;
    int sum = __reduce_add_sync(FULL, v);
    unsigned most = __reduce_max_sync(FULL, (unsigned)v);
    unsigned bits = __reduce_or_sync(FULL, (unsigned)v);
    if ((threadIdx.x & 31) == 0) {
        atomicAdd(&y[0], sum);
        atomicMax((unsigned*)&y[1], most);
        atomicOr((unsigned*)&y[2], bits);
    }
}

extern "C" __global__ void mean_and_variance(const float* x, float* mean, float* var, int cols) {
    const float* p = x + (size_t)blockIdx.x * cols;
    __shared__ float shared_mean;
    float v = 0.0f;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) v += p[c];
    v = block_sum(v);
    if (threadIdx.x == 0) shared_mean = v / cols;
    __syncthreads();
    float m = shared_mean;
    v = 0.0f;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) v += (p[c] - m) * (p[c] - m);
    v = block_sum(v);
    if (threadIdx.x == 0) {
        mean[blockIdx.x] = m;
        var[blockIdx.x] = v / (cols - 1);
    }
}

extern "C" __global__ void mean_and_variance__biased(const float* x, float* mean, float* var, int cols) {
    const float* p = x + (size_t)blockIdx.x * cols;
    __shared__ float shared_mean;
    float v = 0.0f;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) v += p[c];
    v = block_sum(v);
    if (threadIdx.x == 0) shared_mean = v / cols;
    __syncthreads();
    float m = shared_mean;
    v = 0.0f;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) v += (p[c] - m) * (p[c] - m);
    v = block_sum(v);
    if (threadIdx.x == 0) {
        mean[blockIdx.x] = m;
        var[blockIdx.x] = v / cols; // WRONG
    }
}

extern "C" __global__ void sum_of_halves(const __half2* x, float* y, int pairs) {
    float v = 0.0f;
    for (int i = threadIdx.x; i < pairs; i += blockDim.x) {
        float2 f = __half22float2(x[i]);
        v += f.x + f.y;
    }
    v = block_sum(v);
    if (threadIdx.x == 0) y[0] = v;
}

// Sums in bfloat16: a GPU that can't add these atomically compares and swaps.
extern "C" __global__ void sums_of_bfloats(const int* bin, const __nv_bfloat16* x, __nv_bfloat16* y, __half* z, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        atomicAdd(&y[bin[i]], x[i]);
        atomicAdd(&z[bin[i]], __float2half(__bfloat162float(x[i])));
    }
}
