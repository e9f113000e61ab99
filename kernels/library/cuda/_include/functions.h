// Element-wise functions in single precision. NaN and infinities go where PyTorch sends them.

DEVICE float relu_(float x) { return max_(x, 0.0f); }
DEVICE float clamp_(float x, float low, float high) { return min_(max_(x, low), high); }
DEVICE float abs_(float x) { return fabsf(x); }
DEVICE float sqrt_(float x) { return sqrtf(x); }
DEVICE float exp_(float x) { return expf(x); }
DEVICE float log_(float x) { return logf(x); }
DEVICE float tanh_(float x) { return tanhf(x); }
DEVICE float logistic_(float x) { return 1.0f / (1.0f + expf(-x)); }
DEVICE float silu_(float x) { return x / (1.0f + expf(-x)); }

// The logarithm of 1 + e^x is x as soon as e^-x is lost in rounding.
DEVICE float softplus_(float x) { return x > 20.0f ? x : log1pf(expf(x)); }

// x tanh(softplus(x)); the hyperbolic tangent of a logarithm is a ratio of polynomials in e^x.
DEVICE float mish_(float x) {
    const float t = expf(fminf(x, 20.0f)), p = t * (t + 2.0f);
    return x * (x > 20.0f ? 1.0f : p / (p + 2.0f));
}
DEVICE float elu_(float x, float alpha) { return x > 0.0f ? x : alpha * expm1f(x); }
DEVICE float hardsigmoid_(float x) { return clamp_(x + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f); }
DEVICE float hardswish_(float x) { return x * hardsigmoid_(x); }
DEVICE float gelu_(float x) { return 0.5f * x * (1.0f + erff(x * 0.70710678f)); }

// x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), the approximation that torch calls "tanh".
DEVICE float gelu_by_tanh_(float x) {
    return 0.5f * x * (1.0f + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
}
