//! Sizes for tasks that bring none: chosen once for a machine, kept, printed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use protocol::ContentHash;
use serde::Serialize;

use crate::bundle::SizedTask;
use crate::device::Device as _;
use crate::error::{HarnessError, chain};
use crate::evaluate::{Lab, ON_GPU, SIMULATED};
use crate::task::TaskSource;
use crate::task::sizes::rule::{self, Constant, Limits, Outcome, Takes, Trial};
use crate::task::sizes::{SizeOrigin, SizePolicy, SizeTable, Sizes, entry};
use crate::timing::lock::{MachineLock, default_path};

/// Most eager calls behind a time; one before them is not counted.
const CALLS: usize = 15;
/// Longest that they take together; three there are in any case.
const PATIENCE: Duration = Duration::from_millis(400);
/// Draws the values that sizes are tried out with; times hardly depend on them.
const TRIAL_SEED: u64 = 1;

/// One task of `kernel-lab sizes --json`.
#[derive(Clone, Debug, Serialize)]
pub struct SizeRow {
    /// Name.
    pub task: String,
    /// `cpu`, `table`, `auto` or `module`, as in reports.
    pub size: Option<String>,
    /// The constants to override.
    pub overrides: Sizes,
    /// Why there are none, where the task can't be used.
    pub error: Option<String>,
}

impl SizeRow {
    /// The entry of a `--sizes` table.
    pub fn toml(&self) -> String {
        match &self.error {
            None => entry(&self.task, "cpu", &self.overrides),
            Some(error) => {
                let lines = error.lines().map(|line| format!("# {line}\n"));
                format!("# {}:\n{}", self.task, lines.collect::<String>())
            }
        }
    }
}

impl Lab {
    /// The sizes at which a task is measured.
    pub fn size_row(&self, task: &str) -> SizeRow {
        let found = self.tasks.find(task).and_then(|source| self.sized(source));
        match found {
            Ok(source) => SizeRow {
                size: Some(source.origin.word("cpu").to_owned()),
                overrides: source.sizes.get("cpu").cloned().unwrap_or_default(),
                task: source.name,
                error: None,
            },
            Err(error) => SizeRow {
                task: task.to_owned(),
                size: None,
                overrides: Sizes::new(),
                error: Some(chain(&error)),
            },
        }
    }

    /// Whether the table of `--sizes` is about tasks of the lab's folder alone.
    pub fn check_size_table(&self) -> Result<(), HarnessError> {
        match &self.size_table {
            Some(table) => table.check_names(&self.tasks.names()?),
            None => Ok(()),
        }
    }

    /// From now on tasks are measured at this size of this one, whatever the
    /// user said: `from` says so.
    pub(crate) fn pin_sizes(&mut self, from: &Path, task: &SizedTask) {
        self.size_policy = SizePolicy::Module;
        self.size_table = (task.size != "module").then(|| {
            let sizes = task.constants.iter().cloned().collect();
            SizeTable::of(from, &task.name, sizes)
        });
    }

    /// A task with sizes for what candidates run on, as `--sizes` wants them, and the name
    /// of those to load.
    pub(crate) fn sized_for_device(
        &self,
        source: TaskSource,
    ) -> Result<(TaskSource, &'static str), HarnessError> {
        if self.has_gpu() {
            // The small size is what the simulator judges a candidate on, and the held-out shape.
            let source = match self.size_policy {
                SizePolicy::Auto => self.sized_for(source, SIMULATED)?,
                SizePolicy::Table(_) | SizePolicy::Module => self.pinned(source, ON_GPU)?,
            };
            return Ok((source, ON_GPU));
        }
        let device = if self.is_simulated() {
            SIMULATED
        } else {
            "cpu"
        };
        Ok((self.sized_for(source, device)?, device))
    }

    /// A task with sizes for the CPU as `--sizes` wants them.
    pub(crate) fn sized(&self, source: TaskSource) -> Result<TaskSource, HarnessError> {
        self.sized_for(source, "cpu")
    }

