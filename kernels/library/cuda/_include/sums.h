// Sums over the columns of one or more rows that a team shares (rows.h): each number is read once. Of the parameters:
// UNROLL loads of each array in flight.

template <class F, class... V> DEVICE void add_lanes(float* total, F f, V... v) {
    f(total, v.x...);
    f(total, v.y...);
    f(total, v.z...);
    f(total, v.w...);
}

// f(total, p[j]...) for all columns j; it adds what it likes to total[0..N), of which every thread then has the sum.
template <class T, bool Vectors, int N, class F, class... P>
DEVICE void sum_columns(float (&total)[N], int cols, F f, P... p) {
#pragma unroll
    for (float& t : total) t = 0.0f;
    if constexpr (Vectors) {
#pragma unroll UNROLL
        for (int j = T::rank() * 4; j < cols; j += T::SIZE * 4) add_lanes(total, f, load4(p + j)...);
    } else {
#pragma unroll UNROLL
        for (int j = T::rank(); j < cols; j += T::SIZE) f(total, __ldg(p + j)...);
    }
#pragma unroll
    for (float& t : total) t = T::template reduce<Add>(t);
}
