// y = softmax(scale q k^T) v for each head. A block takes QUERIES queries and goes along the keys, KEYS at a time.
// Threads stand sixteen by sixteen: each has the scores of four queries and KEYS / 16 keys in registers, and then of
// the same four queries every sixteenth group of four numbers of the result. The largest score so far and the sum of
// exponentials run along.

enum { QUERIES = 64, EACH = KEYS / 16, GROUPS = HEAD / 64, SHORT = 8 };

// Place of row `row` of COUNT at `k` in shared memory that is laid out as [k][row]: rows change places, by groups of
// four, from one group of four k to the next, so that transposed stores do not meet in one bank.
template <int COUNT> DEVICE int place(int k, int row) { return k * COUNT + (row ^ (k / 4 * 4 & (COUNT - 1))); }

// to[k][row] = factor * from[row][k], for rows up to `left` of COUNT and k up to `width` of `depth`; zero beyond.
template <int COUNT>
DEVICE void transpose(float* to, const float* from, int left, int width, int depth, float factor, bool vectors) {
    const int across = depth / 4;
    for (int i = threadIdx.x; i < COUNT * across; i += 256) {
        const int row = i / across, k = i % across * 4;
        const float* x = from + (i64)row * width + k;
        float4 v = same4(0.0f);
        if (row < left && k < width) {
            if (vectors) {
                v = load4(x);
            } else {
                v.x = __ldg(x);
                if (k + 1 < width) v.y = __ldg(x + 1);
                if (k + 2 < width) v.z = __ldg(x + 2);
                if (k + 3 < width) v.w = __ldg(x + 3);
            }
        }
        to[place<COUNT>(k, row)] = v.x * factor;
        to[place<COUNT>(k + 1, row)] = v.y * factor;
        to[place<COUNT>(k + 2, row)] = v.z * factor;
        to[place<COUNT>(k + 3, row)] = v.w * factor;
    }
}

// to[row][j] = from[row][j], for rows up to `left` of KEYS and j up to `width` of `reach`; zero beyond.
DEVICE void copy(float* to, const float* from, int left, int width, int reach, bool vectors) {
    const int across = reach / 4;
    for (int i = threadIdx.x; i < KEYS * across; i += 256) {
        const int row = i / across, j = i % across * 4;
        const float* x = from + (i64)row * width + j;
        float4 v = same4(0.0f);
        if (row < left && j < width) {
            if (vectors) {
                v = load4(x);
            } else {
                v.x = __ldg(x);
                if (j + 1 < width) v.y = __ldg(x + 1);
                if (j + 2 < width) v.z = __ldg(x + 2);
                if (j + 3 < width) v.w = __ldg(x + 3);
            }
        }
        store4(to + row * reach + j, v);
    }
}

// Across the sixteen threads that share queries.
template <class Op> DEVICE float reduce_row(float v) {
#pragma unroll
    for (int step = 8; step > 0; step /= 2) v = Op::of(v, __shfl_xor_sync(0xffffffffu, v, step));
    return v;
}

template <int N> DEVICE void split(float (&to)[N], float4 v) { to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w; }

