//! An element-wise function as the source that a template's kernel calls.

use super::epilogue::{ChannelDim, Operand, Reading};
use crate::plan::Target;

/// A function, but for how it is called: of `v0`, the value before it, and of `o0`, `o1`, …, entries of its operands.
pub(super) struct Text<'a> {
    /// The tensors that enter.
    pub(super) operands: &'a [Operand],
    /// Its statements.
    pub(super) lines: &'a str,
    /// The name of its result.
    pub(super) result: &'a str,
}

/// The source for `target`.
pub(super) fn write(text: &Text<'_>, channel: ChannelDim, target: Target) -> String {
    match target {
        Target::Cpu => cpu(text, channel),
        Target::Cuda => cuda(text, channel),
    }
}

/// What `each` says of every operand and its number, one after the other.
fn list(text: &Text<'_>, each: impl Fn(usize, Reading) -> String) -> String {
    let operands = text.operands.iter().enumerate();
    operands
        .map(|(i, operand)| each(i, operand.reading))
        .collect()
}

/// Whether an operand has an entry for each channel.
fn by_channel(text: &Text<'_>, channel: ChannelDim) -> bool {
    let mut readings = text.operands.iter().map(|operand| operand.reading);
    readings.any(|reading| reading == channel.reading())
}

/// A function of vectors that `fused` is called with.
fn cpu(text: &Text<'_>, channel: ChannelDim) -> String {
    let pointers = list(text, |i, _| format!(", const float* p{i}"));
    let vectors = list(text, |i, _| format!(", vf o{i}"));
    let readings = list(text, |i, reading| format!(", {reading:?}{{p{i}}}"));
    // Without vectors of channels, all is one run.
    let runs = if by_channel(text, channel) {
        "runs, channels, length"
    } else {
        "1, channels, runs * length"
    };
    format!(
        "#line 1 \"epilogue\"\n\
         static void epilogue(int part, int parts, const float* x, float* y, i64 runs, i64 channels, i64 length{pointers}) {{\n    \
         fused<STREAM>(part, parts, x, y, {runs}, [](vf v0{vectors}) __attribute__((always_inline)) {{\n\
         {lines}        return {result};\n    \
         }}{readings});\n\
         }}\n",
        lines = text.lines,
        result = text.result,
    )
}

/// A functor of one element, or of four neighbours whose addresses are those of whole vectors.
fn cuda(text: &Text<'_>, channel: ChannelDim) -> String {
    let pointers = list(text, |i, _| format!(", const float* p{i}"));
    let members = list(text, |i, _| format!("    const float* p{i};\n"));
    let names = list(text, |i, _| {
        format!("{}p{i}", if i == 0 { "" } else { ", " })
    });
    let values = list(text, |i, _| format!(", float o{i}"));
    let one = list(text, |i, reading| {
        let at = match reading {
            Reading::One => "0",
            Reading::PerRun | Reading::Along => "channel",
            Reading::Full => "index",
        };
        format!(", __ldg(p{i} + {at})")
    });
    let four = list(text, |i, reading| {
        let read = match reading {
            Reading::One => format!("same4(__ldg(p{i}))"),
            Reading::PerRun => format!("same4(__ldg(p{i} + channel))"),
            Reading::Along => format!("load4(p{i} + channel)"),
            Reading::Full => format!("load4(p{i} + index)"),
        };
        format!("        const float4 o{i} = {read};\n")
    });
    let lane = |lane: char| list(text, |i, _| format!(", o{i}.{lane}"));
    let lanes = ['x', 'y', 'z', 'w'].map(|name| format!("apply(v0.{name}{})", lane(name)));
    let aligned = list(text, |i, reading| match reading {
        Reading::One | Reading::PerRun => String::new(),
        Reading::Along | Reading::Full => format!(" && is_aligned(p{i})"),
    });
    format!(
        "#line 1 \"epilogue\"\n\
         #define OPERANDS {pointers}\n\
         #define EPILOGUE Epilogue{{{names}}}\n\
         struct Epilogue {{\n    \
         enum {{ BY_CHANNEL = {by_channel} }};\n\
         {members}    \
         DEVICE float apply(float v0{values}) const {{\n\
         {lines}        return {result};\n    \
         }}\n    \
         DEVICE float one(float v0, i64 channel, i64 index) const {{ return apply(v0{one}); }}\n    \
         DEVICE float4 four(float4 v0, i64 channel, i64 index) const {{\n\
         {four}        return make_float4({lanes});\n    \
         }}\n    \
         DEVICE bool aligned() const {{ return true{aligned}; }}\n\
         }};\n",
        lines = text.lines,
        result = text.result,
        lanes = lanes.join(", "),
        by_channel = i32::from(by_channel(text, channel)),
    )
}
