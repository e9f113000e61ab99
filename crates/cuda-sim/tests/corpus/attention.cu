// Attention and what goes with it: rotations, dropout, quantised numbers.

#include <math.h>

#define FULL 0xffffffffu

// A block for each query: scores, softmax, values.
extern "C" __global__ void attention_naive(const float* q, const float* k, const float* v, float* o, int length, int dim, float scale) {
    extern __shared__ float scores[];
    __shared__ float total;
    int row = blockIdx.x;
    size_t head = (size_t)blockIdx.y * length * dim;
    for (int j = threadIdx.x; j < length; j += blockDim.x) {
        float s = 0.0f;
#pragma unroll 1
        for (int d = 0; d < dim; ++d) s += q[head + row * dim + d] * k[head + j * dim + d];
        scores[j] = s * scale;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        float most = -INFINITY;
#pragma unroll 1
        for (int j = 0; j < length; ++j) most = fmaxf(most, scores[j]);
        float sum = 0.0f;
        for (int j = 0; j < length; ++j) {
            scores[j] = expf(scores[j] - most);
            sum += scores[j];
        }
        total = sum;
    }
    __syncthreads();
    for (int d = threadIdx.x; d < dim; d += blockDim.x) {
        float s = 0.0f;
#pragma unroll 1
        for (int j = 0; j < length; ++j) s += scores[j] * v[head + j * dim + d];
        o[head + row * dim + d] = s / total;
    }
}

extern "C" __global__ void attention_naive__no_barrier(const float* q, const float* k, const float* v, float* o, int length, int dim, float scale) {
    extern __shared__ float scores[];
    __shared__ float total;
    int row = blockIdx.x;
    size_t head = (size_t)blockIdx.y * length * dim;
    for (int j = threadIdx.x; j < length; j += blockDim.x) {
        float s = 0.0f;
#pragma unroll 1
        for (int d = 0; d < dim; ++d) s += q[head + row * dim + d] * k[head + j * dim + d];
        scores[j] = s * scale; // BUG: race
    }
    if (threadIdx.x == 0) {
        float most = -INFINITY;
#pragma unroll 1
        for (int j = 0; j < length; ++j) most = fmaxf(most, scores[j]); // BUG: race, uninitialised
        float sum = 0.0f;
        for (int j = 0; j < length; ++j) {
            scores[j] = expf(scores[j] - most); // BUG: race, uninitialised
            sum += scores[j];
        }
        total = sum;
    }
    __syncthreads();
    for (int d = threadIdx.x; d < dim; d += blockDim.x) {
        float s = 0.0f;
#pragma unroll 1
        for (int j = 0; j < length; ++j) s += scores[j] * v[head + j * dim + d];
        o[head + row * dim + d] = s / total;
    }
}

// Keys in tiles, softmax as they come; each thread has a query in registers.
template <int DIM, int TILE>
__device__ __noinline__ void flash(const float* q, const float* k, const float* v, float* o, int length, float scale, float slope, bool causal) {
    __shared__ float keys[TILE][DIM], values[TILE][DIM];
    int row = blockIdx.x * TILE + threadIdx.x;
    float query[DIM], sum[DIM];
    float most = -INFINITY, total = 0.0f;
#pragma unroll
    for (int d = 0; d < DIM; ++d) {
        query[d] = row < length ? q[row * DIM + d] * scale : 0.0f;
        sum[d] = 0.0f;
    }
    int end = causal ? min(length, (int)(blockIdx.x + 1) * TILE) : length;
    for (int start = 0; start < end; start += TILE) {
#pragma unroll 1
        for (int i = threadIdx.x; i < TILE * DIM; i += TILE) {
            int j = start + i / DIM;
            keys[i / DIM][i % DIM] = j < length ? k[j * DIM + i % DIM] : 0.0f;
            values[i / DIM][i % DIM] = j < length ? v[j * DIM + i % DIM] : 0.0f;
        }
        __syncthreads();
#pragma unroll 1
        for (int j = 0; j < TILE && start + j < length; ++j) {
            if (causal && start + j > row) break;
            float s = 0.0f;
#pragma unroll
            for (int d = 0; d < DIM; ++d) s = fmaf(query[d], keys[j][d], s);
            s -= slope * (float)(row - start - j);
            float larger = fmaxf(most, s);
            float shrink = expf(most - larger), p = expf(s - larger);
            total = total * shrink + p;
#pragma unroll
            for (int d = 0; d < DIM; ++d) sum[d] = sum[d] * shrink + p * values[j][d];
            most = larger;
        }
        __syncthreads();
    }
    if (row < length) {
#pragma unroll
        for (int d = 0; d < DIM; ++d) o[row * DIM + d] = sum[d] / total;
    }
}

extern "C" __global__ void flash_attention(const float* q, const float* k, const float* v, float* o, int length, float scale) {
    size_t head = (size_t)blockIdx.y * length * 8;
    flash<8, 32>(q + head, k + head, v + head, o + head, length, scale, 0.0f, false);
}

extern "C" __global__ void flash_attention_causal_alibi(const float* q, const float* k, const float* v, float* o, int length, float scale) {
    size_t head = (size_t)blockIdx.y * length * 8;
    float slope = exp2f(-8.0f * (blockIdx.y + 1) / gridDim.y);
    flash<8, 32>(q + head, k + head, v + head, o + head, length, scale, slope, true);
}

