//! The bridge against the real torch: one interpreter, so one process whose
//! cases run in turn. An argument picks the cases whose name contains it.

#![expect(
    clippy::unnecessary_wraps,
    reason = "every case has the signature of `Case`"
)]

use std::collections::BTreeMap;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use torch_bridge::{Interp, InterpConfig, Model, PyFault, TaskModule};

mod calls;
mod graphs;
mod mutants;
mod start;
mod tasks;
mod tensors;

/// What every case gets.
struct Lab {
    interp: Interp,
    folder: TempDir,
}

impl Lab {
    /// Loads a task with the usual imports before `code`.
    fn task(&self, name: &str, code: &str) -> Result<TaskModule> {
        Ok(self.try_task(name, code, &[])?)
    }

    fn try_task(
        &self,
        name: &str,
        code: &str,
        overrides: &[(&str, i64)],
    ) -> Result<TaskModule, PyFault> {
        let path = self.folder.path().join(format!("{name}.py"));
        let text = format!("import torch\nimport torch.nn as nn\n{code}");
        std::fs::write(&path, text).expect("the temporary folder is writable");
        let overrides: BTreeMap<String, i64> = overrides
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect();
        self.interp.load_task(&path, &overrides)
    }

    /// A task whose model has this body, on inputs made by `inputs`.
    fn model(&self, name: &str, init: &str, forward: &str, inputs: &str) -> Result<TaskModule> {
        self.task(
            name,
            &format!(
                "class Model(nn.Module):\n    def __init__(self):\n        super().__init__()\n        {init}\n    \
                 def forward(self, x):\n        {forward}\n\ndef get_inputs():\n    return [{inputs}]\n"
            ),
        )
    }
}

/// The output of one eager call.
fn eager(model: &Model, inputs: &[torch_bridge::Value]) -> Result<Vec<torch_bridge::tch::Tensor>> {
    Ok(model.callable().bind(inputs)?.call()?.tensors()?)
}

type Case = (&'static str, fn(&Lab) -> Result<()>);

fn main() -> ExitCode {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let lab = match lab() {
        Ok(lab) => lab,
        Err(error) => {
            println!("failed to start: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let (mut passed, mut failed) = (0, 0);
    let cases = [
        start::CASES,
        tensors::CASES,
        tasks::CASES,
        calls::CASES,
        graphs::CASES,
        mutants::CASES,
    ];
    for (name, case) in cases.into_iter().flatten() {
        if filter.as_ref().is_some_and(|part| !name.contains(part)) {
            continue;
        }
        let failure: Option<Box<dyn Display>> = match catch_unwind(AssertUnwindSafe(|| case(&lab)))
        {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Box::new(format!("{error:#}"))),
            Err(_) => Some(Box::new("panicked")),
        };
        match failure {
            None => {
                passed += 1;
                println!("test {name} ... ok");
            }
            Some(failure) => {
                failed += 1;
                println!("test {name} ... FAILED: {failure}");
            }
        }
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {verdict}. {passed} passed; {failed} failed");
    ExitCode::from(u8::from(failed != 0))
}

fn lab() -> Result<Lab> {
    let venv = std::env::var_os("ALPHALAB_VENV")
        .context("`ALPHALAB_VENV` is not set: run `cargo xtask setup` first")?;
    let folder = TempDir::new()?;
    let cache = folder.path().join("inductor");
    let interp = Interp::start(&InterpConfig {
        venv: PathBuf::from(venv),
        threads: 2,
        env: vec![
            (
                "TORCHINDUCTOR_CACHE_DIR".to_owned(),
                cache.display().to_string(),
            ),
            ("TORCHINDUCTOR_COMPILE_THREADS".to_owned(), "1".to_owned()),
        ],
    })?;
    Ok(Lab { interp, folder })
}
