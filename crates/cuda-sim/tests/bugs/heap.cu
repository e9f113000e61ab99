// Memory that kernels allocate. One block of 128 threads, unless said.

extern "C" __global__ void heap_beyond_the_end(const float* x, float* y, int n) {
    int i = threadIdx.x;
    volatile float* own = (volatile float*)malloc(4 * sizeof(float));
    for (int j = 0; j <= 4; j++) {
        own[j] = x[i % n]; // BUG: out-of-bounds
    }
    if (i < n) {
        y[i] = own[i & 3];
    }
    free((void*)own);
}

extern "C" __global__ void heap_as_long_as_it_is_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    volatile float* own = (volatile float*)malloc(4 * sizeof(float));
    for (int j = 0; j < 4; j++) {
        own[j] = x[i % n];
    }
    if (i < n) {
        y[i] = own[i & 3];
    }
    free((void*)own);
}

extern "C" __global__ void heap_used_after_release(const float* x, float* y, int n) {
    int i = threadIdx.x;
    volatile float* own = (volatile float*)malloc(sizeof(float));
    *own = x[i % n];
    free((void*)own);
    if (i < n) {
        y[i] = *own; // BUG: use-after-free
    }
}

extern "C" __global__ void heap_given_back_twice(const float* x, float* y, int n) {
    volatile float* own = (volatile float*)malloc(sizeof(float));
    *own = x[threadIdx.x % n];
    y[threadIdx.x % n] = 1.0f;
    free((void*)own);
    if (threadIdx.x == 77) {
        free((void*)own); // BUG: double-free
    }
}

extern "C" __global__ void heap_not_its_start(const float* x, float* y, int n) {
    volatile float* own = (volatile float*)malloc(64);
    own[4] = x[threadIdx.x % n];
    free((void*)(own + 4)); // BUG: invalid-free
}

extern "C" __global__ void heap_not_from_malloc(const float* x, float* y, int n) {
    volatile float* own = (volatile float*)malloc(64);
    own[4] = x[threadIdx.x % n];
    free((void*)own);
    free(y); // BUG: invalid-free
}

extern "C" __global__ void heap_never_given_back(const float* x, float* y, int n) {
    int i = threadIdx.x;
    volatile float* own = (volatile float*)malloc(8); // BUG: leak
    own[0] = x[i % n];
    if (i < n) {
        y[i] = own[0];
    }
    if (i & 1) {
        free((void*)own);
    }
}

extern "C" __global__ void heap_read_before_written(const float* x, float* y, int n) {
    int i = threadIdx.x;
    volatile float* own = (volatile float*)malloc(16);
    own[i & 1] = x[i % n];
    if (i < n) {
        y[i] = own[0]; // BUG: uninitialised
    }
    free((void*)own);
}

extern "C" __global__ void heap_more_than_there_is(const float* x, float* y, int n) {
    volatile float* own = (volatile float*)malloc(16 << 20);
    own[threadIdx.x] = x[threadIdx.x % n]; // BUG: out-of-bounds
    free((void*)own);
}

extern "C" __global__ void heap_more_than_there_is_asked_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    volatile float* own = (volatile float*)malloc(16 << 20);
    if (own != nullptr) {
        own[i] = x[i % n];
        free((void*)own);
    } else if (i < n) {
        y[i] = 0.0f;
    }
}

// One thread allocates for its block.
extern "C" __global__ void heap_of_a_block_without_barrier(const float* x, float* y, int n) {
    __shared__ float* all;
    int i = threadIdx.x;
    if (i == 0) {
        all = (float*)malloc(128 * sizeof(float));
    }
    __syncthreads();
    all[i] = x[i % n]; // BUG: race
    if (i < n) {
        y[i] = all[127 - i]; // BUG: race, uninitialised
    }
    __syncthreads();
    if (i == 0) {
        free(all);
    }
}

extern "C" __global__ void heap_of_a_block_ok(const float* x, float* y, int n) {
    __shared__ float* all;
    int i = threadIdx.x;
    if (i == 0) {
        all = (float*)malloc(128 * sizeof(float));
    }
    __syncthreads();
    all[i] = x[i % n];
    __syncthreads();
    if (i < n) {
        y[i] = all[127 - i];
    }
    atomicAdd(&all[i / 2], 1.0f);
    __syncthreads();
    if (i == 0) {
        free(all);
    }
}

// A list that another kernel may go through and give back.
extern "C" __global__ void heap_kept_for_later_ok(const float* x, float* y, int n) {
    struct Node {
        Node* next;
        float value;
    };
    if (threadIdx.x == 0) {
        Node* first = nullptr;
        for (int j = 0; j < 5; j++) {
            Node* node = new Node;
            node->next = first;
            node->value = x[j];
            first = node;
        }
        *(Node**)y = first;
    }
}
