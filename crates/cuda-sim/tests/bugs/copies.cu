// Copies in the background, and matrices in shared memory, used too early or
// in the wrong place.
#include <cuda_pipeline.h>

__device__ __forceinline__ unsigned shared_address(const void* p) {
    return (unsigned)__cvta_generic_to_shared(p);
}

#define COPY(to, from, bytes) \
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(shared_address(to)), "l"(from), \
                 "n"(bytes))
#define COMMIT asm volatile("cp.async.commit_group;")
#define WAIT(n) asm volatile("cp.async.wait_group %0;" ::"n"(n))

extern "C" __global__ void no_wait(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    COPY(&s[i], &x[i % n], 4);
    COMMIT;
    if (i < n) {
        y[i] = s[i]; // BUG: pending-copy
    }
}

extern "C" __global__ void no_wait_ok(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    COPY(&s[i], &x[i % n], 4);
    COMMIT;
    WAIT(0);
    if (i < n) {
        y[i] = s[i];
    }
}

// A wait for groups does not wait for what is in none.
extern "C" __global__ void no_commit(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    COPY(&s[i], &x[i % n], 4);
    WAIT(0);
    __syncthreads();
    if (i < n) {
        y[i] = s[(i + 1) % 128]; // BUG: pending-copy
    }
}

extern "C" __global__ void no_commit_ok(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    COPY(&s[i], &x[i % n], 4);
    asm volatile("cp.async.wait_all;");
    __syncthreads();
    if (i < n) {
        y[i] = s[(i + 1) % 128];
    }
}

extern "C" __global__ void barrier_without_wait(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    COPY(&s[i], &x[i % n], 4);
    COMMIT;
    __syncthreads();
    if (i < n) {
        y[i] = s[127 - i]; // BUG: pending-copy
    }
}

// The last of two groups is still on its way.
extern "C" __global__ void waits_for_too_few(const float* x, float* y, int n) {
    __shared__ float s[2][128];
    int i = threadIdx.x;
    COPY(&s[0][i], &x[i % n], 4);
    COMMIT;
    COPY(&s[1][i], &x[(i + 1) % n], 4);
    COMMIT;
    WAIT(1);
    __syncthreads();
    float sum = s[0][127 - i];
    sum += s[1][127 - i]; // BUG: pending-copy
    if (i < n) {
        y[i] = sum;
    }
}

extern "C" __global__ void waits_for_too_few_ok(const float* x, float* y, int n) {
    __shared__ float s[2][128];
    int i = threadIdx.x;
    COPY(&s[0][i], &x[i % n], 4);
    COMMIT;
    COPY(&s[1][i], &x[(i + 1) % n], 4);
    COMMIT;
    WAIT(1);
    __syncthreads();
    float sum = s[0][127 - i];
    WAIT(0);
    __syncthreads();
    sum += s[1][127 - i];
    if (i < n) {
        y[i] = sum;
    }
}

// Two stages whose loop forgets that the last round starts no copy.
extern "C" __global__ void last_round(const float* x, float* y, int n) {
    __shared__ float s[2][128];
    int i = threadIdx.x;
    float sum = 0.0f;
    COPY(&s[0][i], &x[i % n], 4);
    COMMIT;
    for (int round = 0; round < 4; round++) {
        if (round < 3) {
            COPY(&s[(round + 1) % 2][i], &x[(i + round) % n], 4);
            COMMIT;
        }
        WAIT(1);
        __syncthreads();
        sum += s[round % 2][i ^ 32]; // BUG: pending-copy
        __syncthreads();
    }
    if (i < n) {
        y[i] = sum;
    }
}

extern "C" __global__ void last_round_ok(const float* x, float* y, int n) {
    __shared__ float s[2][128];
    int i = threadIdx.x;
    float sum = 0.0f;
    COPY(&s[0][i], &x[i % n], 4);
    COMMIT;
    for (int round = 0; round < 4; round++) {
        if (round < 3) {
            COPY(&s[(round + 1) % 2][i], &x[(i + round) % n], 4);
        }
        COMMIT;
        WAIT(1);
        __syncthreads();
        sum += s[round % 2][i ^ 32];
        __syncthreads();
    }
    if (i < n) {
        y[i] = sum;
    }
}

