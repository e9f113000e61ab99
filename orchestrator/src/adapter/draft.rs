//! A first adapter for a domain that nobody has written one for: what is true
//! of any measured comparison. A model makes it better; without one, it
//! serves as it is.

use std::path::Path;

use super::Adapter;
use super::error::AdapterError;
use super::files::{FILES, KNOWLEDGE, MANIFEST};
use super::manifest::{Budgets, EvaluationCommands, ExperimentLayout, Manifest, Metric};
use super::problem::Problem;
use super::validate::{self, Texts};
use crate::core::agent::Role;
use crate::core::search_policy::SearchPolicy;
use crate::core::settings::Policy;
use crate::core::shares::Shares;
use crate::core::statistics::Statistics;

/// The prompts, by file.
const PROMPTS: [(&str, &str); 10] = [
    (KNOWLEDGE, include_str!("draft/domain_knowledge.md")),
    ("phase1.md", include_str!("draft/phase1.md")),
    ("phase2_builder.md", include_str!("draft/phase2_builder.md")),
    ("phase2_critic.md", include_str!("draft/phase2_critic.md")),
    ("phase2_tester.md", include_str!("draft/phase2_tester.md")),
    (
        "phase3_strategist.md",
        include_str!("draft/phase3_strategist.md"),
    ),
    (
        "phase3_worker_implement.md",
        include_str!("draft/phase3_worker_implement.md"),
    ),
    (
        "phase3_worker_analyze.md",
        include_str!("draft/phase3_worker_analyze.md"),
    ),
    ("phase3_fixer.md", include_str!("draft/phase3_fixer.md")),
    (
        "phase3_reporter.md",
        include_str!("draft/phase3_reporter.md"),
    ),
];

/// What is known about a new domain.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Name of the adapter: lower-case letters, digits, hyphens.
    pub name: String,
    /// The domain, in words.
    pub domain: String,
    /// What is wanted.
    pub objective: String,
    /// What is compared.
    pub metric: Metric,
}

impl Draft {
    /// The texts of the eleven files, by name.
    pub fn texts(&self) -> Vec<(String, String)> {
        let command = |program: &str| vec!["python".to_owned(), program.to_owned()];
        let manifest = Manifest {
            schema: 1,
            name: self.name.clone(),
            domain: self.domain.clone(),
            objective: self.objective.clone(),
            lab: String::new(),
            default_data: std::path::PathBuf::new(),
            default_tasks: Vec::new(),
            task_extension: String::new(),
            metric: self.metric.clone(),
            evaluation: Some(EvaluationCommands {
                prepare: command("prepare.py"),
                run: command("run.py"),
                score: command("score.py"),
                timeout_s: 60,
            }),
            experiment: Some(ExperimentLayout {
                files: vec!["run.py".to_owned()],
                largest_kib: 4096,
            }),
            budgets: Budgets {
                experiments: 40,
                hours: 2.0,
                tasks: None,
                usd: None,
                tokens: None,
                gpu_hours: None,
                shares: first_phases(),
            },
            policy: Policy {
                tries_per_worker: 8,
                finalists: 2,
                try_s: 10.0,
                evaluate_s: 60.0,
                remeasure_s: 120.0,
                converged_gain: 0.005,
                turns: 100,
                retry_s: 1.0,
                statistics: Statistics::default(),
                search: SearchPolicy::default(),
            },
            staff: None,
        };
        // Plain data: it always serialises, and an empty text is refused.
        let manifest = toml::to_string(&manifest).unwrap_or_default();
        let prompts = PROMPTS.map(|(name, text)| (name.to_owned(), text.to_owned()));
        std::iter::once((MANIFEST.to_owned(), manifest))
            .chain(prompts)
            .collect()
    }
}

/// Shares of the phases before the experiments, which must leave something to
/// them.
fn first_phases() -> Shares {
    Shares::from([(Role::Explorer, 0.3), (Role::Builder, 0.4)])
}

