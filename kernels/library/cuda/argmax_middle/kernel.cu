// y[o][i] = the first m with the largest (or smallest) x[o][m][i]. Ties go to the first, and the first NaN beats
// everything.

struct Place {
    float value;
    int index;
};

template <bool Least> struct Arg {
    using State = Place;
    DEVICE Place none() const { return {Least ? INF : -INF, 0x7fffffff}; }
    // Whether `v` at `m` goes before the best so far.
    static DEVICE bool is_better(float v, int m, Place best) {
        const bool beats = Least ? v < best.value : v > best.value;
        const bool ties = v == best.value || (v != v && best.value != best.value);
        return beats || (v != v && best.value == best.value) || (ties && m < best.index);
    }
    DEVICE void take(Place& best, float v, int m) const {
        if (is_better(v, m, best)) best = {v, m};
    }
    template <int N> DEVICE void add(Place& best, const float (&v)[N], int m, int step) const {
#pragma unroll
        for (int r = 0; r < N; ++r) take(best, v[r], m + r * step);
    }
    DEVICE void merge(Place& best, Place other) const { take(best, other.value, other.index); }
};

#ifdef KERNEL_argmax_middle
KERNEL void __launch_bounds__(BLOCK) argmax_middle(const float* x, i64* y, int mid, int inner) {
    fold_columns(x, 0, mid, mid, inner, Arg<false>{}, [=](i64 i, Place best) { y[i] = best.index; });
}
#endif
#ifdef KERNEL_argmin_middle
KERNEL void __launch_bounds__(BLOCK) argmin_middle(const float* x, i64* y, int mid, int inner) {
    fold_columns(x, 0, mid, mid, inner, Arg<true>{}, [=](i64 i, Place best) { y[i] = best.index; });
}
#endif
