// An element-wise function of one tensor and of others, in one sweep. Templates get the function from the op graph:
// `epilogue`, which stands behind all else and calls `fused<Past>`. A run is what shares one entry of a
// vector of channels (planes of a convolution), or takes all of them in turn (rows of a linear layer).

// Operands, by how they are read: one number for all elements, one for each run, one for each element of a run, one
// for each element.
struct One {
    const float* at;
};
struct PerRun {
    const float* at;
};
struct Along {
    const float* at;
};
struct Full {
    const float* at;
};

// An operand within a run: the same for all elements, or element i of the result at p[i].
struct Same {
    vf value;
};
struct Row {
    const float* p;
};
INLINE Same within(One o, i64, i64, i64) { return {splat(*o.at)}; }
INLINE Same within(PerRun o, i64 run, i64 channels, i64) { return {splat(o.at[run % channels])}; }
INLINE Row within(Along o, i64 run, i64, i64 length) { return {o.at - run * length}; }
INLINE Row within(Full o, i64, i64, i64) { return {o.at}; }

INLINE vf take(Same o, i64) { return o.value; }
INLINE vf take(Row o, i64 i) { return load(o.p + i); }
INLINE vf take_some(Same o, i64, i64) { return o.value; }
INLINE vf take_some(Row o, i64 i, i64 n) { return load_some(o.p + i, n, 0.0f); }

// Elements i..end, which belong to one run.
template <bool Past, class F, class... R>
INLINE void sweep(const float* x, float* y, i64 i, i64 end, F f, R... rows) {
    if (Past) {
        const i64 head = head_of(y + i, end - i);
        if (head) store_some(y + i, head, f(load_some(x + i, head, 0.0f), take_some(rows, i, head)...));
        i += head;
    }
    for (; i + VF <= end; i += VF) stream<Past>(y + i, f(load(x + i), take(rows, i)...));
    if (i < end) store_some(y + i, end - i, f(load_some(x + i, end - i, 0.0f), take_some(rows, i, end - i)...));
}

// y = f(x, operands...) for all runs; x and y may be the same. Past: stores go past the caches.
template <bool Past, class F, class... O>
INLINE void fused(int part, int parts, const float* x, float* y, i64 runs, i64 channels, i64 length, F f, O... operands) {
    // Parts meet at lines of the cache. Past the caches goes only what is not in them: in place, it is.
    const i64 count = runs * length, line = 16;
    const bool past = Past && x != y && length >= 1024;
    Range lines((count + line - 1) / line, part, parts);
    const i64 end = lines.end * line < count ? lines.end * line : count;
    for (i64 i = lines.begin * line; i < end;) {
        const i64 run = i / length, next = (run + 1) * length, stop = next < end ? next : end;
        if (past) sweep<true>(x, y, i, stop, f, within(operands, run, channels, length)...);
        else sweep<false>(x, y, i, stop, f, within(operands, run, channels, length)...);
        i = stop;
    }
    if (past) fence();
}
