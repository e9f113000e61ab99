// Convolutions.

extern "C" __global__ void conv_1d(const float* x, const float* w, const float* bias, float* y, int channels, int length, int filters, int out, int size, int stride, int pad, int dilation) {
    int o = blockIdx.x * blockDim.x + threadIdx.x;
    int f = blockIdx.y, image = blockIdx.z;
    if (o >= out) return;
    float sum = bias[f];
    for (int c = 0; c < channels; ++c) {
        const float* row = x + (image * channels + c) * length;
        for (int k = 0; k < size; ++k) {
            int at = o * stride - pad + k * dilation;
            if ((unsigned)at < (unsigned)length) sum = fmaf(row[at], w[(f * channels + c) * size + k], sum);
        }
    }
    y[(image * filters + f) * out + o] = sum;
}

struct ConvShape {
    int channels, height, width, filters, out_h, out_w;
    int kernel, stride, pad, dilation, groups;
};

extern "C" __global__ void conv_2d_direct(const float* x, const float* w, float* y, ConvShape s, int total) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < total; i += gridDim.x * blockDim.x) {
        int ox = i % s.out_w, oy = i / s.out_w % s.out_h;
        int f = i / (s.out_w * s.out_h) % s.filters, image = i / (s.out_w * s.out_h * s.filters);
        int per_group = s.channels / s.groups;
        int first = f / (s.filters / s.groups) * per_group;
        float sum = 0.0f;
        for (int c = 0; c < per_group; ++c) {
            for (int r = 0; r < s.kernel; ++r) {
                int iy = oy * s.stride - s.pad + r * s.dilation;
                if (iy < 0 || iy >= s.height) continue;
                for (int q = 0; q < s.kernel; ++q) {
                    int ix = ox * s.stride - s.pad + q * s.dilation;
                    if (ix < 0 || ix >= s.width) continue;
                    sum += x[((image * s.channels + first + c) * s.height + iy) * s.width + ix] * w[((f * per_group + c) * s.kernel + r) * s.kernel + q];
                }
            }
        }
        y[i] = sum;
    }
}

extern "C" __global__ void conv_2d_direct__no_group(const float* x, const float* w, float* y, ConvShape s, int total) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < total; i += gridDim.x * blockDim.x) {
        int ox = i % s.out_w, oy = i / s.out_w % s.out_h;
        int f = i / (s.out_w * s.out_h) % s.filters, image = i / (s.out_w * s.out_h * s.filters);
        int per_group = s.channels / s.groups;
        int first = 0; // WRONG
        float sum = 0.0f;
        for (int c = 0; c < per_group; ++c) {
            for (int r = 0; r < s.kernel; ++r) {
                int iy = oy * s.stride - s.pad + r * s.dilation;
                if (iy < 0 || iy >= s.height) continue;
                for (int q = 0; q < s.kernel; ++q) {
                    int ix = ox * s.stride - s.pad + q * s.dilation;
                    if (ix < 0 || ix >= s.width) continue;
                    sum += x[((image * s.channels + first + c) * s.height + iy) * s.width + ix] * w[((f * per_group + c) * s.kernel + r) * s.kernel + q];
                }
            }
        }
        y[i] = sum;
    }
}

// A tile with its border in shared memory, the filter in constant memory.
__constant__ float blur[5] = {0.0625f, 0.25f, 0.375f, 0.25f, 0.0625f};
__constant__ float sharpen[3][3] = {{0.0f, -1.0f, 0.0f}, {-1.0f, 5.0f, -1.0f}, {0.0f, -1.0f, 0.0f}};

extern "C" __global__ void conv_2d_shared(const float* x, float* y, int h, int w) {
    __shared__ float tile[10][18];
    int bx = blockIdx.x * 16 - 1, by = blockIdx.y * 8 - 1;
    const float* plane = x + (size_t)blockIdx.z * h * w;
    for (int i = threadIdx.y * 16 + threadIdx.x; i < 180; i += 128) {
        int r = i / 18, c = i % 18;
        int iy = by + r, ix = bx + c;
        tile[r][c] = iy >= 0 && iy < h && ix >= 0 && ix < w ? plane[iy * w + ix] : 0.0f;
    }
    __syncthreads();
    int ox = bx + 1 + threadIdx.x, oy = by + 1 + threadIdx.y;
    if (ox >= w || oy >= h) return;
    float sum = 0.0f;
#pragma unroll
    for (int r = 0; r < 3; ++r) {
#pragma unroll
        for (int c = 0; c < 3; ++c) sum += sharpen[r][c] * tile[threadIdx.y + r][threadIdx.x + c];
    }
    y[((size_t)blockIdx.z * h + oy) * w + ox] = sum;
}

extern "C" __global__ void conv_2d_shared__border_left_out(const float* x, float* y, int h, int w) {
    __shared__ float tile[10][18];
    int bx = blockIdx.x * 16 - 1, by = blockIdx.y * 8 - 1;
    const float* plane = x + (size_t)blockIdx.z * h * w;
    for (int i = threadIdx.y * 16 + threadIdx.x; i < 128; i += 128) {
        int r = i / 18, c = i % 18;
        int iy = by + r, ix = bx + c;
        tile[r][c] = iy >= 0 && iy < h && ix >= 0 && ix < w ? plane[iy * w + ix] : 0.0f;
    }
    __syncthreads();
    int ox = bx + 1 + threadIdx.x, oy = by + 1 + threadIdx.y;
    if (ox >= w || oy >= h) return;
    float sum = 0.0f;
#pragma unroll
    for (int r = 0; r < 3; ++r) {
#pragma unroll
        for (int c = 0; c < 3; ++c) sum += sharpen[r][c] * tile[threadIdx.y + r][threadIdx.x + c]; // BUG: uninitialised
    }
    y[((size_t)blockIdx.z * h + oy) * w + ox] = sum;
}

