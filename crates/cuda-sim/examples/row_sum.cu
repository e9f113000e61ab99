// Sums each row of a matrix. Between the steps of the tree a __syncthreads()
// is missing.
__global__ void row_sum(const float* x, float* y, int columns) {
    __shared__ float partial[256];
    float sum = 0.0f;
    for (int column = threadIdx.x; column < columns; column += blockDim.x) {
        sum += x[blockIdx.x * columns + column];
    }
    partial[threadIdx.x] = sum;
    __syncthreads();
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) {
            partial[threadIdx.x] += partial[threadIdx.x + half];
        }
    }
    if (threadIdx.x == 0) {
        y[blockIdx.x] = partial[0];
    }
}
