// Maximum or mean over windows; padding is below every maximum, and counts as zeros in a mean. The kernels are static:
// only the one that the plan names is compiled.

template <class Op, bool Past, class Finish>
INLINE void pool_rows(int part, int parts, const float* in, float* out, float* rows, i64 row, i64 planes,
                      i64 out_height, Windows w, Finish finish) {
    float* t = rows + part * 2 * row;
    start_pool<Op>(t, row);
    Range r(planes * out_height, part, parts);
    for (i64 u = r.begin; u < r.end; ++u)
        pool_row<Op, Past>(in + u / out_height * w.height * w.width, u % out_height, t, row, out + u * w.out_width, w,
                           finish);
    if (Past) fence();
}

// A line that is written half past the caches and half not costs more than is saved.
template <class Op, class Finish>
INLINE void pool(int part, int parts, const float* in, float* out, float* rows, i64 row, i64 planes, i64 out_height,
                 Windows w, Finish finish) {
    if (NT && (w.out_width % VF == 0 || w.out_width >= 256))
        pool_rows<Op, NT>(part, parts, in, out, rows, row, planes, out_height, w, finish);
    else pool_rows<Op, false>(part, parts, in, out, rows, row, planes, out_height, w, finish);
}

static void max_windows(int part, int parts, const float* in, float* out, float* rows, i64 row, i64 planes, i64 height,
                        i64 width, i64 out_height, i64 out_width, i64 size_y, i64 size_x, i64 stride_y, i64 stride_x,
                        i64 pad_y, i64 pad_x, i64 dilation_y, i64 dilation_x) {
    const Windows w = {height, width, out_width, size_y, size_x, stride_y, stride_x, pad_y, pad_x, dilation_y,
                       dilation_x};
    pool<Largest>(part, parts, in, out, rows, row, planes, out_height, w, [](vf v) { return v; });
}

static void mean_windows(int part, int parts, const float* in, float* out, float* rows, i64 row, i64 planes, i64 height,
                         i64 width, i64 out_height, i64 out_width, i64 size_y, i64 size_x, i64 stride_y, i64 stride_x,
                         i64 pad_y, i64 pad_x, i64 dilation_y, i64 dilation_x, i64 divisor) {
    const Windows w = {height, width, out_width, size_y, size_x, stride_y, stride_x, pad_y, pad_x, dilation_y,
                       dilation_x};
    const float count = divisor;
    pool<Total>(part, parts, in, out, rows, row, planes, out_height, w, [=](vf v) { return v / count; });
}