// Each thread has waited for its own, not for its neighbour's.
extern "C" __global__ void wait_without_barrier(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    COPY(&s[i], &x[i % n], 4); // BUG: race
    COMMIT;
    WAIT(0);
    float v = s[i ^ 64]; // BUG: race, uninitialised
    if (i < n) {
        y[i] = v;
    }
}

extern "C" __global__ void wait_without_barrier_ok(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    COPY(&s[i], &x[i % n], 4);
    COMMIT;
    WAIT(0);
    __syncthreads();
    float v = s[i ^ 64];
    if (i < n) {
        y[i] = v;
    }
}

// Within a warp a barrier of the warp does.
extern "C" __global__ void neighbour_in_the_warp(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    COPY(&s[i], &x[i % n], 4);
    COMMIT;
    WAIT(0);
    float v = s[i ^ 1]; // BUG: race
    if (i < n) {
        y[i] = v;
    }
}

extern "C" __global__ void neighbour_in_the_warp_ok(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    COPY(&s[i], &x[i % n], 4);
    COMMIT;
    WAIT(0);
    __syncwarp();
    float v = s[i ^ 1];
    if (i < n) {
        y[i] = v;
    }
}

// The barrier comes before the wait.
extern "C" __global__ void barrier_before_wait(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    COPY(&s[i], &x[i % n], 4);
    COMMIT;
    __syncthreads();
    WAIT(0);
    float v = s[i ^ 64]; // BUG: race, pending-copy
    if (i < n) {
        y[i] = v;
    }
}

// The next tile overwrites one that others still read.
extern "C" __global__ void refilled_too_early(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    float sum = 0.0f;
    for (int tile = 0; tile < 3; tile++) {
        COPY(&s[i], &x[(i + tile) % n], 4); // BUG: race
        COMMIT;
        WAIT(0);
        __syncthreads();
        sum += s[i ^ 64]; // BUG: pending-copy, race
    }
    if (i < n) {
        y[i] = sum;
    }
}

extern "C" __global__ void refilled_too_early_ok(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    float sum = 0.0f;
    for (int tile = 0; tile < 3; tile++) {
        COPY(&s[i], &x[(i + tile) % n], 4);
        COMMIT;
        WAIT(0);
        __syncthreads();
        sum += s[i ^ 64];
        __syncthreads();
    }
    if (i < n) {
        y[i] = sum;
    }
}

extern "C" __global__ void written_in_flight(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    COPY(&s[i], &x[i % n], 4);
    COMMIT;
    if (i >= n) {
        s[i] = 0.0f; // BUG: pending-copy
    }
    WAIT(0);
    __syncthreads();
    if (i < n) {
        y[i] = s[i ^ 64];
    }
}

extern "C" __global__ void written_in_flight_ok(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    COPY(&s[i], &x[i % n], 4);
    COMMIT;
    WAIT(0);
    if (i >= n) {
        s[i] = 0.0f;
    }
    __syncthreads();
    if (i < n) {
        y[i] = s[i ^ 64];
    }
}

// Two stages, but three copies: the first is overwritten on its way.
extern "C" __global__ void copied_over_a_copy(const float* x, float* y, int n) {
    __shared__ float s[2][128];
    int i = threadIdx.x;
    for (int tile = 0; tile < 3; tile++) {
        COPY(&s[tile % 2][i], &x[(i + tile) % n], 4); // BUG: pending-copy
        COMMIT;
    }
    WAIT(0);
    __syncthreads();
    if (i < n) {
        y[i] = s[0][i] + s[1][i];
    }
}

