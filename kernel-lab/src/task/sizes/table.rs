//! A table of sizes for many tasks: what `kernel-lab sizes` prints, and what
//! `--sizes FILE` reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::Sizes;
use crate::error::HarnessError;

/// Devices that can have sizes of their own.
const DEVICES: [&str; 3] = ["cpu", "cuda", "sim"];

/// Sizes by task and device: `[23_Softmax.cpu]` in TOML.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SizeTable {
    /// Where it was read.
    pub path: PathBuf,
    tasks: BTreeMap<String, BTreeMap<String, Sizes>>,
}

impl SizeTable {
    /// Reads a table.
    pub fn read(path: &Path) -> Result<Self, HarnessError> {
        let problem = |problem: String| HarnessError::Sizes {
            file: path.to_owned(),
            problem,
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| problem(format!("failed to read it: {error}")))?;
        let tasks: BTreeMap<String, BTreeMap<String, Sizes>> =
            toml::from_str(&text).map_err(|error| problem(error.to_string()))?;
        for (task, sizes) in &tasks {
            check(sizes, &format!("{task}.")).map_err(problem)?;
        }
        Ok(Self {
            path: path.to_owned(),
            tasks,
        })
    }

    /// A table of one task on the CPU; `path` is for messages.
    pub(crate) fn of(path: &Path, task: &str, sizes: Sizes) -> Self {
        let devices = BTreeMap::from([("cpu".to_owned(), sizes)]);
        Self {
            path: path.to_owned(),
            tasks: BTreeMap::from([(task.to_owned(), devices)]),
        }
    }

    /// Whether each task in it is one of these.
    pub fn check_names(&self, known: &[String]) -> Result<(), HarnessError> {
        match self.tasks.keys().find(|task| !known.contains(task)) {
            None => Ok(()),
            Some(task) => Err(HarnessError::Sizes {
                file: self.path.clone(),
                problem: format!(
                    "there is no task `{task}`; known tasks: {}",
                    known.join(", ")
                ),
            }),
        }
    }

    /// Sizes of a task on a device.
    pub fn get(&self, task: &str, device: &str) -> Option<&Sizes> {
        self.tasks.get(task)?.get(device)
    }
}

/// Sizes by device, from the file beside a task.
pub(crate) fn read_beside(text: &str) -> Result<BTreeMap<String, Sizes>, String> {
    let sizes = toml::from_str(text).map_err(|error| error.to_string())?;
    check(&sizes, "")?;
    Ok(sizes)
}

fn check(sizes: &BTreeMap<String, Sizes>, prefix: &str) -> Result<(), String> {
    for (device, constants) in sizes {
        if !DEVICES.contains(&device.as_str()) {
            return Err(format!(
                "unknown device `{prefix}{device}`: expected `cpu`, `cuda` or `sim`"
            ));
        }
        if let Some((name, value)) = constants.iter().find(|(_, value)| **value <= 0) {
            return Err(format!(
                "`{prefix}{device}.{name}` is {value}: sizes are positive"
            ));
        }
    }
    Ok(())
}

/// One entry of a table in TOML.
pub(crate) fn entry(task: &str, device: &str, sizes: &Sizes) -> String {
    let mut text = format!("[{}.{device}]\n", key(task));
    for (name, value) in sizes {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{} = {value}", key(name));
    }
    text
}

/// A key, in quotes unless it is a bare one.
fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        toml::Value::from(name).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SizeTable, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sizes.toml");
        std::fs::write(&path, text).unwrap();
        let known = ["23_Softmax".to_owned(), "a b".to_owned()];
        SizeTable::read(&path)
            .and_then(|table| table.check_names(&known).map(|()| table))
            .map_err(|error| crate::error::chain(&error))
    }

    #[test]
    fn what_is_written_is_read_back() {
        let sizes = Sizes::from([("dim".to_owned(), 4096), ("shape[0]".to_owned(), 2)]);
        let text = entry("23_Softmax", "cpu", &sizes) + &entry("a b", "cpu", &Sizes::new());
        let table = read(&text).unwrap();
        assert_eq!(table.get("23_Softmax", "cpu"), Some(&sizes));
        assert_eq!(table.get("a b", "cpu"), Some(&Sizes::new()));
        assert_eq!(table.get("23_Softmax", "cuda"), None);
    }

    #[test]
    fn errors_name_file_field_and_value() {
        for (text, words) in [
            ("[23_Softmax.gpu]\nN = 4", "23_Softmax.gpu"),
            ("[23_Softmax.cpu]\nN = -4", "`23_Softmax.cpu.N` is -4"),
            ("[23_Softmax.cpu]\nN = \"x\"", "N = \"x\""),
            ("[softmax.cpu]\nN = 4", "no task `softmax`"),
            ("N = 4", "N = 4"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(words), "{error}");
            assert!(error.contains("sizes.toml"), "{error}");
        }
    }

    #[test]
    fn sizes_beside_a_task_are_checked() {
        let sizes = read_beside("[cpu]\nN = 4\n[sim]\nN = 3\n").unwrap();
        assert_eq!(sizes["sim"]["N"], 3);
        for (bad, word) in [
            ("[gpu]\nN = 4", "gpu"),
            ("[cpu]\nN = -4", "cpu.N"),
            ("[cpu]\nN = \"x\"", "N"),
        ] {
            let error = read_beside(bad).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
