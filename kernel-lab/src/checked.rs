//! `kernel-lab check --all`: every template on every task that it fits, compiled and not run.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use protocol::{Candidate, Experiment, PROTOCOL_VERSION, Report};
use serde::Serialize;
use serde_json::Value;

use crate::error::{HarnessError, chain};
use crate::evaluate::{Abort, Depth, Lab};

/// A kernel of a row, by what the assembler says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kernel {
    /// Its name.
    pub name: String,
    /// Registers of a thread.
    pub registers: u64,
    /// Bytes that a thread moves to memory and back for want of registers.
    pub spill_bytes: u64,
    /// Bytes of static shared memory of a block.
    pub shared_bytes: u64,
}

/// One template on one task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The task.
    pub task: String,
    /// The template, with its default parameters; absent where the task itself can't be used.
    pub template: Option<String>,
    /// Whether plan and source are good.
    pub ok: bool,
    /// Why not.
    pub reason: Option<String>,
    /// Milliseconds until it was compiled, or found in the cache.
    pub compile_ms: Option<f64>,
    /// Whether it was in the cache.
    pub cached: bool,
    /// What the compiler warns of.
    pub warnings: Option<String>,
    /// Its kernels; none on a processor, and in a plan of library calls alone.
    pub kernels: Vec<Kernel>,
    /// Share of the warps that a multiprocessor has room for, of the launch with the least.
    pub occupancy: Option<f64>,
    /// What limits that launch.
    pub limited_by: Vec<String>,
}

/// `kernel-lab check --all --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Checked {
    /// Version of this document.
    pub schema: u32,
    /// What was compiled for: an architecture, or `cpu`.
    pub arch: String,
    /// All rows together.
    pub totals: Totals,
    /// By task, then as templates fit.
    pub rows: Vec<Row>,
}

/// All rows together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// Rows there are.
    pub checked: usize,
    /// Rows that are good.
    pub ok: usize,
    /// Rows whose code was in the cache.
    pub cached: usize,
    /// Rows with a warning of the compiler's.
    pub warnings: usize,
    /// Rows with a kernel that spills.
    pub spills: usize,
    /// Median of `compile_ms` over rows that were not in the cache; absent if all were.
    pub compile_ms_median: Option<f64>,
    /// The longest of them.
    pub compile_ms_max: Option<f64>,
}

impl Lab {
    /// Checks every template on each task that it fits, or on the tasks of `only`. `progress`
    /// hears of each pair before it is looked at.
    ///
    /// # Errors
    /// Where the lab itself fails. A task that can't be used is a row.
    pub fn check_all(
        &mut self,
        only: &[String],
        progress: &mut dyn FnMut(&str),
    ) -> Result<Checked, HarnessError> {
        let tasks = if only.is_empty() {
            self.task_names()?
        } else {
            only.to_vec()
        };
        let (mut rows, mut arch) = (Vec::new(), None);
        for (number, task) in tasks.iter().enumerate() {
            let place = format!("{}/{} {task}", number + 1, tasks.len());
            let templates = match self.inspect(task) {
                Ok(inspection) => inspection.spaces,
                Err(error) => {
                    progress(&place);
                    rows.push(Row::unusable(task, chain(&error)));
                    continue;
                }
            };
            for space in templates {
                progress(&format!("{place} {}", space.template));
                let report = self.check_template(task, &space.template)?;
                arch = arch.or_else(|| report.environment.facts.get("arch").cloned());
                rows.push(Row::of(&report, &space.template));
            }
        }
        Ok(Checked {
            schema: 1,
            arch: arch.unwrap_or_else(|| "cpu".to_owned()),
            totals: Totals::of(&rows),
            rows,
        })
    }

    fn check_template(&mut self, task: &str, template: &str) -> Result<Report, HarnessError> {
        let dir = template_folder(task, template)?;
        let abort = Abort::default();
        self.look(dir.path(), Depth::Check, None, &abort, &mut |_, _| {})
    }
}

/// The experiment directory of a template with its default parameters.
pub(crate) fn template_folder(
    task: &str,
    template: &str,
) -> Result<tempfile::TempDir, HarnessError> {
    let experiment = Experiment {
        schema: PROTOCOL_VERSION,
        id: template.to_owned(),
        task: task.to_owned(),
        candidate: Candidate::template(template.to_owned(), BTreeMap::new()),
    };
    let made = || {
        let dir = tempfile::tempdir()?;
        let text = serde_json::to_vec_pretty(&experiment)?;
        std::fs::write(dir.path().join("experiment.json"), text)?;
        Ok(dir)
    };
    made().map_err(|source| HarnessError::System {
        doing: "make a folder for a candidate".to_owned(),
        source,
    })
}

impl Row {
    fn unusable(task: &str, reason: String) -> Self {
        Self {
            task: task.to_owned(),
            template: None,
            ok: false,
            reason: Some(reason),
            compile_ms: None,
            cached: false,
            warnings: None,
            kernels: Vec::new(),
            occupancy: None,
            limited_by: Vec::new(),
        }
    }

    fn of(report: &Report, template: &str) -> Self {
        let told = |name: &str| report.diagnostics.get(name);
        let ok = report.verdict.is_ok();
        let launches = told("occupancy").and_then(Value::as_array);
        let least = launches.into_iter().flatten().min_by(|a, b| {
            let share = |launch: &Value| launch["share"].as_f64().unwrap_or(1.0);
            share(a).total_cmp(&share(b))
        });
        let limits = least.and_then(|launch| launch["limited_by"].as_array());
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Self {
            task: report.task.clone(),
            template: Some(template.to_owned()),
            ok,
            reason: (!ok).then(|| report.verdict.reason().to_owned()),
            compile_ms: report.durations_ms.get("compile").copied(),
            cached: told("object_cached").and_then(Value::as_bool) == Some(true),
            warnings: told("warnings").and_then(text),
            kernels: told("kernels").map(kernels).unwrap_or_default(),
            occupancy: least.and_then(|launch| launch["share"].as_f64()),
            limited_by: limits.into_iter().flatten().filter_map(text).collect(),
        }
    }

