// Pooling in one, two and three dimensions, and making images larger.

#include <math.h>

extern "C" __global__ void max_pool_1d(const float* x, float* y, int planes, int length, int out, int window, int stride, int pad, int dilation) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= planes * out) return;
    int p = i / out, o = i % out;
    float most = -INFINITY;
    for (int k = 0; k < window; ++k) {
        int at = o * stride - pad + k * dilation;
        if (at >= 0 && at < length) most = fmaxf(most, x[p * length + at]);
    }
    y[i] = most;
}

extern "C" __global__ void max_pool_1d__before_the_row(const float* x, float* y, int planes, int length, int out, int window, int stride, int pad, int dilation) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= planes * out) return;
    int p = i / out, o = i % out;
    float most = -INFINITY;
    for (int k = 0; k < window; ++k) {
        int at = o * stride - pad + k * dilation;
        if (at < length) most = fmaxf(most, x[p * length + at]); // BUG: out-of-bounds
    }
    y[i] = most;
}

// A window known when compiled, a thread for each place of a grid of three dimensions.
extern "C" __global__ void max_pool_2x2(const float2* x, float* y, int height, int width2) {
    int c = blockIdx.x * blockDim.x + threadIdx.x;
    int r = blockIdx.y * blockDim.y + threadIdx.y;
    if (c >= width2 || r >= height / 2) return;
    const float2* plane = x + (size_t)blockIdx.z * height * width2;
    float2 a = plane[2 * r * width2 + c], b = plane[(2 * r + 1) * width2 + c];
    y[((size_t)blockIdx.z * (height / 2) + r) * width2 + c] = fmaxf(fmaxf(a.x, a.y), fmaxf(b.x, b.y));
}

extern "C" __global__ void max_pool_3d(const float* x, float* y, int3 in, int3 out, int window, int stride, int planes) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    int volume = out.x * out.y * out.z;
    if (i >= planes * volume) return;
    int p = i / volume, rest = i % volume;
    int ox = rest % out.x, oy = rest / out.x % out.y, oz = rest / (out.x * out.y);
    const float* plane = x + p * in.x * in.y * in.z;
    float most = -INFINITY;
    for (int dz = 0; dz < window; ++dz) {
        for (int dy = 0; dy < window; ++dy) {
            for (int dx = 0; dx < window; ++dx) {
                int at = ((oz * stride + dz) * in.y + oy * stride + dy) * in.x + ox * stride + dx;
                most = fmaxf(most, plane[at]);
            }
        }
    }
    y[i] = most;
}

extern "C" __global__ void avg_pool_2d(const float* x, float* y, int planes, int h, int w, int oh, int ow, int window, int stride, int pad, bool count_include_pad) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < planes * oh * ow; i += gridDim.x * blockDim.x) {
        int ox = i % ow, oy = i / ow % oh, p = i / (ow * oh);
        int y0 = oy * stride - pad, x0 = ox * stride - pad;
        int y1 = min(y0 + window, h + pad), x1 = min(x0 + window, w + pad);
        int all = (y1 - y0) * (x1 - x0);
        y0 = max(y0, 0);
        x0 = max(x0, 0);
        y1 = min(y1, h);
        x1 = min(x1, w);
        float sum = 0.0f;
        for (int r = y0; r < y1; ++r) {
            for (int c = x0; c < x1; ++c) sum += x[(p * h + r) * w + c];
        }
        y[i] = sum / (count_include_pad ? all : (y1 - y0) * (x1 - x0));
    }
}

extern "C" __global__ void avg_pool_3d_cube(const float* x, float* y, int d, int h, int w) {
    int ox = threadIdx.x, oy = threadIdx.y, oz = threadIdx.z;
    int ow = w / 2, oh = h / 2, od = d / 2;
    if (ox >= ow || oy >= oh || oz >= od) return;
    const float* plane = x + (size_t)blockIdx.x * d * h * w;
    float sum = 0.0f;
#pragma unroll
    for (int k = 0; k < 8; ++k) {
        sum += plane[((2 * oz + (k >> 2)) * h + 2 * oy + (k >> 1 & 1)) * w + 2 * ox + (k & 1)];
    }
    y[((blockIdx.x * od + oz) * oh + oy) * ow + ox] = 0.125f * sum;
}

extern "C" __global__ void adaptive_avg_pool(const float* x, float* y, int h, int w, int oh, int ow) {
    int p = blockIdx.x;
    for (int i = threadIdx.x; i < oh * ow; i += blockDim.x) {
        int oy = i / ow, ox = i % ow;
        int y0 = oy * h / oh, y1 = ((oy + 1) * h + oh - 1) / oh;
        int x0 = ox * w / ow, x1 = ((ox + 1) * w + ow - 1) / ow;
        float sum = 0.0f;
        for (int r = y0; r < y1; ++r) {
            for (int c = x0; c < x1; ++c) sum += x[(p * h + r) * w + c];
        }
        y[p * oh * ow + i] = sum / ((y1 - y0) * (x1 - x0));
    }
}

// A warp for each plane.
extern "C" __global__ void global_avg_pool(const float* x, float* y, int planes, int inner) {
    int p = (blockIdx.x * blockDim.x + threadIdx.x) / 32;
    int lane = threadIdx.x & 31;
    if (p >= planes) return;
    float sum = 0.0f;
    for (int i = lane; i < inner; i += 32) sum += x[p * inner + i];
    for (int d = 16; d > 0; d /= 2) sum += __shfl_xor_sync(0xffffffff, sum, d);
    if (lane == 0) y[p] = sum / inner;
}

extern "C" __global__ void global_avg_pool__mask_of_a_half(const float* x, float* y, int planes, int inner) {
    int p = (blockIdx.x * blockDim.x + threadIdx.x) / 32;
    int lane = threadIdx.x & 31;
    if (p >= planes) return;
    float sum = 0.0f;
    for (int i = lane; i < inner; i += 32) sum += x[p * inner + i];
    for (int d = 16; d > 0; d /= 2) sum += __shfl_xor_sync(0xffff, sum, d); // BUG: lane-not-named
    if (lane == 0) y[p] = sum / inner;
}

extern "C" __global__ void upsample_bilinear(const float* x, float* y, int h, int w, int oh, int ow, float scale_y, float scale_x) {
    int ox = blockIdx.x * blockDim.x + threadIdx.x;
    int oy = blockIdx.y * blockDim.y + threadIdx.y;
    if (ox >= ow || oy >= oh) return;
    const float* plane = x + (size_t)blockIdx.z * h * w;
    float fy = fmaxf((oy + 0.5f) * scale_y - 0.5f, 0.0f), fx = fmaxf((ox + 0.5f) * scale_x - 0.5f, 0.0f);
    int y0 = (int)fy, x0 = (int)fx;
    int y1 = y0 + (y0 < h - 1), x1 = x0 + (x0 < w - 1);
    float ly = fy - y0, lx = fx - x0;
    float top = (1.0f - lx) * plane[y0 * w + x0] + lx * plane[y0 * w + x1];
    float bottom = (1.0f - lx) * plane[y1 * w + x0] + lx * plane[y1 * w + x1];
    y[((size_t)blockIdx.z * oh + oy) * ow + ox] = (1.0f - ly) * top + ly * bottom;
}

// Gradients go back to where the largest was; windows overlap.
extern "C" __global__ void max_pool_gradient(const float* up, const int* place, float* down, int planes, int out, int length) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < planes * out) atomicAdd(&down[(i / out) * length + place[i]], up[i]);
}