extern "C" __global__ void changed_in_flight(const float* x, float* y, int n) {
    __shared__ float s[4];
    int i = threadIdx.x;
    if (i < 4) {
        COPY(&s[i], &x[i], 4);
        COMMIT;
    }
    __syncthreads();
    atomicAdd(&s[i % 4], 1.0f); // BUG: pending-copy, race
    asm volatile("cp.async.wait_all;");
    __syncthreads();
    if (i < n) {
        y[i] = s[i % 4];
    }
}

extern "C" __global__ void misaligned_source(const float* x, float* y, int n) {
    __shared__ __align__(16) float s[128];
    int i = threadIdx.x;
    if (i % 4 == 0 && i + 4 < n) {
        COPY(&s[i], &x[i + 1], 16); // BUG: misaligned
    }
    asm volatile("cp.async.wait_all;");
    if (i == 0) y[i] = s[i];
}

extern "C" __global__ void misaligned_destination(const float* x, float* y, int n) {
    __shared__ __align__(16) float s[132];
    int i = threadIdx.x;
    if (i % 4 == 0 && i + 4 < n) {
        COPY(&s[i + 2], &x[i], 16); // BUG: misaligned
    }
    asm volatile("cp.async.wait_all;");
    if (i == 0) y[i] = s[i + 2];
}

extern "C" __global__ void beyond_the_source(const float* x, float* y, int n) {
    __shared__ __align__(16) float s[128];
    int i = threadIdx.x;
    if (i % 4 == 0 && i < n) {
        COPY(&s[i], &x[i], 16); // BUG: out-of-bounds
    }
    asm volatile("cp.async.wait_all;");
    if (i % 4 == 0 && i < n) y[i] = s[i];
}

// Less is read where there is no more, and zeros come instead.
extern "C" __global__ void beyond_the_source_ok(const float* x, float* y, int n) {
    __shared__ __align__(16) float s[128];
    int i = threadIdx.x;
    if (i % 4 == 0) {
        int bytes = min(max(n - i, 0) * 4, 16);
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(&s[i])),
                     "l"(x + i), "r"(bytes));
    }
    asm volatile("cp.async.wait_all;");
    __syncthreads();
    if (i < n) y[i] = s[i];
}

extern "C" __global__ void beyond_the_destination(const float* x, float* y, int n) {
    __shared__ float s[64];
    int i = threadIdx.x;
    COPY(&s[i], &x[i % n], 4); // BUG: out-of-bounds
    asm volatile("cp.async.wait_all;");
    if (i < 64) y[i] = s[i];
}

extern "C" __global__ void more_than_it_copies(const float* x, float* y, int n) {
    __shared__ __align__(16) float s[128];
    int i = threadIdx.x;
    unsigned to = shared_address(&s[i]);
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(x), "r"(n - 93)); // BUG: invalid-copy
    asm volatile("cp.async.wait_all;");
    if (i < n) y[i] = s[i];
}

extern "C" __global__ void source_never_written(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    if (i < n) {
        COPY(&s[i], &y[i], 4); // BUG: uninitialised
    }
    asm volatile("cp.async.wait_all;");
    __syncthreads();
    if (i < n) y[i] = s[i] + x[i];
}

// With the names of CUDA C++: the line is that of the call.
extern "C" __global__ void pipeline_without_wait(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    __pipeline_memcpy_async(&s[i], &x[i % n], 4);
    __pipeline_commit();
    if (i < n) {
        y[i] = s[i]; // BUG: pending-copy
    }
    __pipeline_wait_prior(0);
}

extern "C" __global__ void pipeline_beyond_the_source(const float* x, float* y, int n) {
    __shared__ __align__(16) float s[128];
    int i = threadIdx.x;
    if (i % 4 == 0 && i < n) {
        __pipeline_memcpy_async(&s[i], &x[i], 16); // BUG: out-of-bounds
    }
    __pipeline_commit();
    __pipeline_wait_prior(0);
    if (i % 4 == 0 && i < n) y[i] = s[i];
}

#define LOAD_MATRIX(r, p) \
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(r) : "r"(p))

