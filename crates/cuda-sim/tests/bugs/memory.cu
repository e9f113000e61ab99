// Accesses that go wrong, each beside a kernel that does it right.

extern "C" __global__ void read_one_past(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        y[i] = x[i + 1] - x[i]; // BUG: out-of-bounds
    }
}

extern "C" __global__ void read_one_past_ok(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        y[i] = i + 1 < n ? x[i + 1] - x[i] : 0.0f;
    }
}

extern "C" __global__ void write_one_past(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i <= n) {
        y[i] = 1.0f; // BUG: out-of-bounds
    }
}

extern "C" __global__ void write_one_past_ok(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        y[i] = 1.0f;
    }
}

extern "C" __global__ void no_guard(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    y[i] = x[i] * 2.0f; // BUG: out-of-bounds
}

extern "C" __global__ void no_guard_ok(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    y[i] = x[i] * 2.0f;
}

extern "C" __global__ void negative_index(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        y[i] = x[i - 1]; // BUG: out-of-bounds
    }
}

extern "C" __global__ void negative_index_ok(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        y[i] = x[max(i - 1, 0)];
    }
}

// A matrix of five rows of twenty.
extern "C" __global__ void rows_for_columns(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < 20) {
        float sum = 0.0f;
        for (int row = 0; row < 5; row++) {
            sum += x[i * 20 + row]; // BUG: out-of-bounds
        }
        y[i] = sum;
    }
}

extern "C" __global__ void rows_for_columns_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < 20) {
        float sum = 0.0f;
        for (int row = 0; row < 5; row++) {
            sum += x[row * 20 + i];
        }
        y[i] = sum;
    }
}

extern "C" __global__ void loop_one_too_many(const float* x, float* y, int n) {
    if (threadIdx.x == 0) {
        float sum = 0.0f;
        for (int j = 0; j <= n; j++) {
            sum += x[j]; // BUG: out-of-bounds
        }
        y[0] = sum;
    }
}

extern "C" __global__ void loop_one_too_many_ok(const float* x, float* y, int n) {
    if (threadIdx.x == 0) {
        float sum = 0.0f;
        for (int j = 0; j < n; j++) {
            sum += x[j];
        }
        y[0] = sum;
    }
}

// n is no multiple of four.
extern "C" __global__ void vectors_past_the_tail(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < (n + 3) / 4) {
        float4 v = reinterpret_cast<const float4*>(x)[i]; // BUG: out-of-bounds
        y[i] = v.x + v.y + v.z + v.w;
    }
}

extern "C" __global__ void vectors_past_the_tail_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n / 4) {
        float4 v = reinterpret_cast<const float4*>(x)[i];
        y[i] = v.x + v.y + v.z + v.w;
    } else if (i == n / 4) {
        float sum = 0.0f;
        for (int j = i * 4; j < n; j++) {
            sum += x[j];
        }
        y[i] = sum;
    }
}

extern "C" __global__ void wider_than_it_is(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n) {
        y[i] = (float)reinterpret_cast<const double*>(x)[i]; // BUG: out-of-bounds
    }
}

extern "C" __global__ void wider_than_it_is_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n / 2) {
        y[i] = (float)reinterpret_cast<const double*>(x)[i];
    }
}

extern "C" __global__ void misaligned_float4(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n / 4 - 1) {
        float4 v = *reinterpret_cast<const float4*>(x + 4 * i + 1); // BUG: misaligned
        y[i] = v.x + v.w;
    }
}

extern "C" __global__ void misaligned_float4_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n / 4 - 1) {
        float4 v = *reinterpret_cast<const float4*>(x + 4 * i);
        y[i] = v.x + v.w;
    }
}

extern "C" __global__ void misaligned_float2_store(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n / 2 - 1) {
        *reinterpret_cast<float2*>(y + 2 * i + 1) = make_float2(x[i], 0.0f); // BUG: misaligned
    }
}

