//! How long CUDA C++ takes to compile: for the first time, in a process of
//! its own; inside of NVRTC; a second GPU in the same process; and from the
//! cache. `load_inline.py` beside this file times the way by torch.

#![expect(clippy::unwrap_used, reason = "a bench that can't run says why")]

use std::env;
use std::path::Path;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use kernel_nvrtc::{Arch, Built, Compiler, Options, Outcome, Places, Toolchain};

const SOURCES: [(&str, &str); 4] = [
    ("saxpy", include_str!("../../examples/saxpy.cu")),
    ("row_sum", include_str!("../../examples/row_sum.cu")),
    ("stencil", include_str!("../../examples/stencil.cu")),
    ("histogram", include_str!("../../examples/histogram.cu")),
];

fn built(outcome: Outcome) -> Built {
    match outcome {
        Outcome::Built(built) => built,
        Outcome::Refused(errors) => panic!("{errors}"),
    }
}

fn milliseconds(ms: f64) -> Duration {
    Duration::from_secs_f64(ms / 1e3)
}

fn compile(criterion: &mut Criterion) {
    let mut places = Places::read(|name| env::var_os(name));
    if let Some(venv) = option_env!("ALPHALAB_VENV") {
        places = places.and_venv(Path::new(venv));
    }
    let toolchain = Toolchain::find(&places).unwrap_or_else(|error| panic!("{error}"));
    let cache = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_cuda-sim"));
    let compiler = Compiler::new(toolchain, program, cache.path()).unwrap();
    let compiler = compiler.told("compile-in-this-folder");
    let archs = ["sm_80", "sm_90a"].map(|name| Arch::parse(name).unwrap());
    let options = Options::default();
    let mut number = 0_u64;
    // Another comment is another source for the cache.
    let mut fresh = |source: &str| {
        number += 1;
        format!("{source}// {number}\n")
    };
    let mut group = criterion.benchmark_group("compile");
    group.sample_size(20);
    for (name, source) in SOURCES {
        let mut each = |what: &str, time: &dyn Fn(&str) -> Duration| {
            group.bench_function(BenchmarkId::new(what, name), |bencher| {
                bencher.iter_custom(|times| (0..times).map(|_| time(&fresh(source))).sum());
            });
        };
        each("first", &|source| {
            let outcome = compiler.compile(source, &archs[0], &options);
            milliseconds(built(outcome.unwrap()).elapsed_ms)
        });
        each("in NVRTC", &|source| {
            let outcome = compiler.compile(source, &archs[0], &options);
            milliseconds(built(outcome.unwrap()).nvrtc_ms)
        });
        each("second GPU, in NVRTC", &|source| {
            let outcomes = compiler.compile_for(source, &archs, &options, 1);
            milliseconds(built(outcomes.unwrap().remove(1)).nvrtc_ms)
        });
        group.bench_function(BenchmarkId::new("from the cache", name), |bencher| {
            let again = || compiler.compile(source, &archs[0], &options).unwrap();
            built(again());
            bencher.iter(|| assert!(built(again()).cached));
        });
    }
    group.finish();
}

criterion_group!(benches, compile);
criterion_main!(benches);
