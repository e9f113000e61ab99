// Vectors of float as wide as the target has them, and the arithmetic that the templates
// share. GCC vector extensions and builtins only: no intrinsics header, which would
// cost more compile time than a whole kernel.
//
//   VF             (an enum) lanes of float in one vector: 16, 8 or 4
//   vf, vi         vectors of VF floats and of VF int32
//   load, store    unaligned; stream<past> writes past the caches where `past` is set
//   Range          the share of `count` units of work that belongs to one part
//   reduce_*       across the lanes of one vector
//   exp_, sigmoid_ exponential within 2 units in the last place, NaN kept
//
// Every function is total: infinities, NaN, denormal numbers and any length are fine.
// Names in capitals belong to the parameters, which are macros: this file has none but INLINE.

typedef int i32;
typedef long i64;
typedef unsigned long u64;

#if defined(__AVX512F__)
enum { VF = 16 };
#elif defined(__AVX__)
enum { VF = 8 };
#else
enum { VF = 4 };
#endif

typedef float vf __attribute__((vector_size(VF * 4)));
typedef i32 vi __attribute__((vector_size(VF * 4)));
// The same without a promise of alignment.
typedef float vf_any __attribute__((vector_size(VF * 4), aligned(4), may_alias));
typedef i32 vi_any __attribute__((vector_size(VF * 4), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))

INLINE vf splat(float x) { return x - vf{}; }
INLINE vi splat(i32 x) { return x - vi{}; }
INLINE vf load(const float* p) { return *(const vf_any*)p; }
INLINE void store(float* p, vf v) { *(vf_any*)p = v; }
INLINE vi load(const i32* p) { return *(const vi_any*)p; }
INLINE void store(i32* p, vi v) { *(vi_any*)p = v; }

// In the body of a loop of fewer turns than a vector has lanes: keeps the compiler from
// making vector code of it, which would be slow to compile and never run.
INLINE void scalar_loop() { __asm__ volatile(""); }

// First n lanes, n < VF; the others are `fill`.
INLINE vf load_some(const float* p, i64 n, float fill) {
    float lanes[VF];
    store(lanes, splat(fill));
    for (i64 i = 0; i < n; ++i) {
        lanes[i] = p[i];
        scalar_loop();
    }
    return load(lanes);
}
INLINE void store_some(float* p, i64 n, vf v) {
    float lanes[VF];
    store(lanes, v);
    for (i64 i = 0; i < n; ++i) {
        p[i] = lanes[i];
        scalar_loop();
    }
}
// v with the lanes from n on replaced by zero.
INLINE vf keep_some(vf v, i64 n) {
    float lanes[VF];
    store(lanes, v);
    return load_some(lanes, n, 0.0f);
}

// Non-temporal store; p must be aligned to a whole vector.
INLINE void store_nt(float* p, vf v) {
#if defined(__AVX512F__)
    __builtin_ia32_movntps512(p, v);
#elif defined(__AVX__)
    __builtin_ia32_movntps256(p, v);
#else
    __builtin_ia32_movntps(p, v);
#endif
}
template <bool Past> INLINE void stream(float* p, vf v) {
    if constexpr (Past) store_nt(p, v);
    else store(p, v);
}
// Orders non-temporal stores before whatever signals that the part is done.
INLINE void fence() { __builtin_ia32_sfence(); }

// Floats from p to the next whole vector boundary, at most n: the head that a loop of
// non-temporal stores has to write in the ordinary way.
INLINE i64 head_of(const float* p, i64 n) {
    i64 h = (i64)((-(u64)p / 4) % VF);
    return h < n ? h : n;
}

// Fetches into the first-level cache; harmless past the end of a buffer.
INLINE void prefetch(const void* p) { __builtin_prefetch(p, 0, 3); }

// Units begin..end of `count`, as even as whole units allow.
struct Range {
    i64 begin, end;
    Range(i64 count, i64 part, i64 parts) : begin(count * part / parts), end(count * (part + 1) / parts) {}
};

INLINE vf select(vi mask, vf yes, vf no) { return mask ? yes : no; }
// a < b ? a : b and a > b ? a : b: b where either is a NaN. One instruction each, which the compiler does not find.
INLINE vf min_(vf a, vf b) {
#if defined(__AVX512F__)
    return __builtin_ia32_minps512_mask(a, b, vf{}, -1, 4);
#elif defined(__AVX__)
    return __builtin_ia32_minps256(a, b);
#else
    return __builtin_ia32_minps(a, b);
#endif
}
INLINE vf max_(vf a, vf b) {
#if defined(__AVX512F__)
    return __builtin_ia32_maxps512_mask(a, b, vf{}, -1, 4);
#elif defined(__AVX__)
    return __builtin_ia32_maxps256(a, b);
#else
    return __builtin_ia32_maxps(a, b);
#endif
}
INLINE vf sqrt_(vf x) {
#if defined(__AVX512F__)
    return __builtin_ia32_sqrtps512_mask(x, vf{}, -1, 4);
#elif defined(__AVX__)
    return __builtin_ia32_sqrtps256(x);
#else
    return __builtin_ia32_sqrtps(x);
#endif
}
// Maximum that keeps a NaN of either side.
INLINE vf max_nan(vf best, vf x) { return ((x > best) | (x != x)) ? x : best; }

