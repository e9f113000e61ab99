typedef long i64;

extern "C" void conv2d(int part, int parts, const float* in, const float* weight, const float* bias, float* out,
                       float* windows, i64 images, i64 channels, i64 out_channels, i64 height, i64 width) {
    const i64 taps = channels * 9;
    float* own = windows + part * taps * width;
    const i64 lines = images * height;
    for (i64 l = lines * part / parts; l < lines * (part + 1) / parts; ++l) {
        const i64 image = l / height, y = l % height;
        for (i64 t = 0; t < taps; ++t) {
            const i64 sy = y + t % 9 / 3 - 1, shift = t % 3 - 1;
            const float* row = in + ((image * channels + t / 9) * height + sy) * width;
            for (i64 x = 0; x < width; ++x) {
                const i64 sx = x + shift;
                own[t * width + x] = sy >= 0 && sy < height && sx >= 0 && sx < width ? row[sx] : 0.0f;
            }
        }
        for (i64 o = 0; o < out_channels; ++o) {
            float* dst = out + ((image * out_channels + o) * height + y) * width;
            for (i64 x0 = 0; x0 < width; x0 += 16) {
                const i64 n = width - x0 < 16 ? width - x0 : 16;
                double sum[16];
                for (double& s : sum) s = bias[o];
                for (i64 t = 0; t < taps; ++t) {
                    const double w = weight[o * taps + t];
                    for (i64 x = 0; x < n; ++x) sum[x] += w * own[t * width + x0 + x];
                }
                for (i64 x = 0; x < n; ++x) dst[x0 + x] = (float)sum[x];
            }
        }
    }
}
