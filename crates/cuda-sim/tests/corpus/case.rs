//! A kernel, what it is given, and what it must leave.

use std::sync::Arc;

use cuda_sim::{Allocation, Finding, Shape};
use rustc_apfloat::ieee::{BFloat, Half};

use crate::harness::{Arg, Bench, Element, bytes, download, wide};

/// Blocks of a grid or threads of a block, in one to three dimensions.
#[derive(Clone, Copy)]
pub(crate) struct Size([u32; 3]);

impl From<usize> for Size {
    fn from(x: usize) -> Self {
        (x, 1, 1).into()
    }
}

impl From<(usize, usize)> for Size {
    fn from((x, y): (usize, usize)) -> Self {
        (x, y, 1).into()
    }
}

impl From<(usize, usize, usize)> for Size {
    fn from((x, y, z): (usize, usize, usize)) -> Self {
        Self([x as u32, y as u32, z as u32])
    }
}

/// A format in which numbers are rounded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Format {
    Single,
    Double,
    Half,
    BFloat,
}

impl Format {
    /// The largest relative error of one rounding to nearest.
    fn rounding(self) -> f64 {
        match self {
            Self::Single => 2.0_f64.powi(-24),
            Self::Double => 2.0_f64.powi(-53),
            Self::Half => 2.0_f64.powi(-11),
            Self::BFloat => 2.0_f64.powi(-8),
        }
    }

    fn read(self, buffer: &Allocation) -> Vec<f64> {
        match self {
            Self::Single => download::<f32>(buffer).into_iter().map(f64::from).collect(),
            Self::Double => download(buffer),
            Self::Half => download(buffer).into_iter().map(wide::<Half>).collect(),
            Self::BFloat => download(buffer).into_iter().map(wide::<BFloat>).collect(),
        }
    }
}

/// What must be in a buffer afterwards.
#[derive(Clone, Debug)]
pub(crate) enum Want {
    /// These bytes, of elements so wide.
    Exactly(Vec<u8>, usize),
    /// Numbers within so many roundings of the larger of the value and the
    /// root of the mean square of all; and why so many are needed.
    Near(Format, Vec<f64>, f64, &'static str),
}

/// Results that are the same bit by bit.
pub(crate) fn exactly<T: Element>(values: &[T]) -> Want {
    Want::Exactly(bytes(values), T::BYTES)
}

/// Results in single precision.
pub(crate) fn singles(values: Vec<f64>, roundings: f64, why: &'static str) -> Want {
    Want::Near(Format::Single, values, roundings, why)
}

/// Results in double precision.
pub(crate) fn doubles(values: Vec<f64>, roundings: f64, why: &'static str) -> Want {
    Want::Near(Format::Double, values, roundings, why)
}

/// Results in half precision.
pub(crate) fn halves(values: Vec<f64>, roundings: f64, why: &'static str) -> Want {
    Want::Near(Format::Half, values, roundings, why)
}

/// Results in bfloat16.
pub(crate) fn bfloats(values: Vec<f64>, roundings: f64, why: &'static str) -> Want {
    Want::Near(Format::BFloat, values, roundings, why)
}

impl Want {
    fn bytes(&self) -> usize {
        match self {
            Self::Exactly(bytes, _) => bytes.len(),
            Self::Near(format, values, ..) => {
                let width = match format {
                    Format::Double => 8,
                    Format::Single => 4,
                    Format::Half | Format::BFloat => 2,
                };
                values.len() * width
            }
        }
    }

    /// Whether a kernel that leaves zeros, or one value everywhere, could be
    /// taken for right.
    fn is_trivial(&self) -> bool {
        let (zeros, different, count) = match self {
            Self::Exactly(bytes, width) => {
                let elements = || bytes.chunks_exact(*width);
                let zeros = elements().filter(|x| x.iter().all(|byte| *byte == 0));
                let different = elements().any(|x| x != &bytes[..*width]);
                (zeros.count(), different, elements().count())
            }
            Self::Near(_, values, ..) => {
                let zeros = values.iter().filter(|x| **x == 0.0).count();
                let different = values.iter().any(|x| x.to_bits() != values[0].to_bits());
                (zeros, different, values.len())
            }
        };
        zeros * 10 > count * 9 || !different && count > 4
    }

