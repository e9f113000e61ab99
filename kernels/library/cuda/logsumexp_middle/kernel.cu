// y[o][i] = the logarithm of the sum over m of e^x[o][m][i], or the Swish of that.

#ifdef KERNEL_logsumexp_middle
KERNEL void __launch_bounds__(BLOCK) logsumexp_middle(const float* x, float* y, int mid, int inner) {
    fold_columns(x, 0, mid, mid, inner, LogSumExp{}, [=](i64 i, ExpSum s) { y[i] = s.log(); });
}
#endif
#ifdef KERNEL_logsumexp_silu
KERNEL void __launch_bounds__(BLOCK) logsumexp_silu(const float* x, float* y, int mid, int inner) {
    fold_columns(x, 0, mid, mid, inner, LogSumExp{}, [=](i64 i, ExpSum s) { y[i] = silu_(s.log()); });
}
#endif
