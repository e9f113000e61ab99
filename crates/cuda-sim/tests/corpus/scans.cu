// Sums of all before: in a warp, in a block, over blocks; segments, histograms.

#define FULL 0xffffffffu

// Two buffers in turn.
extern "C" __global__ void scan_hillis_steele(const float* x, float* y, int n) {
    extern __shared__ float both[];
    int t = threadIdx.x, out = 0, in = 1;
    both[t] = t < n ? x[t] : 0.0f;
    __syncthreads();
    for (int d = 1; d < blockDim.x; d *= 2) {
        out = 1 - out;
        in = 1 - out;
        float v = both[in * blockDim.x + t];
        if (t >= d) v += both[in * blockDim.x + t - d];
        both[out * blockDim.x + t] = v;
        __syncthreads();
    }
    if (t < n) y[t] = both[out * blockDim.x + t];
}

extern "C" __global__ void scan_hillis_steele__one_buffer(const float* x, float* y, int n) {
    extern __shared__ float both[];
    int t = threadIdx.x;
    both[t] = t < n ? x[t] : 0.0f;
    __syncthreads();
    for (int d = 1; d < blockDim.x; d *= 2) {
        if (t >= d) both[t] += both[t - d]; // BUG: race
        __syncthreads();
    }
    if (t < n) y[t] = both[t];
}

// Up and down a tree, with a column left free for every 32.
__device__ __forceinline__ int padded(int i) { return i + (i >> 5); }

extern "C" __global__ void scan_blelloch(const int* x, int* y, int n) {
    extern __shared__ int tree[];
    int t = threadIdx.x, size = 2 * blockDim.x;
    tree[padded(2 * t)] = 2 * t < n ? x[2 * t] : 0;
    tree[padded(2 * t + 1)] = 2 * t + 1 < n ? x[2 * t + 1] : 0;
    int step = 1;
    for (int d = size >> 1; d > 0; d >>= 1) {
        __syncthreads();
        if (t < d) {
            int a = padded(step * (2 * t + 1) - 1), b = padded(step * (2 * t + 2) - 1);
            tree[b] += tree[a];
        }
        step *= 2;
    }
    if (t == 0) tree[padded(size - 1)] = 0;
    for (int d = 1; d < size; d *= 2) {
        step >>= 1;
        __syncthreads();
        if (t < d) {
            int a = padded(step * (2 * t + 1) - 1), b = padded(step * (2 * t + 2) - 1);
            int old = tree[a];
            tree[a] = tree[b];
            tree[b] += old;
        }
    }
    __syncthreads();
    if (2 * t < n) y[2 * t] = tree[padded(2 * t)];
    if (2 * t + 1 < n) y[2 * t + 1] = tree[padded(2 * t + 1)];
}

__device__ __forceinline__ int warp_scan(int v) {
    int lane = threadIdx.x & 31;
#pragma unroll
    for (int d = 1; d < 32; d *= 2) {
        int other = __shfl_up_sync(FULL, v, d);
        if (lane >= d) v += other;
    }
    return v;
}

// Inclusive over a block of up to 1024.
__device__ int block_scan(int v) {
    __shared__ int sums[32];
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    v = warp_scan(v);
    if (lane == 31) sums[warp] = v;
    __syncthreads();
    if (warp == 0) {
        int s = lane < blockDim.x / 32 ? sums[lane] : 0;
        sums[lane] = warp_scan(s);
    }
    __syncthreads();
    return warp > 0 ? v + sums[warp - 1] : v;
}

extern "C" __global__ void scan_warps(const int* x, int* y, int n) {
    int carry = 0;
    __shared__ int last;
    for (int start = 0; start < n; start += blockDim.x) {
        int i = start + threadIdx.x;
        int v = block_scan(i < n ? x[i] : 0) + carry;
        if (i < n) y[i] = v;
        if (threadIdx.x == blockDim.x - 1) last = v;
        __syncthreads();
        carry = last;
        __syncthreads();
    }
}

// Blocks take numbers in order and look back at those before: state and sum
// in one word that is written at once.
__device__ unsigned int next_tile = 0;

