// An element-wise function of one tensor and of others in one sweep: y = f(x, operands...). An element's channel is `i
// / length % channels`. A block takes tiles of neighbours; a thread first loads all that it needs of a tile. x and y
// may be the same. Of the parameters: BLOCK threads, ITEMS vectors of four for each.

template <class Index> DEVICE Index channel_of(Index i, Index channels, Index length) {
    return length == 1 ? i % channels : i / length % channels;
}

template <class Index, class F>
DEVICE void by_vectors(const float* x, float* y, Index count, Index channels, Index length, F f) {
    const Index vectors = count / 4;
    for (i64 tile = blockIdx.x; tile * (BLOCK * ITEMS) < vectors; tile += gridDim.x) {
        const Index first = (Index)(tile * (BLOCK * ITEMS)) + threadIdx.x;
        float4 v[ITEMS];
#pragma unroll
        for (int k = 0; k < ITEMS; ++k)
            if (first + k * BLOCK < vectors) v[k] = *reinterpret_cast<const float4*>(x + (i64)(first + k * BLOCK) * 4);
#pragma unroll
        for (int k = 0; k < ITEMS; ++k)
            if (first + k * BLOCK < vectors) {
                const Index i = (first + k * BLOCK) * 4;
                store4(y + i, f.four(v[k], channel_of(i, channels, length), i));
            }
    }
    const Index i = vectors * 4 + threadIdx.x;
    if (blockIdx.x == 0 && i < count) y[i] = f.one(x[i], channel_of(i, channels, length), i);
}

template <class Index, class F>
DEVICE void one_by_one(const float* x, float* y, Index count, Index channels, Index length, F f) {
    constexpr int EACH = 4 * ITEMS;
    for (i64 tile = blockIdx.x; tile * (BLOCK * EACH) < count; tile += gridDim.x) {
        const Index first = (Index)(tile * (BLOCK * EACH)) + threadIdx.x;
        float v[EACH];
#pragma unroll
        for (int k = 0; k < EACH; ++k)
            if (first + k * BLOCK < count) v[k] = x[first + k * BLOCK];
#pragma unroll
        for (int k = 0; k < EACH; ++k) {
            const Index i = first + k * BLOCK;
            if (i < count) y[i] = f.one(v[k], channel_of(i, channels, length), i);
        }
    }
}

template <class F> DEVICE void sweep(const float* x, float* y, i64 count, i64 channels, i64 length, F f) {
    // Four neighbours must be of one channel, or of four neighbouring ones.
    const bool in_fours = !F::BY_CHANNEL || (length == 1 ? channels : length) % 4 == 0;
    const bool vectors = in_fours && is_aligned(x) && is_aligned(y) && f.aligned();
    // Indices up to a tile beyond the end fit 32 bits, where division is cheap.
    if (count <= 0x7fffffff - BLOCK * ITEMS * 4) {
        if (vectors) by_vectors<unsigned>(x, y, count, channels, length, f);
        else one_by_one<unsigned>(x, y, count, channels, length, f);
    } else {
        if (vectors) by_vectors<i64>(x, y, count, channels, length, f);
        else one_by_one<i64>(x, y, count, channels, length, f);
    }
}
