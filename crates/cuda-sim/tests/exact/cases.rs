//! Operands at and around boundaries, the same in each run.

use crate::reference::Format;

/// Numbers that look random (Steele, Lea and Flood, 2014, "SplitMix").
pub(crate) struct Source(u64);

impl Source {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    /// One of so many.
    pub(crate) fn below(&mut self, count: u64) -> u64 {
        self.next() % count
    }
}

/// How many cases each instruction has.
pub(crate) fn count() -> usize {
    let asked = std::env::var("CUDA_SIM_CASES").ok();
    asked
        .and_then(|count| count.parse().ok())
        .unwrap_or(100_000)
}

/// A number of a format: special ones, and those where rounding, cancelling
/// and leaving the range happen.
fn float(source: &mut Source, format: Format) -> u64 {
    let Format { exponent, mantissa } = format;
    let ones = (1_u64 << mantissa) - 1;
    let top = (1_u64 << exponent) - 1;
    let bias = top >> 1;
    let sign = source.below(2) << (exponent + mantissa);
    let fraction = match source.below(4) {
        // Few bits: ties are frequent.
        0 => source.next() & source.next() & source.next() & ones,
        1 => ones ^ (1 << source.below(u64::from(mantissa))),
        _ => source.next() & ones,
    };
    let near = |source: &mut Source, center: u64, spread: u64| {
        let at = center + source.below(2 * spread + 1);
        at.saturating_sub(spread).min(top - 1)
    };
    let field = match source.below(8) {
        0 => {
            let specials = [
                0,
                1,
                ones,
                1 << mantissa,
                bias << mantissa,
                (top << mantissa) - 1,
                top << mantissa,
                top << mantissa | 1 << (mantissa - 1),
            ];
            return specials[source.below(8) as usize] | sign;
        }
        1 => source.below(top + 1),
        2 => source.below(u64::from(mantissa) + 3).min(top),
        3 => top - 1 - source.below(3),
        4 => near(source, bias, 2),
        5 => near(source, bias / 2, 3),
        _ => near(source, bias, u64::from(mantissa) + 3),
    };
    sign | field << mantissa | fraction
}

/// Three operands of a format, often close to each other or to each other's
/// negative.
pub(crate) fn floats(seed: u64, format: Format) -> Vec<[u64; 4]> {
    let mut source = Source::new(seed);
    let sign = 1 << (format.exponent + format.mantissa);
    let tune = |source: &mut Source, value: u64| {
        let last = source.below(8);
        let value = value ^ if source.below(2) == 0 { sign } else { 0 };
        (value & !7) | last
    };
    let product = |a: u64, b: u64| match format {
        Format::SINGLE => {
            let [a, b] = [a, b].map(|bits| f32::from_bits(bits as u32));
            u64::from((a * b).to_bits())
        }
        Format::DOUBLE => (f64::from_bits(a) * f64::from_bits(b)).to_bits(),
        _ => a ^ b & 1,
    };
    (0..count())
        .map(|_| {
            let mut operands = [0; 4].map(|_: i32| float(&mut source, format));
            if source.below(4) == 0 {
                operands[1] = tune(&mut source, operands[0]);
            }
            if source.below(3) == 0 {
                operands[2] = tune(&mut source, product(operands[0], operands[1]));
            }
            operands
        })
        .collect()
}

fn integer(source: &mut Source) -> u64 {
    let power = 1_u64 << source.below(64);
    match source.below(8) {
        0 => power,
        1 => power.wrapping_sub(1),
        2 => power.wrapping_neg(),
        3 => !power,
        4 => source.below(4).wrapping_sub(2),
        5 => source.below(70),
        _ => source.next() >> source.below(64),
    }
}

/// Four operands; who needs fewer bits takes the lowest.
pub(crate) fn integers(seed: u64) -> Vec<[u64; 4]> {
    let mut source = Source::new(seed);
    (0..count())
        .map(|_| [0; 4].map(|_: i32| integer(&mut source)))
        .collect()
}
