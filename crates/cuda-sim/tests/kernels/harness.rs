//! A device with a module on it, and numbers to feed it.

use std::path::Path;
use std::sync::Arc;

use cuda_sim::{Allocation, Device, Limits, Module, Outcome, Shape};
use rustc_apfloat::ieee::{Double, Single};
use rustc_apfloat::{Float, FloatConvert};

/// What can be an element of a buffer.
pub(crate) trait Element: Copy {
    fn put(self, bytes: &mut Vec<u8>);
    fn get(bytes: &[u8]) -> Self;
    const BYTES: usize;
}

macro_rules! element {
    ($($ty:ty),*) => {
        $(impl Element for $ty {
            fn put(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }
            fn get(bytes: &[u8]) -> Self {
                Self::from_le_bytes(bytes.try_into().unwrap())
            }
            const BYTES: usize = size_of::<$ty>();
        })*
    };
}
element!(u8, i8, u16, i32, u32, i64, u64, f32, f64);

/// A kernel's argument.
#[derive(Clone, Debug)]
pub(crate) enum Arg {
    Buffer(Arc<Allocation>),
    I32(i32),
    U64(u64),
    F32(f32),
    /// Anything by value: bytes as they lie in memory.
    Bytes(Vec<u8>),
}

impl<T: Element> From<T> for Arg {
    fn from(value: T) -> Self {
        Self::Bytes(bytes(&[value]))
    }
}

/// Elements as they lie in memory.
pub(crate) fn bytes<T: Element>(values: &[T]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in values {
        value.put(&mut bytes);
    }
    bytes
}

pub(crate) struct Bench {
    pub(crate) device: Device,
    pub(crate) module: Module,
    pub(crate) limits: Limits,
}

impl Bench {
    pub(crate) fn of_text(text: &str) -> Self {
        let mut device = Device::new(1 << 32);
        let module =
            Module::load(device.heap_mut(), text).unwrap_or_else(|error| panic!("{error}"));
        Self {
            device,
            module,
            limits: Limits::default(),
        }
    }

    pub(crate) fn of_file(folder: &str, name: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests")
            .join(folder);
        let path = root.join(format!("{name}.ptx"));
        let text = std::fs::read_to_string(&path).unwrap();
        Self::of_text(&text)
    }

    pub(crate) fn upload<T: Element>(&mut self, name: &str, values: &[T]) -> Arc<Allocation> {
        self.device.upload(name, &bytes(values)).unwrap()
    }

    pub(crate) fn empty(&mut self, name: &str, bytes: usize) -> Arc<Allocation> {
        self.device
            .heap_mut()
            .allocate(bytes as u64, name, false)
            .unwrap()
    }

    pub(crate) fn launch(&self, kernel: &str, shape: Shape, args: &[Arg]) -> Outcome {
        let params = self.module.attributes(kernel).unwrap();
        let mut bytes = vec![0; params.param_bytes as usize];
        for (arg, (at, length)) in args.iter().zip(&params.params) {
            let raw = match arg {
                Arg::Buffer(buffer) => buffer.base().to_le_bytes().to_vec(),
                Arg::I32(value) => value.to_le_bytes().to_vec(),
                Arg::U64(value) => value.to_le_bytes().to_vec(),
                Arg::F32(value) => value.to_le_bytes().to_vec(),
                Arg::Bytes(bytes) => bytes.clone(),
            };
            assert_eq!(raw.len(), *length as usize);
            bytes[*at as usize..(at + length) as usize].copy_from_slice(&raw);
        }
        assert_eq!(args.len(), params.params.len());
        let heap = self.device.heap();
        self.module
            .launch(heap, kernel, shape, &bytes, self.limits)
            .unwrap()
    }

    /// As `launch`, and nothing may be found.
    pub(crate) fn clean(&self, kernel: &str, shape: Shape, args: &[Arg]) -> Outcome {
        let outcome = self.launch(kernel, shape, args);
        let found: Vec<String> = outcome.findings.iter().map(ToString::to_string).collect();
        assert!(found.is_empty(), "{kernel}: {found:#?}");
        outcome
    }
}

pub(crate) fn download<T: Element>(buffer: &Allocation) -> Vec<T> {
    let mut bytes = vec![0; usize::try_from(buffer.bytes()).unwrap()];
    buffer.read(0, &mut bytes);
    bytes.chunks_exact(T::BYTES).map(T::get).collect()
}

pub(crate) fn shape(grid: u32, block: u32) -> Shape {
    Shape {
        grid: [grid, 1, 1],
        block: [block, 1, 1],
        dynamic_shared: 0,
    }
}

/// Numbers from [-1, 1), always the same.
pub(crate) fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Relative to the largest of both.
pub(crate) fn close(got: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (at, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (f64::from(*got) - expected).abs();
        assert!(
            error <= tolerance * expected.abs().max(1.0),
            "{what}[{at}]: {got} instead of {expected}"
        );
    }
}

/// Integers from 0 up to `end`.
pub(crate) fn integers(seed: u64, count: usize, end: i32) -> Vec<i32> {
    let scaled = numbers(seed, count);
    let scaled = scaled.iter().map(|x| ((x + 1.0) / 2.0 * end as f32) as i32);
    scaled.map(|x| x.min(end - 1)).collect()
}

/// A number in a format of 16 bits, and back.
pub(crate) fn narrow<F: Float>(value: f32) -> u16
where
    Single: FloatConvert<F>,
{
    let single = Single::from_bits(u128::from(value.to_bits()));
    let narrow: F = single.convert(&mut false).value;
    narrow.to_bits() as u16
}

pub(crate) fn wide<F: FloatConvert<Double>>(bits: u16) -> f64 {
    let double: Double = F::from_bits(u128::from(bits)).convert(&mut false).value;
    f64::from_bits(double.to_bits() as u64)
}
