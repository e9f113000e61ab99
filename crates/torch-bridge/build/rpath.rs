//! Run paths of a binary that links libtorch, for the `build.rs` of every
//! package that has one: cargo passes link arguments to the package that
//! names them only, never to its dependents, and global rustflags would
//! rebuild everything.
//!
//! Include it with `#[path = "../crates/torch-bridge/build/rpath.rs"] mod rpath;`.

/// Emits one run path for each of the named environment variables, or ends
/// the build with an error that says how to get them. `ALPHALAB_TORCH_LIB` is
/// the folder of `libtorch_cpu.so`; `ALPHALAB_PYTHON_LIB` that of `libpython`,
/// which only binaries that embed Python need.
pub(crate) fn emit(variables: &[&str]) {
    for variable in variables {
        println!("cargo::rerun-if-env-changed={variable}");
        match std::env::var(variable) {
            Ok(folder) => println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}"),
            Err(_) => println!(
                "cargo::error=`{variable}` is not set: run `cargo xtask setup` first (it writes .cargo/local.toml)"
            ),
        }
    }
}
