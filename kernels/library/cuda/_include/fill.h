// y[0..count) = value, one element for each thread.
KERNEL void fill(float* y, i64 count, float value) {
    const i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) y[i] = value;
}
