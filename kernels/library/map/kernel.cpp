// y = f(x), or y = f(x, z), over `count` floats. Each part takes a contiguous range that starts on a cache line.
// The kernels are static: only the one that the plan names is compiled.

static void map_silu(int part, int parts, const float* x, float* y, i64 count) {
    write_part(part, parts, y, count, [=](auto read, i64 j) { return silu_(read(x + j)); });
}

static void map_tanh(int part, int parts, const float* x, float* y, i64 count) {
    write_part(part, parts, y, count, [=](auto read, i64 j) { return tanh_(read(x + j)); });
}

static void map_relu(int part, int parts, const float* x, float* y, i64 count) {
    write_part(part, parts, y, count, [=](auto read, i64 j) { return relu_(read(x + j)); });
}

static void map_mish(int part, int parts, const float* x, float* y, i64 count) {
    write_part(part, parts, y, count, [=](auto read, i64 j) { return mish_(read(x + j)); });
}

static void map_hardswish(int part, int parts, const float* x, float* y, i64 count) {
    write_part(part, parts, y, count, [=](auto read, i64 j) { return hardswish_(read(x + j)); });
}

static void map_hardsigmoid(int part, int parts, const float* x, float* y, i64 count) {
    write_part(part, parts, y, count, [=](auto read, i64 j) { return hardsigmoid_(read(x + j)); });
}

static void map_softplus(int part, int parts, const float* x, float* y, i64 count) {
    write_part(part, parts, y, count, [=](auto read, i64 j) { return softplus_(read(x + j)); });
}

static void map_selu(int part, int parts, const float* x, float* y, i64 count) {
    write_part(part, parts, y, count, [=](auto read, i64 j) { return elu_(read(x + j), 1.6732632f) * 1.0507010f; });
}

static void map_abs_add_div(int part, int parts, const float* x, float* y, i64 count) {
    write_part(part, parts, y, count, [=](auto read, i64 j) {
        const vf v = read(x + j);
        return v / (abs_(v) + 1.0f);
    });
}

static void map_mul(int part, int parts, const float* x, float* y, i64 count, float factor) {
    write_part(part, parts, y, count, [=](auto read, i64 j) { return read(x + j) * factor; });
}

static void map_sigmoid(int part, int parts, const float* x, float* y, i64 count) {
    write_part(part, parts, y, count, [=](auto read, i64 j) { return logistic_(read(x + j)); });
}

static void map_elu(int part, int parts, const float* x, float* y, i64 count, float alpha) {
    write_part(part, parts, y, count, [=](auto read, i64 j) { return elu_(read(x + j), alpha); });
}

static void map_leaky_relu(int part, int parts, const float* x, float* y, i64 count, float slope) {
    write_part(part, parts, y, count, [=](auto read, i64 j) {
        const vf v = read(x + j);
        return v < vf{} ? v * slope : v;
    });
}

static void map_hardtanh(int part, int parts, const float* x, float* y, i64 count, float low, float high) {
    write_part(part, parts, y, count, [=](auto read, i64 j) { return clamp_(read(x + j), low, high); });
}

static void map_clamp(int part, int parts, const float* x, float* y, i64 count, float low, float high) {
    write_part(part, parts, y, count, [=](auto read, i64 j) { return clamp_(read(x + j), low, high); });
}

static void map_silu_mul(int part, int parts, const float* x, const float* z, float* y, i64 count) {
    write_part(part, parts, y, count, [=](auto read, i64 j) {
        return silu_<DEGREE, RECIPROCAL>(read(x + j)) * read(z + j);
    });
}

static void map_sigmoid_mul(int part, int parts, const float* x, const float* z, float* y, i64 count) {
    write_part(part, parts, y, count, [=](auto read, i64 j) {
        return logistic_<DEGREE, RECIPROCAL>(read(x + j)) * read(z + j);
    });
}

static void map_add_relu(int part, int parts, const float* x, const float* z, float* y, i64 count) {
    write_part(part, parts, y, count, [=](auto read, i64 j) { return relu_(read(x + j) + read(z + j)); });
}
