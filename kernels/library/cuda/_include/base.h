// What all kernels share: types, loads and stores of whole vectors, reductions across a warp and a block.
//
// Names in capitals belong to the parameters, which are macros, and to the three here.

typedef long long i64;

#define DEVICE __device__ __forceinline__
#define KERNEL extern "C" __global__
#define INF __int_as_float(0x7f800000)

// Whether `p` may be read by whole vectors of four floats.
DEVICE bool is_aligned(const void* p) { return (reinterpret_cast<size_t>(p) & 15) == 0; }

// Through the read-only path: of memory that nothing writes while the kernel runs.
DEVICE float4 load4(const float* p) { return __ldg(reinterpret_cast<const float4*>(p)); }
DEVICE void store4(float* p, float4 v) { *reinterpret_cast<float4*>(p) = v; }
DEVICE float4 same4(float v) { return make_float4(v, v, v, v); }

// f of each of the four lanes of some vectors.
template <class F, class... V> DEVICE float4 lanes(F f, V... v) {
    return make_float4(f(v.x...), f(v.y...), f(v.z...), f(v.w...));
}

// The larger and the smaller of two numbers; NaN if one of them is.
DEVICE float max_(float a, float b) {
    float m;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(m) : "f"(a), "f"(b));
    return m;
}
DEVICE float min_(float a, float b) {
    float m;
    asm("min.NaN.f32 %0, %1, %2;" : "=f"(m) : "f"(a), "f"(b));
    return m;
}

struct Add {
    static DEVICE float none() { return 0.0f; }
    static DEVICE float of(float a, float b) { return a + b; }
};
struct Max {
    static DEVICE float none() { return -INF; }
    static DEVICE float of(float a, float b) { return max_(a, b); }
};
struct Min {
    static DEVICE float none() { return INF; }
    static DEVICE float of(float a, float b) { return min_(a, b); }
};

// All lanes get the result.
template <class Op> DEVICE float reduce_warp(float v) {
#pragma unroll
    for (int step = 16; step > 0; step /= 2) v = Op::of(v, __shfl_xor_sync(0xffffffffu, v, step));
    return v;
}

// All threads get the result. The block has Threads, a multiple of 32, and all come here.
template <class Op, int Threads> DEVICE float reduce_block(float v) {
    __shared__ float of_warps[Threads / 32];
    v = reduce_warp<Op>(v);
    // The last result has been read by all.
    __syncthreads();
    if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = v;
    __syncthreads();
    v = threadIdx.x % 32 < Threads / 32 ? of_warps[threadIdx.x % 32] : Op::none();
    return reduce_warp<Op>(v);
}
