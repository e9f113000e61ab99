// Tensor cores: products of matrices by PTX and by mma.h, fed by copies in the
// background. Compiled with the headers of CUDA 13.0 and the math.h of `kernel-lab compile`.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_pipeline.h>
#include <math.h>
#include <mma.h>

using namespace nvcuda;

__device__ __forceinline__ unsigned shared_address(const void* p) {
    return (unsigned)__cvta_generic_to_shared(p);
}

__device__ __forceinline__ void load_matrix(unsigned (&r)[4], const void* p) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(p)));
}

__device__ __forceinline__ void load_transposed(unsigned (&r)[4], const void* p) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(p)));
}

__device__ __forceinline__ void multiply(float (&d)[4], const unsigned (&a)[4], unsigned b0,
                                         unsigned b1) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Sixteen bytes, of which only `bytes` are read.
__device__ __forceinline__ void copy_some(void* to, const void* from, int bytes) {
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(shared_address(to)),
                 "l"(from), "r"(bytes));
}

// C = A·B of any size whose rows are multiples of eight: tiles of 64 by 64 by
// 32 in three stages, four warps of 32 by 32.
extern "C" __global__ void __launch_bounds__(128)
    hgemm(const half* A, const half* B, float* C, int M, int N, int K) {
    __shared__ __align__(16) half As[3][64][32 + 8];
    __shared__ __align__(16) half Bs[3][32][64 + 8];
    int t = threadIdx.x, lane = t % 32, warp = t / 32;
    int row0 = blockIdx.y * 64, col0 = blockIdx.x * 64;
    int wrow = warp / 2 * 32, wcol = warp % 2 * 32;
    float acc[2][4][4] = {};
    int tiles = (K + 31) / 32;

    auto fetch = [&](int tile) {
        if (tile < tiles) {
            int stage = tile % 3, k0 = tile * 32;
            for (int i = t; i < 64 * 4; i += 128) {
                int r = i / 4, c = i % 4 * 8;
                bool in = row0 + r < M && k0 + c < K;
                const half* from = in ? A + (size_t)(row0 + r) * K + k0 + c : A;
                copy_some(&As[stage][r][c], from, in ? 16 : 0);
            }
            for (int i = t; i < 32 * 8; i += 128) {
                int r = i / 8, c = i % 8 * 8;
                bool in = k0 + r < K && col0 + c < N;
                const half* from = in ? B + (size_t)(k0 + r) * N + col0 + c : B;
                copy_some(&Bs[stage][r][c], from, in ? 16 : 0);
            }
        }
        asm volatile("cp.async.commit_group;");
    };

    fetch(0);
    fetch(1);
    for (int tile = 0; tile < tiles; tile++) {
        asm volatile("cp.async.wait_group 1;");
        __syncthreads();
        fetch(tile + 2);
        int stage = tile % 3;
        for (int k = 0; k < 32; k += 16) {
            unsigned a[2][4], b[2][4];
            for (int i = 0; i < 2; i++) {
                load_matrix(a[i], &As[stage][wrow + i * 16 + lane % 16][k + lane / 16 * 8]);
            }
            for (int j = 0; j < 2; j++) {
                load_transposed(b[j], &Bs[stage][k + lane % 16][wcol + j * 16 + lane / 16 * 8]);
            }
            for (int i = 0; i < 2; i++) {
                for (int j = 0; j < 4; j++) {
                    multiply(acc[i][j], a[i], b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]);
                }
            }
        }
    }
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 4; j++) {
            for (int h = 0; h < 2; h++) {
                int r = row0 + wrow + i * 16 + h * 8 + lane / 4;
                int c = col0 + wcol + j * 8 + lane % 4 * 2;
                if (r < M && c < N) {
                    *(float2*)&C[(size_t)r * N + c] =
                        make_float2(acc[i][j][h * 2], acc[i][j][h * 2 + 1]);
                }
            }
        }
    }
}

// C = alpha·A·B + beta·C with mma.h, a warp a tile of 16 by 16; what a lane
// has of C is changed element by element.
extern "C" __global__ void wmma_gemm(const half* A, const half* B, float* C, int M, int N, int K,
                                     float alpha, float beta) {
    __shared__ __align__(32) half As[2][16][16 + 16];
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    int row = blockIdx.y * 32 + warp * 16, col = blockIdx.x * 16;
    wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> a;
    wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::row_major> b;
    wmma::fragment<wmma::accumulator, 16, 16, 16, float> acc, c;
    wmma::fill_fragment(acc, 0.0f);
    for (int k = 0; k < K; k += 16) {
        for (int i = lane; i < 256; i += 32) {
            As[warp][i / 16][i % 16] = A[(size_t)(row + i / 16) * K + k + i % 16];
        }
        __syncwarp();
        wmma::load_matrix_sync(a, &As[warp][0][0], 32);
        wmma::load_matrix_sync(b, B + (size_t)k * N + col, N);
        wmma::mma_sync(acc, a, b, acc);
        __syncwarp();
    }
    wmma::load_matrix_sync(c, C + (size_t)row * N + col, N, wmma::mem_row_major);
    for (int i = 0; i < c.num_elements; i++) {
        c.x[i] = alpha * acc.x[i] + beta * c.x[i];
    }
    wmma::store_matrix_sync(C + (size_t)row * N + col, c, N, wmma::mem_row_major);
}

