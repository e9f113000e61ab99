// Barriers that not all come to, and lanes that wait for each other in vain.

extern "C" __global__ void barrier_in_a_branch(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    s[i] = x[i % n];
    if (i < 16) {
        s[i] *= 2.0f;
        __syncthreads(); // BUG: divergent-barrier
        s[i] += 1.0f;
    }
    __syncthreads(); // BUG: divergent-barrier
    if (i < n) {
        y[i] = s[i];
    }
}

extern "C" __global__ void barrier_in_a_branch_ok(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    s[i] = x[i % n];
    if (i < 16) {
        s[i] *= 2.0f;
    }
    __syncthreads();
    if (i < 16) {
        s[i] += 1.0f;
    }
    __syncthreads();
    if (i < n) {
        y[i] = s[i];
    }
}

// Threads take the loop a different number of times.
extern "C" __global__ void barrier_in_a_ragged_loop(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    s[i] = 0.0f;
    for (int j = i; j < n; j += 24) {
        s[i] += x[j];
        __syncthreads(); // BUG: divergent-barrier
    }
    __syncthreads(); // BUG: divergent-barrier
    if (i < n) {
        y[i] = s[i];
    }
}

extern "C" __global__ void barrier_in_a_ragged_loop_ok(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    s[i] = 0.0f;
    for (int start = 0; start < n; start += 24) {
        if (start + i < n) {
            s[i] += x[start + i];
        }
        __syncthreads();
    }
    if (i < n) {
        y[i] = s[i];
    }
}

extern "C" __global__ void both_branches_with_a_barrier(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    if (i % 2 == 0) {
        s[i] = x[i % n];
        __syncthreads(); // BUG: divergent-barrier
        s[i] += 1.0f;
    } else {
        s[i] = -x[i % n];
        __syncthreads(); // BUG: divergent-barrier
        s[i] -= 1.0f;
    }
    if (i < n) {
        y[i] = s[i];
    }
}

extern "C" __global__ void both_branches_with_a_barrier_ok(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    s[i] = i % 2 == 0 ? x[i % n] : -x[i % n];
    __syncthreads();
    s[i] += i % 2 == 0 ? 1.0f : -1.0f;
    if (i < n) {
        y[i] = s[i];
    }
}

// Who has nothing to do may end before a barrier: PTX ISA, `exit`.
extern "C" __global__ void early_return_ok(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    if (i >= n) return;
    s[i] = x[i];
    __syncthreads();
    y[i] = s[n - 1 - i];
}

// A block of 64 threads.
extern "C" __global__ void barrier_for_too_many(const float* x, float* y, int n) {
    __shared__ float s[64];
    int i = threadIdx.x;
    s[i] = x[i];
    asm volatile("bar.sync 1, 96;" ::: "memory"); // BUG: barrier-deadlock
    y[i] = s[63 - i];
}

extern "C" __global__ void barrier_for_too_many_ok(const float* x, float* y, int n) {
    __shared__ float s[64];
    int i = threadIdx.x;
    s[i] = x[i];
    asm volatile("bar.sync 1, 64;" ::: "memory");
    y[i] = s[63 - i];
}

extern "C" __global__ void barrier_for_half_a_warp(const float* x, float* y, int n) {
    int i = threadIdx.x;
    asm volatile("bar.sync 1, %0;" ::"r"(n - 53) : "memory"); // BUG: invalid-barrier
    y[i] = x[i];
}

extern "C" __global__ void barrier_that_there_is_not(const float* x, float* y, int n) {
    int i = threadIdx.x;
    asm volatile("bar.sync %0;" ::"r"(n) : "memory"); // BUG: invalid-barrier
    y[i] = x[i];
}

extern "C" __global__ void warps_at_different_barriers(const float* x, float* y, int n) {
    int i = threadIdx.x;
    asm volatile("bar.sync %0, 64;" ::"r"(1 + (i >> 5)) : "memory"); // BUG: barrier-deadlock
    y[i] = x[i];
}

extern "C" __global__ void one_warp_stays_away(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < 32) {
        asm volatile("bar.sync 2, 64;" ::: "memory"); // BUG: barrier-deadlock
    }
    y[i] = x[i];
}

// A producer only arrives, a consumer waits.
extern "C" __global__ void arrive_and_wait_ok(const float* x, float* y, int n) {
    __shared__ float s[32];
    int i = threadIdx.x;
    if (i < 32) {
        s[i] = x[i];
        __threadfence_block();
        asm volatile("bar.arrive 3, 64;" ::: "memory");
    } else {
        asm volatile("bar.sync 3, 64;" ::: "memory");
        y[i - 32] = s[63 - i];
    }
}

