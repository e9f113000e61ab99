//! What is measured: an experiment, its candidate, and the split it runs on.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ContentHash;

/// Which part of an evaluation an experiment is measured on.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Scores that steer the campaign.
    Search,
    /// The few best, measured again with fresh seeds.
    Select,
    /// Opened once, at the end, and logged.
    Sealed,
}

/// One experiment as it lies in its directory (`experiment.json`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// [`crate::PROTOCOL_VERSION`] of the writer.
    pub schema: u32,
    /// Identifier, unique in its campaign; also part of directory names.
    pub id: String,
    /// The task or data set: a name the lab knows, or a path.
    pub task: String,
    /// What is proposed.
    pub candidate: Candidate,
}

/// What an experiment proposes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Candidate {
    /// Files beside `experiment.json`, in the form the lab's experiment
    /// schema asks for (kernel-lab: `plan.toml` and `kernel.cpp`, or
    /// `model_new.py`).
    Files {
        /// Names of the files, relative to the experiment directory.
        files: Vec<PathBuf>,
    },
    /// One of the lab's own templates with a point of its search space.
    Template {
        /// Name of the template.
        template: String,
        /// Value for each parameter; absent ones take their default.
        #[serde(default)]
        params: BTreeMap<String, Value>,
    },
}

impl Candidate {
    /// A point of a template's space. Whole numbers are written as such, so
    /// that `1` and `1.0` are the same proposal.
    pub fn template(template: String, params: BTreeMap<String, Value>) -> Self {
        let params = params.into_iter();
        Self::Template {
            template,
            params: params.map(|(name, value)| (name, whole(value))).collect(),
        }
    }

    /// Hash that two equal proposals for `task` share whatever their
    /// experiment is called. For [`Candidate::Files`] the contents count:
    /// `read` gives those of a named file.
    pub fn hash<E>(
        &self,
        task: &str,
        mut read: impl FnMut(&PathBuf) -> Result<Vec<u8>, E>,
    ) -> Result<ContentHash, E> {
        match self {
            Self::Files { files } => {
                let mut parts = vec![b"files".to_vec(), task.as_bytes().to_vec()];
                for file in files {
                    parts.push(file.as_os_str().as_encoded_bytes().to_vec());
                    parts.push(read(file)?);
                }
                Ok(ContentHash::of_parts(parts.iter().map(Vec::as_slice)))
            }
            Self::Template { template, params } => {
                let point = params
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect::<Vec<_>>()
                    .join(";");
                Ok(ContentHash::of_parts([
                    b"template".as_slice(),
                    task.as_bytes(),
                    template.as_bytes(),
                    point.as_bytes(),
                ]))
            }
        }
    }
}

/// A number without a fraction as an integer, anything else as it is.
fn whole(value: Value) -> Value {
    // Up to here floats tell neighbouring integers apart.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value.as_f64() {
        Some(x) if value.is_f64() && x.fract() == 0.0 && x.abs() < EXACT => Value::from(x as i64),
        _ => value,
    }
}
