extern "C" __global__ void print(const float* x, int n) {
    int i = threadIdx.x;
    if (i == 0) {
        printf("%d %5d|%-5d|%05d %+d\n", n, n, n, n, n);
        printf("%u %x %X %#x %o\n", 4000000000u, 255, 255, 255, 8);
        printf("%lld %llu %llx\n", -5000000000ll, 5000000000ull, 1ull << 40);
        printf("%f %.3f %8.2f %e %g %g\n", x[0], x[0], x[0], x[0], x[0], 1e-9);
        printf("%s has %c%%\n", "text", 'c');
        printf("nothing else\n");
    }
    if (i < 3) {
        printf("[%d]=%.1f ", i, x[i]);
    }
}
