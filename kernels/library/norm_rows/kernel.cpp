// Rows scaled by what their squares add up to. The second sweep finds the row in the first-level cache.
// The kernels are static: only the one that the plan names is compiled.

INLINE void scale_row(const float* x, const float* weight, float* y, i64 cols, float scale, const float* next) {
    write_run(y, 0, cols, [=](auto read, i64 j) {
        if (PREFETCH) read.ahead(next + j);
        return read.near(x + j) * scale * read.near(weight + j);
    });
}

static void rms_norm(int part, int parts, const float* in, const float* weight, float* out, i64 rows, i64 cols,
                     double eps) {
    const Range r(rows, part, parts);
    for (i64 i = r.begin; i < r.end; ++i) {
        const float* x = in + i * cols;
        const double squares = sum_of(cols, [=](auto read, i64 j) {
            const vf v = read(x + j);
            return v * v;
        });
        scale_row(x, weight, out + i * cols, cols, 1.0 / __builtin_sqrt(squares / cols + eps),
                  i + 1 < r.end ? x + cols : x);
    }
    if (NT) fence();
}

// The sum waits in a buffer of this part, which is padded so that whole vectors may be written.
static void add_rms_norm(int part, int parts, const float* in, const float* residual, const float* weight, float* out,
                         float* sums, i64 rows, i64 cols, i64 stride, double eps) {
    float* sum = sums + part * stride;
    const Range r(rows, part, parts);
    for (i64 i = r.begin; i < r.end; ++i) {
        const float *x = in + i * cols, *z = residual + i * cols;
        const double squares = sum_of(cols, [=](auto read, i64 j) {
            const vf v = read(x + j) + read(z + j);
            store(sum + j, v);
            return v * v;
        });
        scale_row(sum, weight, out + i * cols, cols, 1.0 / __builtin_sqrt(squares / cols + eps),
                  i + 1 < r.end ? x + cols : x);
    }
    if (NT) fence();
}

// Each row divided by what `size(i)` makes of it.
template <class F>
INLINE void divide_rows(int part, int parts, const float* in, float* out, i64 rows, i64 cols, F size) {
    const Range r(rows, part, parts);
    for (i64 i = r.begin; i < r.end; ++i) {
        const float *x = in + i * cols, *next = i + 1 < r.end ? x + cols : x;
        const float divisor = size(x);
        write_run(out + i * cols, 0, cols, [=](auto read, i64 j) {
            if (PREFETCH) read.ahead(next + j);
            return read.near(x + j) / divisor;
        });
    }
    if (NT) fence();
}

// The length of a row, or `least` if that is more.
static void unit_rows(int part, int parts, const float* in, float* out, i64 rows, i64 cols, double least) {
    divide_rows(part, parts, in, out, rows, cols, [=](const float* x) {
        const double length = __builtin_sqrt(sum_of(cols, [=](auto read, i64 j) {
            const vf v = read(x + j);
            return v * v;
        }));
        return length < least ? least : length;
    });
}

// The mean absolute value of a row.
static void absolute_rows(int part, int parts, const float* in, float* out, i64 rows, i64 cols) {
    divide_rows(part, parts, in, out, rows, cols, [=](const float* x) {
        return sum_of(cols, [=](auto read, i64 j) {
            const vf v = read(x + j);
            return (vf)((vi)v & 0x7fffffff);
        }) / cols;
    });
}
