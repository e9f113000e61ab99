//! What a command prints is kept on disk and not in memory.

use std::path::{Path, PathBuf};

use orchestrator::explore::AgentsPython;
use serde_json::Value;

/// The measuring program beside the binary under test.
fn overhead() -> PathBuf {
    let alphalab = Path::new(env!("CARGO_BIN_EXE_alphalab"));
    alphalab.with_file_name("examples").join("overhead")
}

/// Peak of the harness's memory in a campaign whose agent prints so much.
fn peak_mib(printed_mib: u32) -> f64 {
    #[expect(clippy::disallowed_methods, reason = "a test drives the real binary")]
    let mut command = std::process::Command::new(overhead());
    let output = command
        .args(["output", "--mib", &printed_mib.to_string()])
        .output()
        .expect("it starts: `cargo build -p orchestrator --examples`");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let figures: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    figures["peak_rss_mib"].as_f64().expect("a number")
}

#[test]
fn a_hundred_megabytes_of_output_do_not_make_the_harness_grow() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if let Err(error) = AgentsPython::find(std::env::var_os("ALPHALAB_AGENT_VENV"), &home) {
        let required = std::env::var_os("ALPHALAB_REQUIRE_SYSTEM").is_some_and(|v| v == "1");
        assert!(!required, "{error}");
        println!("skipped: {error}");
        return;
    }
    let (little, much) = (peak_mib(1), peak_mib(100));
    println!("{little:.1} MiB with 1 MiB of output, {much:.1} MiB with 100");
    assert!(much < little + 10.0, "{little} MiB became {much} MiB");
}
