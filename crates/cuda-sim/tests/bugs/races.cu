// Accesses to shared memory with no barrier between.

extern "C" __global__ void sum_without_barriers(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    s[i] = i < n ? x[i] : 0.0f;
    __syncthreads();
    for (int half = 64; half > 0; half /= 2) {
        if (i < half) {
            s[i] += s[i + half]; // BUG: race
        }
    }
    if (i == 0) {
        y[0] = s[0];
    }
}

extern "C" __global__ void sum_without_barriers_ok(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    s[i] = i < n ? x[i] : 0.0f;
    __syncthreads();
    for (int half = 64; half > 0; half /= 2) {
        if (i < half) {
            s[i] += s[i + half];
        }
        __syncthreads();
    }
    if (i == 0) {
        y[0] = s[0];
    }
}

extern "C" __global__ void sum_without_the_first_barrier(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    s[i] = i < n ? x[i] : 0.0f; // BUG: race
    for (int half = 64; half > 0; half /= 2) {
        if (i < half) {
            s[i] += s[i + half]; // BUG: race, uninitialised
        }
        __syncthreads();
    }
    if (i == 0) {
        y[0] = s[0];
    }
}

// The last steps stay in one warp, which does not make them ordered.
extern "C" __global__ void last_steps_without_barriers(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    s[i] = i < n ? x[i] : 0.0f;
    __syncthreads();
    for (int half = 64; half >= 32; half /= 2) {
        if (i < half) {
            s[i] += s[i + half];
        }
        __syncthreads();
    }
    if (i < 32) {
        for (int half = 16; half > 0; half /= 2) {
            if (i < half) {
                s[i] += s[i + half]; // BUG: race
            }
        }
    }
    if (i == 0) {
        y[0] = s[0];
    }
}

extern "C" __global__ void last_steps_without_barriers_ok(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    s[i] = i < n ? x[i] : 0.0f;
    __syncthreads();
    for (int half = 64; half >= 32; half /= 2) {
        if (i < half) {
            s[i] += s[i + half];
        }
        __syncthreads();
    }
    if (i < 32) {
        for (int half = 16; half > 0; half /= 2) {
            if (i < half) {
                s[i] += s[i + half];
            }
            __syncwarp();
        }
    }
    if (i == 0) {
        y[0] = s[0];
    }
}

extern "C" __global__ void neighbour_without_barrier(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    s[i] = i < n ? x[i] : 0.0f; // BUG: race
    if (i < n) {
        y[i] = s[i] + s[(i + 1) & 127]; // BUG: race, uninitialised
    }
}

extern "C" __global__ void neighbour_without_barrier_ok(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    s[i] = i < n ? x[i] : 0.0f;
    __syncthreads();
    if (i < n) {
        y[i] = s[i] + s[(i + 1) & 127];
    }
}

extern "C" __global__ void barrier_too_early(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    float v = i < n ? x[i] : 0.0f;
    __syncthreads();
    s[i] = v; // BUG: race
    if (i < n) {
        y[i] = s[127 - i]; // BUG: race, uninitialised
    }
}

extern "C" __global__ void barrier_too_early_ok(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    float v = i < n ? x[i] : 0.0f;
    s[i] = v;
    __syncthreads();
    if (i < n) {
        y[i] = s[127 - i];
    }
}

// The next tile is written while the last one is still read.
extern "C" __global__ void tile_without_second_barrier(const float* x, float* y, int n) {
    __shared__ float tile[128];
    int i = threadIdx.x;
    float sum = 0.0f;
    for (int start = 0; start < 4; start++) {
        tile[i] = x[(start * 25 + i) % n]; // BUG: race
        __syncthreads();
        for (int j = 0; j < 8; j++) {
            sum += tile[(i * 8 + j) & 127]; // BUG: race
        }
    }
    if (i < n) {
        y[i] = sum;
    }
}

extern "C" __global__ void tile_without_second_barrier_ok(const float* x, float* y, int n) {
    __shared__ float tile[128];
    int i = threadIdx.x;
    float sum = 0.0f;
    for (int start = 0; start < 4; start++) {
        tile[i] = x[(start * 25 + i) % n];
        __syncthreads();
        for (int j = 0; j < 8; j++) {
            sum += tile[(i * 8 + j) & 127];
        }
        __syncthreads();
    }
    if (i < n) {
        y[i] = sum;
    }
}

