// y = the largest number, or the sum divided by `divisor`, of each window of each plane.

template <class Op>
DEVICE void pool(const float* x, float* y, i64 count, int out_height, int out_width, Windows w, float divisor) {
    for (i64 i = (i64)blockIdx.x * BLOCK + threadIdx.x; i < count; i += (i64)gridDim.x * BLOCK) {
        const int ox = (int)(i % out_width), oy = (int)(i / out_width % out_height);
        const i64 plane = i / out_width / out_height;
        y[i] = window<Op>(x + plane * w.height * w.width, oy, ox, w) / divisor;
    }
}

#ifdef KERNEL_max_windows
KERNEL void __launch_bounds__(BLOCK)
    max_windows(const float* x, float* y, i64 count, int height, int width, int out_height, int out_width, int size_y,
                int size_x, int stride_y, int stride_x, int pad_y, int pad_x, int dilation_y, int dilation_x) {
    const Windows w{height, width, size_y, size_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x};
    pool<Max>(x, y, count, out_height, out_width, w, 1.0f);
}
#endif
#ifdef KERNEL_mean_windows
KERNEL void __launch_bounds__(BLOCK)
    mean_windows(const float* x, float* y, i64 count, int height, int width, int out_height, int out_width, int size_y,
                 int size_x, int stride_y, int stride_x, int pad_y, int pad_x, int dilation_y, int dilation_x,
                 float divisor) {
    const Windows w{height, width, size_y, size_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x};
    pool<Add>(x, y, count, out_height, out_width, w, divisor);
}
#endif