// B is given by columns.
extern "C" __global__ void wmma_bfloat(const __nv_bfloat16* A, const __nv_bfloat16* B, float* C,
                                       int N, int K) {
    wmma::fragment<wmma::matrix_a, 32, 8, 16, __nv_bfloat16, wmma::row_major> a;
    wmma::fragment<wmma::matrix_b, 32, 8, 16, __nv_bfloat16, wmma::col_major> b;
    wmma::fragment<wmma::accumulator, 32, 8, 16, float> acc;
    int row = blockIdx.y * 32, col = blockIdx.x * 8;
    wmma::fill_fragment(acc, 0.0f);
    for (int k = 0; k < K; k += 16) {
        wmma::load_matrix_sync(a, A + (size_t)row * K + k, K);
        wmma::load_matrix_sync(b, B + (size_t)col * K + k, K);
        wmma::mma_sync(acc, a, b, acc);
    }
    for (int i = 0; i < acc.num_elements; i++) {
        acc.x[i] = fmaxf(acc.x[i], 0.0f);
    }
    wmma::store_matrix_sync(C + (size_t)row * N + col, acc, N, wmma::mem_row_major);
}

extern "C" __global__ void wmma_tf32(const float* A, const float* B, float* C, int N, int K) {
    wmma::fragment<wmma::matrix_a, 16, 16, 8, wmma::precision::tf32, wmma::row_major> a;
    wmma::fragment<wmma::matrix_b, 16, 16, 8, wmma::precision::tf32, wmma::row_major> b;
    wmma::fragment<wmma::accumulator, 16, 16, 8, float> acc;
    int row = blockIdx.y * 16, col = blockIdx.x * 16;
    wmma::fill_fragment(acc, 0.0f);
    for (int k = 0; k < K; k += 8) {
        wmma::load_matrix_sync(a, A + (size_t)row * K + k, K);
        wmma::load_matrix_sync(b, B + (size_t)k * N + col, N);
        for (int i = 0; i < a.num_elements; i++) a.x[i] = wmma::__float_to_tf32(a.x[i]);
        for (int i = 0; i < b.num_elements; i++) b.x[i] = wmma::__float_to_tf32(b.x[i]);
        wmma::mma_sync(acc, a, b, acc);
    }
    wmma::store_matrix_sync(C + (size_t)row * N + col, acc, N, wmma::mem_row_major);
}

extern "C" __global__ void wmma_bytes(const signed char* A, const signed char* B, int* C, int N,
                                      int K) {
    wmma::fragment<wmma::matrix_a, 8, 32, 16, signed char, wmma::row_major> a;
    wmma::fragment<wmma::matrix_b, 8, 32, 16, signed char, wmma::col_major> b;
    wmma::fragment<wmma::accumulator, 8, 32, 16, int> acc;
    int row = blockIdx.y * 8, col = blockIdx.x * 32;
    wmma::fill_fragment(acc, 7);
    for (int k = 0; k < K; k += 16) {
        wmma::load_matrix_sync(a, A + (size_t)row * K + k, K);
        wmma::load_matrix_sync(b, B + (size_t)col * K + k, K);
        wmma::mma_sync(acc, a, b, acc);
    }
    wmma::store_matrix_sync(C + (size_t)row * N + col, acc, N, wmma::mem_row_major);
}