extern "C" __global__ void nobody_arrives(const float* x, float* y, int n) {
    __shared__ float s[32];
    int i = threadIdx.x;
    if (i < 32) {
        s[i] = x[i];
    } else {
        asm volatile("bar.sync 3, 64;" ::: "memory"); // BUG: barrier-deadlock
        y[i - 32] = s[63 - i];
    }
}

// One warp with a barrier behind: the lanes that are named wait there.
extern "C" __global__ void shuffle_with_absent_lanes(const float* x, float* y, int n) {
    int lane = threadIdx.x;
    float v = x[lane];
    if (lane < 16) {
        v += __shfl_down_sync(0xffffffff, v, 8); // BUG: missing-lanes
    }
    __syncthreads();
    y[lane] = v;
}

extern "C" __global__ void shuffle_with_absent_lanes_ok(const float* x, float* y, int n) {
    int lane = threadIdx.x;
    float v = x[lane];
    if (lane < 16) {
        v += __shfl_down_sync(0x0000ffff, v, 8, 16);
    }
    __syncthreads();
    y[lane] = v;
}

// The lanes that are read from have ended.
extern "C" __global__ void shuffle_from_lanes_that_ended(const float* x, float* y, int n) {
    int lane = threadIdx.x;
    if (lane >= 20) return;
    float v = x[lane];
    v += __shfl_down_sync(0xffffffff, v, 16); // BUG: lane-not-named
    y[lane] = v;
}

extern "C" __global__ void shuffle_from_lanes_that_ended_ok(const float* x, float* y, int n) {
    int lane = threadIdx.x;
    float v = lane < 20 ? x[lane] : 0.0f;
    v += __shfl_down_sync(0xffffffff, v, 16);
    if (lane < 20) {
        y[lane] = v;
    }
}

extern "C" __global__ void mask_of_half_the_lanes(const float* x, float* y, int n) {
    int lane = threadIdx.x;
    float v = x[lane];
    v += __shfl_xor_sync(0x0000ffff, v, 1); // BUG: lane-not-named
    y[lane] = v;
}

extern "C" __global__ void mask_of_half_the_lanes_ok(const float* x, float* y, int n) {
    int lane = threadIdx.x;
    float v = x[lane];
    v += __shfl_xor_sync(0xffffffff, v, 1);
    y[lane] = v;
}

extern "C" __global__ void vote_in_a_branch(const float* x, float* y, int n) {
    int lane = threadIdx.x;
    unsigned votes = 0;
    if (x[lane] > 0.0f) {
        votes = __ballot_sync(0xffffffff, x[lane] > 0.5f); // BUG: missing-lanes
    }
    __syncthreads();
    y[lane] = (float)__popc(votes);
}

extern "C" __global__ void vote_in_a_branch_ok(const float* x, float* y, int n) {
    int lane = threadIdx.x;
    unsigned votes = 0;
    unsigned here = __ballot_sync(0xffffffff, x[lane] > 0.0f);
    if (x[lane] > 0.0f) {
        votes = __ballot_sync(here, x[lane] > 0.5f);
    }
    __syncthreads();
    y[lane] = (float)__popc(votes);
}

extern "C" __global__ void warp_barrier_in_a_branch(const float* x, float* y, int n) {
    __shared__ float s[32];
    int lane = threadIdx.x;
    s[lane] = x[lane];
    if (lane < 8) {
        __syncwarp(); // BUG: missing-lanes
        s[lane] = 1.0f;
    }
    __syncthreads();
    y[lane] = s[lane];
}

extern "C" __global__ void warp_barrier_in_a_branch_ok(const float* x, float* y, int n) {
    __shared__ float s[32];
    int lane = threadIdx.x;
    s[lane] = x[lane];
    if (lane < 8) {
        __syncwarp(0xff);
        float other = s[lane ^ 1];
        __syncwarp(0xff);
        s[lane] = other;
    }
    __syncthreads();
    y[lane] = s[lane];
}

extern "C" __global__ void reduction_with_absent_lanes(const float* x, float* y, int n) {
    int lane = threadIdx.x;
    int sum = 0;
    if (lane != 7) {
        sum = __reduce_add_sync(0xffffffff, lane); // BUG: missing-lanes
    }
    __syncthreads();
    y[lane] = (float)sum;
}

extern "C" __global__ void reduction_with_absent_lanes_ok(const float* x, float* y, int n) {
    int lane = threadIdx.x;
    int sum = 0;
    if (lane != 7) {
        sum = __reduce_add_sync(0xffffff7f, lane);
    }
    __syncthreads();
    y[lane] = (float)sum;
}
