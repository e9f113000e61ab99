// Products of matrices and vectors.

#include <cuda_fp16.h>

#define FULL 0xffffffffu

extern "C" __global__ void matmul_naive(const float* a, const float* b, float* c, int m, int n, int k) {
    int col = blockIdx.x * blockDim.x + threadIdx.x;
    int row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row < m && col < n) {
        float sum = 0.0f;
        for (int l = 0; l < k; ++l) sum += a[row * k + l] * b[l * n + col];
        c[row * n + col] = sum;
    }
}

// A tile of odd size.
template <int T>
__device__ __forceinline__ void tiled(const float* a, const float* b, float* c, int m, int n, int k) {
    __shared__ float ta[T][T], tb[T][T];
    int x = threadIdx.x, y = threadIdx.y;
    int row = blockIdx.y * T + y, col = blockIdx.x * T + x;
    float sum = 0.0f;
    for (int start = 0; start < k; start += T) {
        ta[y][x] = row < m && start + x < k ? a[row * k + start + x] : 0.0f;
        tb[y][x] = col < n && start + y < k ? b[(start + y) * n + col] : 0.0f;
        __syncthreads();
#pragma unroll
        for (int l = 0; l < T; ++l) sum += ta[y][l] * tb[l][x];
        __syncthreads();
    }
    if (row < m && col < n) c[row * n + col] = sum;
}

extern "C" __global__ void matmul_tiles_of_11(const float* a, const float* b, float* c, int m, int n, int k) {
    tiled<11>(a, b, c, m, n, k);
}

extern "C" __global__ void matmul_tiles__early_return(const float* a, const float* b, float* c, int m, int n, int k) {
    __shared__ float ta[11][11], tb[11][11];
    int x = threadIdx.x, y = threadIdx.y;
    int row = blockIdx.y * 11 + y, col = blockIdx.x * 11 + x;
    if (row >= m || col >= n) return;
    float sum = 0.0f;
    for (int start = 0; start < k; start += 11) {
        ta[y][x] = start + x < k ? a[row * k + start + x] : 0.0f;
        tb[y][x] = start + y < k ? b[(start + y) * n + col] : 0.0f;
        __syncthreads();
#pragma unroll 1
        for (int l = 0; l < 11; ++l) sum += ta[y][l] * tb[l][x]; // BUG: uninitialised
        __syncthreads();
    }
    c[row * n + col] = sum;
}

// 32 x 32 of the result by 64 threads, 4 x 4 each; two buffers in turn.
extern "C" __global__ void __launch_bounds__(64) matmul_register_blocked(const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ c, int m, int n, int k) {
    __shared__ float ta[2][8][33];
    __shared__ __align__(16) float tb[2][8][32];
    int t = threadIdx.x, tx = t % 8, ty = t / 8;
    int row0 = blockIdx.y * 32, col0 = blockIdx.x * 32;
    float acc[4][4] = {};
    auto load = [&](int buffer, int start) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            int e = i * 64 + t;
            int r = e / 8, l = e % 8;
            ta[buffer][l][r] = row0 + r < m && start + l < k ? a[(row0 + r) * k + start + l] : 0.0f;
            int q = e / 32, col = e % 32;
            tb[buffer][q][col] = start + q < k && col0 + col < n ? b[(start + q) * n + col0 + col] : 0.0f;
        }
    };
    load(0, 0);
    __syncthreads();
    int buffer = 0;
    for (int start = 0; start < k; start += 8) {
        if (start + 8 < k) load(buffer ^ 1, start + 8);
#pragma unroll 2
        for (int l = 0; l < 8; ++l) {
            float4 q = *reinterpret_cast<const float4*>(&tb[buffer][l][tx * 4]);
            float bv[4] = {q.x, q.y, q.z, q.w};
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                float av = ta[buffer][l][ty * 4 + i];
#pragma unroll
                for (int j = 0; j < 4; ++j) acc[i][j] = fmaf(av, bv[j], acc[i][j]);
            }
        }
        __syncthreads();
        buffer ^= 1;
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            int row = row0 + ty * 4 + i, col = col0 + tx * 4 + j;
            if (row < m && col < n) c[row * n + col] = acc[i][j];
        }
    }
}

extern "C" __global__ void matmul_batched(const float* a, const float* b, float* c, int m, int n, int k, long long step_a, long long step_b, long long step_c) {
    int col = blockIdx.x * blockDim.x + threadIdx.x;
    int row = blockIdx.y * blockDim.y + threadIdx.y;
    const float* pa = a + blockIdx.z * step_a;
    const float* pb = b + blockIdx.z * step_b;
    if (row >= m || col >= n) return;
    float sum = 0.0f;
#pragma unroll 4
    for (int l = 0; l < k; ++l) sum = fmaf(pa[row * k + l], pb[l * n + col], sum);
    c[blockIdx.z * step_c + row * n + col] = sum;
}

// Both given the other way round, with a bias and a bound.
extern "C" __global__ void matmul_transposed(const float* at, const float* bt, const float* bias, float* c, int m, int n, int k) {
    __shared__ float ta[16][17], tb[16][17];
    int x = threadIdx.x, y = threadIdx.y;
    int row = blockIdx.y * 16 + y, col = blockIdx.x * 16 + x;
    float sum = 0.0f;
    for (int start = 0; start < k; start += 16) {
        int l = start + y;
        ta[y][x] = l < k && blockIdx.y * 16 + x < m ? at[l * m + blockIdx.y * 16 + x] : 0.0f;
        l = start + x;
        tb[x][y] = l < k && blockIdx.x * 16 + y < n ? bt[(blockIdx.x * 16 + y) * k + l] : 0.0f;
        __syncthreads();
        for (int i = 0; i < 16; ++i) sum += ta[i][y] * tb[i][x];
        __syncthreads();
    }
    if (row < m && col < n) c[row * n + col] = fmaxf(sum + bias[col], 0.0f);
}

