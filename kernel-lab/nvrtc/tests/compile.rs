//! Against the real NVRTC. Where there is none, nothing is tested, and a line
//! says so; with `ALPHALAB_REQUIRE_SYSTEM=1` that is a failure.

use std::path::Path;
use std::time::Duration;

use kernel_nvrtc::{
    Arch, Ask, Built, Compiler, FilesError, Job, Options, Outcome, Places, Toolchain, compile_files,
};

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

fn skip(why: &dyn std::fmt::Display) {
    let required = std::env::var_os("ALPHALAB_REQUIRE_SYSTEM").is_some_and(|set| set == "1");
    assert!(!required, "{why}");
    println!("skipped: {why}");
}

fn toolchain() -> Option<Toolchain> {
    Toolchain::find(&Places::read(|name| std::env::var_os(name)))
        .map_err(|error| skip(&error))
        .ok()
}

fn compiler(cache: &Path) -> Option<Compiler> {
    let toolchain = toolchain()?;
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
    let job = |at: usize| Job {
        source: if at == 2 {
            "broken".to_owned()
        } else {
            format!("extern \"C\" __global__ void k{at}(int* x) {{ *x = {at}; }}\n")
        },
        archs: vec![arch("sm_90a"), arch("sm_80")],
        options: Options::default(),
    };
    let jobs: Vec<_> = (0..5).map(job).collect();
    let results = compiler.compile_all(&jobs, 2, &|_, _| {});
    for (at, result) in results.into_iter().enumerate() {
        let outcomes = result.unwrap();
        assert_eq!(outcomes.len(), 2);
        for (outcome, name) in outcomes.into_iter().zip(["sm_90a", "sm_80"]) {
            match outcome {
                Outcome::Built(made) => {
                    assert!(made.resources.contains_key(&format!("k{at}")));
                    assert_eq!(made.arch, arch(name));
                    let ptx = std::fs::read_to_string(&made.ptx).unwrap();
                    assert!(ptx.contains(&format!(".target {name}\n")), "{at} {name}");
                }
                Outcome::Refused(_) => assert_eq!(at, 2),
            }
        }
    }
}

#[test]
fn what_compiles_for_one_gpu_only_is_refused_for_the_others() {
    let cache = tempfile::tempdir().unwrap();
    let Some(compiler) = compiler(cache.path()) else {
        return;
    };
    let source = "#if __CUDA_ARCH__ < 900\n#error too old\n#endif\n\
                  extern \"C\" __global__ void k(int* x) { *x = 1; }\n";
    let archs = ["sm_80", "sm_90a", "sm_100"].map(arch);
    for _ in 0..2 {
        let outcomes = compiler.compile_for(source, &archs, &Options::default(), 2);
        let built = outcomes.unwrap().into_iter();
        let built: Vec<bool> = built
            .map(|made| matches!(made, Outcome::Built(_)))
            .collect();
        assert_eq!(built, [false, true, true]);
    }
}

/// Kernels that include what NVIDIA packs beside NVRTC.
const WITH_HEADERS: [(&str, &str); 6] = [
    ("wmma", include_str!("headers/wmma.cu")),
    ("groups", include_str!("headers/groups.cu")),
    ("reduce", include_str!("headers/reduce.cu")),
    ("random", include_str!("headers/random.cu")),
    ("narrow", include_str!("headers/narrow.cu")),
    ("pipeline", include_str!("headers/pipeline.cu")),
];

#[test]
fn the_headers_that_kernels_use_are_there() {
    let cache = tempfile::tempdir().unwrap();
    let Some(compiler) = compiler(cache.path()) else {
        return;
    };
    let has = |name: &str| {
        let include = toolchain().unwrap().include;
        include.iter().any(|folder| folder.join(name).exists())
    };
    if !has("crt/mma.h") || !has("cub/cub.cuh") {
        return skip(&"no headers of nvidia-cuda-crt and nvidia-cuda-cccl");
    }
    let jobs = WITH_HEADERS.map(|(_, source)| Job {
        source: source.to_owned(),
        archs: ["sm_80", "sm_90a", "sm_100"].map(arch).to_vec(),
        options: Options::default(),
    });
    let results = compiler.compile_all(&jobs, 2, &|_, _| {});
    for ((name, _), result) in WITH_HEADERS.iter().zip(results) {
        for outcome in result.unwrap() {
            assert!(matches!(outcome, Outcome::Built(_)), "{name}: {outcome:?}");
        }
    }
}

#[test]
fn a_header_that_is_not_installed_is_named_with_its_package() {
    let (cache, include) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(mut toolchain) = toolchain() else {
        return;
    };
    let mma = toolchain.include.iter().map(|folder| folder.join("mma.h"));
    let Some(mma) = mma.into_iter().find(|path| path.exists()) else {
        return skip(&"no headers of the CUDA runtime");
    };
    std::fs::copy(mma, include.path().join("mma.h")).unwrap();
    toolchain.include = vec![include.path().to_owned()];
    let child = Path::new(env!("CARGO_BIN_EXE_kernel-nvrtc"));
    let compiler = Compiler::new(toolchain, child, cache.path()).unwrap();
    let outcome = compiler.compile("#include <mma.h>\n", &arch("sm_80"), &Options::default());
    let said = refused(outcome.unwrap());
    assert!(
        said.contains("`crt/mma.h` is in the Python package nvidia-cuda-crt"),
        "{said}"
    );
}

