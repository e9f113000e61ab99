// losses[i] = the logarithm of the sum of exponentials of row i, less the logit of its label; 0 where the label is
// `ignore`, NaN where there is no such class.
struct CrossEntropy {
    const float* logits;
    const i64* labels;
    float* losses;
    int classes;
    i64 ignore;
    template <class How> DEVICE void row(i64 i, How how) const {
        const float* x = logits + i * classes;
        const i64 label = __ldg(labels + i);
        const Exps e = how.row(classes, of(Itself{}, x)).exps();
        if (How::Threads::rank() == 0) {
            const bool known = label >= 0 && label < classes;
            // First the difference of two that may be large.
            const float loss = known ? logf(e.sum) + (e.max - __ldg(x + label)) : __int_as_float(0x7fffffff);
            losses[i] = label == ignore ? 0.0f : loss;
        }
    }
};
#ifdef KERNEL_cross_entropy_rows
KERNEL void __launch_bounds__(BLOCK)
    cross_entropy_rows(const float* logits, const i64* labels, float* losses, i64 rows, int classes, i64 ignore) {
    each_row(rows, classes, is_aligned(logits), CrossEntropy{logits, labels, losses, classes, ignore});
}
#endif

// One block: sum (reduction 2) or mean over the rows that are not ignored (reduction 1).
#ifdef KERNEL_reduce_losses
KERNEL void __launch_bounds__(BLOCK)
    reduce_losses(const float* losses, const i64* labels, float* y, i64 rows, i64 ignore, int reduction) {
    float sum = 0.0f, counted = 0.0f;
#pragma unroll 4
    for (i64 i = threadIdx.x; i < rows; i += BLOCK) {
        sum += __ldg(losses + i);
        counted += __ldg(labels + i) != ignore ? 1.0f : 0.0f;
    }
    sum = reduce_block<Add, BLOCK>(sum);
    counted = reduce_block<Add, BLOCK>(counted);
    if (threadIdx.x == 0) y[0] = reduction == 1 ? sum / counted : sum;
}
#endif
