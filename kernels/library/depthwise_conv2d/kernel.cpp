// Convolution of each channel by itself. Rows of a plane are copied into a padded plane of this part just before they
// are needed, and the rows of a window are still in the first-level cache when they are. The kernels are static: only
// the one that the plan names is compiled.

struct Taps {
    i64 height, width, step_y, step_x;
};

// One output row for stride 1, from the first row of its windows. With Size the compiler knows the taps.
template <int Size, bool Past, class Finish>
INLINE void taps_row(const float* x, const float* w, float bias, Taps k, float* y, i64 n, Finish finish) {
    const i64 height = Size ? Size : k.height, width = Size ? Size : k.width, step_x = Size ? 1 : k.step_x;
    write_run<Past>(y, 0, n, [=](auto, i64 j) {
        // Whole vectors, as the plane goes on past the row.
        vf acc = splat(bias);
#pragma GCC unroll 8
        for (i64 a = 0; a < height; ++a)
#pragma GCC unroll 8
            for (i64 b = 0; b < width; ++b) acc += load(x + a * k.step_y + b * step_x + j) * w[a * width + b];
        return finish(acc);
    });
}

template <class Finish>
INLINE void convolve(int part, int parts, const float* in, const float* weight, const float* bias, float* out,
                     float* all_padded, i64 images, i64 channels, i64 out_channels, i64 height, i64 width,
                     i64 padded_width, i64 plane, i64 out_height, i64 out_width, i64 window_y, i64 window_x,
                     i64 stride_y, i64 stride_x, i64 pad_y, i64 pad_x, i64 dilation_y, i64 dilation_x,
                     Finish finish) {
    float* padded = all_padded + part * plane;
    const Taps k = {window_y, window_x, dilation_y * padded_width, dilation_x};
    const i64 each = out_channels / channels;
    for (i64 j = 0; j < plane; ++j) padded[j] = 0.0f;

    Range r(images * out_channels, part, parts);
    for (i64 u = r.begin; u < r.end; ++u) {
        const i64 image = u / out_channels, o = u % out_channels;
        const float *x = in + (image * channels + o / each) * height * width, *w = weight + o * window_y * window_x;
        // Input rows that have been copied.
        i64 done = 0;
        for (i64 oy = 0; oy < out_height; ++oy) {
            const i64 need = oy * stride_y + (window_y - 1) * dilation_y - pad_y + 1;
            for (; done < need && done < height; ++done) {
                const float* from = x + done * width;
                float* to = padded + (done + pad_y) * padded_width + pad_x;
                i64 j = 0;
                for (; j + VF <= width; j += VF) store(to + j, ReadWhole{j % 16 == 0}(from + j));
                if (j < width) store_some(to + j, width - j, load_some(from + j, width - j, 0.0f));
            }
            const float* first = padded + oy * stride_y * padded_width;
            float* y = out + (u * out_height + oy) * out_width;
            if (stride_x != 1)
                for (i64 ox = 0; ox < out_width; ++ox) {
                    float acc = bias[o];
                    for (i64 a = 0; a < window_y; ++a)
                        for (i64 b = 0; b < window_x; ++b) {
                            acc += first[a * k.step_y + ox * stride_x + b * k.step_x] * w[a * window_x + b];
                            scalar_loop();
                        }
                    y[ox] = finish(splat(acc))[0];
                }
            else if (window_y == 3 && window_x == 3 && dilation_x == 1)
                if (worth_passing(out_width)) taps_row<3, NT>(first, w, bias[o], k, y, out_width, finish);
                else taps_row<3, false>(first, w, bias[o], k, y, out_width, finish);
            else taps_row<0, false>(first, w, bias[o], k, y, out_width, finish);
        }
    }
    if (NT) fence();
}

static void depthwise(int part, int parts, const float* in, const float* weight, const float* bias, float* out,
                      float* all_padded, i64 images, i64 channels, i64 out_channels, i64 height, i64 width,
                      i64 padded_width, i64 plane, i64 out_height, i64 out_width, i64 window_y, i64 window_x,
                      i64 stride_y, i64 stride_x, i64 pad_y, i64 pad_x, i64 dilation_y, i64 dilation_x) {
    convolve(part, parts, in, weight, bias, out, all_padded, images, channels, out_channels, height, width,
             padded_width, plane, out_height, out_width, window_y, window_x, stride_y, stride_x, pad_y, pad_x,
             dilation_y, dilation_x,
             [](vf v) { return v; });
}

static void depthwise_relu(int part, int parts, const float* in, const float* weight, const float* bias, float* out,
                           float* all_padded, i64 images, i64 channels, i64 out_channels, i64 height, i64 width,
                           i64 padded_width, i64 plane, i64 out_height, i64 out_width, i64 window_y, i64 window_x,
                           i64 stride_y, i64 stride_x, i64 pad_y, i64 pad_x, i64 dilation_y, i64 dilation_x) {
    convolve(part, parts, in, weight, bias, out, all_padded, images, channels, out_channels, height, width,
             padded_width, plane, out_height, out_width, window_y, window_x, stride_y, stride_x, pad_y, pad_x,
             dilation_y, dilation_x,
             [](vf v) { return v < vf{} ? vf{} : v; });
}
