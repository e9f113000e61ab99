#include <cooperative_groups.h>
#include <math.h>

extern "C" __global__ void softmax(const float *x, float *most, float *sums, float *y, int rows, int cols) {
    auto grid = cooperative_groups::this_grid();
    int thread = blockIdx.x * blockDim.x + threadIdx.x, threads = gridDim.x * blockDim.x;
    for (int row = thread; row < rows; row += threads) {
        float value = -INFINITY;
        for (int i = 0; i < cols; i++) value = fmaxf(value, x[row * cols + i]);
        most[row] = value;
    }
    grid.sync();
    for (int row = thread; row < rows; row += threads) {
        double sum = 0;
        for (int i = 0; i < cols; i++) sum += expf(x[row * cols + i] - most[row]);
        sums[row] = sum;
    }
    grid.sync();
    for (int i = thread; i < rows * cols; i += threads) y[i] = expf(x[i] - most[i / cols]) / sums[i / cols];
}
