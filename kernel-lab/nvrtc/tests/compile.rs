//! Against the real NVRTC. Where there is none, nothing is tested, and a line
//! says so; with `ALPHALAB_REQUIRE_SYSTEM=1` that is a failure.

use std::path::Path;
use std::time::Duration;

use kernel_nvrtc::{Arch, Built, Compiler, Options, Outcome, Places, Toolchain};

const GENTLE: &str = r#"
#include <math.h>
#include <cuda_fp16.h>
extern "C" __global__ void scale(const float* x, float* y, int n, float a) {
    __shared__ float tile[256];
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    tile[threadIdx.x] = i < n ? x[i] : INFINITY;
    __syncthreads();
    if (i < n) y[i] = __half2float(__float2half(a)) * tile[255 - threadIdx.x];
}
"#;

fn compiler(cache: &Path) -> Option<Compiler> {
    let toolchain = match Toolchain::find(&Places::read(|name| std::env::var_os(name))) {
        Ok(toolchain) => toolchain,
        Err(error) => {
            let required =
                std::env::var_os("ALPHALAB_REQUIRE_SYSTEM").is_some_and(|set| set == "1");
            assert!(!required, "{error}");
            println!("skipped: {error}");
            return None;
        }
    };
    let child = Path::new(env!("CARGO_BIN_EXE_kernel-nvrtc"));
    Some(Compiler::new(toolchain, child, cache).expect("a compiler"))
}

fn arch(name: &str) -> Arch {
    Arch::parse(name).expect("an architecture")
}

fn built(outcome: Outcome) -> Built {
    match outcome {
        Outcome::Built(built) => built,
        Outcome::Refused(errors) => panic!("{errors}"),
    }
}

fn refused(outcome: Outcome) -> String {
    match outcome {
        Outcome::Built(built) => panic!("{built:?}"),
        Outcome::Refused(errors) => errors,
    }
}

#[test]
fn text_and_machine_code_for_several_gpus() {
    let cache = tempfile::tempdir().unwrap();
    let Some(compiler) = compiler(cache.path()) else {
        return;
    };
    for name in ["sm_80", "sm_90a", "sm_100"] {
        let made = built(
            compiler
                .compile(GENTLE, &arch(name), &Options::default())
                .unwrap(),
        );
        let ptx = std::fs::read_to_string(&made.ptx).unwrap();
        assert!(ptx.contains(&format!(".target {name}")), "{name}");
        // Findings of a simulator name source lines by these.
        assert!(ptx.contains(".loc\t1 9 "), "{ptx}");
        assert_eq!(&std::fs::read(&made.cubin).unwrap()[..4], b"\x7fELF");
        let resources = made.resources["scale"];
        assert!(
            resources.registers >= 8 && resources.barriers == 1,
            "{resources:?}"
        );
        assert!(resources.shared_bytes >= 1024, "{resources:?}");
        assert_eq!(
            made.options,
            [
                &format!("--gpu-architecture={name}"),
                "-lineinfo",
                "--ptxas-options=-v"
            ]
        );
        assert_eq!(made.warnings, "");
        assert!(!made.cached);
    }
}

#[test]
fn the_second_time_it_is_there_already() {
    let cache = tempfile::tempdir().unwrap();
    let Some(compiler) = compiler(cache.path()) else {
        return;
    };
    let compile = |options: &[&str]| {
        let options = Options::parse(options).unwrap();
        built(compiler.compile(GENTLE, &arch("sm_80"), &options).unwrap())
    };
    let first = compile(&[]);
    let second = compile(&[]);
    assert!(!first.cached && second.cached);
    assert_eq!(first.resources, second.resources);
    let fast = compile(&["--use_fast_math"]);
    assert!(!fast.cached && fast.key != first.key);
    assert!(fast.options.contains(&"--use_fast_math".to_owned()));
}

#[test]
fn what_is_wrong_is_said_in_a_few_lines() {
    let cache = tempfile::tempdir().unwrap();
    let Some(compiler) = compiler(cache.path()) else {
        return;
    };
    let compile = |source: &str| {
        refused(
            compiler
                .compile(source, &arch("sm_80"), &Options::default())
                .unwrap(),
        )
    };
    assert_eq!(
        compile("extern \"C\" __global__ void k(float* x) {\n    x[0] = y;\n    z();\n}\n"),
        "kernel.cu(2): error: identifier \"y\" is undefined\n      x[0] = y;\n             ^\n\
         kernel.cu(3): error: identifier \"z\" is undefined\n      z();\n      ^"
    );
    // Nothing was kept of it.
    assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0);
}

#[test]
fn sources_can_not_read_files_or_run_for_ever() {
    let cache = tempfile::tempdir().unwrap();
    let Some(compiler) = compiler(cache.path()) else {
        return;
    };
    let compile = |source: &str| {
        refused(
            compiler
                .compile(source, &arch("sm_80"), &Options::default())
                .unwrap(),
        )
    };
    let secret = cache.path().join("secret.h");
    std::fs::write(&secret, "#error found_it\n").unwrap();
    let said = compile(&format!("#include \"{}\"\n", secret.display()));
    assert!(said.contains("cannot open source file"), "{said}");
    let said = compile("#include \"/etc/hostname\"\n");
    assert!(said.contains("cannot open source file"), "{said}");
    // Two to the thirtieth instances.
    let compiler = compiler.patient_for(Duration::from_secs(3));
    let compile = |source: &str| {
        refused(
            compiler
                .compile(source, &arch("sm_80"), &Options::default())
                .unwrap(),
        )
    };
    let said = compile(
        "template <int N, int M> struct T { static const int v = T<N - 1, 2 * M>::v + T<N - 1, 2 * M + 1>::v; };\n\
         template <int M> struct T<0, M> { static const int v = 1; };\n\
         extern \"C\" __global__ void k(int* x) { *x = T<30, 0>::v; }\n",
    );
    assert!(said.contains("the compiler was stopped"), "{said}");
}

#[test]
fn several_at_once_keep_their_order() {
    let cache = tempfile::tempdir().unwrap();
    let Some(compiler) = compiler(cache.path()) else {
        return;
    };
    let source = |at: usize| {
        if at == 2 {
            "broken".to_owned()
        } else {
            format!("extern \"C\" __global__ void k{at}(int* x) {{ *x = {at}; }}\n")
        }
    };
    let jobs: Vec<_> = (0..5)
        .map(|at| (source(at), arch("sm_80"), Options::default()))
        .collect();
    let results = compiler.compile_all(&jobs, 2, &|_, _| {});
    for (at, result) in results.into_iter().enumerate() {
        match result.unwrap() {
            Outcome::Built(made) => assert!(made.resources.contains_key(&format!("k{at}"))),
            Outcome::Refused(_) => assert_eq!(at, 2),
        }
    }
}
