// What CUDA C++ offers beyond arithmetic, as kernels use it.

#include <assert.h>

__device__ __noinline__ float poly(float x, const float* k, int n) {
    float v = 0.0f;
    for (int i = 0; i < n; ++i) v = v * x + k[i];
    return v;
}

extern "C" __global__ void called_functions(const float* x, const float* k, float* y, int n, int degree) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = poly(x[i], k, degree) - poly(-x[i], k + 1, degree - 1);
}

__device__ float plus(float a, float b) { return a + b; }
__device__ float times(float a, float b) { return a * b; }
__device__ float larger(float a, float b) { return fmaxf(a, b); }
typedef float (*Binary)(float, float);
__device__ Binary binaries[3] = {plus, times, larger};

extern "C" __global__ void functions_in_a_table(const float* a, const float* b, const int* op, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = binaries[op[i]](a[i], b[i]);
}

struct Op {
    int code;
    float arg;
};

struct Program {
    Op ops[6];
    int count;
};

// A little machine: its program comes by value, its stack is an array.
extern "C" __global__ void interpreter(const float* x, float* y, Program program, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float stack[4];
    int top = 0;
#pragma unroll 1
    for (int pc = 0; pc < program.count; ++pc) {
        float b;
        switch (program.ops[pc].code) {
            case 0: stack[top++] = program.ops[pc].arg; break;
            case 1: stack[top++] = x[i]; break;
            case 2: b = stack[--top]; stack[top - 1] += b; break;
            case 3: b = stack[--top]; stack[top - 1] *= b; break;
            case 4: stack[top - 1] = -stack[top - 1]; break;
            case 5: stack[top] = stack[top - 1]; ++top; break;
            default: assert(false);
        }
    }
    y[i] = stack[0];
}

extern "C" __global__ void interpreter__unknown_code(const float* x, float* y, Program program, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float stack[4];
    int top = 0;
#pragma unroll 1
    for (int pc = 0; pc < program.count; ++pc) {
        float b;
        switch (program.ops[pc].code) {
            case 0: stack[top++] = program.ops[pc].arg; break;
            case 1: stack[top++] = x[i]; break;
            case 2: b = stack[--top]; stack[top - 1] += b; break;
            case 4: stack[top - 1] = -stack[top - 1]; break;
            case 5: stack[top] = stack[top - 1]; ++top; break;
            default: assert(program.ops[pc].code == 3 && top < 0); // BUG: assertion
        }
    }
    y[i] = stack[0];
}

// Three arrays of different types in memory that the launch brings.
extern "C" __global__ void carved_shared(const float* x, double* y, int n) {
    extern __shared__ __align__(16) unsigned char raw[];
    double* sums = reinterpret_cast<double*>(raw);
    float* values = reinterpret_cast<float*>(sums + 32);
    short* order = reinterpret_cast<short*>(values + blockDim.x);
    int t = threadIdx.x;
    values[t] = t < n ? x[t] : 0.0f;
    order[t] = (short)((t * 7 + 3) % blockDim.x);
    if (t < 32) sums[t] = 0.0;
    __syncthreads();
    atomicAdd(&sums[t % 32], (double)values[order[t]] * (t + 1));
    __syncthreads();
    if (t < 32) y[t] = sums[t];
}

extern "C" __global__ void carved_shared__overlap(const float* x, double* y, int n) {
    extern __shared__ __align__(16) unsigned char raw[];
    double* sums = reinterpret_cast<double*>(raw);
    float* values = reinterpret_cast<float*>(sums + 16);
    short* order = reinterpret_cast<short*>(values + blockDim.x);
    int t = threadIdx.x;
    values[t] = t < n ? x[t] : 0.0f; // BUG: race
    order[t] = (short)((t * 7 + 3) % blockDim.x);
    if (t < 32) sums[t] = 0.0; // BUG: race
    __syncthreads();
    atomicAdd(&sums[t % 32], (double)values[order[t]] * (t + 1)); // BUG: race
    __syncthreads();
    if (t < 32) y[t] = sums[t];
}

extern "C" __global__ void inline_ptx(const unsigned int* x, unsigned int* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    unsigned int lane, v = x[i], r, m;
    asm("mov.u32 %0, %%laneid;" : "=r"(lane));
    asm("bfe.u32 %0, %1, 5, 11;" : "=r"(r) : "r"(v));
    asm("{\n\t.reg .pred p;\n\tsetp.gt.u32 p, %1, 1000;\n\tselp.u32 %0, %2, %1, p;\n\t}" : "=r"(m) : "r"(r), "r"(lane));
    asm volatile("lop3.b32 %0, %0, %1, %2, 0x96;" : "+r"(m) : "r"(v), "r"(r));
    float f;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(f) : "f"((float)(r & 7)));
    y[i] = m + (unsigned int)f;
}

