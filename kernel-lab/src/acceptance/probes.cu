#include <cooperative_groups.h>

// Floats of a block's piece in `through_shared`: 64 KiB, which takes a word to the driver.
constexpr int PIECE = 16384;

__device__ int calls;

__device__ int place() { return blockIdx.x * blockDim.x + threadIdx.x; }

extern "C" __global__ void add_one(const float *x, float *y, int n) {
    if (place() < n) y[place()] = x[place()] + 1.0f;
}

// Each block turns its piece around in dynamic shared memory.
extern "C" __global__ void through_shared(const float *x, float *y) {
    extern __shared__ float room[];
    const long long first = (long long)blockIdx.x * PIECE;
    for (int i = threadIdx.x; i < PIECE; i += blockDim.x) room[i] = x[first + i];
    __syncthreads();
    for (int i = threadIdx.x; i < PIECE; i += blockDim.x) y[first + i] = room[PIECE - 1 - i];
}

// Every element becomes the sum of all: blocks read what other blocks have written.
extern "C" __global__ void sum_of_all(const float *x, float *parts, float *y, int n) {
    __shared__ float room[128];
    float sum = 0;
    for (int i = place(); i < n; i += gridDim.x * blockDim.x) sum += x[i];
    room[threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.x == 0) {
        float part = 0;
        for (int i = 0; i < blockDim.x; i++) part += room[i];
        parts[blockIdx.x] = part;
    }
    cooperative_groups::this_grid().sync();
    float all = 0;
    for (int i = 0; i < gridDim.x; i++) all += parts[i];
    for (int i = place(); i < n; i += gridDim.x * blockDim.x) y[i] = all;
}

extern "C" __global__ void count_call() { calls += 1; }

extern "C" __global__ void tell_calls(float *y, int n) {
    if (place() < n) y[place()] = calls;
}

extern "C" __global__ void add_one_beside(const float *x, const float *huge, float *y, int n) {
    if (place() < n) y[place()] = x[place()] + 1.0f + (n < 0 ? huge[place()] : 0.0f);
}

// Writes where nothing is.
extern "C" __global__ void stray(const float *x, float *y, long long far, int n) {
    if (place() < n) y[place()] = x[place()];
    if (place() == 0) y[far] = 1.0f;
}

// Never ends, unless an input is what none is.
extern "C" __global__ void endless(const float *x, float *y) {
    const volatile float *watched = x;
    while (watched[0] != -1.0f) {
    }
    y[0] = watched[0];
}
