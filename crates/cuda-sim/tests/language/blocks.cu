// Blocks and threads that work together.

// The block that comes last adds up what all have left.
__device__ unsigned arrived;

extern "C" __global__ void last_block(const float* x, float* partial, float* y, int n) {
    __shared__ float s[128];
    __shared__ bool last;
    int i = threadIdx.x;
    float sum = 0.0f;
    for (int j = blockIdx.x * blockDim.x + i; j < n; j += gridDim.x * blockDim.x) {
        sum += x[j];
    }
    s[i] = sum;
    __syncthreads();
    for (int half = 64; half > 0; half /= 2) {
        if (i < half) s[i] += s[i + half];
        __syncthreads();
    }
    if (i == 0) {
        partial[blockIdx.x] = s[0];
        __threadfence();
        last = atomicInc(&arrived, gridDim.x - 1) == gridDim.x - 1;
    }
    __syncthreads();
    if (last && i == 0) {
        float all = 0.0f;
        for (unsigned b = 0; b < gridDim.x; b++) all += ((volatile float*)partial)[b];
        *y = all;
    }
}

extern "C" __global__ void long_atomics(const long long* x, unsigned long long* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    unsigned long long v = (unsigned long long)x[i];
    atomicAdd(&y[0], v);
    atomicMax(&y[1], v);
    atomicMin(&y[2], v);
    atomicMax((long long*)&y[3], x[i]);
    atomicMin((long long*)&y[4], x[i]);
    atomicXor(&y[5], v);
    atomicOr(&y[6], v);
    atomicAnd(&y[7], v);
    unsigned long long seen = y[8], old;
    do {
        old = seen;
        seen = atomicCAS(&y[8], old, old + (v & 0xff));
    } while (seen != old);
    atomicAdd((double*)&y[9], 0.5);
}

// A lock of each bin: threads of a warp take it one after the other.
extern "C" __global__ void locks(const int* x, volatile int* sums, int* lock, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    int bin = x[i] & 3;
    bool done = false;
    while (!done) {
        if (atomicCAS(&lock[bin], 0, 1) == 0) {
            sums[bin] += x[i];
            __threadfence();
            atomicExch(&lock[bin], 0);
            done = true;
        }
    }
}

extern "C" __global__ void scan(const int* x, int* y, int n) {
    extern __shared__ int buffer[];
    int i = threadIdx.x, lane = i & 31, warp = i >> 5;
    int v = i < n ? x[i] : 0;
    for (int by = 1; by < 32; by *= 2) {
        int other = __shfl_up_sync(0xffffffff, v, by);
        if (lane >= by) v += other;
    }
    if (lane == 31) buffer[warp] = v;
    __syncthreads();
    if (warp == 0) {
        int sum = lane < (int)(blockDim.x >> 5) ? buffer[lane] : 0;
        for (int by = 1; by < 32; by *= 2) {
            int other = __shfl_up_sync(0xffffffff, sum, by);
            if (lane >= by) sum += other;
        }
        if (lane < (int)(blockDim.x >> 5)) buffer[lane] = sum;
    }
    __syncthreads();
    if (i < n) y[i] = v + (warp > 0 ? buffer[warp - 1] : 0);
}

extern "C" __global__ void counted_barriers(int* y) {
    int i = threadIdx.x;
    y[i] = __syncthreads_count(i % 3 == 0);
    y[128 + i] = (__syncthreads_and(i < 128) != 0) + 2 * (__syncthreads_and(i != 5) != 0);
    y[256 + i] = (__syncthreads_or(i == 77) != 0) + 2 * (__syncthreads_or(i == 200) != 0);
}

extern "C" __global__ void matching(const int* x, int* y) {
    int i = threadIdx.x;
    int v = x[i];
    int all;
    y[i] = (int)__match_any_sync(0xffffffff, v);
    y[32 + i] = (int)__match_all_sync(0xffffffff, v & 0, &all) + all;
    y[64 + i] = (int)__reduce_max_sync(0xffffffff, v);
    y[96 + i] = (int)__reduce_xor_sync(0xffffffff, (unsigned)v);
    y[128 + i] = __shfl_sync(0xffffffff, v, i + 3, 8);
    y[160 + i] = __shfl_xor_sync(0xffffffff, v, 5, 16);
}

// Lanes with the same number work together, each such group by itself.
extern "C" __global__ void groups_of_lanes(const int* x, int* y) {
    int i = threadIdx.x;
    int v = x[i];
    unsigned group = __match_any_sync(0xffffffff, v);
    y[i] = (int)__reduce_add_sync(group, (unsigned)i);
    y[32 + i] = (int)__ballot_sync(group, i & 1);
    if (v & 1) {
        y[64 + i] = __shfl_sync(group, i, __ffs(group) - 1);
    } else {
        __syncwarp(group);
        y[64 + i] = -1;
    }
}