    fn sized_for(
        &self,
        mut source: TaskSource,
        device: &'static str,
    ) -> Result<TaskSource, HarnessError> {
        let SizePolicy::Auto = self.size_policy else {
            return self.pinned(source, device);
        };
        if source.sizes.contains_key(device) {
            return Ok(source);
        }
        let path = self.kept_sizes(&source, device)?;
        let table = if let Ok(table) = SizeTable::read(&path) {
            table
        } else {
            // Nothing usable is there: choose, one process at a time.
            let _lock = MachineLock::take(&default_path(), crate::evaluate::PATIENCE)?;
            self.kept_or_chosen(&source, device, &path)?
        };
        if let Some(sizes) = table.get(&source.name, device)
            && !sizes.is_empty()
        {
            source.sizes.insert(device.to_owned(), sizes.clone());
            source.origin = SizeOrigin::Halved;
        }
        Ok(source)
    }

    /// What another process has chosen meanwhile, else what this one does.
    fn kept_or_chosen(
        &self,
        source: &TaskSource,
        device: &str,
        path: &Path,
    ) -> Result<SizeTable, HarnessError> {
        if let Ok(table) = SizeTable::read(path) {
            return Ok(table);
        }
        let limits = if device == SIMULATED {
            Limits::of_simulator()
        } else {
            Limits::of(self.device.parts())
        };
        let chosen = self.choose(source, limits);
        // What was tried is garbage by now, and Python's collector is off.
        self.interp
            .reset_compiler()
            .map_err(HarnessError::python("tidying up after trials"))?;
        let text = entry(&source.name, device, &chosen?);
        crate::cache::Cache::store(path, text.as_bytes())?;
        SizeTable::read(path)
    }

    fn pinned(&self, mut source: TaskSource, device: &str) -> Result<TaskSource, HarnessError> {
        let Some(table) = &self.size_table else {
            return Ok(source);
        };
        match table.get(&source.name, device) {
            Some(sizes) => {
                source.sizes.insert(device.to_owned(), sizes.clone());
                source.origin = SizeOrigin::Table;
                Ok(source)
            }
            None if source.sizes.contains_key(device) => Ok(source),
            None => Err(HarnessError::Sizes {
                file: table.path.clone(),
                problem: format!(
                    "it has no `[{}.{device}]`, and the task has no sizes of its own",
                    source.name
                ),
            }),
        }
    }

    /// A task that does not load at sizes of a table: the table is named too.
    pub(crate) fn blame_sizes(
        &self,
        source: &TaskSource,
        device: &str,
        error: HarnessError,
    ) -> HarnessError {
        match &self.size_table {
            Some(table) if source.origin == SizeOrigin::Table => HarnessError::Sizes {
                file: table.path.clone(),
                problem: format!("`[{}.{device}]`: {}", source.name, chain(&error)),
            },
            _ => error,
        }
    }

    /// Where sizes that were chosen for this file on this machine are kept.
    fn kept_sizes(&self, source: &TaskSource, device: &str) -> Result<PathBuf, HarnessError> {
        let bytes = std::fs::read(&source.path).map_err(|error| HarnessError::File {
            doing: "read",
            path: source.path.clone(),
            source: error,
        })?;
        let cpu = self.device.facts().get("cpu").cloned().unwrap_or_default();
        let (parts, version) = (
            self.device.parts().to_le_bytes(),
            rule::VERSION.to_le_bytes(),
        );
        let mut all = vec![
            bytes.as_slice(),
            source.name.as_bytes(),
            &version,
            cpu.as_bytes(),
            &parts,
            self.interp.torch_version().as_bytes(),
        ];
        if device != "cpu" {
            all.push(device.as_bytes());
        }
        let hash = ContentHash::of_parts(all);
        Ok(self.cache.sizes().join(format!("{}.toml", hash.short())))
    }

    /// The integers that a module writes out.
    fn constants(&self, source: &TaskSource) -> Result<Vec<Constant>, HarnessError> {
        let literals =
            self.interp
                .task_literals(&source.path)
                .map_err(|fault| HarnessError::Task {
                    task: source.name.clone(),
                    problem: chain(&fault),
                })?;
        let constant = |literal: torch_bridge::Literal| Constant {
            names: literal.names,
            value: literal.value,
        };
        Ok(literals.into_iter().map(constant).collect())
    }

