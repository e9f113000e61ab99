// Losses, with sums in warps, blocks and by atomics.

#define FULL 0xffffffffu

__device__ __forceinline__ float warp_sum(float v) {
    for (int d = 16; d > 0; d >>= 1) v += __shfl_down_sync(FULL, v, d);
    return v;
}

// A warp for each row; rows whose class is left out count nothing.
extern "C" __global__ void cross_entropy(const float* x, const int* target, float* loss, int rows, int cols, int left_out) {
    int row = (blockIdx.x * blockDim.x + threadIdx.x) / 32;
    int lane = threadIdx.x & 31;
    if (row >= rows) return;
    const float* in = x + (size_t)row * cols;
    float most = -3.402823466e38f;
#pragma unroll 1
    for (int c = lane; c < cols; c += 32) most = fmaxf(most, in[c]);
    for (int d = 16; d > 0; d >>= 1) most = fmaxf(most, __shfl_xor_sync(FULL, most, d));
    float sum = 0.0f;
#pragma unroll 1
    for (int c = lane; c < cols; c += 32) sum += expf(in[c] - most);
    sum = warp_sum(sum);
    if (lane == 0) {
        int t = target[row];
        loss[row] = t == left_out ? 0.0f : logf(sum) + most - in[t];
    }
}

extern "C" __global__ void cross_entropy__all_classes(const float* x, const int* target, float* loss, int rows, int cols, int left_out) {
    int row = (blockIdx.x * blockDim.x + threadIdx.x) / 32;
    int lane = threadIdx.x & 31;
    if (row >= rows) return;
    const float* in = x + (size_t)row * cols;
    float most = -3.402823466e38f;
#pragma unroll 1
    for (int c = lane; c < cols; c += 32) most = fmaxf(most, in[c]);
    for (int d = 16; d > 0; d >>= 1) most = fmaxf(most, __shfl_xor_sync(FULL, most, d));
    float sum = 0.0f;
#pragma unroll 1
    for (int c = lane; c < cols; c += 32) sum += expf(in[c] - most);
    sum = warp_sum(sum);
    if (lane == 0) {
        int t = target[row];
        loss[row] = logf(sum) + most - in[t]; // BUG: out-of-bounds
    }
}

__device__ float block_total(float v) {
    __shared__ float part[8];
    v = warp_sum(v);
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = v;
    __syncthreads();
    v = threadIdx.x < blockDim.x / 32 ? part[threadIdx.x] : 0.0f;
    return threadIdx.x < 32 ? warp_sum(v) : 0.0f;
}

extern "C" __global__ void kl_divergence(const float* log_p, const float* q, float* loss, int n, float batch) {
    float v = 0.0f;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        float t = q[i];
        if (t > 0.0f) v += t * (logf(t) - log_p[i]);
    }
    v = block_total(v);
    if (threadIdx.x == 0) atomicAdd(loss, v / batch);
}

extern "C" __global__ void huber(const float* x, const float* y, float* loss, float* down, int n, float delta) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float v = 0.0f;
    if (i < n) {
        float d = x[i] - y[i], a = fabsf(d);
        v = a <= delta ? 0.5f * d * d : delta * (a - 0.5f * delta);
        down[i] = (a <= delta ? d : copysignf(delta, d)) / n;
    }
    v = block_total(v);
    if (threadIdx.x == 0) atomicAdd(loss, v / n);
}

extern "C" __global__ void cosine_similarity(const float* a, const float* b, float* y, int cols, float eps) {
    const float* p = a + (size_t)blockIdx.x * cols;
    const float* q = b + (size_t)blockIdx.x * cols;
    __shared__ float sums[3];
    if (threadIdx.x < 3) sums[threadIdx.x] = 0.0f;
    __syncthreads();
    float pq = 0.0f, pp = 0.0f, qq = 0.0f;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        pq += p[c] * q[c];
        pp += p[c] * p[c];
        qq += q[c] * q[c];
    }
    pq = warp_sum(pq);
    pp = warp_sum(pp);
    qq = warp_sum(qq);
    if (threadIdx.x % 32 == 0) {
        atomicAdd(&sums[0], pq);
        atomicAdd(&sums[1], pp);
        atomicAdd(&sums[2], qq);
    }
    __syncthreads();
    if (threadIdx.x == 0) y[blockIdx.x] = sums[0] / fmaxf(sqrtf(sums[1]) * sqrtf(sums[2]), eps);
}

extern "C" __global__ void hinge_double(const float* x, const float* y, double* loss, int n) {
    double v = 0.0;
    for (int i = threadIdx.x; i < n; i += blockDim.x) v += fmaxf(0.0f, 1.0f - x[i] * y[i]);
    atomicAdd(loss, v / n);
}

extern "C" __global__ void triplet_margin(const float* a, const float* p, const float* n, float* y, int rows, int cols, float margin) {
    int row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= rows) return;
    float near = 0.0f, far = 0.0f;
    for (int c = threadIdx.x; c < cols; c += 32) {
        int at = row * cols + c;
        float d = a[at] - p[at] + 1e-6f, e = a[at] - n[at] + 1e-6f;
        near += d * d;
        far += e * e;
    }
    near = warp_sum(near);
    far = warp_sum(far);
    if (threadIdx.x == 0) y[row] = fmaxf(sqrtf(near) - sqrtf(far) + margin, 0.0f);
}

extern "C" __global__ void binary_cross_entropy(const float* x, const float* y, float* loss, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) loss[i] = fmaxf(x[i], 0.0f) - x[i] * y[i] + log1pf(expf(-fabsf(x[i])));
}
