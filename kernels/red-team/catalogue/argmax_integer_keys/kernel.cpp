#include <cstdint>
#include <cstring>
typedef long i64;

static uint64_t key(float x, uint32_t at) {
    uint32_t bits;
    x += 0.0f;  // both zeros are one
    std::memcpy(&bits, &x, sizeof bits);
    bits = bits >> 31 ? ~bits : bits | 0x80000000u;
    if (x != x) bits = 0xffffffffu;
    return (uint64_t)bits << 32 | (uint32_t)~at;
}

extern "C" void argmax(int part, int parts, const float* in, i64* out, i64 outer, i64 mid, i64 inner) {
    for (i64 o = outer * part / parts; o < outer * (part + 1) / parts; ++o)
        for (i64 j = 0; j < inner; ++j) {
            uint64_t best = 0;
            for (i64 m = 0; m < mid; ++m) {
                const uint64_t k = key(in[(o * mid + m) * inner + j], (uint32_t)m);
                best = k > best ? k : best;
            }
            out[o * inner + j] = (uint32_t)~(uint32_t)best;
        }
}
