// Small linear algebra and transforms, a block or a thread for each problem.

#include <math.h>

// Radix 2 with bits reversed first; angles from a table that is made once.
extern "C" __global__ void fft_radix2(const float2* x, float2* y, int bits) {
    extern __shared__ float2 work[];
    int n = 1 << bits, t = threadIdx.x;
    float2* twiddle = work + n;
    for (int i = t; i < n; i += blockDim.x) work[__brev(i) >> (32 - bits)] = x[blockIdx.x * n + i];
    for (int i = t; i < n / 2; i += blockDim.x) {
        float s, c;
        sincospif(-2.0f * i / n, &s, &c);
        twiddle[i] = make_float2(c, s);
    }
    __syncthreads();
    for (int half = 1; half < n; half *= 2) {
        for (int i = t; i < n / 2; i += blockDim.x) {
            int k = i & (half - 1), a = 2 * (i - k) + k, b = a + half;
            float2 w = twiddle[k * (n / 2 / half)], p = work[a], q = work[b];
            float2 r = make_float2(q.x * w.x - q.y * w.y, q.x * w.y + q.y * w.x);
            work[a] = make_float2(p.x + r.x, p.y + r.y);
            work[b] = make_float2(p.x - r.x, p.y - r.y);
        }
        __syncthreads();
    }
    for (int i = t; i < n; i += blockDim.x) y[blockIdx.x * n + i] = work[i];
}

extern "C" __global__ void fft_radix2__not_reversed(const float2* x, float2* y, int bits) {
    extern __shared__ float2 work[];
    int n = 1 << bits, t = threadIdx.x;
    float2* twiddle = work + n;
    for (int i = t; i < n; i += blockDim.x) work[i] = x[blockIdx.x * n + i]; // WRONG
    for (int i = t; i < n / 2; i += blockDim.x) {
        float s, c;
        sincospif(-2.0f * i / n, &s, &c);
        twiddle[i] = make_float2(c, s);
    }
    __syncthreads();
    for (int half = 1; half < n; half *= 2) {
        for (int i = t; i < n / 2; i += blockDim.x) {
            int k = i & (half - 1), a = 2 * (i - k) + k, b = a + half;
            float2 w = twiddle[k * (n / 2 / half)], p = work[a], q = work[b];
            float2 r = make_float2(q.x * w.x - q.y * w.y, q.x * w.y + q.y * w.x);
            work[a] = make_float2(p.x + r.x, p.y + r.y);
            work[b] = make_float2(p.x - r.x, p.y - r.y);
        }
        __syncthreads();
    }
    for (int i = t; i < n; i += blockDim.x) y[blockIdx.x * n + i] = work[i];
}

// Gauss and Jordan with the largest pivot, in an array of the thread's own.
extern "C" __global__ void inverse_4x4(const double* a, double* b, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    double m[4][8];
    for (int r = 0; r < 4; ++r) {
        for (int c = 0; c < 4; ++c) {
            m[r][c] = a[16 * i + 4 * r + c];
            m[r][c + 4] = r == c;
        }
    }
#pragma unroll 1
    for (int p = 0; p < 4; ++p) {
        int best = p;
        for (int r = p + 1; r < 4; ++r) {
            if (fabs(m[r][p]) > fabs(m[best][p])) best = r;
        }
#pragma unroll 1
        for (int c = 0; c < 8; ++c) {
            double held = m[p][c];
            m[p][c] = m[best][c];
            m[best][c] = held;
        }
        double scale = 1.0 / m[p][p];
#pragma unroll 1
        for (int c = 0; c < 8; ++c) m[p][c] *= scale;
#pragma unroll 1
        for (int r = 0; r < 4; ++r) {
            if (r == p) continue;
            double f = m[r][p];
#pragma unroll 1
            for (int c = 0; c < 8; ++c) m[r][c] -= f * m[p][c];
        }
    }
    for (int r = 0; r < 4; ++r) {
        for (int c = 0; c < 4; ++c) b[16 * i + 4 * r + c] = m[r][c + 4];
    }
}

extern "C" __global__ void cholesky(const float* a, float* l, int n) {
    extern __shared__ float m[];
    int t = threadIdx.x;
    for (int i = t; i < n * n; i += blockDim.x) m[i] = a[blockIdx.x * n * n + i];
    __syncthreads();
    for (int k = 0; k < n; ++k) {
        if (t == 0) m[k * n + k] = sqrtf(m[k * n + k]);
        __syncthreads();
        for (int r = k + 1 + t; r < n; r += blockDim.x) m[r * n + k] /= m[k * n + k];
        __syncthreads();
        for (int c = k + 1; c < n; ++c) {
            for (int r = c + t; r < n; r += blockDim.x) m[r * n + c] -= m[r * n + k] * m[c * n + k];
        }
        __syncthreads();
    }
    for (int i = t; i < n * n; i += blockDim.x) l[blockIdx.x * n * n + i] = i % n <= i / n ? m[i] : 0.0f;
}

extern "C" __global__ void cholesky__barrier_left_out(const float* a, float* l, int n) {
    extern __shared__ float m[];
    int t = threadIdx.x;
    for (int i = t; i < n * n; i += blockDim.x) m[i] = a[blockIdx.x * n * n + i];
    __syncthreads();
    for (int k = 0; k < n; ++k) {
        if (t == 0) m[k * n + k] = sqrtf(m[k * n + k]); // BUG: race
        for (int r = k + 1 + t; r < n; r += blockDim.x) m[r * n + k] /= m[k * n + k]; // BUG: race
        __syncthreads();
        for (int c = k + 1; c < n; ++c) {
            for (int r = c + t; r < n; r += blockDim.x) m[r * n + c] -= m[r * n + k] * m[c * n + k];
        }
        __syncthreads();
    }
    for (int i = t; i < n * n; i += blockDim.x) l[blockIdx.x * n * n + i] = i % n <= i / n ? m[i] : 0.0f;
}

// Forward substitution by a warp: what is known goes round by shuffles.
extern "C" __global__ void solve_lower(const float* l, const float* b, float* x, int n) {
    int lane = threadIdx.x;
    float rest = lane < n ? b[blockIdx.x * n + lane] : 0.0f;
    for (int k = 0; k < n; ++k) {
        float known = __shfl_sync(0xffffffffu, rest, k) / l[k * n + k];
        if (lane == k) rest = known;
        if (lane > k && lane < n) rest -= l[lane * n + k] * known;
    }
    if (lane < n) x[blockIdx.x * n + lane] = rest;
}

extern "C" __global__ void largest_eigenvalue(const float* a, float* value, int n, int steps) {
    __shared__ float v[64], part[2];
    int t = threadIdx.x;
    v[t] = t < n ? 1.0f + 0.01f * t : 0.0f;
    __syncthreads();
    float norm = 0.0f;
    for (int s = 0; s < steps; ++s) {
        float sum = 0.0f;
        if (t < n) {
            for (int c = 0; c < n; ++c) sum += a[t * n + c] * v[c];
        }
        float square = sum * sum;
        for (int d = 16; d > 0; d >>= 1) square += __shfl_xor_sync(0xffffffffu, square, d);
        if ((t & 31) == 0) part[t / 32] = square;
        __syncthreads();
        norm = sqrtf(part[0] + part[1]);
        v[t] = sum / norm;
        __syncthreads();
    }
    if (t == 0) *value = norm;
}
