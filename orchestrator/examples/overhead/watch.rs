//! Watches a process: how it ends, and the most memory it ever held.

use std::error::Error;
use std::io::Read as _;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often the high-water mark is read; it only grows, so that what is
/// missed is the growth in the last moment.
const GLANCE: Duration = Duration::from_millis(20);

/// What was seen of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Largest resident memory in KiB.
    pub(crate) peak_rss_kib: u64,
}

/// Runs a campaign to its end. One without a result has done its work here.
pub(crate) fn run(mut command: Command) -> Result<Seen, Box<dyn Error>> {
    let mut child = command.spawn()?;
    let over = Arc::new(AtomicBool::new(false));
    let stderr = child.stderr.take();
    let reader = std::thread::spawn(move || {
        let mut said = String::new();
        // What can't be read is not shown.
        let _ = stderr.map(|mut pipe| pipe.read_to_string(&mut said));
        said
    });
    let peak = sampler(&child, Arc::clone(&over));
    let status = child.wait()?;
    over.store(true, Ordering::Relaxed);
    let peak_rss_kib = peak.join().unwrap_or_default();
    let said = reader.join().unwrap_or_default();
    match status.code() {
        Some(0 | 10) => Ok(Seen { peak_rss_kib }),
        code => Err(format!("alphalab ended with {code:?}: {said}").into()),
    }
}

fn sampler(child: &Child, over: Arc<AtomicBool>) -> std::thread::JoinHandle<u64> {
    let status = format!("/proc/{}/status", child.id());
    std::thread::spawn(move || {
        let mut peak = 0;
        while !over.load(Ordering::Relaxed) {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            peak = peak.max(high_water(&text).unwrap_or_default());
            std::thread::sleep(GLANCE);
        }
        peak
    })
}

/// `VmHWM:     1234 kB`.
fn high_water(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
