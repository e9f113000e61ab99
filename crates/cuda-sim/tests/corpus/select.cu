// Places of extremes, sorting, ranks.

#define FULL 0xffffffffu

// A float's bits in the order of numbers.
__device__ __forceinline__ unsigned int ordered(float v) {
    unsigned int bits = __float_as_uint(v);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

// Value and place in one word; of equal ones the first.
extern "C" __global__ void argmax_packed(const float* x, unsigned long long* best, int n) {
    unsigned long long mine = 0;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        unsigned long long key = (unsigned long long)ordered(x[i]) << 32 | (unsigned int)~i;
        mine = max(mine, key);
    }
    for (int d = 16; d > 0; d >>= 1) {
        unsigned long long other = __shfl_down_sync(FULL, mine, d);
        mine = max(mine, other);
    }
    if ((threadIdx.x & 31) == 0) atomicMax(best, mine);
}

extern "C" __global__ void argmax_packed__last_of_equals(const float* x, unsigned long long* best, int n) {
    unsigned long long mine = 0;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        unsigned long long key = (unsigned long long)ordered(x[i]) << 32 | (unsigned int)i; // WRONG
        mine = max(mine, key);
    }
    for (int d = 16; d > 0; d >>= 1) {
        unsigned long long other = __shfl_down_sync(FULL, mine, d);
        mine = max(mine, other);
    }
    if ((threadIdx.x & 31) == 0) atomicMax(best, mine);
}

extern "C" __global__ void argmin_rows(const float* x, long long* y, int cols) {
    __shared__ float value[128];
    __shared__ int place[128];
    int t = threadIdx.x;
    float least = 3.402823466e38f;
    int at = 0;
    for (int c = t; c < cols; c += blockDim.x) {
        float v = x[(size_t)blockIdx.x * cols + c];
        if (v < least) {
            least = v;
            at = c;
        }
    }
    value[t] = least;
    place[t] = at;
    __syncthreads();
    for (int s = blockDim.x / 2; s > 0; s /= 2) {
        if (t < s) {
            bool take = value[t + s] < value[t] || (value[t + s] == value[t] && place[t + s] < place[t]);
            if (take) {
                value[t] = value[t + s];
                place[t] = place[t + s];
            }
        }
        __syncthreads();
    }
    if (t == 0) y[blockIdx.x] = place[0];
}

// A block sorts a row; what is beyond its end sorts to the end.
extern "C" __global__ void sort_bitonic(const float* x, float* y, int cols) {
    extern __shared__ float keys[];
    int t = threadIdx.x;
    keys[t] = t < cols ? x[blockIdx.x * cols + t] : 3.402823466e38f;
    __syncthreads();
    for (int size = 2; size <= blockDim.x; size *= 2) {
        for (int d = size / 2; d > 0; d /= 2) {
            int other = t ^ d;
            if (other > t) {
                bool up = (t & size) == 0;
                float a = keys[t], b = keys[other];
                if ((a > b) == up) {
                    keys[t] = b;
                    keys[other] = a;
                }
            }
            __syncthreads();
        }
    }
    if (t < cols) y[blockIdx.x * cols + t] = keys[t];
}

extern "C" __global__ void sort_bitonic__barrier_in_branch(const float* x, float* y, int cols) {
    extern __shared__ float keys[];
    int t = threadIdx.x;
    keys[t] = t < cols ? x[blockIdx.x * cols + t] : 3.402823466e38f;
    __syncthreads();
    for (int size = 2; size <= blockDim.x; size *= 2) {
        for (int d = size / 2; d > 0; d /= 2) {
            int other = t ^ d;
            if (other > t) {
                bool up = (t & size) == 0;
                float a = keys[t], b = keys[other]; // BUG: race
                if ((a > b) == up) {
                    keys[t] = b; // BUG: race
                    keys[other] = a; // BUG: race
                }
                __syncthreads(); // BUG: barrier-deadlock, divergent-barrier
            }
        }
    }
    if (t < cols) y[blockIdx.x * cols + t] = keys[t]; // BUG: race
}

// A warp sorts in registers, keys with their values.
extern "C" __global__ void sort_warp_pairs(const unsigned int* keys, const int* values, unsigned int* sorted, int* moved, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    int lane = threadIdx.x & 31;
    unsigned int k = i < n ? keys[i] : 0xffffffffu;
    int v = i < n ? values[i] : -1;
#pragma unroll 1
    for (int size = 2; size <= 32; size *= 2) {
        for (int d = size / 2; d > 0; d /= 2) {
            unsigned int other = __shfl_xor_sync(FULL, k, d);
            int other_value = __shfl_xor_sync(FULL, v, d);
            bool smaller = ((lane & d) == 0) == ((lane & size) == 0);
            bool take = smaller ? other < k : other > k;
            if (take) {
                k = other;
                v = other_value;
            }
        }
    }
    if (i < n) {
        sorted[i] = k;
        moved[i] = v;
    }
}

