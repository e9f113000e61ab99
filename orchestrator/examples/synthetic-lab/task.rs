//! Task files.

use std::path::Path;

use protocol::{LabError, Retry};
use serde::Deserialize;

use super::refuse;
use super::surface::Surface;

/// What a task file says about itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a line in a task file"
)]
pub(crate) struct Task {
    /// Score of the best point of the first template.
    #[serde(default = "one")]
    pub(crate) best: f64,
    /// Number of templates; each is half as good as the one before.
    #[serde(default = "two")]
    pub(crate) templates: u32,
    /// The templates are the other way round: the last one is the best.
    #[serde(default)]
    pub(crate) rising: bool,
    /// Values of a parameter of its own, the middle of which is best; none
    /// without it.
    #[serde(default)]
    pub(crate) tiles: i64,
    /// Time a request takes.
    #[serde(default)]
    pub(crate) delay_ms: u64,
    /// `FLAG = true` takes the worker down.
    #[serde(default)]
    pub(crate) crash: bool,
    /// Every evaluation takes the worker down; quick looks don't.
    #[serde(default)]
    pub(crate) fragile: bool,
    /// `FLAG = true` is refused.
    #[serde(default)]
    pub(crate) reject: bool,
    /// The first evaluation in each process is answered with `busy`.
    #[serde(default)]
    pub(crate) busy: bool,
    /// The task can't be inspected.
    #[serde(default)]
    pub(crate) broken: bool,
    /// A noisy response surface in the place of the simple function.
    #[serde(default)]
    pub(crate) surface: Option<Surface>,
    /// The number is computed in a child process.
    #[serde(default)]
    pub(crate) runner: bool,
    /// Candidates may be programs.
    #[serde(default)]
    pub(crate) programs: bool,
    /// Programs run in the sandbox. Without it, to see that a cheat is one.
    #[serde(default = "yes")]
    pub(crate) confined: bool,
}

/// What lies beside a task, in a file of its stem that ends in `.sealed`, and
/// is for nobody but the lab.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    /// In the place of the surface's seed.
    seed: u64,
}

fn one() -> f64 {
    1.0
}

fn two() -> u32 {
    2
}

fn yes() -> bool {
    true
}

impl Task {
    /// Reads a task and what is sealed beside it.
    pub(crate) fn load(source: &str) -> Result<Self, LabError> {
        let bad = |message: String| refuse("bad_task", &message, Retry::Never);
        let text = std::fs::read_to_string(source)
            .map_err(|error| bad(format!("failed to read `{source}`: {error}")))?;
        let mut task: Self = toml::from_str(&text)
            .map_err(|error| bad(format!("`{source}` is no task: {error}")))?;
        if task.broken {
            return Err(bad(format!("`{source}` has no `Model`")));
        }
        let sealed = Path::new(source).with_extension("sealed");
        if let Some(surface) = &mut task.surface
            && sealed.is_file()
        {
            let shown = sealed.display();
            let text = std::fs::read_to_string(&sealed)
                .map_err(|error| bad(format!("failed to read `{shown}`: {error}")))?;
            let sealed: Sealed = toml::from_str(&text)
                .map_err(|error| bad(format!("`{shown}` is not what is sealed: {error}")))?;
            surface.seed = sealed.seed;
        }
        Ok(task)
    }
}