// softmax(Q·Kᵀ·scale, causal)·V for one head with 64 columns: a warp has 16
// rows of Q, keys and values come 32 at a time, the next while these are
// worked on. What a product leaves is the next one's left factor.
extern "C" __global__ void __launch_bounds__(32)
    attention(const half* Q, const half* K, const half* V, float* O, int n, float scale) {
    __shared__ __align__(16) half Ks[2][32][64 + 8];
    __shared__ __align__(16) half Vs[2][32][64 + 8];
    int lane = threadIdx.x, row0 = blockIdx.x * 16;
    int r = row0 + lane / 4;

    unsigned q[4][4];
    for (int k = 0; k < 4; k++) {
        for (int i = 0; i < 4; i++) {
            int row = r + i % 2 * 8, col = k * 16 + i / 2 * 8 + lane % 4 * 2;
            q[k][i] = row < n ? *(const unsigned*)&Q[(size_t)row * 64 + col] : 0;
        }
    }
    auto fetch = [&](int tile) {
        int stage = tile % 2;
        for (int i = lane; i < 32 * 8; i += 32) {
            int row = i / 8, col = i % 8 * 8, key = tile * 32 + row;
            size_t left = key < n ? 0 : 16;
            size_t at = key < n ? (size_t)key * 64 + col : 0;
            __pipeline_memcpy_async(&Ks[stage][row][col], K + at, 16, left);
            __pipeline_memcpy_async(&Vs[stage][row][col], V + at, 16, left);
        }
        __pipeline_commit();
    };

    float o[8][4] = {}, most[2] = {-INFINITY, -INFINITY}, total[2] = {0.0f, 0.0f};
    int last = min(n, row0 + 16), tiles = (last + 31) / 32;
    fetch(0);
    for (int tile = 0; tile < tiles; tile++) {
        if (tile + 1 < tiles) {
            fetch(tile + 1);
            __pipeline_wait_prior(1);
        } else {
            __pipeline_wait_prior(0);
        }
        __syncwarp();
        int stage = tile % 2;
        float s[4][4] = {};
        for (int k = 0; k < 4; k++) {
            for (int j = 0; j < 2; j++) {
                unsigned b[4];
                load_matrix(b, &Ks[stage][j * 16 + lane % 8 + lane / 16 * 8][k * 16 + lane / 8 % 2 * 8]);
                multiply(s[j * 2], q[k], b[0], b[1]);
                multiply(s[j * 2 + 1], q[k], b[2], b[3]);
            }
        }
        float now[2] = {most[0], most[1]};
        for (int j = 0; j < 4; j++) {
            for (int i = 0; i < 4; i++) {
                int key = tile * 32 + j * 8 + lane % 4 * 2 + i % 2, row = r + i / 2 * 8;
                s[j][i] = key <= row && key < n ? s[j][i] * scale : -INFINITY;
                now[i / 2] = fmaxf(now[i / 2], s[j][i]);
            }
        }
        for (int h = 0; h < 2; h++) {
            now[h] = fmaxf(now[h], __shfl_xor_sync(~0u, now[h], 1));
            now[h] = fmaxf(now[h], __shfl_xor_sync(~0u, now[h], 2));
            float less = __expf(most[h] - now[h]);
            total[h] *= less;
            for (int j = 0; j < 8; j++) {
                o[j][h * 2] *= less;
                o[j][h * 2 + 1] *= less;
            }
            most[h] = now[h];
        }
        unsigned p[2][4];
        for (int j = 0; j < 4; j++) {
            for (int h = 0; h < 2; h++) {
                float x = __expf(s[j][h * 2] - most[h]), y = __expf(s[j][h * 2 + 1] - most[h]);
                total[h] += x + y;
                half2 both = __floats2half2_rn(x, y);
                p[j / 2][j % 2 * 2 + h] = *(unsigned*)&both;
            }
        }
        for (int k = 0; k < 2; k++) {
            for (int j = 0; j < 4; j++) {
                unsigned b[4];
                load_transposed(b, &Vs[stage][k * 16 + lane % 16][j * 16 + lane / 16 * 8]);
                multiply(o[j * 2], p[k], b[0], b[1]);
                multiply(o[j * 2 + 1], p[k], b[2], b[3]);
            }
        }
        __syncwarp();
    }
    for (int h = 0; h < 2; h++) {
        total[h] += __shfl_xor_sync(~0u, total[h], 1);
        total[h] += __shfl_xor_sync(~0u, total[h], 2);
        int row = r + h * 8;
        if (row < n) {
            for (int j = 0; j < 8; j++) {
                O[(size_t)row * 64 + j * 8 + lane % 4 * 2] = o[j][h * 2] / total[h];
                O[(size_t)row * 64 + j * 8 + lane % 4 * 2 + 1] = o[j][h * 2 + 1] / total[h];
            }
        }
    }
}

// What copies bring whose source is shorter than they are, or left out.
extern "C" __global__ void short_copies(const unsigned char* x, unsigned char* y, int n) {
    __shared__ __align__(16) unsigned char s[32][32];
    int i = threadIdx.x;
    for (int j = 0; j < 32; j++) s[i][j] = 0xff;
    const unsigned char* from = x + i * 16;
    int left = min(max(n - i * 16, 0), 16);
    copy_some(&s[i][0], from, left);
    asm volatile("{ .reg .pred p; setp.ge.s32 p, %2, %3;\n"
                 "cp.async.ca.shared.global [%0], [%1], 8, p; }" ::"r"(shared_address(&s[i][16])),
                 "l"(x), "r"(i), "r"(16));
    asm volatile("cp.async.ca.shared.global [%0], [%1+4], 4;" ::"r"(shared_address(&s[i][24])), "l"(x));
    asm volatile("cp.async.wait_all;");
    for (int j = 0; j < 32; j++) y[i * 32 + j] = s[i][j];
}

// A group may be empty, and a thread may be ahead of its neighbours.
extern "C" __global__ void groups(const int* x, int* y, int n) {
    __shared__ int s[4][32];
    int i = threadIdx.x;
    for (int g = 0; g < 4; g++) {
        if (i % 4 != g) __pipeline_memcpy_async(&s[g][i], &x[(g * 32 + i) % n], 4);
        __pipeline_commit();
    }
    int sum = 0;
    __pipeline_wait_prior(3);
    if (i % 4 != 0) sum += s[0][i];
    __pipeline_wait_prior(1);
    if (i % 4 != 1) sum += 10 * s[1][i];
    if (i % 4 != 2) sum += 100 * s[2][i];
    __pipeline_wait_prior(0);
    if (i % 4 != 3) sum += 1000 * s[3][i];
    y[i] = sum;
}
