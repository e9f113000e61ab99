// Element by element: vectors with tails, halves, casts, broadcasts.

#include <cuda_bf16.h>
#include <cuda_fp16.h>

// Four at a time, what is left one by one.
extern "C" __global__ void scale_shift_float4(const float* __restrict__ x, float* __restrict__ y, float a, float b, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    int n4 = n / 4;
    if (i < n4) {
        float4 v = reinterpret_cast<const float4*>(x)[i];
        v.x = fmaf(v.x, a, b);
        v.y = fmaf(v.y, a, b);
        v.z = fmaf(v.z, a, b);
        v.w = fmaf(v.w, a, b);
        reinterpret_cast<float4*>(y)[i] = v;
    }
    if (i < (n & 3)) {
        y[4 * n4 + i] = fmaf(x[4 * n4 + i], a, b);
    }
}

extern "C" __global__ void scale_shift_float4__short_tail(const float* __restrict__ x, float* __restrict__ y, float a, float b, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    int n4 = n / 4;
    if (i < n4) {
        float4 v = reinterpret_cast<const float4*>(x)[i];
        v.x = fmaf(v.x, a, b);
        v.y = fmaf(v.y, a, b);
        v.z = fmaf(v.z, a, b);
        v.w = fmaf(v.w, a, b);
        reinterpret_cast<float4*>(y)[i] = v;
    }
    if (i < (n & 2)) { // WRONG
        y[4 * n4 + i] = fmaf(x[4 * n4 + i], a, b);
    }
}

extern "C" __global__ void add_relu_half2(const __half* a, const __half* b, __half* c, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    int pairs = n / 2;
    if (i < pairs) {
        __half2 sum = __hadd2(reinterpret_cast<const __half2*>(a)[i], reinterpret_cast<const __half2*>(b)[i]);
        reinterpret_cast<__half2*>(c)[i] = __hmax2(sum, __float2half2_rn(0.0f));
    } else if (i == pairs && (n & 1)) {
        __half sum = __hadd(a[n - 1], b[n - 1]);
        c[n - 1] = __hgt(sum, __float2half(0.0f)) ? sum : __float2half(0.0f);
    }
}

extern "C" __global__ void fma_bf16x2(const __nv_bfloat162* a, const __nv_bfloat162* b, __nv_bfloat162* c, int pairs) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < pairs; i += gridDim.x * blockDim.x) {
        __nv_bfloat162 two = __floats2bfloat162_rn(2.0f, -0.5f);
        c[i] = __hfma2(a[i], b[i], two);
    }
}

// Eight halves with one load of sixteen bytes.
extern "C" __global__ void halves_by_eight(const uint4* x, float4* y, int n8) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n8) return;
    uint4 raw = x[i];
    const __half2* h = reinterpret_cast<const __half2*>(&raw);
    float2 f[4];
#pragma unroll
    for (int k = 0; k < 4; ++k) {
        f[k] = __half22float2(h[k]);
    }
    y[2 * i] = make_float4(f[0].x, f[0].y, f[1].x, f[1].y);
    y[2 * i + 1] = make_float4(f[2].x, f[2].y, f[3].x, f[3].y);
}

extern "C" __global__ void __launch_bounds__(128, 4) clamp_grid_stride(const float* __restrict__ x, float* __restrict__ y, float lo, float hi, int n) {
    int stride = gridDim.x * blockDim.x;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride) {
        y[i] = fminf(fmaxf(__ldg(&x[i]), lo), hi);
    }
}

extern "C" __global__ void __launch_bounds__(128, 4) clamp_grid_stride__one_more(const float* __restrict__ x, float* __restrict__ y, float lo, float hi, int n) {
    int stride = gridDim.x * blockDim.x;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i <= n; i += stride) {
        y[i] = fminf(fmaxf(__ldg(&x[i]), lo), hi); // BUG: out-of-bounds
    }
}

extern "C" __global__ void axpby_long_index(const float* x, float* y, double a, double b, long long n) {
    size_t stride = (size_t)gridDim.x * blockDim.x;
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride) {
        y[i] = (float)(a * x[i] + b * y[i]);
    }
}

extern "C" __global__ void where_mask(const unsigned char* mask, const float* a, const float* b, float* c, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        c[i] = mask[i] ? a[i] : b[i];
    }
}

struct Strides {
    int size[4];
    int of_a[4];
    int of_b[4];
};

// Sizes and strides come by value; a stride of 0 repeats a dimension.
extern "C" __global__ void broadcast_add(const float* a, const float* b, float* c, Strides s, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    int rest = i, at_a = 0, at_b = 0;
    for (int d = 3; d >= 0; --d) {
        int k = rest % s.size[d];
        rest /= s.size[d];
        at_a += k * s.of_a[d];
        at_b += k * s.of_b[d];
    }
    c[i] = a[at_a] + b[at_b];
}

extern "C" __global__ void to_bytes(const float4* x, uchar4* y, int n4) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n4) {
        float4 v = x[i];
        uchar4 out;
        out.x = (unsigned char)__float2int_rn(__saturatef(v.x) * 255.0f);
        out.y = (unsigned char)__float2int_rn(__saturatef(v.y) * 255.0f);
        out.z = (unsigned char)__float2int_rn(__saturatef(v.z) * 255.0f);
        out.w = (unsigned char)__float2int_rn(__saturatef(v.w) * 255.0f);
        y[i] = out;
    }
}

extern "C" __global__ void complex_product(const float2* a, const float2* b, float2* c, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        float2 p = a[i], q = b[i];
        c[i] = make_float2(p.x * q.x - p.y * q.y, p.x * q.y + p.y * q.x);
    }
}

__constant__ double horner[6] = {0.25, -1.5, 0.125, 3.0, -0.75, 1.0};

extern "C" __global__ void polynomial(const double* x, double* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        double v = x[i], sum = 0.0;
#pragma unroll
        for (int k = 0; k < 6; ++k) {
            sum = fma(sum, v, horner[k]);
        }
        y[i] = sum;
    }
}

// Rows and columns from a grid of two dimensions.
extern "C" __global__ void bias_of_columns(const float* x, const float* bias, float* y, int rows, int cols) {
    int col = blockIdx.x * blockDim.x + threadIdx.x;
    int row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row < rows && col < cols) {
        y[row * cols + col] = x[row * cols + col] + bias[col];
    }
}

extern "C" __global__ void bias_of_columns__rows_for_columns(const float* x, const float* bias, float* y, int rows, int cols) {
    int col = blockIdx.x * blockDim.x + threadIdx.x;
    int row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row < rows && col < cols) {
        y[row * cols + col] = x[row * cols + col] + bias[row]; // WRONG
    }
}
