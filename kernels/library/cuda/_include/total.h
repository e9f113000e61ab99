// y[0] = the sum of x[0..count), divided by `divisor`, by one block of BLOCK threads: the second stage of a sum over
// all.
#ifdef KERNEL_total
KERNEL void __launch_bounds__(BLOCK) total(const float* x, float* y, i64 count, i64 divisor) {
    float sum = 0.0f;
#pragma unroll 4
    for (i64 i = threadIdx.x; i < count; i += BLOCK) sum += __ldg(x + i);
    sum = reduce_block<Add, BLOCK>(sum);
    if (threadIdx.x == 0) y[0] = sum / divisor;
}
#endif
