__device__ unsigned tf32(float x) {
    unsigned bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return bits;
}

__device__ void multiply_add(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

extern "C" __global__ void multiply(const float *a, const float *b, float *c, int m, int n, int k) {
    int group = threadIdx.x / 4, lane = threadIdx.x % 4, rows = blockIdx.y * 16, columns = blockIdx.x * 8;
    float sum[4] = {0, 0, 0, 0};
    for (int i = 0; i < k; i += 8) {
        unsigned high[4], right[2];
        for (int j = 0; j < 4; j++) {
            int row = rows + group + (j & 1) * 8, at = i + lane + (j / 2) * 4;
            float value = row < m && at < k ? a[row * k + at] : 0;
            high[j] = tf32(value);
        }
        for (int j = 0; j < 2; j++) {
            int column = columns + group, at = i + lane + j * 4;
            float value = column < n && at < k ? b[at * n + column] : 0;
            right[j] = tf32(value);
        }
        multiply_add(sum, high, right);
    }
    for (int j = 0; j < 4; j++) {
        int row = rows + group + (j / 2) * 8, column = columns + lane * 2 + (j & 1);
        if (row < m && column < n) c[row * n + column] = sum[j];
    }
}
