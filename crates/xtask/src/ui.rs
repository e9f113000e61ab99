//! What the reader sees while a step takes its time: a bar or a spinner on a
//! terminal, plain lines anywhere else. All of it on stderr.

use std::io::{IsTerminal, stderr};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a long step says that it lives, where there is no terminal.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Characters of what a step is at that a plain line shows.
const LONGEST_DETAIL: usize = 100;

/// Speaks for one verb.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ui {
    verb: &'static str,
}

impl Ui {
    pub(crate) fn new(verb: &'static str) -> Self {
        Self { verb }
    }

    /// Says one thing.
    pub(crate) fn say(self, text: &str) {
        eprintln!("{}: {text}", self.verb);
    }

    /// Announces a step and how long it usually takes. Dropping the step
    /// without [`Step::done`] leaves the announcement standing: it failed.
    pub(crate) fn step(self, what: &str, usually: &str) -> Step {
        self.say(&format!("{what} ({usually}) ..."));
        let look = if stderr().is_terminal() {
            Look::Bar(spinner())
        } else {
            Look::Lines(Heartbeat::start(self.verb))
        };
        Step {
            ui: self,
            started: Instant::now(),
            look,
        }
    }
}

/// A step under way.
#[derive(Debug)]
pub(crate) struct Step {
    ui: Ui,
    started: Instant,
    look: Look,
}

#[derive(Debug)]
enum Look {
    Bar(ProgressBar),
    Lines(Heartbeat),
}

impl Step {
    /// What the step is at now.
    pub(crate) fn at(&self, detail: &str) {
        match &self.look {
            Look::Bar(bar) => bar.set_message(detail.to_owned()),
            Look::Lines(heartbeat) => heartbeat.set(detail.to_owned()),
        }
    }

    /// How far the step is: `done` of `total` of `unit`, and what came last.
    pub(crate) fn progress(&self, done: usize, total: usize, unit: &str, last: &str) {
        match &self.look {
            Look::Bar(bar) => {
                if bar.length().is_none() {
                    bar.set_style(counting());
                }
                bar.set_length(total.max(done) as u64);
                bar.set_position(done as u64);
                bar.set_message(format!("{unit}, {last}"));
            }
            Look::Lines(heartbeat) => {
                heartbeat.set(format!("{done}/{} {unit}, {last}", total.max(done)));
            }
        }
    }

    /// Prints a line without disturbing the bar.
    pub(crate) fn print(&self, line: &str) {
        match &self.look {
            Look::Bar(bar) => bar.suspend(|| eprintln!("{line}")),
            Look::Lines(_) => eprintln!("{line}"),
        }
    }

    /// The step succeeded.
    pub(crate) fn done(self) {
        let Self { ui, started, look } = self;
        match look {
            Look::Bar(bar) => bar.finish_and_clear(),
            Look::Lines(heartbeat) => drop(heartbeat),
        }
        ui.say(&format!("done in {:.0} s", started.elapsed().as_secs_f64()));
    }
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(
        ProgressStyle::with_template("  {spinner} {elapsed} {wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn counting() -> ProgressStyle {
    ProgressStyle::with_template("  {bar:30} {pos}/{len} {elapsed} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Says from time to time what a long step is at, so that a log on a build
/// server shows the difference between slow and stuck.
#[derive(Debug)]
struct Heartbeat {
    detail: Arc<Mutex<String>>,
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    fn start(verb: &'static str) -> Self {
        let detail = Arc::new(Mutex::new(String::new()));
        let (stop, stopped) = mpsc::channel();
        let shared = Arc::clone(&detail);
        let started = Instant::now();
        let thread = thread::spawn(move || {
            while stopped.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
                let detail = shared.lock().unwrap_or_else(PoisonError::into_inner);
                let seconds = started.elapsed().as_secs();
                let short: String = detail.chars().take(LONGEST_DETAIL).collect();
                eprintln!("{verb}: ... {seconds} s {short}");
            }
        });
        Self {
            detail,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn set(&self, detail: String) {
        *self.detail.lock().unwrap_or_else(PoisonError::into_inner) = detail;
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            eprintln!("the progress thread panicked");
        }
    }
}
