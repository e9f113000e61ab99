//! Gives the runner the run path of libtorch; it links no Python.

#[path = "../../crates/torch-bridge/build/rpath.rs"]
mod rpath;

fn main() {
    println!("cargo::rerun-if-changed=../../crates/torch-bridge/build/rpath.rs");
    rpath::emit(&["ALPHALAB_TORCH_LIB"]);
}
