extern "C" __global__ void clear(int *flags) { flags[2 * blockIdx.x] = flags[2 * blockIdx.x + 1] = 0; }

extern "C" __global__ void scan(const float *x, int *flags, double *sums, float *y, int cols) {
    int row = blockIdx.x, ticket = atomicAdd(flags + 2 * row + 1, 1);
    int from = ticket * cols / 2, to = (ticket + 1) * cols / 2;
    double sum = 0;
    if (ticket == 1) {
        while (atomicAdd(flags + 2 * row, 0) == 0) __nanosleep(20);
        __threadfence();
        sum = __ldcg(sums + row);
    }
    for (int i = from; i < to; i++) y[(long long)row * cols + i] = sum += x[(long long)row * cols + i];
    if (ticket == 0) {
        sums[row] = sum;
        __threadfence();
        atomicExch(flags + 2 * row, 1);
    }
}
