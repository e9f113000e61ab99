//! Gives this crate's test binaries the run paths of libtorch and libpython.

#[path = "build/rpath.rs"]
mod rpath;

fn main() {
    println!("cargo::rerun-if-changed=build/rpath.rs");
    rpath::emit(&["ALPHALAB_TORCH_LIB", "ALPHALAB_PYTHON_LIB"]);
}
