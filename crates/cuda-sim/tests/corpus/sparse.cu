// Sparse matrices, graphs, and threads that take turns.

#define FULL 0xffffffffu

extern "C" __global__ void spmv_scalar(const int* start, const int* col, const float* value, const float* x, float* y, int rows) {
    int r = blockIdx.x * blockDim.x + threadIdx.x;
    if (r >= rows) return;
    float sum = 0.0f;
    for (int i = start[r]; i < start[r + 1]; ++i) sum += value[i] * x[col[i]];
    y[r] = sum;
}

extern "C" __global__ void spmv_scalar__past_the_end(const int* start, const int* col, const float* value, const float* x, float* y, int rows) {
    int r = blockIdx.x * blockDim.x + threadIdx.x;
    if (r > rows) return;
    float sum = 0.0f;
    for (int i = start[r]; i < start[r + 1]; ++i) sum += value[i] * x[col[i]]; // BUG: out-of-bounds
    y[r] = sum;
}

// Eight lanes for each row.
extern "C" __global__ void spmv_vector(const int* start, const int* col, const float* value, const float* x, float* y, int rows) {
    int r = (blockIdx.x * blockDim.x + threadIdx.x) / 8;
    int lane = threadIdx.x & 7;
    float sum = 0.0f;
    if (r < rows) {
        for (int i = start[r] + lane; i < start[r + 1]; i += 8) sum += value[i] * x[col[i]];
    }
    for (int d = 4; d > 0; d >>= 1) sum += __shfl_down_sync(FULL, sum, d, 8);
    if (lane == 0 && r < rows) y[r] = sum;
}

extern "C" __global__ void spmm_coordinates(const int* row, const int* col, const float* value, const float* b, float* c, int entries, int cols) {
    int e = blockIdx.x;
    if (e >= entries) return;
    for (int j = threadIdx.x; j < cols; j += blockDim.x) atomicAdd(&c[row[e] * cols + j], value[e] * b[col[e] * cols + j]);
}

// A step of breadth-first search: who is reached first is told by a swap.
extern "C" __global__ void breadth_first_step(const int* start, const int* edge, int* depth, const int* frontier, int count, int* next, int* next_count, int level) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int v = frontier[i];
    for (int e = start[v]; e < start[v + 1]; ++e) {
        int w = edge[e];
        if (atomicCAS(&depth[w], -1, level) == -1) next[atomicAdd(next_count, 1)] = w;
    }
}

extern "C" __global__ void breadth_first_step__checked_then_set(const int* start, const int* edge, int* depth, const int* frontier, int count, int* next, int* next_count, int level) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    int v = frontier[i];
    for (int e = start[v]; e < start[v + 1]; ++e) {
        int w = edge[e];
        if (depth[w] == -1) { // BUG: race
            depth[w] = level; // BUG: race
            next[atomicAdd(next_count, 1)] = w; // BUG: out-of-bounds
        }
    }
}

// Rank pushed along edges, all steps in one block.
extern "C" __global__ void page_rank(const int* start, const int* edge, float* rank, int n, int steps, float damping) {
    extern __shared__ float both[];
    float *now = both, *then = both + n;
    for (int i = threadIdx.x; i < n; i += blockDim.x) now[i] = 1.0f / n;
    for (int s = 0; s < steps; ++s) {
        for (int i = threadIdx.x; i < n; i += blockDim.x) then[i] = (1.0f - damping) / n;
        __syncthreads();
        for (int i = threadIdx.x; i < n; i += blockDim.x) {
            int degree = start[i + 1] - start[i];
            float share = damping * now[i] / max(degree, 1);
            for (int e = start[i]; e < start[i + 1]; ++e) atomicAdd(&then[edge[e]], share);
        }
        __syncthreads();
        float* swap = now;
        now = then;
        then = swap;
    }
    for (int i = threadIdx.x; i < n; i += blockDim.x) rank[i] = now[i];
}

// Labels of connected parts, until nothing changes.
extern "C" __global__ void connected_parts(const int2* edge, int* label, int edges, int n) {
    __shared__ int changed;
    for (int i = threadIdx.x; i < n; i += blockDim.x) label[i] = i;
    do {
        __syncthreads();
        if (threadIdx.x == 0) changed = 0;
        __syncthreads();
        for (int e = threadIdx.x; e < edges; e += blockDim.x) {
            int a = atomicAdd(&label[edge[e].x], 0), b = atomicAdd(&label[edge[e].y], 0);
            if (a != b) {
                atomicMin(&label[edge[e].x], b);
                atomicMin(&label[edge[e].y], a);
                changed = 1;
            }
        }
        __syncthreads();
    } while (changed);
}

// Blocks come in the order of their numbers: each waits for its turn.
extern "C" __global__ void blocks_in_turn(const float* x, float* y, int* turn, int n) {
    if (threadIdx.x == 0) {
        while (atomicAdd(turn, 0) != blockIdx.x) __nanosleep(32);
        __threadfence();
    }
    __syncthreads();
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float before = blockIdx.x > 0 ? ((volatile float*)y)[blockIdx.x * blockDim.x - 1] : 0.0f;
    if (i < n) y[i] = before * 0.5f + x[i];
    __syncthreads();
    if (threadIdx.x == 0) {
        __threadfence();
        atomicExch(turn, blockIdx.x + 1);
    }
}

// One lock for each bin, taken by one lane of a warp after the other.
struct Bin {
    int lock;
    int count;
    float sum;
    float most;
};

extern "C" __global__ void locked_bins(const float* x, const int* bin, Bin* bins, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    Bin* b = &bins[bin[i]];
    bool done = false;
    while (!done) {
        if (atomicCAS(&b->lock, 0, 1) == 0) {
            __threadfence();
            volatile Bin* held = b;
            held->count += 1;
            held->sum += x[i];
            held->most = fmaxf(held->most, x[i]);
            __threadfence();
            atomicExch(&b->lock, 0);
            done = true;
        }
    }
}
