// Variables on the stack of a thread. One block of 128 threads.

extern "C" __global__ void stack_partly_filled(const float* x, float* y, int n) {
    float own[8];
    int i = threadIdx.x;
    for (int j = 0; j < (i & 7); j++) {
        own[j] = x[j];
    }
    if (i < n) {
        y[i] = own[(i * 3) & 7]; // BUG: uninitialised
    }
}

extern "C" __global__ void stack_filled_ok(const float* x, float* y, int n) {
    float own[8];
    int i = threadIdx.x;
    for (int j = 0; j <= (i & 7); j++) {
        own[j] = x[j];
    }
    if (i < n) {
        y[i] = own[((i & 7) * 3) % ((i & 7) + 1)];
    }
}

__device__ __noinline__ float leave_something(const float* x, int at) {
    float own[16];
    for (int j = 0; j < 16; j++) {
        own[j] = x[(at + j) % 100];
    }
    return own[at & 15] + own[(at * 5) & 15];
}

// What another function left there.
__device__ __noinline__ float find_something(int at, int from) {
    float own[16];
    own[at & 15] = 1.0f;
    return own[from & 15]; // BUG: uninitialised
}

extern "C" __global__ void stack_of_another_call(const float* x, float* y, int n) {
    int i = threadIdx.x;
    float sum = leave_something(x, i);
    sum += find_something(i, i * 7);
    if (i < n) {
        y[i] = sum;
    }
}

extern "C" __global__ void stack_of_the_same_call_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    float sum = leave_something(x, i);
    sum += find_something(i, i);
    sum += leave_something(x, i + 1);
    if (i < n) {
        y[i] = sum;
    }
}

__device__ __noinline__ int through_a_pointer(int* p, int i) {
    p[i] = i; // BUG: out-of-bounds
    return p[i / 2];
}

extern "C" __global__ void stack_beyond_all_variables(const float* x, float* y, int n) {
    int own[4] = {1, 2, 3, 4};
    int i = threadIdx.x;
    int sum = through_a_pointer(own, i);
    if (i < n) {
        y[i] = (float)(sum + own[i & 3]);
    }
}

__device__ __noinline__ int of_the_caller(int* p, int i) {
    p[i & 3] = i;
    return p[i & 1];
}

extern "C" __global__ void stack_of_the_caller_ok(const float* x, float* y, int n) {
    int own[4] = {1, 2, 3, 4};
    int i = threadIdx.x;
    int sum = of_the_caller(own, i);
    if (i < n) {
        y[i] = (float)(sum + own[i & 3]);
    }
}

struct Padded {
    char c;
    double d;
    short s[3];
};

__device__ __noinline__ Padded changed(Padded p, int i) {
    p.s[i % 3] = (short)i;
    p.d += p.c;
    return p;
}

extern "C" __global__ void stack_with_padding_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    Padded own[4];
    for (int j = 0; j < 4; j++) {
        own[j].c = (char)j;
        own[j].d = x[j];
        for (int k = 0; k < 3; k++) {
            own[j].s[k] = (short)k;
        }
    }
    Padded other = changed(own[i & 3], i);
    own[(i + 1) & 3] = other;
    if (i < n) {
        y[i] = (float)(own[(i >> 2) & 3].d + own[i & 3].s[i % 3]);
    }
}

__device__ __noinline__ int depth(int n, int at) {
    int own[4];
    own[n & 3] = n;
    own[at & 3] = at;
    if (n == 0) {
        return own[at & 3];
    }
    return depth(n - 1, at) + own[n & 3];
}

extern "C" __global__ void stack_of_recursion_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    int sum = depth(i % 5, i);
    if (i < n) {
        y[i] = (float)sum;
    }
}
