// Norms over rows, groups, channels and images.

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#define FULL 0xffffffffu

__device__ __forceinline__ float2 warp_sum2(float2 v) {
    for (int d = 16; d > 0; d >>= 1) {
        v.x += __shfl_xor_sync(FULL, v.x, d);
        v.y += __shfl_xor_sync(FULL, v.y, d);
    }
    return v;
}

// Both sums reach all threads.
template <int WARPS>
__device__ float2 block_sum2(float2 v) {
    __shared__ float2 part[WARPS];
    v = warp_sum2(v);
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = v;
    __syncthreads();
    float2 all = part[0];
#pragma unroll
    for (int w = 1; w < WARPS; ++w) {
        all.x += part[w].x;
        all.y += part[w].y;
    }
    __syncthreads();
    return all;
}

extern "C" __global__ void layer_norm_rows(const float* x, const float* gamma, const float* beta, float* y, int cols, float eps) {
    const float* in = x + (size_t)blockIdx.x * cols;
    float2 v = make_float2(0.0f, 0.0f);
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        v.x += in[c];
        v.y += in[c] * in[c];
    }
    v = block_sum2<4>(v);
    float mean = v.x / cols;
    float scale = rsqrtf(v.y / cols - mean * mean + eps);
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        y[(size_t)blockIdx.x * cols + c] = (in[c] - mean) * scale * gamma[c] + beta[c];
    }
}

struct Welford {
    float mean, m2, count;
};

__device__ Welford combine(Welford a, Welford b) {
    float count = a.count + b.count;
    if (count == 0.0f) return a;
    float delta = b.mean - a.mean;
    float share = b.count / count;
    return {a.mean + delta * share, a.m2 + b.m2 + delta * delta * a.count * share, count};
}

// A warp for each row, its moments merged by shuffles.
extern "C" __global__ void layer_norm_welford(const float* x, float* y, int rows, int cols, float eps) {
    int row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= rows) return;
    const float* in = x + (size_t)row * cols;
    Welford w = {0.0f, 0.0f, 0.0f};
    for (int c = threadIdx.x; c < cols; c += 32) {
        w.count += 1.0f;
        float delta = in[c] - w.mean;
        w.mean += delta / w.count;
        w.m2 += delta * (in[c] - w.mean);
    }
#pragma unroll 1
    for (int d = 1; d < 32; d *= 2) {
        Welford other;
        other.mean = __shfl_xor_sync(FULL, w.mean, d);
        other.m2 = __shfl_xor_sync(FULL, w.m2, d);
        other.count = __shfl_xor_sync(FULL, w.count, d);
        w = combine(w, other);
    }
    float scale = 1.0f / sqrtf(w.m2 / w.count + eps);
    for (int c = threadIdx.x; c < cols; c += 32) y[(size_t)row * cols + c] = (in[c] - w.mean) * scale;
}

extern "C" __global__ void layer_norm_welford__half_the_lanes(const float* x, float* y, int rows, int cols, float eps) {
    int row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= rows) return;
    const float* in = x + (size_t)row * cols;
    Welford w = {0.0f, 0.0f, 0.0f};
    for (int c = threadIdx.x; c < cols; c += 32) {
        w.count += 1.0f;
        float delta = in[c] - w.mean;
        w.mean += delta / w.count;
        w.m2 += delta * (in[c] - w.mean);
    }
#pragma unroll 1
    for (int d = 1; d < 16; d *= 2) { // WRONG
        Welford other;
        other.mean = __shfl_xor_sync(FULL, w.mean, d);
        other.m2 = __shfl_xor_sync(FULL, w.m2, d);
        other.count = __shfl_xor_sync(FULL, w.count, d);
        w = combine(w, other);
    }
    float scale = 1.0f / sqrtf(w.m2 / w.count + eps);
    for (int c = threadIdx.x; c < cols; c += 32) y[(size_t)row * cols + c] = (in[c] - w.mean) * scale;
}

extern "C" __global__ void rms_norm_float4(const float4* x, const float4* gain, float4* y, int cols4, float eps) {
    const float4* in = x + (size_t)blockIdx.x * cols4;
    float2 v = make_float2(0.0f, 0.0f);
    for (int c = threadIdx.x; c < cols4; c += blockDim.x) {
        float4 q = in[c];
        v.x += q.x * q.x + q.y * q.y;
        v.y += q.z * q.z + q.w * q.w;
    }
    v = block_sum2<4>(v);
    float scale = rsqrtf((v.x + v.y) / (4 * cols4) + eps);
    for (int c = threadIdx.x; c < cols4; c += blockDim.x) {
        float4 q = in[c], g = gain[c];
        y[(size_t)blockIdx.x * cols4 + c] = make_float4(q.x * scale * g.x, q.y * scale * g.y, q.z * scale * g.z, q.w * scale * g.w);
    }
}

extern "C" __global__ void rms_norm_bf16(const __nv_bfloat16* x, const __nv_bfloat16* gain, __nv_bfloat16* y, int cols, float eps) {
    const __nv_bfloat16* in = x + (size_t)blockIdx.x * cols;
    float2 v = make_float2(0.0f, 0.0f);
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        float f = __bfloat162float(in[c]);
        v.x += f * f;
    }
    v = block_sum2<4>(v);
    float scale = rsqrtf(v.x / cols + eps);
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        float f = __bfloat162float(in[c]) * scale * __bfloat162float(gain[c]);
        y[(size_t)blockIdx.x * cols + c] = __float2bfloat16(f);
    }
}