INLINE float reduce_sum(vf v) {
    for (int w = VF / 2; w > 0; w /= 2)
        for (int i = 0; i < w; ++i) v[i] += v[i + w];
    return v[0];
}
INLINE float reduce_max(vf v) {
    float m = v[0];
    for (int i = 1; i < VF; ++i) m = v[i] > m ? v[i] : m;
    return m;
}

// e^x. The exponent is split off by adding and subtracting 1.5 * 2^23 + 127, which rounds to the nearest integer
// and leaves the bits of a power of two in place; the rest is a polynomial fitted on [-ln 2 / 2, ln 2 / 2],
// with a relative error of 3e-9 (degree 6) or 1.0e-7 (degree 5) before rounding.
// Results below 2^-126 are 0, above e^88.37 they stay finite at about 2.4e38; if `Bounded`, the caller answers
// for x being less than that.
template <int Degree = 6, bool Bounded = false> INLINE vf exp_(vf x) {
    const vf magic = splat(12583039.0f);
    vf c = max_(splat(-87.33f), x);
    if (!Bounded) c = min_(splat(88.37f), c);
    vf shifted = c * 1.44269504f + magic;
    vf n = shifted - magic;
    vf r = c - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    vf p;
    if constexpr (Degree >= 6) {
        p = r * 1.3814601e-3f + 8.3687156e-3f;
        p = p * r + 4.1668389e-2f;
        p = p * r + 0.16666521f;
        p = p * r + 0.49999994f;
    } else {
        p = r * 8.3125234e-3f + 4.1890152e-2f;
        p = p * r + 0.16667114f;
        p = p * r + 0.49999231f;
    }
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    vf y = p * (vf)((vi)shifted << 23);
    return x < splat(-87.33f) ? vf{} : y;
}

// 1 / (1 + e^-x)
INLINE vf sigmoid_(vf x) { return 1.0f / (1.0f + exp_(-x)); }

// 1 / x for finite x > 0 of ordinary size: twelve bits from the table, then one Newton step.
INLINE vf reciprocal_(vf x) {
#if defined(__AVX512F__)
    vf y = __builtin_ia32_rcp14ps512_mask(x, vf{}, -1);
#elif defined(__AVX__)
    vf y = __builtin_ia32_rcpps256(x);
#else
    vf y = __builtin_ia32_rcpps(x);
#endif
    return y * (2.0f - x * y);
}

template <bool Newton> INLINE vf quotient_(vf p, vf q) {
    if constexpr (Newton) return p * reciprocal_(q);
    else return p / q;
}

// x * Phi(x) with Phi(x) = 1/2 + x P(x^2) / Q(x^2), fitted on [-5.6, 5.6] with an absolute
// error of 1e-8 in Phi, 1.5e-7 with rounding; outside, Phi is 0 or 1 to single precision.
template <bool Newton> INLINE vf gelu_odd(vf x) {
    const vf limit = splat(5.6f);
    vf c = x > limit ? limit : x;
    c = c < -limit ? -limit : c;
    vf z = c * c;
    vf p = z * 2.2145299e-8f + 6.3565412e-6f;
    p = p * z + 1.7385140e-4f;
    p = p * z + 4.7072633e-3f;
    p = p * z + 3.4376167e-2f;
    p = p * z + 0.39894223f;
    vf q = z * 1.1802123e-6f + 7.5102160e-5f;
    q = q * z + 1.9129819e-3f;
    q = q * z + 2.8940123e-2f;
    q = q * z + 0.252834f;
    q = q * z + 1.0f;
    vf phi = x < -limit ? vf{} : quotient_<Newton>(c * p, q) + 0.5f;
    return x * phi;
}

// The same through the lower tail, Phi(-t) = exp(-t^2 / 2) P(t) / Q(t) for t >= 0 (a fit of
// the Mills ratio with a relative error of 5e-9): dearer, but right to a few units in the last
// place for negative x as well, where the form above cancels.
template <bool Newton> INLINE vf gelu_tail(vf x) {
    vf t = x < vf{} ? -x : x;
    vf c = t > splat(13.2f) ? splat(13.2f) : t;
    vf p = c * 4.0116408e-3f + 3.9926186e-2f;
    p = p * c + 0.18113401f;
    p = p * c + 0.43545181f;
    p = p * c + 0.5f;
    vf q = c * 1.0055547e-2f + 0.10008758f;
    q = q * c + 0.46392444f;
    q = q * c + 1.1937646f;
    q = q * c + 1.6687886f;
    q = q * c + 1.0f;
    vf tail = quotient_<Newton>(exp_(t * t * -0.5f) * p, q);
    return x * (x < vf{} ? tail : 1.0f - tail);
}

template <bool Tail, bool Newton> INLINE vf gelu_(vf x) {
    if constexpr (Tail) return gelu_tail<Newton>(x);
    else return gelu_odd<Newton>(x);
}

// Natural logarithm of a finite x > 0 of ordinary size: exponent, and a series in
// (m - 1) / (m + 1) for the fraction m in [0.75, 1.5). Right to about 1e-12.
INLINE double log_(double x) {
    i64 bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    i64 n = (bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffff) | 0x3ff0000000000000;
    double m;
    __builtin_memcpy(&m, &bits, sizeof m);
    if (m >= 1.5) {
        m *= 0.5;
        n += 1;
    }
    const double s = (m - 1.0) / (m + 1.0), z = s * s;
    double sum = 0.0;
    for (int k = 15; k >= 1; k -= 2) sum = sum * z + 2.0 / k;
    return n * 0.69314718055994531 + s * sum;
}
