typedef long i64;

extern "C" void conv2d(int part, int parts, const float* in, const float* weight, const float* bias, float* out,
                       double* plane, i64 images, i64 channels, i64 out_channels, i64 height, i64 width) {
    const i64 pixels = height * width, units = images * out_channels;
    double* __restrict sum = plane + part * pixels;
    for (i64 u = units * part / parts; u < units * (part + 1) / parts; ++u) {
        const i64 image = u / out_channels, o = u % out_channels;
        for (i64 i = 0; i < pixels; ++i) sum[i] = bias[o];
        for (i64 c = 0; c < channels; ++c) {
            const float* x = in + (image * channels + c) * pixels;
            const float* w = weight + (o * channels + c) * 9;
            // The pixel at (y, x) meets tap (ky, kx) in the output at (y + 1 - ky, x + 1 - kx).
            for (i64 ky = 0; ky < 3; ++ky)
                for (i64 kx = 0; kx < 3; ++kx)
                    for (i64 y = 0; y < height; ++y) {
                        const i64 oy = y + 1 - ky;
                        if (oy < 0 || oy >= height) continue;
                        const i64 from = kx == 2 ? 1 : 0, to = kx == 0 ? width - 1 : width;
                        const double f = w[ky * 3 + kx];
                        for (i64 j = from; j < to; ++j) sum[oy * width + j + 1 - kx] += f * x[y * width + j];
                    }
        }
        for (i64 i = 0; i < pixels; ++i) out[u * pixels + i] = (float)sum[i];
    }
}
