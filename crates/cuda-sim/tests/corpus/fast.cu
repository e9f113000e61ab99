// Options: --use_fast_math. Approximations, and numbers below the normal ones
// that become zero.

extern "C" __global__ void fast_functions(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        float v = x[i];
        float s, c;
        sincosf(v, &s, &c);
        y[i] = expf(v) / (1.0f + v * v) + s * c + logf(fabsf(v) + 1.0f) + sqrtf(fabsf(v)) + tanhf(v) + powf(fabsf(v) + 0.5f, 1.5f);
    }
}

extern "C" __global__ void flushed_to_zero(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i] * 0.5f + x[i];
}

extern "C" __global__ void fast_softmax(const float* x, float* y, int cols) {
    int lane = threadIdx.x;
    const float* in = x + blockIdx.x * cols;
    float most = -3.0e38f, sum = 0.0f;
    for (int c = lane; c < cols; c += 32) most = fmaxf(most, in[c]);
    for (int d = 16; d > 0; d >>= 1) most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, d));
    for (int c = lane; c < cols; c += 32) sum += expf(in[c] - most);
    for (int d = 16; d > 0; d >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, d);
    for (int c = lane; c < cols; c += 32) y[blockIdx.x * cols + c] = expf(in[c] - most) / sum;
}
