// Activations, as functors and lambdas over one loop.

struct GeluErf {
    __device__ float operator()(float x) const {
        return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
    }
};

struct GeluTanh {
    __device__ float operator()(float x) const {
        float inner = 0.7978845608028654f * (x + 0.044715f * x * x * x);
        return 0.5f * x * (1.0f + tanhf(inner));
    }
};

struct Elu {
    float alpha;
    __device__ float operator()(float x) const { return x > 0.0f ? x : alpha * expm1f(x); }
};

template <typename F>
__device__ __forceinline__ void apply(const float* __restrict__ x, float* __restrict__ y, int n, F f) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        y[i] = f(x[i]);
    }
}

__device__ __forceinline__ float softplus_of(float x) { return x > 20.0f ? x : log1pf(expf(x)); }

extern "C" __global__ void gelu_erf(const float* x, float* y, int n) { apply(x, y, n, GeluErf()); }

extern "C" __global__ void gelu_tanh(const float* x, float* y, int n) { apply(x, y, n, GeluTanh()); }

extern "C" __global__ void elu(const float* x, float* y, int n, float alpha) { apply(x, y, n, Elu{alpha}); }

extern "C" __global__ void mish(const float* x, float* y, int n) {
    apply(x, y, n, [](float v) { return v * tanhf(softplus_of(v)); });
}

extern "C" __global__ void softplus(const float* x, float* y, int n, float beta) {
    apply(x, y, n, [beta](float v) { return softplus_of(beta * v) / beta; });
}

extern "C" __global__ void selu(const float* x, float* y, int n) {
    apply(x, y, n, [](float v) {
        const float scale = 1.0507009873554805f, alpha = 1.6732632423543772f;
        return scale * (fmaxf(v, 0.0f) + fminf(alpha * (expf(v) - 1.0f), 0.0f));
    });
}

extern "C" __global__ void hard_swish(const float* x, float* y, int n) {
    apply(x, y, n, [](float v) { return v * fminf(fmaxf(v + 3.0f, 0.0f), 6.0f) / 6.0f; });
}

extern "C" __global__ void hard_swish__no_upper_bound(const float* x, float* y, int n) {
    apply(x, y, n, [](float v) { return v * fmaxf(v + 3.0f, 0.0f) / 6.0f; }); // WRONG
}

extern "C" __global__ void log_sigmoid(const float* x, float* y, int n) {
    apply(x, y, n, [](float v) { return fminf(v, 0.0f) - log1pf(expf(-fabsf(v))); });
}

extern "C" __global__ void tanh_and_gradient(const float* x, const float* up, float* y, float* down, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        float t = tanhf(x[i]);
        y[i] = t;
        down[i] = up[i] * (1.0f - t * t);
    }
}

// With the instructions that a GPU approximates.
extern "C" __global__ void silu_fast(const float4* x, float4* y, int n4) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n4) {
        float4 v = x[i];
        v.x = __fdividef(v.x, 1.0f + __expf(-v.x));
        v.y = __fdividef(v.y, 1.0f + __expf(-v.y));
        v.z = v.z * __frcp_rn(1.0f + __expf(-v.z));
        v.w = v.w / (1.0f + exp2f(-1.4426950408889634f * v.w));
        y[i] = v;
    }
}

// The first half of a row gates the second.
extern "C" __global__ void swiglu(const float* x, float* y, int rows, int cols) {
    int row = blockIdx.x;
    if (row >= rows) return;
    const float* gate = x + (size_t)row * 2 * cols;
    const float* value = gate + cols;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        float g = gate[c];
        y[row * cols + c] = g / (1.0f + expf(-g)) * value[c];
    }
}

extern "C" __global__ void prelu_channels(const float* x, const float* slope, float* y, int n, int channels, int inner) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        float v = x[i];
        y[i] = v >= 0.0f ? v : v * slope[(i / inner) % channels];
    }
}

extern "C" __global__ void gelu_gradient(const float* x, const float* up, float* down, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        float v = x[i];
        float cdf = normcdff(v);
        float pdf = 0.3989422804014327f * expf(-0.5f * v * v);
        down[i] = up[i] * (cdf + v * pdf);
    }
}
