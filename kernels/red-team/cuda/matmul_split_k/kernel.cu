extern "C" __global__ void part(const float *a, const float *b, float *parts, int m, int n, int k) {
    int column = blockIdx.x * 32 + threadIdx.x, row = blockIdx.y;
    if (column >= n) return;
    float sum = 0;
    for (int i = blockIdx.z; i < k; i += 4) sum = fmaf(a[row * k + i], b[i * n + column], sum);
    parts[((long long)blockIdx.z * m + row) * n + column] = sum;
}

extern "C" __global__ void total(const float *parts, float *c, int size) {
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i < size) c[i] = (parts[i] + parts[size + i]) + (parts[2 * size + i] + parts[3 * size + i]);
}