// Blocks of 16 by 8.
extern "C" __global__ void transpose_without_barrier(const float* x, float* y, int n) {
    __shared__ float tile[16][17];
    int col = threadIdx.x, row = threadIdx.y;
    for (int k = row; k < 16; k += 8) {
        tile[k][col] = x[(k * 16 + col) % n]; // BUG: race
    }
    for (int k = row; k < 16; k += 8) {
        float v = tile[col][k]; // BUG: race, uninitialised
        if (k * 16 + col < n) {
            y[k * 16 + col] = v;
        }
    }
}

extern "C" __global__ void transpose_without_barrier_ok(const float* x, float* y, int n) {
    __shared__ float tile[16][17];
    int col = threadIdx.x, row = threadIdx.y;
    for (int k = row; k < 16; k += 8) {
        tile[k][col] = x[(k * 16 + col) % n];
    }
    __syncthreads();
    for (int k = row; k < 16; k += 8) {
        float v = tile[col][k];
        if (k * 16 + col < n) {
            y[k * 16 + col] = v;
        }
    }
}

// Lanes of one warp: no order without a barrier for them.
extern "C" __global__ void warp_without_barrier(const float* x, float* y, int n) {
    __shared__ float s[32];
    int lane = threadIdx.x;
    s[lane] = x[lane]; // BUG: race
    y[lane] = s[31 - lane]; // BUG: race
}

extern "C" __global__ void warp_without_barrier_ok(const float* x, float* y, int n) {
    __shared__ float s[32];
    int lane = threadIdx.x;
    s[lane] = x[lane];
    __syncwarp();
    y[lane] = s[31 - lane];
}

extern "C" __global__ void broadcast_without_barrier(const float* x, float* y, int n) {
    __shared__ float mean;
    int i = threadIdx.x;
    if (i == 0) {
        mean = x[0] + x[1]; // BUG: race
    }
    if (i < n) {
        y[i] = mean; // BUG: race
    }
}

extern "C" __global__ void broadcast_without_barrier_ok(const float* x, float* y, int n) {
    __shared__ float mean;
    int i = threadIdx.x;
    if (i == 0) {
        mean = x[0] + x[1];
    }
    __syncthreads();
    if (i < n) {
        y[i] = mean;
    }
}

extern "C" __global__ void all_add_to_one(const float* x, float* y, int n) {
    __shared__ float sum;
    int i = threadIdx.x;
    if (i == 0) {
        sum = 0.0f;
    }
    __syncthreads();
    if (i < n) {
        sum += x[i]; // BUG: race
    }
    __syncthreads();
    if (i == 0) {
        y[0] = sum;
    }
}

extern "C" __global__ void all_add_to_one_ok(const float* x, float* y, int n) {
    __shared__ float sum;
    int i = threadIdx.x;
    if (i == 0) {
        sum = 0.0f;
    }
    __syncthreads();
    if (i < n) {
        atomicAdd(&sum, x[i]);
    }
    __syncthreads();
    if (i == 0) {
        y[0] = sum;
    }
}

extern "C" __global__ void cleared_while_added(const float* x, float* y, int n) {
    __shared__ float sum;
    int i = threadIdx.x;
    if (i == 0) {
        sum = 0.0f; // BUG: race
    }
    if (i < n) {
        atomicAdd(&sum, x[i]); // BUG: race
    }
    __syncthreads();
    if (i == 0) {
        y[0] = sum;
    }
}

extern "C" __global__ void read_while_added(const float* x, float* y, int n) {
    __shared__ float sum;
    int i = threadIdx.x;
    if (i == 0) {
        sum = 0.0f;
    }
    __syncthreads();
    if (i < n) {
        atomicAdd(&sum, x[i]); // BUG: race
    }
    if (i == 0) {
        y[0] = sum; // BUG: race
    }
}

