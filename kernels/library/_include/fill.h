// For arguments that a model leaves out: a buffer of ones or zeros, filled once.
static void fill(int part, int, float* p, i64 count, float value) {
    if (part != 0) return;
    for (i64 i = 0; i < count; ++i) {
        p[i] = value;
        scalar_loop();
    }
}
