// Direct convolution. Planes are copied into padded ones first. Then, with rows of a padded plane laid end
// to end, the window's offset (ky, kx) is one constant shift of the flat position, so tiles run across
// row ends: a few positions between rows are computed and dropped, and so are those that a stride skips. One
// dimension is a plane of one row. Kernels that the plan may not name are static, so that they are not compiled.

enum { OC = TILE / 10, NV = TILE % 10, TILE_SPAN = NV * VF, SUMS = SPAN + 64 };

// [group][channel][window][OC], zero where the last group has no channel.
extern "C" void pack_weight(int part, int parts, const float* weight, float* packed, i64 out_channels, i64 channels,
                            i64 window) {
    const i64 each = channels * window;
    Range groups((out_channels + OC - 1) / OC, part, parts);
    for (i64 g = groups.begin; g < groups.end; ++g)
        for (i64 k = 0; k < each; ++k)
            for (i64 o = 0; o < OC; ++o) {
                packed[(g * each + k) * OC + o] = g * OC + o < out_channels ? weight[(g * OC + o) * each + k] : 0.0f;
                scalar_loop();
            }
}

extern "C" void pad(int part, int parts, const float* x, float* padded, i64 planes, i64 height, i64 width, i64 pad_y,
                    i64 pad_x, i64 plane) {
    Range r(planes, part, parts);
    const i64 row = width + 2 * pad_x;
    for (i64 p = r.begin; p < r.end; ++p) {
        float* y = padded + p * plane;
        i64 done = 0;
        for (i64 i = 0; i < height; ++i) {
            const i64 start = (i + pad_y) * row + pad_x;
            for (; done < start; ++done) {
                y[done] = 0.0f;
                scalar_loop();
            }
            const float* from = x + (p * height + i) * width;
            i64 j = 0;
            for (; j + VF <= width; j += VF) store(y + start + j, load(from + j));
            for (; j < width; ++j) {
                y[start + j] = from[j];
                scalar_loop();
            }
            done = start + width;
        }
        for (; done < plane; ++done) {
            y[done] = 0.0f;
            scalar_loop();
        }
    }
}

struct Window {
    i64 height, width, step_y, step_x;
};

// sums[o][0..TILE_SPAN) (+)= contributions of `depth` channels at the positions from x on.
INLINE void conv_tile(const float* x, i64 plane, const float* w, i64 depth, Window k, float* sums, bool first) {
    // From zero each time: one chain through all channels would lose more digits.
    vf acc[OC][NV] = {};
    for (i64 c = 0; c < depth; ++c, x += plane) {
        const float* row = x;
        for (i64 ky = 0; ky < k.height; ++ky, row += k.step_y) {
            const float* p = row;
            for (i64 kx = 0; kx < k.width; ++kx, p += k.step_x, w += OC) {
                vf in[NV];
#pragma GCC unroll 4
                for (int v = 0; v < NV; ++v) in[v] = load(p + v * VF);
#pragma GCC unroll 16
                for (int o = 0; o < OC; ++o) {
                    vf a = splat(w[o]);
#pragma GCC unroll 4
                    for (int v = 0; v < NV; ++v) acc[o][v] += a * in[v];
                }
            }
        }
    }
#pragma GCC unroll 16
    for (int o = 0; o < OC; ++o)
#pragma GCC unroll 4
        for (int v = 0; v < NV; ++v) {
            float* p = sums + o * SUMS + v * VF;
            store(p, first ? acc[o][v] : load(p) + acc[o][v]);
        }
}

// `finish(v)` is applied to finished sums.
template <class Finish>
INLINE void convolve(int part, int parts, const float* padded, const float* packed, const float* bias, float* out,
                     float* all_sums, i64 images, i64 channels, i64 out_channels, i64 padded_width, i64 plane,
                     i64 out_height, i64 out_width, i64 window_y, i64 window_x, i64 stride_y, i64 stride_x,
                     i64 dilation_y, i64 dilation_x, Finish finish) {
    const Window k = {window_y, window_x, dilation_y * padded_width, dilation_x};
    const i64 groups = (out_channels + OC - 1) / OC, taps = window_y * window_x;
    float* sums = all_sums + part * groups * OC * SUMS;
    // Positions from the first output to the last, in the flat padded plane.
    const i64 row = padded_width * stride_y;
    const i64 flat = (out_height - 1) * row + (out_width - 1) * stride_x + 1;
    const i64 spans = (flat + SPAN - 1) / SPAN;

    Range r(images * spans, part, parts);
    for (i64 u = r.begin; u < r.end; ++u) {
        const i64 image = u / spans, start = u % spans * SPAN;
        const i64 n = flat - start < SPAN ? flat - start : SPAN;
        for (i64 c = 0; c < channels; c += DEPTH) {
            const i64 depth = channels - c < DEPTH ? channels - c : DEPTH;
            const float* x = padded + (image * channels + c) * plane + start;
            for (i64 g = 0; g < groups; ++g)
                for (i64 j = 0; j < n; j += TILE_SPAN)
                    conv_tile(x + j, plane, packed + (g * channels + c) * taps * OC, depth, k,
                              sums + g * OC * SUMS + j, c == 0);
        }
        // The outputs among these positions, row by row.
        for (i64 o = 0; o < out_channels; ++o) {
            const float b = bias[o];
            float* dst = out + (image * out_channels + o) * out_height * out_width;
            for (i64 oy = start / row; oy < out_height && oy * row < start + n; ++oy) {
                const i64 base = oy * row;
                i64 ox = base >= start ? 0 : (start - base + stride_x - 1) / stride_x;
                const i64 stop = (start + n - base + stride_x - 1) / stride_x;
                const i64 end = stop < out_width ? stop : out_width;
                const float* from = sums + o * SUMS + base - start;
                if (stride_x == 1)
                    for (; ox + VF <= end; ox += VF) store(dst + oy * out_width + ox, finish(load(from + ox) + b));
                for (; ox < end; ++ox) {
                    dst[oy * out_width + ox] = finish(splat(from[ox * stride_x] + b))[0];
                    scalar_loop();
                }
            }
        }
    }
}

static void conv2d(int part, int parts, float* padded, float* packed, const float* bias, float* out, float* sums,
                   i64 images, i64 channels, i64 out_channels, i64 padded_width, i64 plane, i64 out_height,
                   i64 out_width, i64 window_y, i64 window_x, i64 stride_y, i64 stride_x, i64 dilation_y,
                   i64 dilation_x) {
    convolve(part, parts, padded, packed, bias, out, sums, images, channels, out_channels, padded_width, plane,
             out_height, out_width, window_y, window_x, stride_y, stride_x, dilation_y, dilation_x,
             [](vf v) { return v; });
}

static void conv2d_relu(int part, int parts, float* padded, float* packed, const float* bias, float* out, float* sums,
                        i64 images, i64 channels, i64 out_channels, i64 padded_width, i64 plane, i64 out_height,
                        i64 out_width, i64 window_y, i64 window_x, i64 stride_y, i64 stride_x, i64 dilation_y,
                        i64 dilation_x) {
    convolve(part, parts, padded, packed, bias, out, sums, images, channels, out_channels, padded_width, plane,
             out_height, out_width, window_y, window_x, stride_y, stride_x, dilation_y, dilation_x,
             [](vf v) { return v < vf{} ? vf{} : v; });
}