/// A compiler whose child is a shell script: what it answers is made up.
fn scripted(folder: &Path, script: &str) -> Compiler {
    use std::os::unix::fs::PermissionsExt as _;

    let (library, child) = (folder.join("libnvrtc.so.13"), folder.join("child"));
    std::fs::write(&library, "").expect("a library");
    std::fs::write(&child, format!("#!/bin/sh\n{script}")).expect("a script");
    std::fs::set_permissions(&child, std::fs::Permissions::from_mode(0o755)).expect("a program");
    let toolchain = Toolchain {
        library,
        builtins: None,
        include: Vec::new(),
    };
    Compiler::new(toolchain, &child, &folder.join("cache")).expect("a compiler")
}

#[test]
fn one_process_answers_for_all_gpus() {
    let folder = tempfile::tempdir().unwrap();
    let answer = r#"{"version":[13,0],"ok":false,"log":"error: both","ms":1}"#;
    let compiler = scripted(
        folder.path(),
        &format!(
            "case \"$(cat request.json)\" in\n\
             *'\"archs\":[\"sm_80\",\"sm_90a\"]'*) ;;\n\
             *) exit 1 ;;\nesac\n\
             for arch in sm_80 sm_90a; do echo '{answer}' > $arch.json; done\n"
        ),
    );
    let archs = ["sm_80", "sm_90a"].map(arch);
    let outcomes = compiler.compile_for("", &archs, &Options::default(), 2);
    for outcome in outcomes.unwrap() {
        assert_eq!(refused(outcome), "error: both");
    }
}

#[test]
fn one_gpu_that_breaks_the_compiler_does_not_cost_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let answer = r#"{"version":[13,0],"ok":false,"log":"error: alone","ms":1}"#;
    let compiler = scripted(
        folder.path(),
        &format!(
            "case \"$(cat request.json)\" in\n\
             *'\"archs\":[\"sm_80\",\"sm_90a\",\"sm_100\"]'*) echo '{answer}' > sm_80.json ; kill -SEGV $$ ;;\n\
             *'\"archs\":[\"sm_90a\"]'*) kill -SEGV $$ ;;\n\
             *'\"archs\":[\"sm_100\"]'*) echo '{answer}' > sm_100.json ;;\nesac\n"
        ),
    );
    let archs = ["sm_80", "sm_90a", "sm_100"].map(arch);
    let outcomes = compiler.compile_for("", &archs, &Options::default(), 3);
    let said: Vec<String> = outcomes.unwrap().into_iter().map(refused).collect();
    assert_eq!([&said[0], &said[2]], ["error: alone"; 2]);
    assert!(
        said[1].starts_with("the compiler was stopped: "),
        "{said:?}"
    );
}

#[test]
fn files_that_can_not_be_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let compiler = scripted(folder.path(), "exit 1");
    let ask = |name: &str| Ask {
        files: vec![folder.path().join(name)],
        archs: vec![arch("sm_80")],
        options: Options::default(),
        out: None,
        threads: 1,
    };
    std::fs::write(folder.path().join("latin.cu"), b"// caf\xe9\n").unwrap();
    for name in ["missing.cu", "latin.cu"] {
        let error = compile_files(&compiler, &ask(name), &|_| {}).unwrap_err();
        assert!(matches!(error, FilesError::Unreadable { .. }), "{error:?}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn files_become_a_document_and_copies() {
    let folder = tempfile::tempdir().unwrap();
    let Some(compiler) = compiler(&folder.path().join("cache")) else {
        return;
    };
    let (good, bad) = (folder.path().join("good.cu"), folder.path().join("bad.cu"));
    std::fs::write(&good, GENTLE).unwrap();
    std::fs::write(&bad, "int x = y;\n").unwrap();
    let out = folder.path().join("out");
    let ask = Ask {
        files: vec![good, bad],
        archs: ["sm_80", "sm_90a"].map(arch).to_vec(),
        options: Options::default(),
        out: Some(out.clone()),
        threads: 2,
    };
    let document = compile_files(&compiler, &ask, &|_| {}).unwrap();
    assert!(!document.all_compile());
    let ok: Vec<bool> = document.compiled.iter().map(|row| row.ok).collect();
    assert_eq!(ok, [true, true, false, false]);
    for name in ["sm_80.ptx", "sm_80.cubin", "sm_90a.ptx", "sm_90a.cubin"] {
        assert!(out.join(format!("good.{name}")).is_file(), "{name}");
    }
    let table = document.table();
    assert!(table.contains("  scale: "), "{table}");
    assert!(
        table.contains("bad.cu sm_80: does not compile\nkernel.cu(1): error"),
        "{table}"
    );
}
