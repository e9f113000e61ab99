// Matrices of `wmma` in the wrong place. Compiled with the headers of CUDA 13.0.
#include <cuda_fp16.h>
#include <mma.h>

using namespace nvcuda;

typedef wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> Left;
typedef wmma::fragment<wmma::accumulator, 16, 16, 16, float> Sum;

// The first sixteen rows of eight floats, as halves.
__device__ void fill(half (&s)[16][32], const float* x, int n) {
    for (int i = threadIdx.x; i < 512; i += blockDim.x) {
        s[i / 32][i % 32] = __float2half(x[i % n]);
    }
}

__device__ void leave(float* y, const Left& a, int n) {
    float sum = 0.0f;
    for (int i = 0; i < a.num_elements; i++) sum += __half2float(a.x[i]);
    if (threadIdx.x < n) y[threadIdx.x] = sum;
}

extern "C" __global__ void warp_fragment_ok(const float* x, float* y, int n) {
    __shared__ __align__(32) half s[16][32];
    fill(s, x, n);
    __syncthreads();
    Left a;
    wmma::load_matrix_sync(a, &s[0][16], 32);
    leave(y, a, n);
}

extern "C" __global__ void warp_fragment_misaligned(const float* x, float* y, int n) {
    __shared__ __align__(32) half s[16][32];
    fill(s, x, n);
    __syncthreads();
    Left a;
    wmma::load_matrix_sync(a, &s[0][4], 32); // BUG: misaligned
    leave(y, a, n);
}

extern "C" __global__ void warp_fragment_odd_stride(const float* x, float* y, int n) {
    __shared__ __align__(32) half s[16][32];
    fill(s, x, n);
    __syncthreads();
    Left a;
    wmma::load_matrix_sync(a, &s[0][0], 20); // BUG: misaligned
    leave(y, a, n);
}

extern "C" __global__ void warp_fragment_beyond(const float* x, float* y, int n) {
    __shared__ __align__(32) half s[16][32];
    fill(s, x, n);
    __syncthreads();
    Left a;
    wmma::load_matrix_sync(a, &s[1][0], 32); // BUG: out-of-bounds
    leave(y, a, n);
}

extern "C" __global__ void warp_fragment_too_early(const float* x, float* y, int n) {
    __shared__ __align__(32) half s[16][32];
    for (int i = threadIdx.x; i < 512; i += blockDim.x) {
        s[i / 32][i % 32] = __float2half(x[i % n]); // BUG: race
    }
    Left a;
    wmma::load_matrix_sync(a, &s[0][0], 32); // BUG: race, uninitialised
    leave(y, a, n);
}

// Each lane passes an address of its own.
extern "C" __global__ void warp_fragment_by_lane(const float* x, float* y, int n) {
    __shared__ __align__(32) half s[16][32];
    fill(s, x, n);
    __syncthreads();
    Left a;
    wmma::load_matrix_sync(a, &s[0][threadIdx.x % 2 * 16], 32); // BUG: not-uniform
    leave(y, a, n);
}

extern "C" __global__ void warp_fragment_stored_beyond(const float* x, float* y, int n) {
    Sum sum;
    wmma::fill_fragment(sum, x[0]);
    wmma::store_matrix_sync(y, sum, 16, wmma::mem_row_major); // BUG: out-of-bounds
}

// Two warps leave different tiles in the same place.
extern "C" __global__ void warps_store_over_each_other(const float* x, float* y, int n) {
    __shared__ __align__(32) float s[16][16];
    Sum sum;
    wmma::fill_fragment(sum, (float)(threadIdx.x / 32));
    wmma::store_matrix_sync(&s[0][0], sum, 16, wmma::mem_row_major); // BUG: race
    __syncthreads();
    if (threadIdx.x < n) y[threadIdx.x] = s[threadIdx.x / 16][threadIdx.x % 16];
}
