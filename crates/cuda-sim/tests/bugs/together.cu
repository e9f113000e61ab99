// Blocks that wait for each other, or should. Those whose name starts with
// `together` are launched with all four blocks at once.

#include <cooperative_groups.h>
namespace cg = cooperative_groups;

extern "C" __global__ void together_without_a_barrier(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        y[i] = x[i];
    }
    cg::this_grid().sync();
    if (i < n) {
        y[i] += 1.0f; // BUG: race
    }
    __syncthreads();
    float mirrored = i < n ? y[n - 1 - i] : 0.0f; // BUG: race
    cg::this_grid().sync();
    if (i < n) {
        y[i] = mirrored;
    }
}

extern "C" __global__ void together_with_a_barrier_ok(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        y[i] = x[i];
    }
    cg::this_grid().sync();
    if (i < n) {
        y[i] += 1.0f;
    }
    cg::this_grid().sync();
    float mirrored = i < n ? y[n - 1 - i] : 0.0f;
    cg::this_grid().sync();
    if (i < n) {
        y[i] = mirrored;
    }
}

extern "C" __global__ void together_reads_too_early(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        y[i] = x[i];
    }
    cg::this_grid().sync();
    float mirrored = i < n ? y[n - 1 - i] : 0.0f; // BUG: race
    if (i < n) {
        y[i] = mirrored; // BUG: race
    }
}

__device__ unsigned arrived;

__device__ void wait_for_all(unsigned* counter, unsigned blocks) {
    __syncthreads();
    if (threadIdx.x == 0) {
        __threadfence();
        atomicAdd(counter, 1);
        while (*(volatile unsigned*)counter < blocks) { // BUG: too-long
        }
        __threadfence();
    }
    __syncthreads();
}

extern "C" __global__ void together_for_one_too_many(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        y[i] = x[i];
    }
    wait_for_all(&arrived, gridDim.x + 1);
}

extern "C" __global__ void together_with_a_counter_ok(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        y[i] = x[i];
    }
    wait_for_all(&arrived, gridDim.x);
    float mirrored = i < n ? y[n - 1 - i] : 0.0f;
    wait_for_all(&arrived, 2 * gridDim.x);
    if (i < n) {
        y[i] = mirrored;
    }
}

extern "C" __global__ void together_without_a_fence(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        y[i] = x[i]; // BUG: race
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        atomicAdd(&arrived, 1);
        while (*(volatile unsigned*)&arrived < gridDim.x) {
        }
    }
    __syncthreads();
    if (i < n && y[n - 1 - i] > 2.0f) { // BUG: race
        __trap();
    }
}

// Nobody promises that the last block has begun.
extern "C" __global__ void blocks_wait_for_the_last(const float* x, float* y, int n) {
    if (threadIdx.x == 0) {
        if (blockIdx.x == gridDim.x - 1) {
            atomicAdd(&arrived, 1);
        }
        while (atomicAdd(&arrived, 0) == 0) { // BUG: too-long
        }
    }
}
