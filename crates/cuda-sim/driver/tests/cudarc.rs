//! cudarc's own unit tests, unchanged, on the stand-in.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

/// Whose tests they are.
const CRATE: &str = "cudarc-0.19.10";
const FEATURES: &str = "driver,nvrtc,std,cuda-13000,f16,dynamic-loading";

/// Those that can't pass, and why.
const KNOWN: &[(&str, &str)] = &[
    (
        "driver::safe::core::tests::test_default_pinned_host_reads_are_faster_than_write_combined",
        "there is no write-combined memory here: both are as fast",
    ),
    (
        "driver::safe::core::tests::test_pinned_copy_is_faster",
        "a copy from pinned memory saves one of two copies, not a bus transfer",
    ),
    (
        "driver::safe::launch::tests::test_launch_with_half",
        "NVRTC 13 does not know compute_53, and no toolkit is in /usr/include",
    ),
    (
        "driver::safe::launch::tests::test_par_launch",
        "two kernels at once take half as long only if two processors are idle",
    ),
];

fn library() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.parent().unwrap().join("libcuda_sim_driver.so")
}

/// Where cargo keeps the sources of what it has fetched.
fn sources() -> PathBuf {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| Path::new(&std::env::var_os("HOME").unwrap()).join(".cargo"));
    let registries = std::fs::read_dir(home.join("registry/src")).unwrap();
    let mut places = registries.map(|place| place.unwrap().path().join(CRATE));
    places
        .find(|place| place.exists())
        .expect("cargo fetched it")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
#[ignore = "builds a whole crate, with what it depends on, and needs NVRTC (ALPHALAB_NVRTC)"]
#[expect(
    clippy::disallowed_methods,
    reason = "a test builds and runs another's"
)]
fn the_tests_of_cudarc_pass() {
    let nvrtc = std::env::var_os("ALPHALAB_NVRTC").expect("ALPHALAB_NVRTC names libnvrtc.so.13");
    let nvrtc = Path::new(&nvrtc).parent().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let links = folder.path().join("stand-in");
    std::fs::create_dir(&links).unwrap();
    for name in ["libcuda.so", "libcuda.so.1"] {
        std::os::unix::fs::symlink(library(), links.join(name)).unwrap();
    }
    let package = folder.path().join("cudarc");
    copy(&sources(), &package);
    // A package of its own, in whatever folder this is.
    let manifest = package.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text + "\n[workspace]\n").unwrap();

    let output = std::process::Command::new(env!("CARGO"))
        .args(["test", "--lib", "--no-default-features", "--features"])
        .args([FEATURES, "--", "--test-threads=1"])
        .current_dir(&package)
        .env("CARGO_TARGET_DIR", folder.path().join("target"))
        .env(
            "LD_LIBRARY_PATH",
            std::env::join_paths([&links, nvrtc]).unwrap(),
        )
        .env("CUDA_SIM_FINDINGS", folder.path().join("findings.jsonl"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let result = said.lines().find(|line| line.starts_with("test result"));
    assert!(
        result.is_some(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let failed = said.lines().filter_map(|line| {
        let (name, result) = line.strip_prefix("test ")?.split_once(" ... ")?;
        result.ends_with("FAILED").then_some(name)
    });
    let surprising: Vec<_> = failed
        .filter(|name| !KNOWN.iter().any(|(known, _)| known == name))
        .collect();
    assert!(surprising.is_empty(), "{surprising:#?}\n{said}");
}