// Lower triangles: what is known to be zero is not multiplied.
extern "C" __global__ void matmul_lower(const float* a, const float* b, float* c, int n) {
    int col = blockIdx.x * blockDim.x + threadIdx.x;
    int row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= n || col >= n) return;
    float sum = 0.0f;
    for (int l = col; l <= row; ++l) sum += a[row * n + l] * b[l * n + col];
    c[row * n + col] = sum;
}

extern "C" __global__ void matmul_lower__without_diagonal(const float* a, const float* b, float* c, int n) {
    int col = blockIdx.x * blockDim.x + threadIdx.x;
    int row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= n || col >= n) return;
    float sum = 0.0f;
    for (int l = col; l < row; ++l) sum += a[row * n + l] * b[l * n + col]; // WRONG
    c[row * n + col] = sum;
}

extern "C" __global__ void matmul_diagonal(const float* d, const float4* b, float4* c, int rows, int cols4) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < rows * cols4) {
        float s = d[i / cols4];
        float4 v = b[i];
        c[i] = make_float4(s * v.x, s * v.y, s * v.z, s * v.w);
    }
}

// The long sum is split between blocks, which add to the result.
extern "C" __global__ void matmul_split_k(const float* a, const float* b, float* c, int m, int n, int k, int per_block) {
    int col = blockIdx.x * blockDim.x + threadIdx.x;
    int row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= m || col >= n) return;
    int from = blockIdx.z * per_block, to = min(from + per_block, k);
    float sum = 0.0f;
    for (int l = from; l < to; ++l) sum += a[row * k + l] * b[l * n + col];
    atomicAdd(&c[row * n + col], sum);
}

extern "C" __global__ void matmul_split_k__plain_add(const float* a, const float* b, float* c, int m, int n, int k, int per_block) {
    int col = blockIdx.x * blockDim.x + threadIdx.x;
    int row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= m || col >= n) return;
    int from = blockIdx.z * per_block, to = min(from + per_block, k);
    float sum = 0.0f;
    for (int l = from; l < to; ++l) sum += a[row * k + l] * b[l * n + col];
    c[row * n + col] += sum; // BUG: race
}

// A warp for each row.
extern "C" __global__ void matrix_vector(const float* a, const float* x, float* y, int rows, int cols) {
    int row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= rows) return;
    float sum = 0.0f;
    for (int c = threadIdx.x; c < cols; c += 32) sum += a[(size_t)row * cols + c] * __ldg(&x[c]);
#pragma unroll
    for (int d = 16; d > 0; d >>= 1) sum += __shfl_down_sync(FULL, sum, d);
    if (threadIdx.x == 0) y[row] = sum;
}

extern "C" __global__ void matrix_vector__odd_lanes(const float* a, const float* x, float* y, int rows, int cols) {
    int row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= rows) return;
    float sum = 0.0f;
    for (int c = threadIdx.x; c < cols; c += 32) sum += a[(size_t)row * cols + c] * __ldg(&x[c]);
#pragma unroll
    for (int d = 16; d > 1; d >>= 1) sum += __shfl_down_sync(FULL, sum, d); // WRONG
    if (threadIdx.x == 0) y[row] = sum;
}

extern "C" __global__ void vector_matrix_half(const __half* x, const __half2* b, __half2* y, int k, int pairs) {
    int p = blockIdx.x * blockDim.x + threadIdx.x;
    if (p >= pairs) return;
    float2 sum = make_float2(0.0f, 0.0f);
    for (int l = 0; l < k; ++l) {
        float v = __half2float(x[l]);
        float2 w = __half22float2(b[l * pairs + p]);
        sum.x = fmaf(v, w.x, sum.x);
        sum.y = fmaf(v, w.y, sum.y);
    }
    y[p] = __floats2half2_rn(sum.x, sum.y);
}

// Four bytes at a time, with a scale for each row and column.
extern "C" __global__ void matmul_int8(const int* a, const int* bt, const float* scale_a, const float* scale_b, float* c, int m, int n, int k4) {
    int col = blockIdx.x * blockDim.x + threadIdx.x;
    int row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= m || col >= n) return;
    int sum = 0;
    for (int l = 0; l < k4; ++l) sum = __dp4a(a[row * k4 + l], bt[col * k4 + l], sum);
    c[row * n + col] = sum * scale_a[row] * scale_b[col];
}

// x' x, of which only half is computed.
extern "C" __global__ void gram_matrix(const double* x, double* g, int rows, int cols) {
    int i = blockIdx.y, j = blockIdx.x * blockDim.x + threadIdx.x;
    if (j > i) return;
    double sum = 0.0;
    for (int r = 0; r < rows; ++r) sum = fma(x[r * cols + i], x[r * cols + j], sum);
    g[i * cols + j] = sum;
    g[j * cols + i] = sum;
}

extern "C" __global__ void squared_distances(const float* x, const float* y, float* d, int m, int n, int dims) {
    extern __shared__ float point[];
    int row = blockIdx.x;
    for (int k = threadIdx.x; k < dims; k += blockDim.x) point[k] = x[row * dims + k];
    __syncthreads();
    for (int j = threadIdx.x; j < n; j += blockDim.x) {
        float sum = 0.0f;
        for (int k = 0; k < dims; ++k) {
            float diff = point[k] - y[j * dims + k];
            sum = fmaf(diff, diff, sum);
        }
        d[row * n + j] = sum;
    }
}