extern "C" __global__ void misaligned_float2_store_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n / 2 - 1) {
        *reinterpret_cast<float2*>(y + 2 * i) = make_float2(x[i], 0.0f);
    }
}

extern "C" __global__ void misaligned_shared(const float* x, float* y, int n) {
    __shared__ __align__(16) float s[136];
    int i = threadIdx.x;
    s[i] = i < n ? x[i] : 0.0f;
    __syncthreads();
    if (i < 16) {
        float4 v = *reinterpret_cast<const float4*>(s + 4 * i + 2); // BUG: misaligned
        y[i] = v.x + v.w;
    }
}

extern "C" __global__ void misaligned_shared_ok(const float* x, float* y, int n) {
    __shared__ __align__(16) float s[136];
    int i = threadIdx.x;
    s[i] = i < n ? x[i] : 0.0f;
    __syncthreads();
    if (i < 16) {
        float4 v = *reinterpret_cast<const float4*>(s + 4 * i);
        y[i] = v.x + v.w;
    }
}

__constant__ float table[4] = {1.0f, 2.0f, 3.0f, 4.0f};

extern "C" __global__ void write_to_a_constant(const float* x, float* y, int n) {
    int i = threadIdx.x;
    const float* through = table + (i & 3);
    if (i < 4) {
        // The compiler would not let it pass.
        asm volatile("st.f32 [%0], %1;" ::"l"(through), "f"(x[i]) : "memory"); // BUG: read-only
    }
    y[i % n] = 0.0f;
}

extern "C" __global__ void write_to_a_constant_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n) {
        y[i] = x[i] * table[i & 3];
    }
}

extern "C" __global__ void use_after_free(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n) {
        y[i] = x[i]; // BUG: use-after-free
    }
}

extern "C" __global__ void write_after_free(float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n) {
        x[i] = 2.0f; // BUG: use-after-free
    }
}

extern "C" __global__ void null_pointer(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n) {
        y[i] = x[i] + 1.0f; // BUG: out-of-bounds
    }
}

extern "C" __global__ void null_pointer_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n) {
        y[i] = (x ? x[i] : 0.0f) + 1.0f;
    }
}

extern "C" __global__ void uninitialised_global(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n) {
        y[i] += x[i]; // BUG: uninitialised
    }
}

extern "C" __global__ void uninitialised_global_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n) {
        y[i] = x[i];
        y[i] += x[i];
    }
}

extern "C" __global__ void atomics_on_nothing(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n) {
        atomicAdd(&y[i & 7], x[i]); // BUG: uninitialised
    }
}

extern "C" __global__ void atomics_on_nothing_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < 8) {
        y[i] = 0.0f;
    }
    __syncthreads();
    if (i < n) {
        atomicAdd(&y[i & 7], x[i]);
    }
}

extern "C" __global__ void every_second_only(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n && i % 2 == 0) {
        y[i] = x[i];
    }
    __syncthreads();
    float next = i < n / 2 ? y[i + 1] : 0.0f; // BUG: uninitialised
    __syncthreads();
    if (i < n / 2) {
        y[i] = next;
    }
}

extern "C" __global__ void every_second_only_ok(const float* x, float* y, int n) {
    int i = threadIdx.x;
    if (i < n) {
        y[i] = x[i];
    }
    __syncthreads();
    float next = i < n / 2 ? y[i + 1] : 0.0f;
    __syncthreads();
    if (i < n / 2) {
        y[i] = next;
    }
}

extern "C" __global__ void bin_out_of_range(const float* x, float* y, int n) {
    __shared__ int bins[16];
    int i = threadIdx.x;
    if (i < 16) {
        bins[i] = 0;
    }
    __syncthreads();
    if (i < n) {
        int bin = (int)((x[i] + 1.0f) * 9.0f);
        atomicAdd(&bins[bin], 1); // BUG: out-of-bounds
    }
    __syncthreads();
    if (i < 16) {
        y[i] = (float)bins[i];
    }
}

