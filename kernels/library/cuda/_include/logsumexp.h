// The logarithm of a sum of exponentials with a running maximum, as an Op of columns.h.

struct ExpSum {
    float max, sum;
    // The logarithm; of infinities and NaN the maximum itself.
    DEVICE float log() const { return max - max == 0.0f ? max + logf(sum) : max; }
};

struct LogSumExp {
    using State = ExpSum;
    DEVICE ExpSum none() const { return {-INF, 0.0f}; }
    // e^(v - max), of which an infinitely small v has none even if that is the maximum.
    static DEVICE float term(float v, float max) { return v == -INF ? 0.0f : expf(v - max); }
    template <int N> DEVICE void add(ExpSum& s, const float (&v)[N], int, int) const {
        float max = s.max, sum = 0.0f;
#pragma unroll
        for (int r = 0; r < N; ++r) max = max_(max, v[r]);
#pragma unroll
        for (int r = 0; r < N; ++r) sum += term(v[r], max);
        s = {max, s.sum * term(s.max, max) + sum};
    }
    DEVICE void merge(ExpSum& s, ExpSum other) const {
        const float max = max_(s.max, other.max);
        s = {max, s.sum * term(s.max, max) + other.sum * term(other.max, max)};
    }
};