    fn check(&self, buffer: &Allocation) -> Result<(), String> {
        match self {
            Self::Exactly(expected, width) => {
                let found: Vec<u8> = download(buffer);
                let mut pairs = found
                    .chunks_exact(*width)
                    .zip(expected.chunks_exact(*width));
                match pairs
                    .clone()
                    .position(|(found, expected)| found != expected)
                {
                    None => Ok(()),
                    Some(at) => {
                        let (found, expected) = pairs.nth(at).unwrap();
                        Err(format!("[{at}]: bytes {found:?} instead of {expected:?}"))
                    }
                }
            }
            Self::Near(format, expected, roundings, why) => {
                let finite = || expected.iter().filter(|x| x.is_finite());
                let mean = finite().map(|x| x * x).sum::<f64>() / finite().count().max(1) as f64;
                let found = format.read(buffer);
                for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
                    let allowed = roundings * format.rounding() * expected.abs().max(mean.sqrt());
                    // Of what is infinite there is no difference.
                    let same = found.total_cmp(expected).is_eq();
                    let neither = found.is_nan() && expected.is_nan();
                    let near = (found - expected).abs() <= allowed;
                    if !(same || neither || near) {
                        let roundings = (found - expected).abs() / allowed * roundings;
                        return Err(format!(
                            "[{at}]: {found} instead of {expected}, {roundings:.1} roundings off ({why})"
                        ));
                    }
                }
                Ok(())
            }
        }
    }
}

/// An argument of a kernel.
#[derive(Clone, Debug)]
enum Given {
    Value(Vec<u8>),
    Read(Vec<u8>),
    /// Addresses of buffers that are read, then other members of a struct.
    Pointers(Vec<Vec<u8>>, Vec<u8>),
    /// So many bytes that are of no interest afterwards.
    Scratch(usize),
    Changed(Option<Vec<u8>>, Want),
}

#[derive(Clone, Debug)]
struct Start {
    kernel: &'static str,
    shape: Shape,
    /// Which of the arguments, if not all.
    takes: Option<Vec<usize>>,
}

/// A kernel, or several after each other, on some inputs.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    starts: Vec<Start>,
    given: Vec<Given>,
    any_order: bool,
    /// What is printed.
    printed: String,
    mutants: Vec<&'static str>,
}

/// A kernel on a grid.
pub(crate) fn case(kernel: &'static str, grid: impl Into<Size>, block: impl Into<Size>) -> Case {
    let case = Case {
        starts: Vec::new(),
        given: Vec::new(),
        any_order: false,
        printed: String::new(),
        mutants: Vec::new(),
    };
    case.start(kernel, grid.into(), block.into(), None)
}

/// Blocks for `n` threads.
pub(crate) fn blocks(n: usize, block: usize) -> usize {
    n.div_ceil(block).max(1)
}

/// What a run left.
struct Ran {
    findings: Vec<Finding>,
    /// Of each argument that is changed.
    left: Vec<(usize, Arc<Allocation>)>,
    printed: String,
}

impl Case {
    /// Another kernel after it, with these of the arguments.
    pub(crate) fn then(
        self,
        kernel: &'static str,
        grid: impl Into<Size>,
        block: impl Into<Size>,
        takes: &[usize],
    ) -> Self {
        self.start(kernel, grid.into(), block.into(), Some(takes.to_vec()))
    }

    fn start(
        mut self,
        kernel: &'static str,
        grid: Size,
        block: Size,
        takes: Option<Vec<usize>>,
    ) -> Self {
        self.starts.push(Start {
            kernel,
            shape: Shape {
                grid: grid.0,
                block: block.0,
                dynamic_shared: 0,
            },
            takes,
        });
        self
    }

    /// Which arguments the first kernel takes, if not all.
    pub(crate) fn takes(mut self, takes: &[usize]) -> Self {
        self.starts[0].takes = Some(takes.to_vec());
        self
    }

    /// Shared memory that the launch brings.
    pub(crate) fn shared(mut self, bytes: usize) -> Self {
        for start in &mut self.starts {
            start.shape.dynamic_shared = bytes as u32;
        }
        self
    }

    /// An argument by value.
    pub(crate) fn value<T: Element>(self, value: T) -> Self {
        self.values(&[value])
    }

    /// A struct of some elements by value.
    pub(crate) fn values<T: Element>(mut self, values: &[T]) -> Self {
        self.given.push(Given::Value(bytes(values)));
        self
    }

    /// An `int`.
    pub(crate) fn int(self, value: usize) -> Self {
        self.value(value as i32)
    }

    /// Some of them.
    pub(crate) fn ints(self, values: &[usize]) -> Self {
        values.iter().fold(self, |case, value| case.int(*value))
    }

    /// A buffer that is read.
    pub(crate) fn read<T: Element>(mut self, values: &[T]) -> Self {
        self.given.push(Given::Read(bytes(values)));
        self
    }

    /// A struct of pointers to buffers, and `int`s.
    pub(crate) fn pointers<T: Element>(mut self, to: &[&[T]], ints: &[i32]) -> Self {
        let to = to.iter().map(|values| bytes(values)).collect();
        self.given.push(Given::Pointers(to, bytes(ints)));
        self
    }

    /// A buffer whose contents are of no interest, not initialised.
    pub(crate) fn scratch(mut self, bytes: usize) -> Self {
        self.given.push(Given::Scratch(bytes));
        self
    }

