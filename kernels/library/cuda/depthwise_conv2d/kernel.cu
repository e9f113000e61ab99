// y = each channel's own window over it, plus bias. A thread takes TALL outputs above each other, neighbours the next
// columns: in a window of known size it reads each number it needs once.

struct Planes {
    int height, width, out_height, out_width, channels, out_channels, stride_y, stride_x, pad_y, pad_x, dilation_y,
        dilation_x;
};

// The plane, row and column of the first output of thread i.
struct Spot {
    i64 plane;
    int oy, ox;
    DEVICE Spot(i64 i, const Planes& p) {
        const int strips = (p.out_height + TALL - 1) / TALL;
        ox = (int)(i % p.out_width);
        oy = (int)(i / p.out_width % strips) * TALL;
        plane = i / p.out_width / strips;
    }
};

// Windows of SIZE x SIZE, without dilation, stride 1.
template <int SIZE>
DEVICE void sums_of_known(float (&sum)[TALL], const float* in, const float* taps, int top, int left, const Planes& p) {
    float w[SIZE * SIZE];
#pragma unroll
    for (int i = 0; i < SIZE * SIZE; ++i) w[i] = __ldg(taps + i);
#pragma unroll
    for (int r = 0; r < TALL + SIZE - 1; ++r) {
        const int y = top + r;
        float v[SIZE];
#pragma unroll
        for (int kx = 0; kx < SIZE; ++kx) {
            const int x = left + kx;
            const bool inside = (unsigned)y < (unsigned)p.height && (unsigned)x < (unsigned)p.width;
            v[kx] = inside ? __ldg(in + y * p.width + x) : 0.0f;
        }
#pragma unroll
        for (int ky = 0; ky < SIZE; ++ky)
            if (r - ky >= 0 && r - ky < TALL) {
#pragma unroll
                for (int kx = 0; kx < SIZE; ++kx)
                    sum[r - ky] = fmaf(w[ky * SIZE + kx], v[kx], sum[r - ky]);
            }
    }
}

// Any window.
DEVICE float sum_of(const float* in, const float* taps, int top, int left, int size_y, int size_x, const Planes& p) {
    float sum = 0.0f;
    for (int ky = 0; ky < size_y; ++ky) {
        const int y = top + ky * p.dilation_y;
        if ((unsigned)y >= (unsigned)p.height) continue;
#pragma unroll 4
        for (int kx = 0; kx < size_x; ++kx) {
            const int x = left + kx * p.dilation_x;
            if ((unsigned)x < (unsigned)p.width)
                sum = fmaf(__ldg(taps + ky * size_x + kx), __ldg(in + y * p.width + x), sum);
        }
    }
    return sum;
}

KERNEL void __launch_bounds__(BLOCK)
    depthwise(const float* x, const float* weight, const float* bias, float* y, i64 count, int channels,
              int out_channels, int height, int width, int out_height, int out_width, int size_y, int size_x,
              int stride_y, int stride_x, int pad_y, int pad_x, int dilation_y, int dilation_x, int biased,
              int clamped) {
    const i64 i = (i64)blockIdx.x * BLOCK + threadIdx.x;
    if (i >= count) return;
    const Planes p{height,   width,    out_height, out_width, channels,   out_channels,
                   stride_y, stride_x, pad_y,      pad_x,     dilation_y, dilation_x};
    const Spot spot(i, p);
    const int channel = (int)(spot.plane % out_channels);
    // Several output channels may belong to one input channel.
    const i64 image = spot.plane / out_channels;
    const float* in = x + (image * channels + channel / (out_channels / channels)) * height * width;
    const float* taps = weight + channel * size_y * size_x;
    const int top = spot.oy * stride_y - pad_y, left = spot.ox * stride_x - pad_x;
    float sum[TALL] = {};
    const bool plain = stride_y == 1 && dilation_y == 1 && dilation_x == 1 && size_y == size_x;
    if (plain && size_x == 3) {
        sums_of_known<3>(sum, in, taps, top, left, p);
    } else if (plain && size_x == 5) {
        sums_of_known<5>(sum, in, taps, top, left, p);
    } else {
#pragma unroll
        for (int t = 0; t < TALL; ++t)
            if (spot.oy + t < out_height) sum[t] = sum_of(in, taps, top + t * stride_y, left, size_y, size_x, p);
    }
    const float shift = biased ? __ldg(bias + channel) : 0.0f;
    float* out = y + (spot.plane * out_height + spot.oy) * out_width + spot.ox;
#pragma unroll
    for (int t = 0; t < TALL; ++t) {
        const float v = sum[t] + shift;
        if (spot.oy + t < out_height) out[(i64)t * out_width] = clamped ? max_(v, 0.0f) : v;
    }
}
