// Loops over runs of floats with any number of streams, whole vectors first and what is left after.
// Uses the parameters NT (stores past the caches), UNROLL and AHEAD (bytes fetched ahead).
//
// A loop's body is f(read, j): it reads what it needs at j with read(p + j), or with read.near(p + j) where p
// lies in the cache in any case, and is the same for whole vectors and for some lanes. read.ahead(p + j) fetches
// what will be needed later.

struct ReadWhole {
    bool fetch;
    vf operator()(const float* p) const {
        if (AHEAD && fetch) prefetch(p + AHEAD / 4);
        return load(p);
    }
    vf near(const float* p) const { return load(p); }
    void ahead(const float* p) const {
        if (fetch) prefetch(p);
    }
    // Whole numbers of one byte, such as a mask.
    vf bytes(const unsigned char* p) const {
        typedef unsigned char some __attribute__((vector_size(VF), aligned(1), may_alias));
        return __builtin_convertvector(*(const some*)p, vf);
    }
};
struct ReadSome {
    i64 n;
    void ahead(const float*) const {}
    vf operator()(const float* p) const { return load_some(p, n, 0.0f); }
    vf near(const float* p) const { return load_some(p, n, 0.0f); }
    vf bytes(const unsigned char* p) const {
        float lanes[VF] = {};
        for (i64 i = 0; i < n; ++i) {
            lanes[i] = p[i];
            scalar_loop();
        }
        return load(lanes);
    }
};

// Whether rows of n floats, one after the other, are worth writing past the caches: a line that is written half
// past them and half not costs more than is saved.
INLINE bool worth_passing(i64 n) { return NT && (n % VF == 0 || n >= 256); }

// y[j] = f(j) for j in begin..end; the address of y[0] may be anything.
template <bool Past = NT, class F> INLINE void write_run(float* y, i64 begin, i64 end, F f) {
    i64 j = begin;
    const i64 head = Past ? head_of(y + j, end - j) : 0;
    if (head) {
        store_some(y + j, head, f(ReadSome{head}, j));
        j += head;
    }
    for (; j + UNROLL * VF <= end; j += UNROLL * VF) {
        vf v[UNROLL];
#pragma GCC unroll 8
        for (int u = 0; u < UNROLL; ++u) v[u] = f(ReadWhole{u * VF % 16 == 0}, j + u * VF);
#pragma GCC unroll 8
        for (int u = 0; u < UNROLL; ++u) stream<Past>(y + j + u * VF, v[u]);
    }
    if (UNROLL > 1)
#pragma GCC unroll 1
        for (; j + VF <= end; j += VF) stream<Past>(y + j, f(ReadWhole{false}, j));
    if (j < end) store_some(y + j, end - j, f(ReadSome{end - j}, j));
}

// This part's share of `count` floats, from a cache line to a cache line.
struct Lines {
    i64 begin, end;
    Lines(i64 count, i64 part, i64 parts) {
        const Range lines((count + 15) / 16, part, parts);
        begin = lines.begin * 16;
        end = lines.end * 16 < count ? lines.end * 16 : count;
    }
};

// The body of a flat map: y[j] = f(j) for this part's share.
template <class F> INLINE void write_part(int part, int parts, float* y, i64 count, F f) {
    const Lines lines(count, part, parts);
    write_run(y, lines.begin, lines.end, f);
    if (NT) fence();
}

// Additions that an accumulator takes before it is emptied. Values that repeat, such as whole numbers, round
// the same way each time, so one long chain of floats would err by more than the budget.
enum { CHAIN = 16 };

// sums[k] = sum over j in 0..n of v[k], where f(read, j, v) fills v[0..K).
template <int K, class F> INLINE void sums_of(i64 n, double (&sums)[K], F f) {
    vf total[K] = {};
    i64 j = 0;
    while (j + UNROLL * VF <= n) {
        const i64 whole = (n - j) / (UNROLL * VF), turns = whole < CHAIN ? whole : CHAIN;
        vf acc[UNROLL][K] = {};
        for (i64 turn = 0; turn < turns; ++turn, j += UNROLL * VF)
#pragma GCC unroll 8
            for (int u = 0; u < UNROLL; ++u) {
                vf v[K];
                f(ReadWhole{u * VF % 16 == 0}, j + u * VF, v);
                for (int k = 0; k < K; ++k) acc[u][k] += v[k];
            }
        for (int k = 0; k < K; ++k) {
            for (int w = UNROLL / 2; w > 0; w /= 2)
                for (int u = 0; u < w; ++u) acc[u][k] += acc[u + w][k];
            total[k] += acc[0][k];
        }
    }
#pragma GCC unroll 1
    for (; j < n; j += VF) {
        const i64 left = n - j < VF ? n - j : VF;
        vf v[K];
        f(ReadSome{left}, j, v);
        for (int k = 0; k < K; ++k) total[k] += keep_some(v[k], left);
    }
    for (int k = 0; k < K; ++k) {
        double sum = 0.0;
        for (int i = 0; i < VF; ++i) sum += total[k][i];
        sums[k] = sum;
    }
}

template <class F> INLINE double sum_of(i64 n, F f) {
    double sums[1];
    sums_of<1>(n, sums, [=](auto read, i64 j, vf* v) { v[0] = f(read, j); });
    return sums[0];
}
