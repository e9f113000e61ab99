// y = f(x * scale + shift) with a factor and an addend for each column or for each channel. A part takes whole
// rows or planes. The kernels are static: only those that the plan names are compiled.

// f(read, j) for each row of this part, with x at its start.
template <class F> INLINE void write_rows(int part, int parts, const float* x, float* y, i64 rows, i64 cols, F f) {
    const Range r(rows, part, parts);
    for (i64 i = r.begin; i < r.end; ++i) {
        const float* row = x + i * cols;
        write_run(y + i * cols, 0, cols, [=](auto read, i64 j) { return f(read, row, i, j); });
    }
    if (NT) fence();
}

static void columns_gelu(int part, int parts, const float* x, const float* shift, float* y, i64 rows, i64 cols) {
    write_rows(part, parts, x, y, rows, cols, [=](auto read, const float* row, i64, i64 j) {
        return gelu_<TAIL, false>(read(row + j) + read.near(shift + j));
    });
}

static void columns_clamp(int part, int parts, const float* x, const float* scale, const float* shift, float* y,
                          i64 rows, i64 cols, float low, float high) {
    write_rows(part, parts, x, y, rows, cols, [=](auto read, const float* row, i64, i64 j) {
        // Comparisons that a NaN does not pass leave it.
        vf v = read(row + j) * read.near(scale + j) + read.near(shift + j);
        v = v < splat(low) ? splat(low) : v;
        return v > splat(high) ? splat(high) : v;
    });
}

// weight * (x - mean) / sqrt(var + eps) + bias as one factor and one addend for each channel. Where they cancel, what
// is lost when they are rounded to floats would be seen, so the losses follow them.
static void fold_norm(int part, int, const float* weight, const float* bias, const float* mean, const float* var,
                      float* affine, i64 channels, double eps) {
    if (part != 0) return;
    for (i64 c = 0; c < channels; ++c) {
        const double factor = weight[c] / __builtin_sqrt(var[c] + eps), addend = bias[c] - mean[c] * factor;
        affine[4 * c] = factor;
        affine[4 * c + 1] = addend;
        affine[4 * c + 2] = factor - (float)factor;
        affine[4 * c + 3] = addend - (float)addend;
        scalar_loop();
    }
}

template <bool Relu>
INLINE void scale_planes(int part, int parts, const float* x, const float* affine, float* y, i64 planes, i64 channels,
                         i64 pixels) {
    write_rows(part, parts, x, y, planes, pixels, [=](auto read, const float* plane, i64 i, i64 j) {
        const float* a = affine + i % channels * 4;
        const vf u = read(plane + j), v = (u * a[0] + a[1]) + (u * a[2] + a[3]);
        return Relu ? (v < vf{} ? vf{} : v) : v;
    });
}

static void planes(int part, int parts, const float* x, float* affine, float* y, i64 planes, i64 channels, i64 pixels) {
    scale_planes<false>(part, parts, x, affine, y, planes, channels, pixels);
}

static void planes_relu(int part, int parts, const float* x, float* affine, float* y, i64 planes, i64 channels,
                        i64 pixels) {
    scale_planes<true>(part, parts, x, affine, y, planes, channels, pixels);
}
