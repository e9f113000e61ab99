//! A line on a terminal while a kernel runs for long, so that nobody takes it
//! for hung.

use std::io::{self, IsTerminal as _, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A launch that ends before needs no line.
const FIRST: Duration = Duration::from_secs(3);
/// From one line to the next.
const EACH: Duration = Duration::from_secs(1);
/// To the start of the line, and nothing behind.
const CLEAR: &str = "\r\x1b[K";

/// While it is there, the line may be.
#[derive(Debug)]
pub(crate) struct Patience(Option<(Sender<()>, JoinHandle<()>)>);

impl Patience {
    /// Of a kernel that starts now, on standard error if that is a terminal.
    pub(crate) fn of(kernel: &str) -> Self {
        if !io::stderr().is_terminal() {
            return Self(None);
        }
        Self::on(io::stderr(), kernel, FIRST)
    }

    fn on(mut out: impl Write + Send + 'static, kernel: &str, first: Duration) -> Self {
        let (stop, stopped) = channel();
        let (kernel, start) = (kernel.to_owned(), Instant::now());
        let watch = move || {
            let mut wait = first;
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                let seconds = start.elapsed().as_secs();
                let text = format!("{CLEAR}cuda-sim: {kernel} has run for {seconds} s");
                // Whoever does not look any more misses nothing.
                let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
                wait = EACH;
            }
            if wait == EACH {
                let _ = out.write_all(CLEAR.as_bytes()).and_then(|()| out.flush());
            }
        };
        let thread = thread::Builder::new().name("patience".to_owned());
        Self(thread.spawn(watch).ok().map(|thread| (stop, thread)))
    }
}

impl Drop for Patience {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.0.take() {
            drop(stop);
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Lines(Sender<String>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8_lossy(bytes).into_owned();
            self.0.send(text).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_comes_and_goes() {
        let (sender, lines) = channel();
        let patience = Patience::on(Lines(sender), "`k`", Duration::ZERO);
        let first = lines.recv().unwrap();
        assert!(
            first.starts_with("\r\x1b[Kcuda-sim: `k` has run for "),
            "{first}"
        );
        drop(patience);
        assert_eq!(lines.iter().last().as_deref(), Some(CLEAR));
    }

    #[test]
    fn what_ends_soon_says_nothing() {
        let (sender, lines) = channel();
        drop(Patience::on(Lines(sender), "`k`", Duration::MAX));
        assert_eq!(lines.iter().count(), 0);
    }
}
