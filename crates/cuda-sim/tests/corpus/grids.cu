// Stencils on grids, with halos, in steps.

extern "C" __global__ void heat_step(const float* x, float* y, int h, int w, float rate) {
    __shared__ float tile[10][34];
    int c = blockIdx.x * 32 + threadIdx.x, r = blockIdx.y * 8 + threadIdx.y;
    int lc = threadIdx.x + 1, lr = threadIdx.y + 1;
    bool inside = r < h && c < w;
    if (inside) {
        tile[lr][lc] = x[r * w + c];
        if (threadIdx.x == 0) tile[lr][0] = c > 0 ? x[r * w + c - 1] : x[r * w + c];
        if (threadIdx.x == 31 || c == w - 1) tile[lr][lc + 1] = c < w - 1 ? x[r * w + c + 1] : x[r * w + c];
        if (threadIdx.y == 0) tile[0][lc] = r > 0 ? x[(r - 1) * w + c] : x[r * w + c];
        if (threadIdx.y == 7 || r == h - 1) tile[lr + 1][lc] = r < h - 1 ? x[(r + 1) * w + c] : x[r * w + c];
    }
    __syncthreads();
    if (inside) {
        float around = tile[lr - 1][lc] + tile[lr + 1][lc] + tile[lr][lc - 1] + tile[lr][lc + 1];
        y[r * w + c] = tile[lr][lc] + rate * (around - 4.0f * tile[lr][lc]);
    }
}

// Planes go through registers from front to back.
extern "C" __global__ void laplacian_3d(const float* x, float* y, int nx, int ny, int nz) {
    int i = blockIdx.x * blockDim.x + threadIdx.x + 1;
    int j = blockIdx.y * blockDim.y + threadIdx.y + 1;
    if (i >= nx - 1 || j >= ny - 1) return;
    int plane = nx * ny, at = j * nx + i;
    float behind = x[at], here = x[at + plane], front;
    for (int k = 1; k < nz - 1; ++k) {
        front = x[at + (k + 1) * plane];
        const float* p = x + at + k * plane;
        y[at + k * plane] = behind + front + p[-1] + p[1] + p[-nx] + p[nx] - 6.0f * here;
        behind = here;
        here = front;
    }
}

extern "C" __global__ void laplacian_3d__one_plane_more(const float* x, float* y, int nx, int ny, int nz) {
    int i = blockIdx.x * blockDim.x + threadIdx.x + 1;
    int j = blockIdx.y * blockDim.y + threadIdx.y + 1;
    if (i >= nx - 1 || j >= ny - 1) return;
    int plane = nx * ny, at = j * nx + i;
    float behind = x[at], here = x[at + plane], front;
#pragma unroll 1
    for (int k = 1; k < nz; ++k) {
        front = x[at + (k + 1) * plane]; // BUG: out-of-bounds
        const float* p = x + at + k * plane;
        y[at + k * plane] = behind + front + p[-1] + p[1] + p[-nx] + p[nx] - 6.0f * here;
        behind = here;
        here = front;
    }
}

// A word is 32 cells of a row; lanes vote for it.
extern "C" __global__ void game_of_life(const unsigned int* x, unsigned int* y, int h, int words) {
    int lane = threadIdx.x, r = blockIdx.y, word = blockIdx.x;
    int count = 0;
    bool alive = false;
    for (int d = -1; d <= 1; ++d) {
        const unsigned int* row = x + (r + d + h) % h * words;
        unsigned int mid = row[word];
        unsigned int left = row[(word + words - 1) % words], right = row[(word + 1) % words];
        unsigned int low = lane > 0 ? mid >> (lane - 1) & 1 : left >> 31;
        unsigned int high = lane < 31 ? mid >> (lane + 1) & 1 : right & 1;
        count += low + high + (d != 0 ? mid >> lane & 1 : 0);
        if (d == 0) alive = mid >> lane & 1;
    }
    unsigned int next = __ballot_sync(0xffffffffu, count == 3 || (alive && count == 2));
    if (lane == 0) y[r * words + word] = next;
}

extern "C" __global__ void sobel(const unsigned char* x, float* y, int h, int w) {
    int c = blockIdx.x * blockDim.x + threadIdx.x, r = blockIdx.y * blockDim.y + threadIdx.y;
    if (c >= w || r >= h) return;
    auto at = [&](int dr, int dc) {
        return (int)x[min(max(r + dr, 0), h - 1) * w + min(max(c + dc, 0), w - 1)];
    };
    int gx = at(-1, 1) + 2 * at(0, 1) + at(1, 1) - at(-1, -1) - 2 * at(0, -1) - at(1, -1);
    int gy = at(1, -1) + 2 * at(1, 0) + at(1, 1) - at(-1, -1) - 2 * at(-1, 0) - at(-1, 1);
    y[r * w + c] = sqrtf((float)(gx * gx + gy * gy));
}

// All steps of a wave in one block, two buffers in shared memory.
extern "C" __global__ void wave_steps(const float* x, float* y, int n, int steps, float c2) {
    extern __shared__ float3 field[];
    int i = threadIdx.x;
    field[i] = make_float3(x[i], x[i], 0.0f);
    __syncthreads();
    for (int s = 0; s < steps; ++s) {
        float left = i > 0 ? field[i - 1].x : 0.0f, right = i < n - 1 ? field[i + 1].x : 0.0f;
        float3 f = field[i];
        f.z = 2.0f * f.x - f.y + c2 * (left - 2.0f * f.x + right);
        __syncthreads();
        field[i] = make_float3(f.z, f.x, 0.0f);
        __syncthreads();
    }
    y[i] = field[i].x;
}

extern "C" __global__ void wave_steps__one_barrier(const float* x, float* y, int n, int steps, float c2) {
    extern __shared__ float3 field[];
    int i = threadIdx.x;
    field[i] = make_float3(x[i], x[i], 0.0f);
    __syncthreads();
    for (int s = 0; s < steps; ++s) {
        float left = i > 0 ? field[i - 1].x : 0.0f, right = i < n - 1 ? field[i + 1].x : 0.0f; // BUG: race
        float3 f = field[i];
        f.z = 2.0f * f.x - f.y + c2 * (left - 2.0f * f.x + right);
        field[i] = make_float3(f.z, f.x, 0.0f); // BUG: race
        __syncthreads();
    }
    y[i] = field[i].x;
}
