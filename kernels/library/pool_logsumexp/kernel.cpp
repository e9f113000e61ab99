// Maximum over windows, then log of the sum over channels of exp: for one output row, the pooled rows of all
// channels wait in a buffer of this part, and never travel to memory.

extern "C" void pool_logsumexp(int part, int parts, const float* in, float* out, float* rows, float* buffers, i64 row,
                               i64 line, i64 images, i64 channels, i64 height, i64 width, i64 out_height, i64 out_width,
                               i64 size_y, i64 size_x, i64 stride_y, i64 stride_x, i64 pad_y, i64 pad_x, i64 dilation_y,
                               i64 dilation_x) {
    const Windows w = {height, width, out_width, size_y, size_x, stride_y, stride_x, pad_y, pad_x, dilation_y,
                       dilation_x};
    float* t = rows + part * 2 * row;
    float *pooled = buffers + part * (channels + 2) * line, *top = pooled + channels * line, *sum = top + line;
    start_pool<Largest>(t, row);
    // Whole vectors are read below.
    for (i64 j = 0; j < channels * line; ++j) pooled[j] = 0.0f;
    Range r(images * out_height, part, parts);
    for (i64 u = r.begin; u < r.end; ++u) {
        const float* image = in + u / out_height * channels * height * width;
        for (i64 c = 0; c < channels; ++c)
            pool_row<Largest, false>(image + c * height * width, u % out_height, t, row, pooled + c * line, w,
                                     [](vf v) { return v; });
        start_running(top, sum, line);
        i64 c = 0;
        for (; c + ROWS <= channels; c += ROWS) take_rows<ROWS>(pooled + c * line, line, top, sum, out_width);
        for (; c < channels; ++c) take_rows<1>(pooled + c * line, line, top, sum, out_width);
        for (i64 j = 0; j < out_width; j += VF)
            store_some(out + u * out_width + j, out_width - j < VF ? out_width - j : VF,
                       finish_running(load(top + j), load(sum + j)));
    }
}
