// Element-wise functions, one after the other, on what the library has left in `y`: block by block, so
// that a block stays in the first-level cache for all of them. Which function is an argument, not code:
// one branch for each block.

// f over n floats in place.
template <class F> INLINE void sweep(float* y, i64 n, F f) {
    i64 i = 0;
    for (; i + VF <= n; i += VF) store(y + i, f(load(y + i)));
    if (i < n) store_some(y + i, n - i, f(load_some(y + i, n - i, 0.0f)));
}

// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), the approximation that torch calls "tanh".
INLINE vf gelu_by_tanh(vf x) {
    return 0.5f * x * (1.0f + tanh_<DEGREE>(0.7978845608f * (x + 0.044715f * x * x * x)));
}

// The codes are those of plan.toml.
static void apply(float* y, i64 n, i64 code, float a, float b) {
    switch (code) {
    case 1: sweep(y, n, [](vf v) { return relu_(v); }); break;
    case 2: sweep(y, n, [](vf v) { return silu_<DEGREE>(v); }); break;
    case 3: sweep(y, n, [](vf v) { return tanh_<DEGREE>(v); }); break;
    case 4: sweep(y, n, [](vf v) { return logistic_<DEGREE>(v); }); break;
    case 5: sweep(y, n, [](vf v) { return mish_<DEGREE>(v); }); break;
    case 6: sweep(y, n, [](vf v) { return hardswish_(v); }); break;
    case 7: sweep(y, n, [](vf v) { return hardsigmoid_(v); }); break;
    case 8: sweep(y, n, [](vf v) { return gelu_<TAIL, false>(v); }); break;
    case 9: sweep(y, n, [](vf v) { return gelu_by_tanh(v); }); break;
    case 10: sweep(y, n, [=](vf v) { return v < vf{} ? v * a : v; }); break;
    case 11: sweep(y, n, [=](vf v) { return clamp_(v, a, b); }); break;
    case 12: sweep(y, n, [=](vf v) { return max_(splat(a), v); }); break;
    case 13: sweep(y, n, [=](vf v) { return min_(splat(b), v); }); break;
    case 14: sweep(y, n, [=](vf v) { return v * a; }); break;
    case 15: sweep(y, n, [=](vf v) { return v / a; }); break;
    case 16: sweep(y, n, [=](vf v) { return v + a * b; }); break;
    case 17: sweep(y, n, [=](vf v) { return v - a * b; }); break;
    }
}

// Calls f(block, length) for the blocks of a part, which starts on a cache line.
template <class F> INLINE void blocks(int part, int parts, float* y, i64 count, F f) {
    const i64 line = 16;
    Range lines((count + line - 1) / line, part, parts);
    const i64 end = lines.end * line < count ? lines.end * line : count;
    for (i64 i = lines.begin * line; i < end; i += BLOCK) f(y + i, end - i < BLOCK ? end - i : BLOCK);
}

static void chain_1(int part, int parts, float* y, i64 count, i64 c1, float a1, float b1) {
    blocks(part, parts, y, count, [=](float* block, i64 n) { apply(block, n, c1, a1, b1); });
}

static void chain_2(int part, int parts, float* y, i64 count, i64 c1, float a1, float b1, i64 c2, float a2, float b2) {
    blocks(part, parts, y, count, [=](float* block, i64 n) {
        apply(block, n, c1, a1, b1);
        apply(block, n, c2, a2, b2);
    });
}

static void chain_3(int part, int parts, float* y, i64 count, i64 c1, float a1, float b1, i64 c2, float a2, float b2,
                    i64 c3, float a3, float b3) {
    blocks(part, parts, y, count, [=](float* block, i64 n) {
        apply(block, n, c1, a1, b1);
        apply(block, n, c2, a2, b2);
        apply(block, n, c3, a3, b3);
    });
}