    fn most(&self, figure: fn(&Kernel) -> u64) -> Option<u64> {
        self.kernels.iter().map(figure).max()
    }
}

fn kernels(told: &Value) -> Vec<Kernel> {
    let kernels = told.as_object().into_iter().flatten();
    let kernels = kernels.map(|(name, told)| {
        let number = |field: &str| told[field].as_u64().unwrap_or_default();
        Kernel {
            name: name.clone(),
            registers: number("registers"),
            spill_bytes: number("spill_store_bytes") + number("spill_load_bytes"),
            shared_bytes: number("shared_bytes"),
        }
    });
    kernels.collect()
}

impl Totals {
    fn of(rows: &[Row]) -> Self {
        let count = |is: fn(&Row) -> bool| rows.iter().filter(|row| is(row)).count();
        let times: Vec<f64> = rows
            .iter()
            .filter(|row| !row.cached)
            .filter_map(|row| row.compile_ms)
            .collect();
        Self {
            checked: rows.len(),
            ok: count(|row| row.ok),
            cached: count(|row| row.cached),
            warnings: count(|row| row.warnings.is_some()),
            spills: count(|row| row.most(|kernel| kernel.spill_bytes) > Some(0)),
            compile_ms_median: stats::median(&times),
            compile_ms_max: times.iter().copied().max_by(f64::total_cmp),
        }
    }
}

impl Checked {
    /// Whether every row is good.
    pub fn all_ok(&self) -> bool {
        self.totals.ok == self.totals.checked
    }

    /// For people; the last line has the totals.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<20} {:<20} {:>10} {:>9} {:>6} {:>7} {:>9}  limited by\n",
            "task", "template", "compile ms", "registers", "spills", "shared", "occupancy"
        );
        for row in &self.rows {
            let number = |figure| {
                let most = row.most(figure);
                most.map_or_else(|| "-".to_owned(), |most| most.to_string())
            };
            let compile = match row.compile_ms {
                Some(ms) if row.cached => format!("({ms:.0})"),
                Some(ms) => format!("{ms:.0}"),
                None => "-".to_owned(),
            };
            let occupancy = row.occupancy;
            let _ = writeln!(
                text,
                "{:<20} {:<20} {compile:>10} {:>9} {:>6} {:>7} {:>9}  {}",
                row.task,
                row.template.as_deref().unwrap_or("-"),
                number(|kernel| kernel.registers),
                number(|kernel| kernel.spill_bytes),
                number(|kernel| kernel.shared_bytes),
                occupancy.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0)),
                row.limited_by.join(", "),
            );
            for (what, told) in [("refused", &row.reason), ("warning", &row.warnings)] {
                if let Some(told) = told {
                    let _ = writeln!(text, "  {what}: {}", told.trim());
                }
            }
        }
        let totals = &self.totals;
        let times = match (totals.compile_ms_median, totals.compile_ms_max) {
            (Some(median), Some(most)) => {
                format!("median {median:.0} ms, longest {most:.0} ms to compile")
            }
            _ => "all of it from the cache".to_owned(),
        };
        let _ = write!(
            text,
            "{}: {} of {} good, {} with warnings, {} with spills; {times} ({} from the cache)",
            self.arch, totals.ok, totals.checked, totals.warnings, totals.spills, totals.cached
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(template: &str, compile_ms: f64, spill_bytes: u64) -> Row {
        Row {
            template: Some(template.to_owned()),
            ok: true,
            reason: None,
            compile_ms: Some(compile_ms),
            kernels: vec![Kernel {
                name: "k".to_owned(),
                registers: 40,
                spill_bytes,
                shared_bytes: 512,
            }],
            occupancy: Some(0.75),
            limited_by: vec!["registers".to_owned()],
            ..Row::unusable("softmax", String::new())
        }
    }

    fn checked(rows: Vec<Row>) -> Checked {
        Checked {
            schema: 1,
            arch: "sm_90a".to_owned(),
            totals: Totals::of(&rows),
            rows,
        }
    }

    #[test]
    fn totals_count_what_was_compiled_now() {
        let cached = Row {
            cached: true,
            warnings: Some("unused variable".to_owned()),
            ..row("c", 1.0, 0)
        };
        let all = checked(vec![row("a", 300.0, 0), row("b", 500.0, 16), cached]);
        assert_eq!(all.totals.compile_ms_median, Some(400.0));
        assert_eq!(all.totals.compile_ms_max, Some(500.0));
        let Totals {
            ok,
            warnings,
            spills,
            cached,
            ..
        } = all.totals;
        assert_eq!((ok, warnings, spills, cached), (3, 1, 1, 1));
        assert!(all.all_ok());
        let table = all.table();
        let last = table.lines().last().unwrap_or_default();
        assert_eq!(
            last,
            "sm_90a: 3 of 3 good, 1 with warnings, 1 with spills; median 400 ms, longest 500 ms to compile (1 from the cache)"
        );
        assert!(table.contains("\n  warning: unused variable\n") && table.contains("75 %"));
    }

    #[test]
    fn a_task_that_cannot_be_used_is_a_row_that_is_not_good() {
        let all = checked(vec![Row::unusable("broken", "no `Model`".to_owned())]);
        assert!(!all.all_ok());
        assert!(all.table().contains("  refused: no `Model`"));
    }
}
