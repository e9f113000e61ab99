//! An interpreter off the main thread: it computes on kept pages, and the
//! process can end while that thread still holds the GIL.

use std::sync::mpsc;

use anyhow::{Context as _, Result, ensure};
use torch_bridge::tch::{Device, Kind, Tensor};
use torch_bridge::{Interp, InterpConfig, keep_freed_pages};

fn main() -> Result<()> {
    // SAFETY: `alarm` only arms a timer: a process that can't end is killed
    // by it, which fails the test.
    unsafe { libc::alarm(120) };
    keep_freed_pages()?;
    let venv = std::env::var_os("ALPHALAB_VENV")
        .context("`ALPHALAB_VENV` is not set: run `cargo xtask setup` first")?;
    let config = InterpConfig {
        venv: venv.into(),
        threads: 2,
        env: Vec::new(),
    };
    let (report, reports) = mpsc::channel();
    std::thread::spawn(move || {
        let interp = Interp::start(&config);
        let outcome = interp.as_ref().map_err(ToString::to_string).map(|_| kept());
        report.send(outcome).expect("main waits for the report");
        // Holds on to the interpreter and the GIL until the process ends.
        loop {
            std::thread::park();
        }
    });
    let kept = reports.recv()?.map_err(anyhow::Error::msg)?;
    ensure!(kept, "a freed tensor was given back to the system");
    println!("test off_main_thread ... ok\n\ntest result: ok. 1 passed; 0 failed");
    Ok(())
}

/// Whether a tensor larger than a secondary arena stays with the allocator
/// once it is freed.
fn kept() -> bool {
    const BYTES: usize = 192 << 20;
    drop(Tensor::ones([BYTES as i64], (Kind::Uint8, Device::Cpu)));
    // SAFETY: `mallinfo2` only reads the allocator's counters.
    unsafe { libc::mallinfo2() }.fordblks >= BYTES
}
