extern "C" __global__ void normalise(float *w, float *b, float *y, int cols) {
    for (int i = threadIdx.x; i < cols; i += blockDim.x) {
        if (blockIdx.x == 0) w[i] = b[i] = 0;
        y[(long long)blockIdx.x * cols + i] = 0;
    }
}