extern "C" __global__ void scan_look_back(const int* x, int* y, volatile unsigned long long* state, int n) {
    __shared__ int tile, before;
    if (threadIdx.x == 0) tile = atomicAdd(&next_tile, 1);
    __syncthreads();
    int i = tile * blockDim.x + threadIdx.x;
    int v = block_scan(i < n ? x[i] : 0);
    if (threadIdx.x == blockDim.x - 1) {
        unsigned long long sum = (unsigned int)v;
        if (tile == 0) {
            state[0] = 2ull << 32 | sum;
            before = 0;
        } else {
            state[tile] = 1ull << 32 | sum;
            __threadfence();
            int total = 0;
            for (int k = tile - 1; k >= 0; --k) {
                unsigned long long seen;
                do {
                    seen = state[k];
                } while (seen >> 32 == 0);
                total += (int)(unsigned int)seen;
                if (seen >> 32 == 2) break;
            }
            state[tile] = 2ull << 32 | (unsigned int)(total + v);
            before = total;
        }
    }
    __syncthreads();
    if (i < n) y[i] = v + before;
}

// Sums of segments: lanes that are the first of theirs break the scan.
extern "C" __global__ void segmented_scan(const float* x, const int* head, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    int lane = threadIdx.x & 31;
    float v = i < n ? x[i] : 0.0f;
    bool starts = i >= n || head[i] != 0 || lane == 0;
    unsigned heads = __ballot_sync(FULL, starts);
    int first = 31 - __clz(heads & (FULL >> (31 - lane)));
    for (int d = 1; d < 32; d *= 2) {
        float other = __shfl_up_sync(FULL, v, d);
        if (lane - d >= first) v += other;
    }
    if (i < n) y[i] = v;
}

// Neighbours of the same segment add up before one of them adds to memory.
extern "C" __global__ void segment_sums(const float* x, const int* segment, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned here = __ballot_sync(FULL, i < n);
    if (i >= n) return;
    int s = segment[i], lane = threadIdx.x & 31;
    unsigned same = __match_any_sync(here, s);
    float v = 0.0f;
    for (int k = 0; k < __popc(here); ++k) {
        float other = __shfl_sync(here, x[i], k);
        if (same >> k & 1) v += other;
    }
    if (lane == __ffs(same) - 1) atomicAdd(&y[s], v);
}

extern "C" __global__ void histogram_private(const unsigned char* x, unsigned int* bins, int n) {
    __shared__ unsigned int mine[256];
    for (int b = threadIdx.x; b < 256; b += blockDim.x) mine[b] = 0;
    __syncthreads();
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        atomicAdd(&mine[x[i]], 1u);
    }
    __syncthreads();
    for (int b = threadIdx.x; b < 256; b += blockDim.x) {
        if (mine[b]) atomicAdd(&bins[b], mine[b]);
    }
}

extern "C" __global__ void histogram_private__not_cleared(const unsigned char* x, unsigned int* bins, int n) {
    __shared__ unsigned int mine[256];
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        atomicAdd(&mine[x[i]], 1u); // BUG: uninitialised
    }
    __syncthreads();
    for (int b = threadIdx.x; b < 256; b += blockDim.x) {
        if (mine[b]) atomicAdd(&bins[b], mine[b]); // BUG: uninitialised
    }
}

// What is kept moves together; lanes of a warp share one addition.
extern "C" __global__ void compact_positive(const float* x, float* y, int* count, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float v = i < n ? x[i] : -1.0f;
    unsigned keep = __ballot_sync(FULL, v > 0.0f);
    int lane = threadIdx.x & 31;
    int base = 0;
    if (lane == 0) base = atomicAdd(count, __popc(keep));
    base = __shfl_sync(FULL, base, 0);
    if (v > 0.0f) y[base + __popc(keep & ((1u << lane) - 1))] = v;
}

extern "C" __global__ void products_before(const double* x, double* y, int rows, int cols) {
    int r = blockIdx.x * blockDim.x + threadIdx.x;
    if (r >= rows) return;
    double p = 1.0;
    for (int c = 0; c < cols; ++c) {
        p *= x[r * cols + c];
        y[r * cols + c] = p;
    }
}

extern "C" __global__ void maxima_before(const float* x, float* y, long long* at, int cols) {
    float most = -3.402823466e38f;
    long long where = 0;
    for (int start = 0; start < cols; start += 32) {
        int c = start + threadIdx.x;
        float v = c < cols ? x[blockIdx.x * cols + c] : -3.402823466e38f;
        long long k = c;
#pragma unroll 1
        for (int d = 1; d < 32; d *= 2) {
            float other = __shfl_up_sync(FULL, v, d);
            long long j = __shfl_up_sync(FULL, k, d);
            if (threadIdx.x >= d && other >= v) {
                v = other;
                k = j;
            }
        }
        if (most >= v) {
            v = most;
            k = where;
        }
        if (c < cols) {
            y[blockIdx.x * cols + c] = v;
            at[blockIdx.x * cols + c] = k;
        }
        most = __shfl_sync(FULL, v, 31);
        where = __shfl_sync(FULL, k, 31);
    }
}