// Depth first over a tree in an array, by recursion.
__device__ int tree_sum(const int* tree, int node, int n, int depth) {
    if (node >= n) return 0;
    return tree[node] * depth + tree_sum(tree, 2 * node + 1, n, depth + 1) + tree_sum(tree, 2 * node + 2, n, depth + 1);
}

extern "C" __global__ void recursive_sums(const int* trees, int* y, int count, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) y[i] = tree_sum(trees + i * n, 0, n, 1);
}

// Lanes with the same key work as a group; who is there is asked at run time.
extern "C" __global__ void groups_by_key(const int* key, const int* x, int* sums, int* sizes, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    unsigned mask = __match_any_sync(__activemask(), key[i]);
    int sum = __reduce_add_sync(mask, x[i]);
    int first = __ffs(mask) - 1;
    int rank = __popc(mask & ((1u << (threadIdx.x & 31)) - 1));
    if (rank == 0) {
        atomicAdd(&sums[key[i]], sum);
        atomicAdd(&sizes[key[i]], __popc(mask));
    }
    __syncwarp(mask);
    if (__shfl_sync(mask, threadIdx.x & 31, first) != first) __trap();
}

// Collatz: lanes leave the loop at different times.
extern "C" __global__ void steps_to_one(const long long* x, int* y, int n) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        long long v = x[i];
        int steps = 0;
        while (v != 1) {
            v = v & 1 ? 3 * v + 1 : v >> 1;
            if (++steps == 400) break;
        }
        y[i] = steps;
    }
}

// A counter that keeps its value from launch to launch, and a printed line.
__device__ int launches = 40;

extern "C" __global__ void counts_launches(int* y, float x) {
    __shared__ int number;
    if (threadIdx.x == 0) number = ++launches;
    __syncthreads();
    y[threadIdx.x] = number * (int)(threadIdx.x + 1);
    if (threadIdx.x == blockDim.x - 1) printf("launch %d: %5.2f %s\n", number, x, "ok");
}

template <typename T, int N>
struct Vec {
    T v[N];
    __device__ Vec operator*(T s) const {
        Vec r;
#pragma unroll
        for (int i = 0; i < N; ++i) r.v[i] = v[i] * s;
        return r;
    }
    __device__ T dot(const Vec& o) const {
        T s = 0;
#pragma unroll
        for (int i = 0; i < N; ++i) s += v[i] * o.v[i];
        return s;
    }
};

// Gram and Schmidt on vectors of five, and a template that calls itself.
template <int N>
struct Power {
    static __device__ float of(float x) { return x * Power<N - 1>::of(x); }
};
template <>
struct Power<0> {
    static __device__ float of(float) { return 1.0f; }
};

extern "C" __global__ void vectors_by_template(const Vec<float, 5>* a, const Vec<float, 5>* b, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    Vec<float, 5> p = a[i], q = b[i];
    float along = p.dot(q) / q.dot(q);
    Vec<float, 5> r = q * along;
#pragma unroll
    for (int k = 0; k < 5; ++k) p.v[k] -= r.v[k];
    y[i] = p.dot(p) + Power<5>::of(along);
}

// What a warp's lanes hold goes round a ring without all of them waiting for
// the block: half of the warps go one way, half the other.
extern "C" __global__ void named_barriers(const float* x, float* y) {
    __shared__ float ring[2][64];
    int half = threadIdx.x / 64, t = threadIdx.x % 64;
    float v = x[threadIdx.x];
    for (int k = 0; k < 3 + half; ++k) {
        ring[half][t] = v;
        asm volatile("bar.sync %0, 64;" ::"r"(half + 1) : "memory");
        v = 0.5f * v + ring[half][(t + 1) % 64];
        asm volatile("bar.sync %0, 64;" ::"r"(half + 1) : "memory");
    }
    y[threadIdx.x] = v;
}

// What caches are told changes nothing.
extern "C" __global__ void hints_to_caches(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    unsigned long long policy;
    asm("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
    float v;
    asm volatile("ld.global.nc.L1::no_allocate.L2::cache_hint.f32 %0, [%1], %2;" : "=f"(v) : "l"(x + i), "l"(policy));
    asm volatile("prefetch.global.L2 [%0];" ::"l"(x + i));
    asm volatile("st.global.L2::cache_hint.f32 [%0], %1, %2;" ::"l"(y + i), "f"(v + __ldcs(&x[n - 1 - i])), "l"(policy) : "memory");
}