// A block for each image and group.
extern "C" __global__ void group_norm(const float* x, const float* gamma, const float* beta, float* y, int channels, int groups, int inner, float eps) {
    int per_group = channels / groups;
    int group = blockIdx.x, image = blockIdx.y;
    size_t start = ((size_t)image * channels + group * per_group) * inner;
    int count = per_group * inner;
    float2 v = make_float2(0.0f, 0.0f);
    for (int i = threadIdx.x; i < count; i += blockDim.x) {
        float f = x[start + i];
        v.x += f;
        v.y += f * f;
    }
    v = block_sum2<4>(v);
    float mean = v.x / count;
    float scale = rsqrtf(fmaxf(v.y / count - mean * mean, 0.0f) + eps);
    for (int i = threadIdx.x; i < count; i += blockDim.x) {
        int c = group * per_group + i / inner;
        y[start + i] = (x[start + i] - mean) * scale * gamma[c] + beta[c];
    }
}

// A block for each channel; running statistics change in place.
extern "C" __global__ void batch_norm_train(const float* x, float* y, float* running_mean, float* running_var, int images, int channels, int inner, float momentum, float eps) {
    int c = blockIdx.x;
    int count = images * inner;
    float2 v = make_float2(0.0f, 0.0f);
    for (int i = threadIdx.x; i < count; i += blockDim.x) {
        float f = x[((size_t)(i / inner) * channels + c) * inner + i % inner];
        v.x += f;
        v.y += f * f;
    }
    v = block_sum2<4>(v);
    float mean = v.x / count;
    float var = v.y / count - mean * mean;
    if (threadIdx.x == 0) {
        running_mean[c] = (1.0f - momentum) * running_mean[c] + momentum * mean;
        running_var[c] = (1.0f - momentum) * running_var[c] + momentum * var * count / (count - 1);
    }
    float scale = rsqrtf(var + eps);
    for (int i = threadIdx.x; i < count; i += blockDim.x) {
        size_t at = ((size_t)(i / inner) * channels + c) * inner + i % inner;
        y[at] = (x[at] - mean) * scale;
    }
}

extern "C" __global__ void batch_norm_inference(const float* x, const float* mean, const float* var, const float* gamma, const float* beta, float* y, int n, int channels, int inner, float eps) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        int c = (i / inner) % channels;
        float scale = gamma[c] / sqrtf(var[c] + eps);
        y[i] = fmaf(x[i], scale, beta[c] - mean[c] * scale);
    }
}

extern "C" __global__ void instance_norm_relu(const float* x, float* y, int inner, float eps) {
    extern __shared__ float plane[];
    size_t start = (size_t)blockIdx.x * inner;
    float2 v = make_float2(0.0f, 0.0f);
    for (int i = threadIdx.x; i < inner; i += blockDim.x) {
        plane[i] = x[start + i];
        v.x += plane[i];
    }
    v = block_sum2<4>(v);
    float mean = v.x / inner;
    v.x = 0.0f;
    for (int i = threadIdx.x; i < inner; i += blockDim.x) v.x += (plane[i] - mean) * (plane[i] - mean);
    v = block_sum2<4>(v);
    float scale = rsqrtf(v.x / inner + eps);
    for (int i = threadIdx.x; i < inner; i += blockDim.x) y[start + i] = fmaxf((plane[i] - mean) * scale, 0.0f);
}

extern "C" __global__ void instance_norm_relu__too_little_shared(const float* x, float* y, int inner, float eps) {
    __shared__ float plane[128];
    size_t start = (size_t)blockIdx.x * inner;
    float2 v = make_float2(0.0f, 0.0f);
    for (int i = threadIdx.x; i < inner; i += blockDim.x) {
        plane[i] = x[start + i]; // BUG: out-of-bounds
        v.x += plane[i];
    }
    v = block_sum2<4>(v);
    float mean = v.x / inner;
    v.x = 0.0f;
    for (int i = threadIdx.x; i < inner; i += blockDim.x) v.x += (plane[i] - mean) * (plane[i] - mean);
    v = block_sum2<4>(v);
    float scale = rsqrtf(v.x / inner + eps);
    for (int i = threadIdx.x; i < inner; i += blockDim.x) y[start + i] = fmaxf((plane[i] - mean) * scale, 0.0f);
}

extern "C" __global__ void layer_norm_gradient(const float* x, const float* up, const float* gamma, float* down, int cols, float eps) {
    const float* in = x + (size_t)blockIdx.x * cols;
    const float* g = up + (size_t)blockIdx.x * cols;
    float2 v = make_float2(0.0f, 0.0f);
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        v.x += in[c];
        v.y += in[c] * in[c];
    }
    v = block_sum2<4>(v);
    float mean = v.x / cols;
    float scale = rsqrtf(v.y / cols - mean * mean + eps);
    v = make_float2(0.0f, 0.0f);
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        float d = g[c] * gamma[c];
        v.x += d;
        v.y += d * (in[c] - mean) * scale;
    }
    v = block_sum2<4>(v);
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        float unit = (in[c] - mean) * scale;
        down[(size_t)blockIdx.x * cols + c] = scale * (g[c] * gamma[c] - (v.x + unit * v.y) / cols);
    }
}

// Half precision, two at a time, unit length.
extern "C" __global__ void unit_length_half2(const __half2* x, __half2* y, int pairs) {
    const __half2* in = x + (size_t)blockIdx.x * pairs;
    float2 v = make_float2(0.0f, 0.0f);
    for (int i = threadIdx.x; i < pairs; i += blockDim.x) {
        float2 f = __half22float2(in[i]);
        v.x = fmaf(f.x, f.x, v.x);
        v.y = fmaf(f.y, f.y, v.y);
    }
    v = block_sum2<4>(v);
    __half2 scale = __float2half2_rn(rsqrtf(v.x + v.y));
    for (int i = threadIdx.x; i < pairs; i += blockDim.x) y[(size_t)blockIdx.x * pairs + i] = __hmul2(in[i], scale);
}
