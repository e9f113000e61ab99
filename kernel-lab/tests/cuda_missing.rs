//! What CUDA needs and is not there: a line that says what, and what to do about it. Exit code 3.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod environment;
mod program;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A candidate that is good where all is there.
fn candidate() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cuda/honest")
}

/// Where the programs are that tests are run with.
fn programs() -> PathBuf {
    let named = std::env::var_os("ALPHALAB_BIN_DIR").map(PathBuf::from);
    named.unwrap_or_else(|| {
        let own = Path::new(env!("CARGO_BIN_EXE_kernel-lab"));
        own.parent().unwrap().to_owned()
    })
}

/// A folder with some of them.
fn folder_with(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        symlink(programs().join(name), folder.path().join(name)).unwrap();
    }
    folder
}

/// What is said, of a lab that must not be able to evaluate.
fn refused(more: &[&str], variables: &[(&str, &str)]) -> String {
    let dir = candidate();
    let evaluate = ["evaluate", dir.to_str().unwrap(), "--task", "softmax"];
    let arguments = [&evaluate[..], &["--device", "cuda"], more].concat();
    let variables = [&[("ALPHALAB_CUDA", "simulator")], variables].concat();
    let (code, out, err) = program::run(&arguments, &variables);
    assert_eq!(code, 3, "{err}");
    assert!(out.is_empty(), "{out}");
    assert!(!err.contains("panicked"), "{err}");
    let last = err.lines().last().unwrap_or_default();
    assert!(last.starts_with("kernel-lab: "), "{err}");
    last.to_owned()
}

/// All that the lab needs on a processor.
const LAB: [&str; 3] = ["kernel-runner", "kernel-runner-torch", "kernel-nvrtc"];

#[test]
fn without_nvrtc_it_says_where_it_can_be_had() {
    let nowhere = tempfile::tempdir().unwrap();
    let library = nowhere.path().join("libnvrtc.so.13");
    let said = refused(&[], &[("ALPHALAB_NVRTC", library.to_str().unwrap())]);
    assert!(
        said.contains("ALPHALAB_NVRTC is ") && said.contains("which is no file"),
        "{said}"
    );

    fs::write(&library, "no library").unwrap();
    let arguments = ["describe", "--device", "cuda", "--json"];
    let set = [("ALPHALAB_NVRTC", library.to_str().unwrap())];
    let (code, out, err) = program::run(&arguments, &set);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("NVRTC could not be used"), "{out}");
    assert!(out.contains("pip install nvidia-cuda-nvrtc"), "{out}");
}

#[test]
fn without_the_runner_or_the_stand_in_it_says_what_to_build() {
    for (there, missing, package) in [
        (None, "kernel-runner-cuda", "-p kernel-cuda"),
        (
            Some("kernel-runner-cuda"),
            "libcuda_sim_driver.so",
            "-p cuda-sim-driver",
        ),
    ] {
        let names: Vec<&str> = LAB.into_iter().chain(there).collect();
        let folder = folder_with(&names);
        let said = refused(
            &[],
            &[("ALPHALAB_BIN_DIR", folder.path().to_str().unwrap())],
        );
        assert!(said.contains(&format!("no `{missing}` in")), "{said}");
        assert!(
            said.contains(&format!("cargo build --release {package}")),
            "{said}"
        );
    }
}

#[test]
fn an_architecture_that_is_not_simulated_names_those_that_are() {
    let said = refused(&["--arch", "sm_120"], &[]);
    assert!(
        said.contains("no simulated device runs code for sm_120"),
        "{said}"
    );
    for known in ["A100 (sm_80)", "H100 (sm_90)", "B200 (sm_100)"] {
        assert!(said.contains(known), "{said}");
    }
}

#[test]
fn an_architecture_that_there_is_not_says_how_one_looks() {
    let said = refused(&["--arch", "sm_9x"], &[]);
    assert!(said.contains("sm_9x") && said.contains("sm_90"), "{said}");
}

#[test]
fn a_choice_that_there_is_not_names_those_that_are() {
    let said = refused(&[], &[("ALPHALAB_CUDA", "gpu")]);
    assert!(said.contains("neither `auto` nor `simulator`"), "{said}");
}
