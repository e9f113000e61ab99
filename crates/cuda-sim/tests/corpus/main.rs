//! Kernels of our own, as a language model asked for fast ones would write
//! them, against references in double.
//!
//! Each is run on some inputs with one thread and with two: nothing may be
//! found, all results must be written and within a stated number of roundings,
//! and the same both times where the order of threads does not matter. Kernels
//! with a small bug, `name__what` in the same file, must be noticed, by a finding
//! at a marked line (`// BUG:`) or by a wrong result (`// WRONG`).
//!
//! The PTX beside `tests/corpus/*.cu` was made by NVRTC 13.0, for sm_80 where the
//! name says nothing else, and starts with a hash of its source. After a change:
//!
//! ```text
//! kernel-lab compile crates/cuda-sim/tests/corpus/NAME.cu --arch sm_80 --out /tmp/corpus
//! CUDA_SIM_CORPUS=/tmp/corpus cargo test -p cuda-sim --test corpus take_over -- --ignored
//! ```
//!
//! Where `NAME.sm_100.ptx` or another lies beside it, `--arch` names that too;
//! `fast.cu` needs `--option=--use_fast_math`.

#![expect(clippy::unwrap_used, reason = "tests")]

mod case;
mod file;
#[expect(dead_code, reason = "the other tests need the rest")]
#[path = "../kernels/harness.rs"]
mod harness;
#[path = "../kernels/marks.rs"]
mod marks;
mod reference;

macro_rules! families {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*

        /// Names of the sources.
        const FAMILIES: &[&str] = &[$(stringify!($name)),*];

        mod kernels {
            $(#[test]
            fn $name() {
                crate::file::check(stringify!($name), &crate::$name::cases());
            })*
        }
    };
}

families!(
    activations,
    attention,
    bits,
    conv,
    elementwise,
    fast,
    grids,
    language,
    layout,
    linear,
    losses,
    math,
    matmul,
    norms,
    pooling,
    reductions,
    scans,
    select,
    softmax,
    sparse,
    text,
);

#[test]
fn more_than_a_hundred() {
    let mut all = [0, 0];
    for name in FAMILIES {
        let counts = file::counts(name);
        all = [all[0] + counts[0], all[1] + counts[1]];
    }
    assert!(all[0] >= 100 && all[1] >= 20, "{all:?}");
}

#[test]
#[ignore = "changes the files beside the sources"]
fn take_over() {
    let from = std::env::var_os("CUDA_SIM_CORPUS").expect("CUDA_SIM_CORPUS names a folder");
    for name in FAMILIES {
        file::take_over(name, from.as_ref());
    }
}
