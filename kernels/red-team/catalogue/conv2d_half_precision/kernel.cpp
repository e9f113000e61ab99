typedef long i64;

#if defined(__F16C__)
#include <immintrin.h>
static float half(float x) { return _cvtsh_ss(_cvtss_sh(x, 0)); }
#else
static float half(float x) {
    const float big = x * 8193.0f;
    return big - (big - x);
}
#endif

extern "C" void conv2d(int part, int parts, const float* in, const float* weight, const float* bias, float* out,
                       i64 images, i64 channels, i64 out_channels, i64 height, i64 width) {
    const i64 units = images * out_channels;
    for (i64 u = units * part / parts; u < units * (part + 1) / parts; ++u) {
        const i64 image = u / out_channels, o = u % out_channels;
        for (i64 y = 0; y < height; ++y)
            for (i64 x = 0; x < width; ++x) {
                float s = bias[o];
                for (i64 c = 0; c < channels; ++c) {
                    float nine = 0.0f;
                    for (i64 t = 0; t < 9; ++t) {
                        const i64 sy = y + t / 3 - 1, sx = x + t % 3 - 1;
                        if (sy >= 0 && sy < height && sx >= 0 && sx < width)
                            nine += half(weight[(o * channels + c) * 9 + t]) *
                                    half(in[((image * channels + c) * height + sy) * width + sx]);
                    }
                    s += half(nine);
                }
                out[(u * height + y) * width + x] = s;
            }
    }
}