// One token against what is kept: parts of the past by different warps, then
// put together.
extern "C" __global__ void attention_decode(const float* q, const float* k, const float* v, const int* lengths, float* o, int most_length, int dim) {
    __shared__ float part_most[4], part_sum[4], part_out[4][32];
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    int length = lengths[blockIdx.x];
    size_t base = (size_t)blockIdx.x * most_length * dim;
    float query = lane < dim ? q[blockIdx.x * dim + lane] : 0.0f;
    float most = -INFINITY, sum = 0.0f, out = 0.0f;
    for (int j = warp; j < length; j += 4) {
        float s = lane < dim ? query * k[base + j * dim + lane] : 0.0f;
        for (int d = 16; d > 0; d >>= 1) s += __shfl_xor_sync(FULL, s, d);
        s *= rsqrtf((float)dim);
        float larger = fmaxf(most, s);
        float shrink = expf(most - larger), p = expf(s - larger);
        sum = sum * shrink + p;
        out = out * shrink + (lane < dim ? p * v[base + j * dim + lane] : 0.0f);
        most = larger;
    }
    if (lane == 0) {
        part_most[warp] = most;
        part_sum[warp] = sum;
    }
    part_out[warp][lane] = out;
    __syncthreads();
    if (warp == 0 && lane < dim) {
        most = fmaxf(fmaxf(part_most[0], part_most[1]), fmaxf(part_most[2], part_most[3]));
        sum = 0.0f;
        out = 0.0f;
        for (int w = 0; w < 4; ++w) {
            float weight = part_sum[w] > 0.0f ? expf(part_most[w] - most) : 0.0f;
            sum += weight * part_sum[w];
            out += weight * part_out[w][lane];
        }
        o[blockIdx.x * dim + lane] = out / sum;
    }
}

extern "C" __global__ void rotary(float2* x, int tokens, int heads, int pairs, float base) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= tokens * heads * pairs) return;
    int p = i % pairs, t = i / (pairs * heads);
    float angle = t * powf(base, -2.0f * p / (2 * pairs)), s, c;
    sincosf(angle, &s, &c);
    float2 v = x[i];
    x[i] = make_float2(v.x * c - v.y * s, v.x * s + v.y * c);
}

// Random numbers by counter: Philox 4x32 with ten rounds.
__device__ uint4 philox(uint4 c, uint2 key) {
#pragma unroll 2
    for (int round = 0; round < 10; ++round) {
        unsigned int h0 = __umulhi(0xD2511F53u, c.x), l0 = 0xD2511F53u * c.x;
        unsigned int h1 = __umulhi(0xCD9E8D57u, c.z), l1 = 0xCD9E8D57u * c.z;
        c = make_uint4(h1 ^ c.y ^ key.x, l1, h0 ^ c.w ^ key.y, l0);
        key.x += 0x9E3779B9u;
        key.y += 0xBB67AE85u;
    }
    return c;
}

extern "C" __global__ void dropout(const float* x, float* y, unsigned char* kept, int n, float p, unsigned long long seed) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (4 * i >= n) return;
    uint4 r = philox(make_uint4(i, 0, 0, 0), make_uint2((unsigned int)seed, (unsigned int)(seed >> 32)));
    unsigned int bits[4] = {r.x, r.y, r.z, r.w};
    for (int k = 0; k < 4 && 4 * i + k < n; ++k) {
        bool keep = (bits[k] >> 8) * (1.0f / 16777216.0f) >= p;
        kept[4 * i + k] = keep;
        y[4 * i + k] = keep ? x[4 * i + k] / (1.0f - p) : 0.0f;
    }
}

// A scale for each row, so that its largest becomes 127.
extern "C" __global__ void quantise_rows(const float* x, signed char* y, float* scales, int cols) {
    __shared__ float most[4];
    const float* in = x + (size_t)blockIdx.x * cols;
    float v = 0.0f;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) v = fmaxf(v, fabsf(in[c]));
    for (int d = 16; d > 0; d >>= 1) v = fmaxf(v, __shfl_xor_sync(FULL, v, d));
    if (threadIdx.x % 32 == 0) most[threadIdx.x / 32] = v;
    __syncthreads();
    v = fmaxf(fmaxf(most[0], most[1]), fmaxf(most[2], most[3]));
    float scale = v / 127.0f;
    if (threadIdx.x == 0) scales[blockIdx.x] = scale;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        int q = __float2int_rn(in[c] / scale);
        y[(size_t)blockIdx.x * cols + c] = (signed char)max(-127, min(127, q));
    }
}

extern "C" __global__ void quantise_rows__truncated(const float* x, signed char* y, float* scales, int cols) {
    __shared__ float most[4];
    const float* in = x + (size_t)blockIdx.x * cols;
    float v = 0.0f;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) v = fmaxf(v, fabsf(in[c]));
    for (int d = 16; d > 0; d >>= 1) v = fmaxf(v, __shfl_xor_sync(FULL, v, d));
    if (threadIdx.x % 32 == 0) most[threadIdx.x / 32] = v;
    __syncthreads();
    v = fmaxf(fmaxf(most[0], most[1]), fmaxf(most[2], most[3]));
    float scale = v / 127.0f;
    if (threadIdx.x == 0) scales[blockIdx.x] = scale;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) {
        int q = (int)(in[c] / scale); // WRONG
        y[(size_t)blockIdx.x * cols + c] = (signed char)max(-127, min(127, q));
    }
}

// Eight numbers of four bits in a word, with a scale and a zero for each group.
extern "C" __global__ void dequantise_int4(const unsigned int* packed, const float* scale, const unsigned char* zero, float* y, int words, int group) {
    int w = blockIdx.x * blockDim.x + threadIdx.x;
    if (w >= words) return;
    unsigned int v = packed[w];
    int g = w * 8 / group;
#pragma unroll
    for (int k = 0; k < 8; ++k) y[8 * w + k] = ((int)(v >> 4 * k & 15) - (int)zero[g]) * scale[g];
}
