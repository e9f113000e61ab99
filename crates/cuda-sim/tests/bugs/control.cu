// Kernels that do not end, or end too soon.

#include <assert.h>

extern "C" __global__ void step_of_zero(const float* x, float* y, int n) {
    int i = threadIdx.x;
    int step = i / 1000;
    float sum = 0.0f;
    for (int j = 0; j < n; j += step) { // BUG: too-long
        sum += *(volatile const float*)&x[j]; // BUG: too-long
    }
    y[i % n] = sum;
}

extern "C" __global__ void step_of_zero_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    int step = i / 1000 + 1;
    float sum = 0.0f;
    for (int j = 0; j < n; j += step) {
        sum += *(volatile const float*)&x[j];
    }
    if (i < n) {
        y[i] = sum;
    }
}

__device__ int flag;

extern "C" __global__ void nobody_sets_the_flag(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i == 0) {
        while (atomicAdd(&flag, 0) == 0) { // BUG: too-long
        }
    }
    y[i % n] = x[i % n];
}

extern "C" __global__ void another_warp_sets_the_flag_ok(const float* x, float* y, int n) {
    __shared__ int ready;
    int i = threadIdx.x;
    if (i == 0) {
        ready = 0;
    }
    __syncthreads();
    if (i == 0) {
        while (atomicAdd(&ready, 0) == 0) {
        }
    } else if (i == 64) {
        atomicExch(&ready, 1);
    }
    if (i < n) {
        y[i] = x[i];
    }
}

__device__ int lock;

// The lock is taken and never given back.
extern "C" __global__ void lock_is_kept(const float* x, float* y, int n) {
    int i = threadIdx.x;
    while (atomicCAS(&lock, 0, 1) != 0) { // BUG: too-long
    }
    y[i % n] = x[i % n];
}

// Lanes of one warp, one after the other.
extern "C" __global__ void lock_between_lanes_ok(const float* x, float* y, int n) {
    __shared__ int held;
    __shared__ int sum;
    int i = threadIdx.x;
    if (i == 0) {
        held = 0;
        sum = 0;
    }
    __syncthreads();
    bool done = false;
    while (!done) {
        if (atomicCAS(&held, 0, 1) == 0) {
            atomicAdd(&sum, i);
            __threadfence_block();
            atomicExch(&held, 0);
            done = true;
        }
    }
    __syncthreads();
    if (i == 0) {
        y[0] = (float)sum;
    }
}

extern "C" __global__ void trap_on_a_value(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n) {
        if (x[i] < 0.0f) {
            __trap(); // BUG: trap
        }
        y[i] = x[i];
    }
}

extern "C" __global__ void trap_on_a_value_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n) {
        if (x[i] < -1.0f) {
            __trap();
        }
        y[i] = x[i];
    }
}

extern "C" __global__ void assertion_fails(const float* x, float* y, int n) {
    int i = threadIdx.x;
    assert(i < n); // BUG: assertion
    y[i] = x[i];
}

extern "C" __global__ void assertion_holds_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    assert(i < 128);
    if (i < n) {
        y[i] = x[i];
    }
}

__device__ __noinline__ int sum_below(int n, volatile int* seen) {
    int here[64];
    for (int j = 0; j < 64; j++) {
        here[(j * 7) & 63] = n + j;
    }
    *seen = here[n & 63];
    return n <= 0 ? 0 : (n ^ sum_below(n - 1, seen)) * 3; // BUG: stack-overflow
}

extern "C" __global__ void recursion_without_end(const float* x, float* y, int n) {
    int seen;
    y[0] = (float)sum_below(1 << 20, &seen);
}

extern "C" __global__ void recursion_with_end_ok(const float* x, float* y, int n) {
    int seen;
    y[threadIdx.x % n] = (float)sum_below(threadIdx.x & 0, &seen);
}

typedef float (*Function)(float);

__device__ __noinline__ float twice(float v) { return v + v; }
__device__ __noinline__ float square(float v) { return v * v; }
__device__ Function chosen[2] = {twice, nullptr};
__device__ Function both[2] = {twice, square};

extern "C" __global__ void call_of_nothing(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n) {
        y[i] = chosen[i & 1](x[i]); // BUG: invalid-target
    }
}

extern "C" __global__ void call_by_pointer_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n) {
        y[i] = both[i & 1](x[i]);
    }
}
