//! How long a module takes to load: PTX of 500 kB, made of kernels that NVRTC
//! compiled, over and over again under other names.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cuda_sim::{Heap, Module, ptx};

const KERNELS: [&str; 6] = [
    include_str!("../../tests/given/02_gelu_act.ptx"),
    include_str!("../../tests/given/07_layernorm.ptx"),
    include_str!("../../tests/given/08_sgemm_tiled.ptx"),
    include_str!("../../tests/given/10_conv2d.ptx"),
    include_str!("../../tests/given/15_half2.ptx"),
    include_str!("../../tests/given/22_batchnorm_welford.ptx"),
];

/// At least so many bytes of PTX.
fn module(bytes: usize) -> String {
    let mut text =
        ".version 9.0\n.target sm_80\n.address_size 64\n.file 1 \"kernel.cu\"\n".to_owned();
    for number in 0.. {
        for kernel in KERNELS {
            let start = kernel.find(".visible .entry ").unwrap_or_default();
            let entry = &kernel[start..];
            let entry = &entry[..entry.find("\t.file").unwrap_or(entry.len())];
            let name = entry[".visible .entry ".len()..].split('(').next();
            let name = name.unwrap_or_default();
            text.push_str(&entry.replace(name, &format!("{name}_{number}")));
            if text.len() >= bytes {
                return text;
            }
        }
    }
    text
}

fn load(criterion: &mut Criterion) {
    let text = module(500_000);
    let mut group = criterion.benchmark_group("500 kB of PTX");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.sample_size(20);
    group.bench_function("parse", |bencher| {
        bencher.iter(|| ptx::parse(black_box(&text)).map(|tree| tree.functions.len()));
    });
    group.bench_function("load", |bencher| {
        bencher.iter(|| {
            let mut heap = Heap::new(1 << 20);
            let module = Module::load(&mut heap, black_box(&text));
            module.unwrap_or_else(|error| panic!("{error}"))
        });
    });
    group.finish();
}

criterion_group!(benches, load);
criterion_main!(benches);