KERNEL void __launch_bounds__(256)
    attention(const float* q, const float* k, const float* v, float* y, int queries, int keys, int width, int out_width,
              int depth, int reach, int scaled, float scale) {
    extern __shared__ float4 memory[];
    float* of_queries = reinterpret_cast<float*>(memory);
    float* of_keys = of_queries + QUERIES * depth;
    float* values = of_keys + KEYS * depth;
    float* weights = values + KEYS * reach;

    const int blocks = (queries + QUERIES - 1) / QUERIES, first = (int)(blockIdx.x % blocks) * QUERIES;
    const i64 head = blockIdx.x / blocks;
    q += (head * queries + first) * width, k += head * keys * width, v += head * keys * out_width;
    y += (head * queries + first) * out_width;
    const bool vectors = width % 4 == 0 && is_aligned(q) && is_aligned(k);
    const bool value_vectors = out_width % 4 == 0 && is_aligned(v) && is_aligned(y);
    const int across = threadIdx.x % 16, down = threadIdx.x / 16 * 4;

    transpose<QUERIES>(of_queries, q, queries - first, width, depth, scaled ? scale : 1.0f / sqrtf((float)width),
                       vectors);
    float result[4][GROUPS * 4] = {}, largest[4] = {-INF, -INF, -INF, -INF}, sum[4] = {};
    for (int begin = 0; begin < keys; begin += KEYS) {
        // Keys, values and weights of the last turn have been read by all.
        __syncthreads();
        transpose<KEYS>(of_keys, k + (i64)begin * width, keys - begin, width, depth, 1.0f, vectors);
        copy(values, v + (i64)begin * out_width, keys - begin, out_width, reach, value_vectors);
        __syncthreads();

        float score[4][EACH] = {};
        for (int first_d = 0; first_d < depth; first_d += SHORT) {
            // In short sums: scores are exponents, of which the last digits count.
            float part[4][EACH] = {};
#pragma unroll
            for (int d = first_d; d < first_d + SHORT; ++d) {
                float a[4], b[EACH];
                split(a, *reinterpret_cast<const float4*>(of_queries + place<QUERIES>(d, down)));
                const float* column = of_keys + place<KEYS>(d, across * EACH);
                if constexpr (EACH == 4) {
                    split(b, *reinterpret_cast<const float4*>(column));
                } else {
                    const float2 two = *reinterpret_cast<const float2*>(column);
                    b[0] = two.x, b[1] = two.y;
                }
#pragma unroll
                for (int i = 0; i < 4; ++i)
#pragma unroll
                    for (int j = 0; j < EACH; ++j) part[i][j] = fmaf(a[i], b[j], part[i][j]);
            }
#pragma unroll
            for (int i = 0; i < 4; ++i)
#pragma unroll
                for (int j = 0; j < EACH; ++j) score[i][j] += part[i][j];
        }
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            float top = largest[i];
#pragma unroll
            for (int j = 0; j < EACH; ++j) {
                if (begin + across * EACH + j >= keys) score[i][j] = -INF;
                top = max_(top, score[i][j]);
            }
            top = reduce_row<Max>(top);
            const float shrink = expf(largest[i] - top);
            sum[i] *= shrink;
            largest[i] = top;
#pragma unroll
            for (int j = 0; j < EACH; ++j) {
                score[i][j] = expf(score[i][j] - top);
                sum[i] += score[i][j];
            }
#pragma unroll
            for (int g = 0; g < GROUPS * 4; ++g) result[i][g] *= shrink;
        }
#pragma unroll
        for (int j = 0; j < EACH; ++j)
            store4(weights + place<QUERIES>(across * EACH + j, down),
                   make_float4(score[0][j], score[1][j], score[2][j], score[3][j]));
        __syncthreads();

#pragma unroll 4
        for (int key = 0; key < KEYS; ++key) {
            float a[4];
            split(a, *reinterpret_cast<const float4*>(weights + place<QUERIES>(key, down)));
#pragma unroll
            for (int g = 0; g < GROUPS; ++g) {
                if (g * 64 >= reach) continue;
                float b[4];
                split(b, *reinterpret_cast<const float4*>(values + key * reach + g * 64 + across * 4));
#pragma unroll
                for (int i = 0; i < 4; ++i)
#pragma unroll
                    for (int e = 0; e < 4; ++e) result[i][g * 4 + e] = fmaf(a[i], b[e], result[i][g * 4 + e]);
            }
        }
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        const float factor = 1.0f / reduce_row<Add>(sum[i]);
        if (first + down + i >= queries) continue;
        float* row = y + (i64)(down + i) * out_width;
#pragma unroll
        for (int g = 0; g < GROUPS; ++g) {
            const int j = g * 64 + across * 4;
            if (value_vectors && j < out_width) {
                store4(row + j, make_float4(result[i][g * 4] * factor, result[i][g * 4 + 1] * factor,
                                            result[i][g * 4 + 2] * factor, result[i][g * 4 + 3] * factor));
            } else {
#pragma unroll
                for (int e = 0; e < 4; ++e)
                    if (j + e < out_width) row[j + e] = result[i][g * 4 + e] * factor;
            }
        }
    }
}
