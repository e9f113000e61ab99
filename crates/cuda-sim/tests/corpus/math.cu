// What CUDA's library of mathematics has, one function by its number.

extern "C" __global__ void angles_single(const float* x, const float* y, float* out, int n, int which) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float a = x[i], b = y[i], r;
    switch (which) {
        case 0: r = sinf(a); break;
        case 1: r = cosf(a); break;
        case 2: r = tanf(b); break;
        case 3: r = asinf(b); break;
        case 4: r = acosf(b); break;
        case 5: r = atanf(a); break;
        case 6: r = atan2f(a, b); break;
        case 7: r = sinpif(b); break;
        case 8: { float c; sincosf(a, &r, &c); r += c; break; }
        default: r = hypotf(a, b);
    }
    out[i] = r;
}

extern "C" __global__ void powers_single(const float* x, const float* y, float* out, int n, int which) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float a = x[i], b = y[i], r;
    switch (which) {
        case 0: r = expf(b); break;
        case 1: r = exp2f(b); break;
        case 2: r = exp10f(b); break;
        case 3: r = expm1f(b); break;
        case 4: r = logf(fabsf(a)); break;
        case 5: r = log2f(fabsf(a)); break;
        case 6: r = log10f(fabsf(a)); break;
        case 7: r = log1pf(fabsf(b)); break;
        case 8: r = powf(fabsf(a), b); break;
        case 9: r = cbrtf(a); break;
        case 10: r = sinhf(b); break;
        case 11: r = coshf(b); break;
        case 12: r = asinhf(a); break;
        case 13: r = acoshf(1.0f + fabsf(a)); break;
        case 14: r = atanhf(b); break;
        default: r = rsqrtf(fabsf(a));
    }
    out[i] = r;
}

extern "C" __global__ void special_single(const float* x, const float* y, float* out, int n, int which) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float a = x[i], b = y[i], r;
    switch (which) {
        case 0: r = erff(b); break;
        case 1: r = erfcf(3.0f * b); break;
        case 2: r = erfinvf(b); break;
        case 3: r = normcdff(b); break;
        case 4: r = normcdfinvf(0.5f + 0.49f * b); break;
        case 5: r = normcdff(-2.0f * fabsf(b)); break;
        default: r = lgammaf(fabsf(a));
    }
    out[i] = r;
}

extern "C" __global__ void rounding_single(const float* x, const float* y, float* out, int n, int which) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float a = x[i], b = y[i], r;
    int e;
    switch (which) {
        case 0: r = floorf(a); break;
        case 1: r = ceilf(a); break;
        case 2: r = truncf(a); break;
        case 3: r = roundf(a); break;
        case 4: r = rintf(a); break;
        case 5: r = fmodf(a, b); break;
        case 6: r = remainderf(a, b); break;
        case 7: r = fdimf(a, b); break;
        case 8: r = copysignf(a, b); break;
        case 9: r = ldexpf(b, 5); break;
        case 10: r = frexpf(a, &e) + e; break;
        case 11: { float whole; r = modff(a, &whole); r += 2.0f * whole; break; }
        case 12: r = (float)ilogbf(a); break;
        default: r = nextafterf(b, a);
    }
    out[i] = r;
}

extern "C" __global__ void angles_double(const double* x, const double* y, double* out, int n, int which) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    double a = x[i], b = y[i], r;
    switch (which) {
        case 0: r = sin(a); break;
        case 1: r = cos(a); break;
        case 2: r = asin(b); break;
        case 3: r = atan2(a, b); break;
        default: r = tanh(b);
    }
    out[i] = r;
}

extern "C" __global__ void powers_double(const double* x, const double* y, double* out, int n, int which) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    double a = x[i], b = y[i], r;
    switch (which) {
        case 0: r = exp(b); break;
        case 1: r = expm1(b); break;
        case 2: r = log(fabs(a)); break;
        case 3: r = log1p(fabs(b)); break;
        case 4: r = pow(fabs(a), b); break;
        case 5: r = cbrt(a); break;
        case 6: r = sqrt(fabs(a)); break;
        default: r = a / b;
    }
    out[i] = r;
}

extern "C" __global__ void special_double(const double* x, const double* y, double* out, int n, int which) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    double a = x[i], b = y[i], r;
    switch (which) {
        case 0: r = erf(b); break;
        case 1: r = erfc(3.0 * b); break;
        case 2: r = lgamma(fabs(a)); break;
        case 3: r = fmod(a, b); break;
        case 4: r = rint(a); break;
        default: r = fma(a, b, -a * b);
    }
    out[i] = r;
}
