// y = the logarithm of the sum over channels of e^(largest number of a window). Threads side by side take neighbouring
// positions, those above each other every SLICES-th channel.

KERNEL void __launch_bounds__(BLOCK)
    pool_logsumexp(const float* x, float* y, i64 count, int channels, int height, int width, int out_height,
                   int out_width, int size_y, int size_x, int stride_y, int stride_x, int pad_y, int pad_x,
                   int dilation_y, int dilation_x) {
    constexpr int ACROSS = BLOCK / SLICES;
    const Windows w{height, width, size_y, size_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x};
    __shared__ ExpSum of_slices[SLICES][ACROSS];
    const i64 i = (i64)blockIdx.x * ACROSS + threadIdx.x;
    const LogSumExp op;
    ExpSum sum = op.none();
    if (i < count) {
        const int ox = (int)(i % out_width), oy = (int)(i / out_width % out_height);
        const float* image = x + i / out_width / out_height * channels * height * width;
        for (int c = threadIdx.y; c < channels; c += SLICES) {
            const float v[1] = {window<Max>(image + (i64)c * height * width, oy, ox, w)};
            op.add(sum, v, 0, 0);
        }
    }
    of_slices[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y != 0 || i >= count) return;
#pragma unroll
    for (int s = 1; s < SLICES; ++s) op.merge(sum, of_slices[s][threadIdx.x]);
    y[i] = sum.log();
}
