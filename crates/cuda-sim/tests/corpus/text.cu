// Bytes and texts.

extern "C" __global__ void to_upper(const uchar4* x, uchar4* y, int n4) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n4) return;
    uchar4 v = x[i];
    unsigned char* c = &v.x;
#pragma unroll
    for (int k = 0; k < 4; ++k) {
        if (c[k] >= 'a' && c[k] <= 'z') c[k] -= 32;
    }
    y[i] = v;
}

// A word starts where a letter follows something else.
extern "C" __global__ void count_words(const char* text, int* count, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    bool letter = i < n && text[i] > ' ';
    bool before = i > 0 && i - 1 < n && text[i - 1] > ' ';
    int words = __syncthreads_count(letter && !before);
    if (threadIdx.x == 0) atomicAdd(count, words);
}

extern "C" __global__ void find_pattern(const char* text, const char* pattern, int* first, int n, int length) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i + length > n) return;
    for (int k = 0; k < length; ++k) {
        if (text[i + k] != pattern[k]) return;
    }
    atomicMin(first, i);
}

extern "C" __global__ void find_pattern__beyond_the_text(const char* text, const char* pattern, int* first, int n, int length) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    for (int k = 0; k < length; ++k) {
        if (text[i + k] != pattern[k]) return; // BUG: out-of-bounds
    }
    atomicMin(first, i);
}

// Distances by diagonals; each depends on the two before.
extern "C" __global__ void edit_distance(const char* a, const char* b, int* distance, int la, int lb) {
    extern __shared__ int lines[];
    int t = threadIdx.x, width = la + 1;
    int *old = lines, *last = lines + width, *now = lines + 2 * width;
    for (int d = 0; d <= la + lb; ++d) {
        int i = t, j = d - t;
        if (i <= la && j >= 0 && j <= lb) {
            int v;
            if (i == 0) v = j;
            else if (j == 0) v = i;
            else {
                v = min(last[i - 1], last[i]) + 1;
                v = min(v, old[i - 1] + (a[i - 1] != b[j - 1]));
            }
            now[i] = v;
        }
        __syncthreads();
        int* spare = old;
        old = last;
        last = now;
        now = spare;
    }
    if (t == 0) *distance = last[la];
}

__constant__ char digits64[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

extern "C" __global__ void base64(const unsigned char* x, char4* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (3 * i >= n) return;
    int left = n - 3 * i;
    unsigned int v = x[3 * i] << 16 | (left > 1 ? x[3 * i + 1] << 8 : 0) | (left > 2 ? x[3 * i + 2] : 0);
    y[i] = make_char4(digits64[v >> 18], digits64[v >> 12 & 63], left > 1 ? digits64[v >> 6 & 63] : '=', left > 2 ? digits64[v & 63] : '=');
}

// A table that the module starts without: one kernel fills it, another reads it.
__device__ unsigned int crc_table[256];

extern "C" __global__ void crc_prepare() {
    unsigned int c = threadIdx.x;
    for (int k = 0; k < 8; ++k) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
    crc_table[threadIdx.x] = c;
}

extern "C" __global__ void crc_rows(const unsigned char* x, unsigned int* y, int rows, int length) {
    int r = blockIdx.x * blockDim.x + threadIdx.x;
    if (r >= rows) return;
    unsigned int c = 0xffffffffu;
    for (int k = 0; k < length; ++k) c = crc_table[(c ^ x[r * length + k]) & 255] ^ c >> 8;
    y[r] = ~c;
}

// Decimal numbers between commas.
extern "C" __global__ void parse_numbers(const char* text, const int* at, long long* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    const char* p = text + at[i];
    bool minus = *p == '-';
    if (minus) ++p;
    long long v = 0;
    while (*p >= '0' && *p <= '9') v = v * 10 + (*p++ - '0');
    y[i] = minus ? -v : v;
}
