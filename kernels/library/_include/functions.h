// Element-wise functions on top of vec.h. All are right to a few units in the last place, keep NaN, and
// send infinities where PyTorch does in double precision.

// The parts of e^x for x in [-87.33, 88.37]: 2^n, and e^r - 1 with x = n ln 2 + r.
struct Exp {
    vf power, rest;
};
INLINE Exp exp_parts(vf x) {
    const vf magic = splat(12583039.0f);
    vf c = min_(splat(88.37f), max_(splat(-87.33f), x));
    vf shifted = c * 1.44269504f + magic;
    vf n = shifted - magic;
    vf r = c - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    vf p = r * 1.3814601e-3f + 8.3687156e-3f;
    p = p * r + 4.1668389e-2f;
    p = p * r + 0.16666521f;
    p = p * r + 0.49999994f;
    return {(vf)((vi)shifted << 23), p * (r * r) + r};
}

// e^x - 1 for x <= 0, without cancellation near zero.
INLINE vf expm1_negative(vf x) {
    const Exp e = exp_parts(x);
    return e.power * e.rest + (e.power - 1.0f);
}

INLINE vf abs_(vf x) {
    return (vf)((vi)x & 0x7fffffff);
}
INLINE vf minus_abs(vf x) {
    return (vf)((vi)x | (i32)0x80000000);
}
INLINE vf copysign_(vf magnitude, vf sign) {
    return (vf)((vi)magnitude | ((vi)sign & (i32)0x80000000));
}

// Polynomial part of log(1 + f) for f in [sqrt(1/2) - 1, sqrt(2) - 1], without the leading f.
INLINE vf log1p_rest(vf f) {
    vf p = f * 7.0376836e-2f - 1.1514610e-1f;
    p = p * f + 1.1676998e-1f;
    p = p * f - 1.2420141e-1f;
    p = p * f + 1.4249323e-1f;
    p = p * f - 1.6668057e-1f;
    p = p * f + 2.0000715e-1f;
    p = p * f - 2.4999994e-1f;
    p = p * f + 3.3333331e-1f;
    vf z = f * f;
    return p * f * z - 0.5f * z;
}

// log(1 + z) for z in [0, 1], to the last digits also for small z.
INLINE vf log1p_unit(vf z) {
    const vi upper = z > splat(0.41421356f);
    const vf f = upper ? (z - 1.0f) * 0.5f : z;
    const vf n = upper ? splat(1.0f) : vf{};
    return (log1p_rest(f) - n * 2.12194440e-4f) + f + n * 0.693359375f;
}

// Natural logarithm: -inf of zero, NaN of negative numbers, denormal numbers included.
INLINE vf log_(vf x) {
    const vi small = x < splat(1.17549435e-38f);
    const vf scaled = small ? x * 16777216.0f : x;
    // Exponent and fraction such that the fraction lies in [sqrt(1/2), sqrt(2)).
    const vi bits = (vi)scaled - 0x3f3504f3;
    const vf n = __builtin_convertvector(bits >> 23, vf) - (small ? splat(24.0f) : vf{});
    const vf f = (vf)((bits & 0x007fffff) + 0x3f3504f3) - 1.0f;
    vf y = (log1p_rest(f) - n * 2.12194440e-4f) + f + n * 0.693359375f;
    y = x == splat(__builtin_inff()) ? x : y;
    y = x == vf{} ? splat(-__builtin_inff()) : y;
    return x >= vf{} ? y : splat(__builtin_nanf(""));
}

// Below, Degree is that of the polynomial in the exponential, and Newton takes approximate reciprocals with one step.

// 1 / (1 + e^-x) through e^-|x|, which can't overflow.
template <int Degree = 6, bool Newton = false> INLINE vf logistic_(vf x) {
    const vf t = exp_<Degree, true>(minus_abs(x));
    return quotient_<Newton>(x < vf{} ? t : splat(1.0f), 1.0f + t);
}
template <int Degree = 6, bool Newton = false> INLINE vf silu_(vf x) { return x * logistic_<Degree, Newton>(x); }

template <int Degree = 6> INLINE vf softplus_(vf x) {
    return max_(x, vf{}) + log1p_unit(exp_<Degree, true>(minus_abs(x)));
}

// x tanh(softplus(x)), where the hyperbolic tangent of a logarithm is a ratio of polynomials in e^-|x|: the square of a
// root, since x e^x is an ordinary number for a while after e^x has become too small for one.
template <int Degree = 6, bool Newton = false> INLINE vf mish_(vf x) {
    const vf root = exp_<Degree, true>(minus_abs(x) * 0.5f), t = root * root;
    const vf low = t * (t + 2.0f), high = 2.0f * t + 1.0f;
    return x * quotient_<Newton>(x < vf{} ? low : high, x < vf{} ? low + 2.0f : high + 2.0f * t * t);
}

// An odd polynomial below 0.625, above it 1 - 2 / (e^2|x| + 1).
template <int Degree = 6, bool Newton = false> INLINE vf tanh_(vf x) {
    const vf t = abs_(x), z = x * x;
    vf p = z * -5.7049887e-3f + 2.0639089e-2f;
    p = p * z - 5.3739716e-2f;
    p = p * z + 1.3331442e-1f;
    p = p * z - 3.3333282e-1f;
    const vf inner = p * z * x + x;
    const vf outer = 1.0f - quotient_<Newton>(splat(2.0f), exp_<Degree>(t * 2.0f) + 1.0f);
    return t < splat(0.625f) ? inner : copysign_(outer, x);
}

INLINE vf elu_(vf x, float alpha) { return x > vf{} ? x : alpha * expm1_negative(x); }

// A clamp that keeps NaN.
INLINE vf clamp_(vf x, float low, float high) {
    return min_(splat(high), max_(splat(low), x));
}
INLINE vf relu_(vf x) { return max_(vf{}, x); }
INLINE vf hardsigmoid_(vf x) { return clamp_(x + 3.0f, 0.0f, 6.0f) * 0.16666667f; }
INLINE vf hardswish_(vf x) { return x * hardsigmoid_(x); }

// x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), the approximation that torch calls "tanh".
template <int Degree = 6> INLINE vf gelu_by_tanh(vf x) {
    return 0.5f * x * (1.0f + tanh_<Degree>(0.7978845608f * (x + 0.044715f * x * x * x)));
}
