// Stores of a tile's sums through the function that follows (`Epilogue`, written for the op graph).

// Element `column` and the next ones of `n`, up to `count`, of the row that begins at element `row` of y. The channel
// is `channel`, or the column if `channel` is negative.
template <class F>
DEVICE void store_mapped(float* y, i64 row, int channel, int column, int n, F f, float4 four, int count, bool vectors) {
    const i64 at = row + column;
    const auto of = [=](int j) { return channel < 0 ? column + j : channel; };
    if (vectors && count == 4) {
        if (column < n) store4(y + at, f.four(four, of(0), at));
        return;
    }
    if (column < n) y[at] = f.one(four.x, of(0), at);
    if (column + 1 < n) y[at + 1] = f.one(four.y, of(1), at + 1);
    if (count == 4 && column + 2 < n) y[at + 2] = f.one(four.z, of(2), at + 2);
    if (count == 4 && column + 3 < n) y[at + 3] = f.one(four.w, of(3), at + 3);
}