extern "C" __global__ void row_misaligned(const float* x, float* y, int n) {
    __shared__ __align__(16) float s[128];
    int i = threadIdx.x;
    s[i] = x[i % n];
    __syncthreads();
    unsigned r;
    LOAD_MATRIX(r, shared_address(&s[i % 8 * 6])); // BUG: misaligned
    if (i < n) y[i] = (float)r;
}

extern "C" __global__ void row_out_of_bounds(const float* x, float* y, int n) {
    __shared__ __align__(16) float s[128];
    int i = threadIdx.x;
    s[i] = x[i % n];
    __syncthreads();
    unsigned r;
    LOAD_MATRIX(r, shared_address(&s[i % 8 * 20])); // BUG: out-of-bounds
    if (i < n) y[i] = (float)r;
}

extern "C" __global__ void row_out_of_bounds_ok(const float* x, float* y, int n) {
    __shared__ __align__(16) float s[144];
    int i = threadIdx.x;
    s[i] = x[i % n];
    if (i < 16) s[128 + i] = 0.0f;
    __syncthreads();
    unsigned r;
    // Lanes that name no row may have any address.
    LOAD_MATRIX(r, shared_address(&s[i % 32 < 8 ? i % 8 * 20 : 9999]));
    if (i < n) y[i] = (float)r;
}

extern "C" __global__ void matrix_without_barrier(const float* x, float* y, int n) {
    __shared__ __align__(16) float s[128];
    int i = threadIdx.x;
    s[i] = x[i % n]; // BUG: race
    unsigned r;
    LOAD_MATRIX(r, shared_address(&s[i % 8 * 16])); // BUG: race, uninitialised
    if (i < n) y[i] = (float)r;
}

extern "C" __global__ void matrix_of_a_copy(const float* x, float* y, int n) {
    __shared__ __align__(16) float s[128];
    int i = threadIdx.x;
    COPY(&s[i], &x[i % n], 4);
    COMMIT;
    __syncthreads();
    unsigned r;
    LOAD_MATRIX(r, shared_address(&s[i % 8 * 16])); // BUG: pending-copy, race
    WAIT(0);
    if (i < n) y[i] = (float)r;
}

extern "C" __global__ void matrix_of_a_copy_ok(const float* x, float* y, int n) {
    __shared__ __align__(16) float s[128];
    int i = threadIdx.x;
    COPY(&s[i], &x[i % n], 4);
    COMMIT;
    WAIT(0);
    __syncthreads();
    unsigned r;
    LOAD_MATRIX(r, shared_address(&s[i % 8 * 16]));
    if (i < n) y[i] = (float)r;
}

extern "C" __global__ void matrix_in_a_branch(const float* x, float* y, int n) {
    __shared__ __align__(16) float s[128];
    int i = threadIdx.x;
    s[i] = x[i % n];
    __syncthreads();
    unsigned r = 0;
    if (i % 32 < 16) {
        LOAD_MATRIX(r, shared_address(&s[i % 8 * 16])); // BUG: missing-lanes
    }
    if (i < n) y[i] = (float)r;
}

#define MULTIPLY(d, a, b) \
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f16.f16.f16.f16 {%0, %1}, {%2, %2}, {%3}, {%0, %1};" \
                 : "+r"(d[0]), "+r"(d[1]) : "r"(a), "r"(b))

extern "C" __global__ void product_of_half_a_warp(const float* x, float* y, int n) {
    unsigned d[2] = {}, i = threadIdx.x;
    if (i % 32 >= 16) return;
    MULTIPLY(d, i, i); // BUG: missing-lanes
    if (i < n) y[i] = (float)(d[0] + d[1]);
}

extern "C" __global__ void product_of_half_a_warp_ok(const float* x, float* y, int n) {
    unsigned d[2] = {}, i = threadIdx.x;
    if (i / 32 == 1) {
        MULTIPLY(d, i, i);
    }
    if (i < n) y[i] = (float)(d[0] + d[1]);
}
