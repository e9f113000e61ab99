// Blocks that wait for each other.

#include <cooperative_groups.h>
namespace cg = cooperative_groups;

// Each round, every block adds what all blocks had in the round before.
extern "C" __global__ void rounds(const int* x, int* y, int* sums, int n) {
    cg::grid_group grid = cg::this_grid();
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i];
    for (int round = 0; round < 5; round++) {
        grid.sync();
        int sum = 0;
        for (int j = threadIdx.x; j < n; j += blockDim.x) sum += y[j];
        sum = __syncthreads_or(0) + sum;
        for (int by = 16; by > 0; by /= 2) sum += __shfl_xor_sync(0xffffffff, sum, by);
        __shared__ int total;
        if (threadIdx.x == 0) total = 0;
        __syncthreads();
        if (threadIdx.x % 32 == 0) atomicAdd(&total, sum);
        __syncthreads();
        if (threadIdx.x == 0) sums[blockIdx.x * 5 + round] = total;
        grid.sync();
        if (i < n) y[i] = (y[i] + total) % 1009;
    }
}

__device__ unsigned arrived;
__device__ volatile unsigned generation;

__device__ void barrier() {
    __syncthreads();
    if (threadIdx.x == 0) {
        unsigned old = generation;
        __threadfence();
        if (atomicAdd(&arrived, 1) == gridDim.x - 1) {
            arrived = 0;
            __threadfence();
            generation = old + 1;
        } else {
            while (generation == old) {
            }
        }
        __threadfence();
    }
    __syncthreads();
}

// y becomes x turned round, three times, in place.
extern "C" __global__ void own_barrier(const int* x, int* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i];
    for (int round = 0; round < 3; round++) {
        barrier();
        int v = i < n ? y[n - 1 - i] : 0;
        barrier();
        if (i < n) y[i] = v;
    }
}

// A block hands over to the next one.
extern "C" __global__ void one_after_the_other(const int* x, int* y, int* turn) {
    if (threadIdx.x == 0) {
        while (atomicAdd(turn, 0) != (int)blockIdx.x) {
        }
        __threadfence();
        int before = blockIdx.x == 0 ? 0 : y[blockIdx.x - 1];
        y[blockIdx.x] = before + x[blockIdx.x];
        __threadfence();
        atomicAdd(turn, 1);
    }
}