// One bit of a radix sort: zeros keep their order in front of ones.
extern "C" __global__ void radix_pass(const unsigned int* x, unsigned int* y, int n, int bit) {
    __shared__ int zeros[33];
    int t = threadIdx.x, lane = t & 31, warp = t >> 5;
    unsigned int v = t < n ? x[t] : 0xffffffffu;
    bool zero = (v >> bit & 1) == 0;
    unsigned int votes = __ballot_sync(FULL, zero);
    if (lane == 0) zeros[warp + 1] = __popc(votes);
    if (t == 0) zeros[0] = 0;
    __syncthreads();
    if (t == 0) {
        for (int w = 1; w <= blockDim.x / 32; ++w) zeros[w] += zeros[w - 1];
    }
    __syncthreads();
    int all = zeros[blockDim.x / 32];
    int before = zeros[warp] + __popc(votes & ((1u << lane) - 1));
    int to = zero ? before : all + t - before;
    if (to < n) y[to] = v;
}

// The K largest of a row, kept sorted in registers.
template <int K>
__device__ void largest(const float* row, int cols, float* values, int* places) {
    float best[K];
    int at[K];
#pragma unroll
    for (int k = 0; k < K; ++k) {
        best[k] = -3.402823466e38f;
        at[k] = -1;
    }
#pragma unroll 1
    for (int c = 0; c < cols; ++c) {
        float v = row[c];
        int p = c;
        bool placed = false;
        if (v <= best[K - 1]) continue;
#pragma unroll
        for (int k = 0; k < K; ++k) {
            if (placed || v > best[k]) {
                placed = true;
                float old = best[k];
                int old_at = at[k];
                best[k] = v;
                at[k] = p;
                v = old;
                p = old_at;
            }
        }
    }
#pragma unroll
    for (int k = 0; k < K; ++k) {
        values[k] = best[k];
        places[k] = at[k];
    }
}

extern "C" __global__ void top_four(const float* x, float* values, int* places, int rows, int cols) {
    int r = blockIdx.x * blockDim.x + threadIdx.x;
    if (r < rows) largest<4>(x + r * cols, cols, values + 4 * r, places + 4 * r);
}

// The largest, k times over, by a block.
extern "C" __global__ void top_k_by_removal(const float* x, float* values, int* places, int cols, int k) {
    extern __shared__ float row[];
    __shared__ unsigned long long best;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) row[c] = x[blockIdx.x * cols + c];
    for (int round = 0; round < k; ++round) {
        if (threadIdx.x == 0) best = 0;
        __syncthreads();
        unsigned long long mine = 0;
        for (int c = threadIdx.x; c < cols; c += blockDim.x) {
            unsigned long long key = (unsigned long long)ordered(row[c]) << 32 | (unsigned int)~c;
            mine = key > mine ? key : mine;
        }
        atomicMax(&best, mine);
        __syncthreads();
        if (threadIdx.x == 0) {
            int c = ~(unsigned int)best;
            values[blockIdx.x * k + round] = row[c];
            places[blockIdx.x * k + round] = c;
            row[c] = __int_as_float(0xff800000);
        }
        __syncthreads();
    }
}

extern "C" __global__ void ranks(const float* x, int* y, int n) {
    __shared__ float tile[64];
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float mine = i < n ? x[i] : 0.0f;
    int rank = 0;
    for (int start = 0; start < n; start += 64) {
        int j = start + threadIdx.x;
        tile[threadIdx.x] = j < n ? x[j] : 3.402823466e38f;
        __syncthreads();
        for (int k = 0; k < 64; ++k) {
            rank += tile[k] < mine || (tile[k] == mine && start + k < i);
        }
        __syncthreads();
    }
    if (i < n) y[i] = rank;
}

extern "C" __global__ void ranks__no_second_barrier(const float* x, int* y, int n) {
    __shared__ float tile[64];
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float mine = i < n ? x[i] : 0.0f;
    int rank = 0;
    for (int start = 0; start < n; start += 64) {
        int j = start + threadIdx.x;
        tile[threadIdx.x] = j < n ? x[j] : 3.402823466e38f; // BUG: race
        __syncthreads();
        for (int k = 0; k < 64; ++k) {
            rank += tile[k] < mine || (tile[k] == mine && start + k < i); // BUG: race
        }
    }
    if (i < n) y[i] = rank;
}

// Where values belong in sorted ones.
extern "C" __global__ void search_sorted(const float* edges, const float* x, int* y, int count, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float v = x[i];
    int lo = 0, hi = count;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (edges[mid] <= v) lo = mid + 1;
        else hi = mid;
    }
    y[i] = lo;
}

extern "C" __global__ void search_sorted__endless(const float* edges, const float* x, int* y, int count, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float v = x[i];
    int lo = 0, hi = count;
    while (lo <= hi) { // BUG: too-long
        int mid = (lo + hi) / 2; // BUG: too-long
        if (edges[mid] <= v) lo = mid + 1; // BUG: too-long, out-of-bounds
        else hi = mid; // BUG: too-long
    }
    y[i] = lo;
}

// Two sorted rows become one: each finds its place in the other.
extern "C" __global__ void merge_sorted(const int* a, const int* b, int* c, int na, int nb) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= na + nb) return;
    bool first = i < na;
    int own = first ? i : i - na;
    int v = first ? a[own] : b[own];
    const int* other = first ? b : a;
    int lo = 0, hi = first ? nb : na;
    while (lo < hi) {
        int mid = (lo + hi) >> 1;
        if (other[mid] < v || (!first && other[mid] == v)) lo = mid + 1;
        else hi = mid;
    }
    c[own + lo] = v;
}