extern "C" __global__ void bin_out_of_range_ok(const float* x, float* y, int n) {
    __shared__ int bins[16];
    int i = threadIdx.x;
    if (i < 16) {
        bins[i] = 0;
    }
    __syncthreads();
    if (i < n) {
        int bin = (int)((x[i] + 1.0f) * 9.0f);
        atomicAdd(&bins[min(max(bin, 0), 15)], 1);
    }
    __syncthreads();
    if (i < 16) {
        y[i] = (float)bins[i];
    }
}

extern "C" __global__ void shared_one_past(const float* x, float* y, int n) {
    __shared__ float s[128];
    __shared__ float t[128];
    int i = threadIdx.x;
    t[i] = 0.0f;
    s[i + 1] = i < n ? x[i] : 0.0f; // BUG: out-of-bounds
    __syncthreads();
    if (i > 0 && i < n) {
        y[i] = s[i] + t[i];
    }
}

extern "C" __global__ void shared_one_past_ok(const float* x, float* y, int n) {
    __shared__ float s[129];
    __shared__ float t[128];
    int i = threadIdx.x;
    t[i] = 0.0f;
    s[i + 1] = i < n ? x[i] : 0.0f;
    __syncthreads();
    if (i > 0 && i < n) {
        y[i] = s[i] + t[i];
    }
}

extern "C" __global__ void shared_one_before(const float* x, float* y, int n) {
    __shared__ float t[128];
    __shared__ float s[128];
    int i = threadIdx.x;
    s[i] = i < n ? x[i] : 0.0f;
    t[i] = 1.0f;
    __syncthreads();
    if (i < n) {
        y[i] = s[i - 1] * t[i]; // BUG: out-of-bounds
    }
}

extern "C" __global__ void shared_one_before_ok(const float* x, float* y, int n) {
    __shared__ float t[128];
    __shared__ float s[128];
    int i = threadIdx.x;
    s[i] = i < n ? x[i] : 0.0f;
    t[i] = 1.0f;
    __syncthreads();
    if (i < n) {
        y[i] = (i > 0 ? s[i - 1] : 0.0f) * t[i];
    }
}

// Launched with room for 64 floats, for 128 threads.
extern "C" __global__ void too_little_dynamic(const float* x, float* y, int n) {
    extern __shared__ float d[];
    int i = threadIdx.x;
    d[i] = i < n ? x[i] : 0.0f; // BUG: out-of-bounds
    __syncthreads();
    if (i < n) {
        y[i] = d[i ^ 1];
    }
}

extern "C" __global__ void too_little_dynamic_ok(const float* x, float* y, int n) {
    extern __shared__ float d[];
    int i = threadIdx.x & 63;
    if (threadIdx.x < 64) {
        d[i] = i < n ? x[i] : 0.0f;
    }
    __syncthreads();
    if (threadIdx.x < 64) {
        y[i] = d[i ^ 1];
    }
}

extern "C" __global__ void uninitialised_shared(const float* x, float* y, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    if (i < n) {
        s[i] = x[i];
    }
    __syncthreads();
    for (int half = 64; half > 0; half /= 2) {
        if (i < half) {
            s[i] += s[i + half]; // BUG: uninitialised
        }
        __syncthreads();
    }
    if (i == 0) {
        y[0] = s[0];
    }
}

extern "C" __global__ void uninitialised_shared_ok(const float* x, float* y, int n) {
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

extern "C" __global__ void accumulator_not_cleared(const float* x, float* y, int n) {
    __shared__ float sum;
    int i = threadIdx.x;
    if (i < n) {
        atomicAdd(&sum, x[i]); // BUG: uninitialised
    }
    __syncthreads();
    if (i == 0) {
        y[0] = sum;
    }
}

extern "C" __global__ void accumulator_not_cleared_ok(const float* x, float* y, int n) {
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
