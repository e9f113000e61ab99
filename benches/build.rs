//! Gives the benches the run paths of libtorch and libpython.

#[path = "../crates/torch-bridge/build/rpath.rs"]
mod rpath;

fn main() {
    println!("cargo::rerun-if-changed=../crates/torch-bridge/build/rpath.rs");
    rpath::emit(&["ALPHALAB_TORCH_LIB", "ALPHALAB_PYTHON_LIB"]);
}