extern "C" __global__ void conv_depthwise(const float* x, const float* w, float* y, int channels, int h, int width) {
    int ox = blockIdx.x * blockDim.x + threadIdx.x;
    int oy = blockIdx.y * blockDim.y + threadIdx.y;
    int p = blockIdx.z, c = p % channels;
    if (ox >= width || oy >= h) return;
    float k[9];
#pragma unroll
    for (int i = 0; i < 9; ++i) k[i] = __ldg(&w[c * 9 + i]);
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < 9; ++i) {
        int iy = oy + i / 3 - 1, ix = ox + i % 3 - 1;
        if (iy >= 0 && iy < h && ix >= 0 && ix < width) sum = fmaf(k[i], x[(p * h + iy) * width + ix], sum);
    }
    y[(p * h + oy) * width + ox] = sum;
}

// One by one: a product over channels, the filters' weights in shared memory.
extern "C" __global__ void conv_pointwise(const float* x, const float* w, float* y, int channels, int filters, int inner) {
    extern __shared__ float weights[];
    for (int i = threadIdx.x; i < filters * channels; i += blockDim.x) weights[i] = w[i];
    __syncthreads();
    int p = blockIdx.x * blockDim.x + threadIdx.x;
    if (p >= inner) return;
    const float* in = x + (size_t)blockIdx.y * channels * inner;
    for (int f = 0; f < filters; ++f) {
        float sum = 0.0f;
        for (int c = 0; c < channels; ++c) sum += weights[f * channels + c] * in[c * inner + p];
        y[((size_t)blockIdx.y * filters + f) * inner + p] = sum;
    }
}

// Each output gathers what inputs give it.
extern "C" __global__ void conv_transposed_2d(const float* x, const float* w, float* y, int channels, int h, int wi, int filters, int oh, int ow, int k, int stride, int pad) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= filters * oh * ow) return;
    int ox = i % ow, oy = i / ow % oh, f = i / (ow * oh);
    float sum = 0.0f;
    for (int c = 0; c < channels; ++c) {
        for (int r = 0; r < k; ++r) {
            int ty = oy + pad - r;
            if (ty % stride != 0) continue;
            ty /= stride;
            if (ty < 0 || ty >= h) continue;
            for (int q = 0; q < k; ++q) {
                int tx = ox + pad - q;
                if (tx < 0 || tx % stride != 0 || tx / stride >= wi) continue;
                sum += x[(c * h + ty) * wi + tx / stride] * w[((c * filters + f) * k + r) * k + q];
            }
        }
    }
    y[i] = sum;
}

// And the other way: inputs scatter.
extern "C" __global__ void conv_transposed_1d_scatter(const float* x, const float* w, float* y, int length, int k, int stride) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    for (int q = 0; q < k; ++q) atomicAdd(&y[i * stride + q], x[i] * w[q]);
}

extern "C" __global__ void im2col(const float* x, float* cols, int channels, int h, int w, int k, int pad, int stride, int oh, int ow) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    int total = channels * k * k * oh * ow;
    if (i >= total) return;
    int o = i % (oh * ow), row = i / (oh * ow);
    int q = row % k, r = row / k % k, c = row / (k * k);
    int iy = o / ow * stride - pad + r, ix = o % ow * stride - pad + q;
    cols[i] = iy >= 0 && iy < h && ix >= 0 && ix < w ? x[(c * h + iy) * w + ix] : 0.0f;
}

// Rows, then columns.
extern "C" __global__ void blur_rows(const float* x, float* y, int h, int w) {
    extern __shared__ float line[];
    int r = blockIdx.y;
    int c = blockIdx.x * blockDim.x + threadIdx.x;
    for (int i = threadIdx.x; i < blockDim.x + 4; i += blockDim.x) {
        int at = min(max((int)(blockIdx.x * blockDim.x) + i - 2, 0), w - 1);
        line[i] = x[r * w + at];
    }
    __syncthreads();
    if (c < w) {
        float sum = 0.0f;
        for (int k = 0; k < 5; ++k) sum += blur[k] * line[threadIdx.x + k];
        y[r * w + c] = sum;
    }
}

extern "C" __global__ void blur_columns(const float* x, float* y, int h, int w) {
    int c = blockIdx.x * blockDim.x + threadIdx.x;
    if (c >= w) return;
    float window[5];
    for (int k = 0; k < 5; ++k) window[k] = x[min(max(k - 2, 0), h - 1) * w + c];
    for (int r = 0; r < h; ++r) {
        float sum = 0.0f;
#pragma unroll
        for (int k = 0; k < 5; ++k) sum += blur[k] * window[k];
        y[r * w + c] = sum;
#pragma unroll
        for (int k = 0; k < 4; ++k) window[k] = window[k + 1];
        window[4] = x[min(r + 3, h - 1) * w + c];
    }
}
