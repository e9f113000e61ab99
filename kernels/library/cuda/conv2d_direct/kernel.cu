// y = weight times the windows of x, plus bias, and what follows. For each image a product: rows are output channels,
// columns are positions, and the terms of a sum the channels and places of a window.

#ifdef KERNEL_list_taps
KERNEL void __launch_bounds__(256) list_taps(int* taps, int terms, int window_y, int window_x, int height, int width,
                                             int dilation_y, int dilation_x) {
    const int k = blockIdx.x * 256 + threadIdx.x;
    if (k >= terms) return;
    const int x = k % window_x * dilation_x, y = k / window_x % window_y * dilation_y;
    const int channel = k / (window_x * window_y);
    reinterpret_cast<int4*>(taps)[k] = make_int4((channel * height + y) * width + x, y, x, 0);
}
#endif

// A thread's share of the windows: neighbouring threads take neighbouring positions of the same term.
struct Gathered {
    static constexpr int EACH = TILE_N * TILE_K / THREADS, COLUMNS = TILE_N > THREADS ? TILE_N / THREADS : 1;
    const float* image;
    const int4* taps;
    int height, width;
    // Of each of the thread's positions: its window's first element, which may be outside.
    int top[COLUMNS], left[COLUMNS];
    float v[EACH];

    static DEVICE int column(int i) { return (threadIdx.x + i * THREADS) % TILE_N; }
    static DEVICE int k(int i) { return (threadIdx.x + i * THREADS) / TILE_N; }

    DEVICE Gathered(const float* image, const int* taps, int height, int width, int first, int positions, int out_width,
                    int stride_y, int stride_x, int pad_y, int pad_x)
        : image(image), taps(reinterpret_cast<const int4*>(taps)), height(height), width(width) {
#pragma unroll
        for (int i = 0; i < COLUMNS; ++i) {
            const int position = first + column(i);
            // Beyond the last position all of a window is outside.
            top[i] = position < positions ? position / out_width * stride_y - pad_y : height;
            left[i] = position % out_width * stride_x - pad_x;
        }
    }
    DEVICE void load(int from, int end) {
#pragma unroll
        for (int i = 0; i < EACH; ++i) {
            const int c = from + k(i), t = top[i % COLUMNS], l = left[i % COLUMNS];
            v[i] = 0.0f;
            if (c >= end) continue;
            const int4 tap = __ldg(taps + c);
            const bool inside = (unsigned)(t + tap.y) < (unsigned)height && (unsigned)(l + tap.z) < (unsigned)width;
            if (inside) v[i] = __ldg(image + (t * width + l + tap.x));
        }
    }
    DEVICE void store(Slab<TILE_N>& slab) const {
#pragma unroll
        for (int i = 0; i < EACH; ++i) slab.at[Slab<TILE_N>::place(k(i), column(i))] = v[i];
    }
};

// store(channel, position, numbers, n) of this block's tile of image blockIdx.y, with the bias added.
template <class Store>
DEVICE void convolve(const float* x, const float* weight, const float* bias, const int* taps, int channels, int height,
                     int width, int out_channels, int out_width, int positions, int terms, int stride_y, int stride_x,
                     int pad_y, int pad_x, int biased, Store store) {
    const TileAt tile = tile_at(blockIdx.x, out_channels, positions);
    const float* image = x + (i64)blockIdx.y * channels * height * width;
    const Share<TILE_M, true, false> weights({weight, terms}, tile.m, out_channels);
    const Gathered windows(image, taps, height, width, tile.n, positions, out_width, stride_y, stride_x, pad_y, pad_x);
    Sums sums;
    multiply_tile(sums, weights, windows, 0, terms);
    sums.store([=](int row, int column, float4 four, int numbers) {
        const int channel = tile.m + row;
        if (channel >= out_channels) return;
        const float shift = biased ? __ldg(bias + channel) : 0.0f;
        store(channel, tile.n + column, lanes([=](float u) { return u + shift; }, four), numbers);
    });
}

#ifdef KERNEL_conv
KERNEL void __launch_bounds__(THREADS, MIN_BLOCKS)
    conv(const float* x, const float* weight, const float* bias, const int* taps, float* y, int channels, int height,
         int width, int out_channels, int out_width, int positions, int terms, int stride_y, int stride_x, int pad_y,
         int pad_x, int biased) {
    float* image = y + (i64)blockIdx.y * out_channels * positions;
    const bool vectors = positions % 4 == 0 && is_aligned(y);
    convolve(x, weight, bias, taps, channels, height, width, out_channels, out_width, positions, terms, stride_y,
             stride_x, pad_y, pad_x, biased, [=](int channel, int position, float4 four, int numbers) {
                 store_some(image + (i64)channel * positions, position, positions, four, numbers, vectors);
             });
}
#endif

#ifdef KERNEL_conv_epilogue
KERNEL void __launch_bounds__(THREADS, MIN_BLOCKS)
    conv_epilogue(const float* x, const float* weight, const float* bias, const int* taps, float* y, int channels,
                  int height, int width, int out_channels, int out_width, int positions, int terms, int stride_y,
                  int stride_x, int pad_y, int pad_x, int biased OPERANDS) {
    const Epilogue f = EPILOGUE;
    const i64 image = (i64)blockIdx.y * out_channels * positions;
    const bool vectors = positions % 4 == 0 && is_aligned(y) && f.aligned();
    convolve(x, weight, bias, taps, channels, height, width, out_channels, out_width, positions, terms, stride_y,
             stride_x, pad_y, pad_x, biased, [=](int channel, int position, float4 four, int numbers) {
                 const i64 row = image + (i64)channel * positions;
                 store_mapped(y, row, channel, position, positions, f, four, numbers, vectors);
             });
}
#endif
