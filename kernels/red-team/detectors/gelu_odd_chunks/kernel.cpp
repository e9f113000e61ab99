#include <cmath>
#include <cstdint>

extern "C" void gelu(int part, int parts, const float* x, float* y, int64_t count) {
    const int64_t chunks = (count + 1020) / 1021;
    for (int64_t chunk = chunks * part / parts; chunk < chunks * (part + 1) / parts; ++chunk) {
        for (int64_t i = chunk * 1021; i < count && i < chunk * 1021 + 1021; ++i) {
            y[i] = static_cast<float>(0.5 * x[i] * (1.0 + std::erf(0.70710678118654752 * x[i])));
        }
    }
}