// Both halves of a double buffer are the same one.
extern "C" __global__ void one_buffer_for_two(const float* x, float* y, int n) {
    __shared__ float buffer[2][128];
    int i = threadIdx.x;
    int now = 0;
    buffer[now][i] = x[i % n];
    __syncthreads();
    for (int step = 1; step < 128; step *= 2) {
        float v = buffer[now][i]; // BUG: race
        if (i >= step) {
            v += buffer[now][i - step]; // BUG: race
        }
        buffer[now][i] = v; // BUG: race
        __syncthreads();
    }
    if (i < n) {
        y[i] = buffer[now][i];
    }
}

extern "C" __global__ void one_buffer_for_two_ok(const float* x, float* y, int n) {
    __shared__ float buffer[2][128];
    int i = threadIdx.x;
    int now = 0;
    buffer[now][i] = x[i % n];
    __syncthreads();
    for (int step = 1; step < 128; step *= 2) {
        float v = buffer[now][i];
        if (i >= step) {
            v += buffer[now][i - step];
        }
        now ^= 1;
        buffer[now][i] = v;
        __syncthreads();
    }
    if (i < n) {
        y[i] = buffer[now][i];
    }
}

// The sums of warps are read by the first warp before the others wrote them.
extern "C" __global__ void warp_sums_without_barrier(const float* x, float* y, int n) {
    __shared__ float sums[4];
    int i = threadIdx.x, lane = i & 31, warp = i >> 5;
    float v = i < n ? x[i] : 0.0f;
    for (int by = 16; by > 0; by /= 2) {
        v += __shfl_xor_sync(0xffffffff, v, by);
    }
    if (lane == 0) {
        sums[warp] = v; // BUG: race, uninitialised
    }
    if (i == 0) {
        y[0] = sums[0] + sums[1] + sums[2] + sums[3]; // BUG: race, uninitialised
    }
}

extern "C" __global__ void warp_sums_without_barrier_ok(const float* x, float* y, int n) {
    __shared__ float sums[4];
    int i = threadIdx.x, lane = i & 31, warp = i >> 5;
    float v = i < n ? x[i] : 0.0f;
    for (int by = 16; by > 0; by /= 2) {
        v += __shfl_xor_sync(0xffffffff, v, by);
    }
    if (lane == 0) {
        sums[warp] = v;
    }
    __syncthreads();
    if (i == 0) {
        y[0] = sums[0] + sums[1] + sums[2] + sums[3];
    }
}

// Bytes beside each other are no race.
extern "C" __global__ void bytes_beside_each_other_ok(const float* x, float* y, int n) {
    __shared__ unsigned char bytes[128];
    int i = threadIdx.x;
    bytes[i] = (unsigned char)i;
    __syncthreads();
    if (i < n) {
        y[i] = (float)bytes[i ^ 1];
    }
}

// A named barrier for one half of the block is enough for that half.
extern "C" __global__ void named_barriers_ok(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x, half = i >> 6;
    s[i] = i < n ? x[i] : 0.0f;
    asm volatile("bar.sync %0, 64;" ::"r"(1 + half) : "memory");
    if (i < n) {
        y[i] = s[(i & 64) | ((i + 1) & 63)];
    }
}

extern "C" __global__ void barrier_of_the_wrong_half(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x, half = i >> 6;
    s[i] = i < n ? x[i] : 0.0f; // BUG: race, uninitialised
    asm volatile("bar.sync %0, 64;" ::"r"(1 + half) : "memory");
    if (i < n) {
        y[i] = s[i ^ 64]; // BUG: race, uninitialised
    }
}

// All write the same: no matter who is last.
extern "C" __global__ void all_write_the_same_ok(const float* x, float* y, int n) {
    __shared__ float scale;
    int i = threadIdx.x;
    scale = x[0];
    __syncthreads();
    if (i < n) {
        y[i] = x[i] * scale;
    }
}

extern "C" __global__ void all_write_their_own(const float* x, float* y, int n) {
    __shared__ float scale;
    int i = threadIdx.x;
    scale = x[i % n]; // BUG: race
    __syncthreads();
    if (i < n) {
        y[i] = x[i] * scale;
    }
}