    /// A buffer that the kernel must write, to its last byte.
    pub(crate) fn writes(mut self, want: Want) -> Self {
        self.given.push(Given::Changed(None, want));
        self
    }

    /// A buffer that the kernel changes.
    pub(crate) fn changes<T: Element>(mut self, from: &[T], to: Want) -> Self {
        self.given.push(Given::Changed(Some(bytes(from)), to));
        self
    }

    /// What comes out depends on the order in which threads come.
    pub(crate) fn any_order(mut self) -> Self {
        self.any_order = true;
        self
    }

    /// What the kernel prints.
    pub(crate) fn prints(mut self, text: &str) -> Self {
        text.clone_into(&mut self.printed);
        self
    }

    /// A kernel with a bug that must be noticed on the same inputs.
    pub(crate) fn mutant(mut self, kernel: &'static str) -> Self {
        self.mutants.push(kernel);
        self
    }

    pub(crate) fn kernels(&self) -> impl Iterator<Item = &'static str> {
        self.starts.iter().map(|start| start.kernel)
    }

    pub(crate) fn mutants(&self) -> &[&'static str] {
        &self.mutants
    }

    fn run(&self, text: &str, threads: usize, instead: Option<&str>) -> Ran {
        let mut bench = Bench::of_text(text);
        bench.limits.threads = threads;
        bench.limits.budget = 1 << 20;
        let mut left = Vec::new();
        let mut args = Vec::new();
        for (at, given) in self.given.iter().enumerate() {
            let name = format!("argument {at}");
            args.push(match given {
                Given::Value(bytes) => Arg::Bytes(bytes.clone()),
                Given::Read(bytes) => Arg::Buffer(bench.upload(&name, bytes)),
                Given::Pointers(to, rest) => {
                    let addresses = to.iter().map(|to| bench.upload(&name, to).base());
                    let mut all = bytes(&addresses.collect::<Vec<u64>>());
                    all.extend(rest);
                    Arg::Bytes(all)
                }
                Given::Scratch(bytes) => Arg::Buffer(bench.empty(&name, *bytes)),
                Given::Changed(from, want) => {
                    let buffer = match from {
                        Some(from) => bench.upload(&name, from),
                        None => bench.empty(&name, want.bytes()),
                    };
                    left.push((at, buffer.clone()));
                    Arg::Buffer(buffer)
                }
            });
        }
        let mut findings = Vec::new();
        let mut printed = Vec::new();
        for (at, start) in self.starts.iter().enumerate() {
            let kernel = instead.filter(|_| at == 0).unwrap_or(start.kernel);
            let args = match &start.takes {
                Some(takes) => takes.iter().map(|at| args[*at].clone()).collect(),
                None => args.clone(),
            };
            let outcome = bench.launch(kernel, start.shape, &args);
            findings.extend(outcome.findings);
            printed.extend(outcome.printed);
        }
        Ran {
            findings,
            left,
            printed: String::from_utf8(printed).unwrap(),
        }
    }

    /// What is wrong with what a run left.
    fn judge(&self, ran: &Ran) -> Result<(), String> {
        for (at, buffer) in &ran.left {
            let Given::Changed(_, want) = &self.given[*at] else {
                unreachable!()
            };
            if let Some(byte) = buffer.unwritten(0, buffer.bytes()) {
                return Err(format!("byte {byte} of argument {at} is not written"));
            }
            want.check(buffer)
                .map_err(|error| format!("argument {at}{error}"))?;
        }
        if ran.printed != self.printed {
            return Err(format!("prints {:?}", ran.printed));
        }
        Ok(())
    }

    /// Runs it with one thread and with two.
    pub(crate) fn check(&self, text: &str) -> Result<(), String> {
        for (at, given) in self.given.iter().enumerate() {
            if let Given::Changed(_, want) = given
                && want.is_trivial()
            {
                return Err(format!("argument {at}: the reference is trivial"));
            }
        }
        let mut before: Option<Ran> = None;
        for threads in [1, 2] {
            let ran = self.run(text, threads, None);
            if let Some(finding) = ran.findings.first() {
                return Err(format!("{threads} threads: {finding}"));
            }
            self.judge(&ran)
                .map_err(|error| format!("{threads} threads: {error}"))?;
            if let Some(before) = before.filter(|_| !self.any_order) {
                for ((at, one), (_, two)) in before.left.iter().zip(&ran.left) {
                    if download::<u8>(one) != download::<u8>(two) {
                        return Err(format!("argument {at} differs with two threads"));
                    }
                }
            }
            before = Some(ran);
        }
        Ok(())
    }

    /// What is found if a kernel runs in the first one's place, and whether
    /// the result is wrong then.
    pub(crate) fn mutated(&self, text: &str, kernel: &str) -> (Vec<Finding>, bool) {
        let ran = self.run(text, 1, Some(kernel));
        let wrong = self.judge(&ran).is_err();
        (ran.findings, wrong)
    }
}