impl Adapter {
    /// Writes a new adapter to `folder`, which must not exist, if its texts
    /// have no errors, and loads it. It appears whole or not at all.
    pub fn create(folder: &Path, texts: &[(String, String)]) -> Result<Self, AdapterError> {
        let invalid = |problems| AdapterError::Invalid {
            folder: folder.to_owned(),
            problems,
        };
        let mut problems = Vec::new();
        let mut known = Texts::new();
        for (name, text) in texts {
            if let Some(file) = FILES.into_iter().find(|file| file == name) {
                known.insert(file, text.clone());
            } else {
                let name = name.escape_debug().to_string();
                let problem = Problem::error(&name, "is no file of an adapter");
                problems.push(problem.allowed(FILES.join(", ")));
            }
        }
        for file in FILES {
            if !known.contains_key(file) {
                problems.push(Problem::error(file, "is missing"));
            }
        }
        let (_, found) = validate::check(&known);
        problems.extend(found.into_iter().filter(Problem::is_error));
        if !problems.is_empty() {
            return Err(invalid(problems));
        }
        write(folder, &known)?;
        Self::load(folder)
    }
}

/// Writes the files beside the folder and moves them there in one step.
fn write(folder: &Path, texts: &Texts) -> Result<(), AdapterError> {
    let failed = |operation, path: &Path| {
        let path = path.to_owned();
        move |source| AdapterError::File {
            operation,
            path,
            source,
        }
    };
    if folder.exists() {
        let exists = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        return Err(failed("create", folder)(exists));
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let making = folder.with_file_name(format!(".{name}.{}.making", std::process::id()));
    let written = std::fs::create_dir_all(&making)
        .map_err(failed("create", &making))
        .and_then(|()| {
            texts.iter().try_for_each(|(name, text)| {
                let path = making.join(name);
                std::fs::write(&path, text).map_err(failed("write", &path))
            })
        })
        .and_then(|()| std::fs::rename(&making, folder).map_err(failed("create", folder)));
    if written.is_err() {
        // The first error is the one worth telling.
        let _ = std::fs::remove_dir_all(&making);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Direction;

    fn draft() -> Draft {
        Draft {
            name: "bike-rentals".to_owned(),
            domain: "rentals of bicycles".to_owned(),
            objective: "Predict the rentals of an hour".to_owned(),
            metric: Metric {
                name: "rmse".to_owned(),
                unit: "rentals".to_owned(),
                direction: Direction::Minimise,
                baseline: "the mean of the training data".to_owned(),
                baseline_value: None,
                formula: Some("rmse".to_owned()),
            },
        }
    }

    #[test]
    fn a_draft_is_a_whole_adapter() {
        let around = tempfile::tempdir().expect("a folder");
        let folder = around.path().join("adapter");
        let adapter = Adapter::create(&folder, &draft().texts()).expect("an adapter");
        assert_eq!(adapter.manifest.metric, draft().metric);
        assert_eq!(Adapter::validate(&folder), []);
        // It is there, so it is not made again.
        let error = Adapter::create(&folder, &draft().texts()).expect_err("a refusal");
        assert!(matches!(error, AdapterError::File { .. }), "{error}");
        assert_eq!(
            std::fs::read_dir(around.path()).expect("a folder").count(),
            1
        );
    }

    #[test]
    fn what_a_model_wrote_is_checked_before_it_is_written() {
        let around = tempfile::tempdir().expect("a folder");
        let folder = around.path().join("adapter");
        let mut texts = draft().texts();
        texts[1].1 = "{{ nobody_knows }}".to_owned();
        texts[2].0 = "../phase1.md".to_owned();
        let error = Adapter::create(&folder, &texts).expect_err("a refusal");
        let told = error.to_string();
        for part in [
            "`nobody_knows`",
            "../phase1.md: is no file",
            "phase1.md: is missing",
        ] {
            assert!(told.contains(part), "{told}");
        }
        assert_eq!(
            std::fs::read_dir(around.path()).expect("a folder").count(),
            0
        );
    }
}
