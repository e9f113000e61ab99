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

extern "C" void narrow(int part, int parts, const float* from, float* to, i64 count) {
    for (i64 i = count * part / parts; i < count * (part + 1) / parts; ++i) to[i] = half(from[i]);
}
extern "C" void conv2d(int part, int parts, float* in, float* weight, const float* bias, float* out, i64 images,
                       i64 channels, i64 out_channels, i64 height, i64 width) {
    const i64 units = images * out_channels;
    for (i64 u = units * part / parts; u < units * (part + 1) / parts; ++u) {
        const i64 image = u / out_channels, o = u % out_channels;
        float* __restrict y = out + u * height * width;
        for (i64 i = 0; i < height * width; ++i) y[i] = bias[o];
        for (i64 c = 0; c < channels; ++c)
            for (i64 t = 0; t < 9; ++t) {
                const i64 down = t / 3 - 1, right = t % 3 - 1;
                const i64 from = right < 0 ? 1 : 0, to = right > 0 ? width - 1 : width;
                const float w = weight[(o * channels + c) * 9 + t];
                for (i64 r = 0; r < height; ++r) {
                    if (r + down < 0 || r + down >= height) continue;
                    const float* x = in + ((image * channels + c) * height + r + down) * width + right;
                    for (i64 j = from; j < to; ++j) y[r * width + j] += w * x[j];
                }
            }
    }
}
