// Calls, branches and loops in which lanes go different ways.

__device__ __noinline__ int triangle(int n) { return n * (n + 1) / 2; }

__device__ __noinline__ float2 turned(float2 v, float4 m) {
    return make_float2(m.x * v.x + m.y * v.y, m.z * v.x + m.w * v.y);
}

__device__ __noinline__ unsigned fibonacci(unsigned n) {
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

__device__ __noinline__ int even(int n);
__device__ __noinline__ int odd(int n) { return n == 0 ? 0 : even(n - 1) ^ 4; }
__device__ __noinline__ int even(int n) { return n == 0 ? 1 : odd(n - 1) ^ 4; }

extern "C" __global__ void calls(int* y, int n) {
    int i = threadIdx.x;
    if (i >= n) return;
    float2 v = turned(make_float2((float)i, 1.0f), make_float4(0.0f, 2.0f, 3.0f, 0.0f));
    y[4 * i] = triangle(i);
    y[4 * i + 1] = (int)v.x * 1000 + (int)v.y;
    y[4 * i + 2] = (int)fibonacci((unsigned)i % 9);
    y[4 * i + 3] = i % 3 == 0 ? even(i % 11) : odd(i % 11);
}

typedef int (*Operation)(int, int);
__device__ __noinline__ int sum(int a, int b) { return a + b; }
__device__ __noinline__ int product(int a, int b) { return a * b; }
__device__ __noinline__ int less(int a, int b) { return a < b; }
__device__ Operation operations[3] = {sum, product, less};

extern "C" __global__ void by_pointer(int* y, int n) {
    int i = threadIdx.x;
    if (i < n) {
        y[i] = operations[i % 3](i, 7);
    }
}

extern "C" __global__ void switches(const int* x, int* y, int n) {
    int i = threadIdx.x;
    if (i >= n) return;
    int v = x[i];
    int r;
    switch (v) {
        case 0: r = i * 3; break;
        case 1: r = i - 17; break;
        case 2: r = i ^ 5; // falls through
        case 3: r = v == 2 ? (i ^ 5) + 1 : -i; break;
        case 4: r = i << 2; break;
        case 5: r = i * i; break;
        case 6: r = ~i; break;
        case 7: r = i / 3; break;
        default: r = -1000;
    }
    y[i] = r;
}

// The same in branches of assembly: NVRTC makes tables of constants of some.
extern "C" __global__ void indexed_branch(const int* x, int* y, int n) {
    int i = threadIdx.x;
    if (i >= n) return;
    int r;
    asm volatile(
        "{\n\t"
        "table: .branchtargets first, second, third;\n\t"
        "brx.idx %1, table;\n"
        "first:\n\tadd.s32 %0, %2, 100;\n\tbra.uni end;\n"
        "second:\n\tmul.lo.s32 %0, %2, 3;\n\tbra.uni end;\n"
        "third:\n\tneg.s32 %0, %2;\n"
        "end:\n\t}"
        : "=r"(r)
        : "r"(x[i] % 3), "r"(i));
    y[i] = r;
}

extern "C" __global__ void nested(const int* x, int* y, int n) {
    int i = threadIdx.x;
    if (i >= n) return;
    int steps = 0;
    for (int outer = 0; outer < x[i]; outer++) {
        int v = i + outer;
        while (v > 1) {
            if (v & 1) {
                if (v % 3 == 0) {
                    v /= 3;
                } else {
                    v -= 1;
                    if (outer & 1) continue;
                    steps += 10;
                }
            } else {
                v /= 2;
            }
            steps++;
            if (steps > 500) break;
        }
        if (steps % 7 == 6) break;
    }
    y[i] = steps;
}

// Lanes meet again behind a branch: a vote counts them all.
extern "C" __global__ void meet_again(int* y, int n) {
    int i = threadIdx.x;
    int v = 0;
    if (i & 1) {
        for (int j = 0; j < i; j++) v += j;
    } else if (i & 2) {
        v = i;
    } else {
        while (v < i) v += 3;
    }
    unsigned here = __activemask();
    unsigned votes = __ballot_sync(0xffffffff, v & 1);
    y[i] = (int)votes;
    y[n + i] = (int)here;
}

extern "C" __global__ void local_arrays(const int* x, int* y, int n) {
    int i = threadIdx.x;
    if (i >= n) return;
    int stack[16];
    char bytes[16];
    int top = 0;
    for (int j = 0; j < 16; j++) {
        bytes[(j * 5) & 15] = (char)(j + i);
    }
    for (int j = 0; j < 16; j++) {
        stack[top] = bytes[(x[i] + j) & 15];
        top = top + 1 < 16 ? top + 1 : 0;
        if (stack[(top + 15) & 15] & 1) {
            top = top > 0 ? top - 1 : 15;
        }
    }
    int sum = top * 1000;
    for (int j = 0; j < top; j++) {
        sum += stack[j];
    }
    y[i] = sum;
}

template <int N>
__device__ __forceinline__ void sort(int (&v)[N], bool up) {
    for (int a = 0; a < N; a++) {
        for (int b = a + 1; b < N; b++) {
            if ((v[a] > v[b]) == up) {
                int t = v[a];
                v[a] = v[b];
                v[b] = t;
            }
        }
    }
}

extern "C" __global__ void templates(const int* x, int* y, int n) {
    int i = threadIdx.x;
    int v[6];
    for (int j = 0; j < 6; j++) v[j] = x[(i * 6 + j) % n];
    sort(v, i % 2 == 0);
    for (int j = 0; j < 6; j++) y[i * 6 + j] = v[j];
}
