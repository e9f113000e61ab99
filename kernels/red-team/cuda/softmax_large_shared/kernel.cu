#include <math.h>

__device__ float reduce(float value, float *room, bool largest) {
    room[threadIdx.x] = value;
    __syncthreads();
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) {
            float other = room[threadIdx.x + half];
            room[threadIdx.x] = largest ? fmaxf(room[threadIdx.x], other) : room[threadIdx.x] + other;
        }
        __syncthreads();
    }
    float result = room[0];
    __syncthreads();
    return result;
}

extern "C" __global__ void softmax(const float *x, float *y, int cols) {
    extern __shared__ float row[];
    __shared__ float room[64];
    float *out = y + (long long)blockIdx.x * cols;
    for (int i = threadIdx.x; i < cols; i += blockDim.x) row[i] = x[(long long)blockIdx.x * cols + i];
    __syncthreads();
    float most = -INFINITY;
    for (int i = threadIdx.x; i < cols; i += blockDim.x) most = fmaxf(most, row[i]);
    most = reduce(most, room, true);
    float sum = 0;
    for (int i = threadIdx.x; i < cols; i += blockDim.x) sum += expf(row[i] - most);
    sum = reduce(sum, room, false);
    for (int i = threadIdx.x; i < cols; i += blockDim.x) out[i] = expf(row[i] - most) / sum;
}
