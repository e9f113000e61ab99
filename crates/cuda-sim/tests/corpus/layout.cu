// Moving elements: transposes, permutations, gathers, borders.

extern "C" __global__ void transpose_padded(const float* x, float* y, int rows, int cols) {
    __shared__ float tile[32][33];
    int c = blockIdx.x * 32 + threadIdx.x, r = blockIdx.y * 32 + threadIdx.y;
    for (int k = 0; k < 32; k += 8) {
        if (c < cols && r + k < rows) tile[threadIdx.y + k][threadIdx.x] = x[(r + k) * cols + c];
    }
    __syncthreads();
    c = blockIdx.y * 32 + threadIdx.x;
    r = blockIdx.x * 32 + threadIdx.y;
    for (int k = 0; k < 32; k += 8) {
        if (c < rows && r + k < cols) y[(r + k) * rows + c] = tile[threadIdx.x][threadIdx.y + k];
    }
}

extern "C" __global__ void transpose_padded__bounds_swapped(const float* x, float* y, int rows, int cols) {
    __shared__ float tile[32][33];
    int c = blockIdx.x * 32 + threadIdx.x, r = blockIdx.y * 32 + threadIdx.y;
    for (int k = 0; k < 32; k += 8) {
        if (c < cols && r + k < rows) tile[threadIdx.y + k][threadIdx.x] = x[(r + k) * cols + c];
    }
    __syncthreads();
    c = blockIdx.y * 32 + threadIdx.x;
    r = blockIdx.x * 32 + threadIdx.y;
    for (int k = 0; k < 32; k += 8) {
        if (c < cols && r + k < rows) y[(r + k) * rows + c] = tile[threadIdx.x][threadIdx.y + k]; // BUG: uninitialised, out-of-bounds
    }
}

struct Permutation {
    int size[4];
    int stride[4];
};

extern "C" __global__ void permute_4d(const float* x, float* y, const Permutation p, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    int rest = i, from = 0;
#pragma unroll
    for (int d = 3; d >= 0; --d) {
        int q = rest / p.size[d];
        from += (rest - q * p.size[d]) * p.stride[d];
        rest = q;
    }
    y[i] = x[from];
}

extern "C" __global__ void embedding(const long long* ids, const float4* table, float4* y, int tokens, int dim4) {
    for (int t = blockIdx.x; t < tokens; t += gridDim.x) {
        long long id = ids[t];
        for (int d = threadIdx.x; d < dim4; d += blockDim.x) y[(size_t)t * dim4 + d] = table[id * dim4 + d];
    }
}

extern "C" __global__ void scatter_add_rows(const int* ids, const float* x, float* y, int rows, int cols) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < rows * cols) atomicAdd(&y[ids[i / cols] * cols + i % cols], x[i]);
}

// Pointers come in a struct.
struct Parts {
    const float* from[3];
    int cols[3];
};

extern "C" __global__ void concat_columns(Parts parts, float* y, int rows, int cols) {
    int c = blockIdx.x * blockDim.x + threadIdx.x, r = blockIdx.y;
    if (c >= cols || r >= rows) return;
    int part = 0, at = c;
    while (at >= parts.cols[part]) at -= parts.cols[part++];
    y[r * cols + c] = parts.from[part][r * parts.cols[part] + at];
}

extern "C" __global__ void reflect_border(const float* x, float* y, int h, int w, int pad) {
    int ow = w + 2 * pad, oh = h + 2 * pad;
    int c = blockIdx.x * blockDim.x + threadIdx.x, r = blockIdx.y * blockDim.y + threadIdx.y;
    if (c >= ow || r >= oh) return;
    int ix = abs(c - pad), iy = abs(r - pad);
    ix = ix >= w ? 2 * (w - 1) - ix : ix;
    iy = iy >= h ? 2 * (h - 1) - iy : iy;
    y[r * ow + c] = x[iy * w + ix];
}

extern "C" __global__ void reflect_border__repeats(const float* x, float* y, int h, int w, int pad) {
    int ow = w + 2 * pad, oh = h + 2 * pad;
    int c = blockIdx.x * blockDim.x + threadIdx.x, r = blockIdx.y * blockDim.y + threadIdx.y;
    if (c >= ow || r >= oh) return;
    int ix = abs(c - pad), iy = abs(r - pad);
    ix = ix >= w ? 2 * w - 1 - ix : ix; // WRONG
    iy = iy >= h ? 2 * (h - 1) - iy : iy;
    y[r * ow + c] = x[iy * w + ix];
}

extern "C" __global__ void reverse_in_place(float* x, int n) {
    extern __shared__ float held[];
    int t = threadIdx.x;
    if (t < n) held[t] = x[t];
    __syncthreads();
    if (t < n) x[t] = held[n - 1 - t];
}

extern "C" __global__ void reverse_in_place__through_memory(float* x, int n) {
    int t = threadIdx.x;
    float v = 0.0f;
    if (t < n) v = x[n - 1 - t]; // BUG: race
    if (t < n) x[t] = v; // BUG: race
}

extern "C" __global__ void one_hot_bytes(const int* ids, unsigned char* y, int n, int classes) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        for (int c = 0; c < classes; ++c) y[i * classes + c] = ids[i] == c;
    }
}

extern "C" __global__ void lower_triangle(const float* x, float* y, int n, int diagonal) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n * n) y[i] = i % n - i / n <= diagonal ? x[i] : 0.0f;
}
