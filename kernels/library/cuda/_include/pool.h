// Windows over planes.

struct Windows {
    int height, width, size_y, size_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x;
};

// Op over the numbers of the window of output (oy, ox), of those that are inside the plane.
template <class Op> DEVICE float window(const float* plane, int oy, int ox, const Windows& w) {
    const int top = oy * w.stride_y - w.pad_y, left = ox * w.stride_x - w.pad_x;
    float result = Op::none();
    for (int ky = 0; ky < w.size_y; ++ky) {
        const int y = top + ky * w.dilation_y;
        if (y < 0 || y >= w.height) continue;
        const float* row = plane + (i64)y * w.width;
#pragma unroll 4
        for (int kx = 0; kx < w.size_x; ++kx) {
            const int x = left + kx * w.dilation_x;
            if (x >= 0 && x < w.width) result = Op::of(result, __ldg(row + x));
        }
    }
    return result;
}
