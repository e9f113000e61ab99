//! What the rest of the machine did while something was timed.
//!
//! The scheduler counts, for every thread, how long it was ready to run but
//! had to wait for a processor. During a timed call that wait is somebody
//! else's work on our cores, to the nanosecond; time stolen by a hypervisor
//! is only counted in ticks and for the whole machine.

use std::fs;

/// Share of a timed call that its threads may have waited for a processor.
const MAX_DELAY_SHARE: f64 = 0.03;
/// Waits shorter than this are the hand-over between two of our own threads.
const MIN_DELAY_NS: f64 = 150_000.0;

/// Share of a timed call that its threads waited for a processor.
pub fn waited_share(elapsed_ns: f64, delay_ns: f64) -> f64 {
    if elapsed_ns > 0.0 {
        delay_ns / elapsed_ns
    } else {
        0.0
    }
}

/// Whether a call of `elapsed_ns`, whose threads together waited `delay_ns`
/// for a processor, was disturbed by foreign work.
pub fn is_contaminated(elapsed_ns: f64, delay_ns: f64) -> bool {
    delay_ns > (elapsed_ns * MAX_DELAY_SHARE).max(MIN_DELAY_NS)
}

/// Time that this process's threads have waited for a processor, in
/// nanoseconds, all threads together.
#[derive(Debug)]
pub struct OwnDelay {
    files: Vec<fs::File>,
}

impl OwnDelay {
    /// Watches the threads that exist now.
    pub fn of_current_threads() -> std::io::Result<Self> {
        let mut files = Vec::new();
        for entry in fs::read_dir("/proc/self/task")? {
            // A thread that ended meanwhile has no file and no delay.
            if let Ok(file) = fs::File::open(entry?.path().join("schedstat")) {
                files.push(file);
            }
        }
        Ok(Self { files })
    }

    /// Sum over the threads, in nanoseconds.
    pub fn total_ns(&self) -> u64 {
        self.files.iter().filter_map(read_delay).sum()
    }
}

fn read_delay(file: &fs::File) -> Option<u64> {
    use std::os::unix::fs::FileExt as _;
    let mut buffer = [0; 96];
    let len = file.read_at(&mut buffer, 0).ok()?;
    parse_schedstat(std::str::from_utf8(&buffer[..len]).ok()?)
}

/// Second field of `/proc/*/schedstat`: nanoseconds on a run queue.
fn parse_schedstat(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Pages that this process has faulted in without reading a disk, all threads
/// together. Fresh memory in a timed call costs more than most calls do.
pub fn page_faults() -> u64 {
    // SAFETY: all-zero is a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel fills the structure that is passed.
    let code = unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    if code == 0 {
        usage.ru_minflt.unsigned_abs()
    } else {
        0
    }
}

/// Ticks (10 ms each) that the hypervisor has taken from this machine.
pub fn steal_ticks() -> u64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    parse_steal(&text).unwrap_or(0)
}

fn parse_steal(text: &str) -> Option<u64> {
    text.lines()
        .find(|line| line.starts_with("cpu "))?
        .split_ascii_whitespace()
        .nth(8)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_files_are_read() {
        assert_eq!(parse_schedstat("137316 100273 2\n"), Some(100_273));
        let stat = "cpu  1146 0 1332 58274 181 0 20 72 0 0\ncpu0 1 2 3\n";
        assert_eq!(parse_steal(stat), Some(72));
        assert_eq!(parse_steal(""), None);
    }

    #[test]
    fn touching_fresh_pages_is_counted() {
        let before = page_faults();
        let mut block = vec![0_u8; 64 << 20];
        for byte in block.iter_mut().step_by(4096) {
            *byte = 1;
        }
        std::hint::black_box(&block);
        assert!(page_faults() >= before + 1000);
    }

    #[test]
    fn short_hand_overs_are_no_contamination() {
        assert!(!is_contaminated(1e6, 100_000.0));
        assert!(is_contaminated(1e6, 200_000.0));
        assert!(!is_contaminated(100e6, 2e6));
        assert!(is_contaminated(100e6, 4e6));
    }

    #[test]
    fn own_delay_grows_when_cores_are_short() {
        let delay = OwnDelay::of_current_threads().unwrap();
        assert!(!delay.files.is_empty());
        let before = delay.total_ns();
        assert!(delay.total_ns() >= before);
    }
}