    /// Sizes with rows as long as the module says, but so few of them that they
    /// take no more than this; `None` where there are none.
    pub(crate) fn fewer_rows(
        &self,
        source: &TaskSource,
        bytes: u64,
        flops: u64,
    ) -> Result<Option<Sizes>, HarnessError> {
        let constants = self.constants(source)?;
        let mut trial = OnTorch {
            lab: self,
            source,
            constants: &constants,
        };
        let values = rule::fewer_rows(&constants, bytes, flops, &mut trial);
        Ok(values.map(|values| overrides(&constants, &values)))
    }

    /// Halves a module's constants; those that changed. The caller holds the
    /// machine's lock.
    fn choose(&self, source: &TaskSource, limits: Limits) -> Result<Sizes, HarnessError> {
        let problem = |problem: String| HarnessError::Task {
            task: source.name.clone(),
            problem,
        };
        let constants = self.constants(source)?;
        let mut trial = OnTorch {
            lab: self,
            source,
            constants: &constants,
        };
        let values = match rule::halve(&constants, limits, &mut trial)? {
            Outcome::Chosen { values, .. } => values,
            Outcome::Unknown => return Ok(Sizes::new()),
            Outcome::TooLarge { takes } => {
                let bytes = takes.given_bytes + takes.returned_bytes;
                return Err(problem(format!(
                    "none of its constants can be halved further, and one call still takes {bytes} \
                     bytes and {} operations; give it sizes with --sizes FILE, or take those of the \
                     module with --sizes module",
                    takes.flops
                )));
            }
        };
        Ok(overrides(&constants, &values))
    }
}

/// Those of the constants that have another value than their own, by each of
/// their names.
fn overrides(constants: &[Constant], values: &[i64]) -> Sizes {
    let changed = constants.iter().zip(values);
    changed
        .filter(|(constant, value)| constant.value != **value)
        .flat_map(|(constant, value)| {
            let names = constant.names.iter();
            names.map(|name| (name.clone(), *value))
        })
        .collect()
}

/// A task tried out at sizes.
struct OnTorch<'a> {
    lab: &'a Lab,
    source: &'a TaskSource,
    constants: &'a [Constant],
}

impl OnTorch<'_> {
    fn load(&self, values: &[i64]) -> Result<torch_bridge::TaskModule, torch_bridge::PyFault> {
        let overrides = overrides(self.constants, values);
        self.lab.interp.load_task(&self.source.path, &overrides)
    }

    fn time(&self, values: &[i64]) -> Result<f64, torch_bridge::PyFault> {
        let module = self.load(values)?;
        let model = module.model(TRIAL_SEED)?;
        let call = model.callable().bind(&module.inputs(TRIAL_SEED)?)?;
        drop(call.call()?);
        // The fastest: what else the machine does must not make tasks smaller.
        let mut fastest_ms = f64::INFINITY;
        let first = Instant::now();
        for calls in 0..CALLS {
            if calls >= 3 && first.elapsed() > PATIENCE {
                break;
            }
            let start = Instant::now();
            let output = call.call()?;
            fastest_ms = fastest_ms.min(start.elapsed().as_secs_f64() * 1e3);
            drop(output);
        }
        Ok(fastest_ms)
    }
}

impl Trial for OnTorch<'_> {
    type Error = HarnessError;

    fn estimate(&mut self, values: &[i64]) -> Option<Takes> {
        let footprint = self.load(values).ok()?.footprint().ok()?;
        Some(Takes {
            given_bytes: footprint.given_bytes,
            returned_bytes: footprint.returned_bytes,
            flops: footprint.flops,
            row_bytes: footprint.row_bytes,
        })
    }

    fn eager_ms(&mut self, values: &[i64]) -> Result<f64, HarnessError> {
        self.time(values).map_err(|fault| HarnessError::Task {
            task: self.source.name.clone(),
            problem: chain(&fault),
        })
    }
}
