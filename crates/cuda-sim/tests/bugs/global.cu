// Accesses to global memory with nothing to order them.

extern "C" __global__ void all_add_to_the_result(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n) {
        y[0] += x[i]; // BUG: race, uninitialised
    }
}

extern "C" __global__ void all_add_to_the_result_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i == 0) {
        y[0] = 0.0f;
    }
    __syncthreads();
    if (i < n) {
        atomicAdd(&y[0], x[i]);
    }
}

extern "C" __global__ void stencil_in_place(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n) {
        y[i] = x[i];
    }
    __syncthreads();
    if (i < n - 1) {
        y[i] = y[i] + y[i + 1]; // BUG: race
    }
}

extern "C" __global__ void stencil_in_place_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n) {
        y[i] = x[i];
    }
    __syncthreads();
    float sum = i < n - 1 ? y[i] + y[i + 1] : 0.0f;
    __syncthreads();
    if (i < n - 1) {
        y[i] = sum;
    }
}

extern "C" __global__ void bins_without_atomics(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < 8) {
        y[i] = 0.0f;
    }
    __syncthreads();
    if (i < n) {
        int bin = (int)((x[i] + 1.0f) * 4.0f) & 7;
        y[bin] += 1.0f; // BUG: race
    }
}

extern "C" __global__ void bins_without_atomics_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < 8) {
        y[i] = 0.0f;
    }
    __syncthreads();
    if (i < n) {
        int bin = (int)((x[i] + 1.0f) * 4.0f) & 7;
        atomicAdd(&y[bin], 1.0f);
    }
}

// Four blocks of 32 threads: a barrier is one block's.
extern "C" __global__ void blocks_cleared_by_the_first(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i == 0) {
        y[0] = 0.0f; // BUG: race, uninitialised
    }
    __syncthreads();
    if (i < n) {
        atomicAdd(&y[0], x[i]); // BUG: race, uninitialised
    }
}

extern "C" __global__ void blocks_read_each_other(const float* x, float* y, int n) {
    int b = blockIdx.x, i = threadIdx.x;
    if (i == 0) {
        y[b] = x[b]; // BUG: race, uninitialised
    }
    __syncthreads();
    if (i == 1) {
        y[8 + b] = y[(b + 1) & 3]; // BUG: race, uninitialised
    }
}

extern "C" __global__ void blocks_with_their_own_ok(const float* x, float* y, int n) {
    int b = blockIdx.x, i = threadIdx.x;
    if (i == 0) {
        y[b] = x[b];
    }
    __syncthreads();
    if (i == 1) {
        y[8 + b] = y[b];
    }
}

__device__ int counter;

extern "C" __global__ void blocks_sum_without_a_count(const float* x, float* y, int n) {
    int b = blockIdx.x, i = threadIdx.x;
    if (i == 0) {
        y[1 + b] = x[b]; // BUG: race, uninitialised
        if (b == gridDim.x - 1) {
            y[0] = y[1] + y[2] + y[3] + y[4]; // BUG: race, uninitialised
        }
    }
}

extern "C" __global__ void blocks_sum_with_a_count_ok(const float* x, float* y, int n) {
    int b = blockIdx.x, i = threadIdx.x;
    if (i == 0) {
        y[1 + b] = x[b];
        __threadfence();
        if (atomicAdd(&counter, 1) == 3) {
            y[0] = y[1] + y[2] + y[3] + y[4];
        }
    }
}

// All write the same: no matter who is last.
extern "C" __global__ void blocks_raise_a_flag_ok(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n && x[i] > 0.0f) {
        y[0] = 1.0f;
    }
}

extern "C" __global__ void blocks_write_their_own(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        y[0] = x[i]; // BUG: race
    }
}
