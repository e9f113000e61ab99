typedef long i64;

extern "C" void turn(int part, int parts, const float* b, float* turned, i64 k, i64 n) {
    for (i64 j = n * part / parts; j < n * (part + 1) / parts; ++j)
        for (i64 l = 0; l < k; ++l) turned[j * k + l] = b[l * n + j];
}
static float dot(const float* x, const float* y, i64 n) {
    float s[16] = {};
    i64 i = 0;
    for (; i + 16 <= n; i += 16)
        for (int u = 0; u < 16; ++u) s[u] += x[i + u] * y[i + u];
    for (int u = 0; i + u < n; ++u) s[u] += x[i + u] * y[i + u];
    for (int w = 8; w > 0; w /= 2)
        for (int u = 0; u < w; ++u) s[u] += s[u + w];
    return s[0];
}
extern "C" void dots(int part, int parts, const float* a, float* turned, float* c, i64 m, i64 k, i64 n) {
    for (i64 i = m * part / parts; i < m * (part + 1) / parts; ++i)
        for (i64 j = 0; j < n; ++j) c[i * n + j] = dot(a + i * k, turned + j * k, k);
}
