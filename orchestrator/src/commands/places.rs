//! Where programs and shipped data are, and what a lab's environment is.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::campaign::Layout;
use crate::core::settings::Settings;
use crate::exec::{LabProgram, Room};

use super::Failure;

/// Where things are on this machine.
#[derive(Clone, Debug)]
pub struct Places {
    /// Folder with the labs' binaries.
    pub bin_dir: PathBuf,
    /// Folder that holds `adapters/` and `kernels/`.
    pub home: PathBuf,
    /// The environment that labs get.
    pub environment: Vec<(OsString, OsString)>,
}

impl Places {
    /// From the environment of this process.
    ///
    /// `ALPHALAB_BIN_DIR` names the folder of the labs, else it is that of
    /// this program. `ALPHALAB_HOME` names the folder of the shipped data,
    /// else it is the workspace this program was built in, if that is still
    /// there, else the folder of this program.
    pub fn read(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let all: Vec<(OsString, OsString)> = environment.into_iter().collect();
        let get = |name: &str| {
            all.iter()
                .find(|(key, value)| key == name && !value.is_empty())
                .map(|(_, value)| PathBuf::from(value))
        };
        let own = std::env::current_exe()
            .ok()
            .and_then(|exe| exe.parent().map(Path::to_owned))
            .unwrap_or_else(|| PathBuf::from("."));
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let home = get("ALPHALAB_HOME")
            .or_else(|| workspace.canonicalize().ok())
            .unwrap_or_else(|| own.clone());
        Self {
            bin_dir: get("ALPHALAB_BIN_DIR").unwrap_or(own),
            environment: all
                .iter()
                .filter(|(key, _)| reaches_labs(&key.to_string_lossy()))
                .cloned()
                .collect(),
            home,
        }
    }

    /// How to start a lab for a campaign.
    pub fn lab(&self, name: &str, layout: &Layout) -> Result<LabProgram, Failure> {
        let program = self.lab_at(name, layout.logs().join("lab.log"));
        if program.path.is_file() {
            Ok(program)
        } else {
            Err(Failure::input(format!(
                "there is no `{}`: build it with `cargo xtask setup` and `cargo build --release -p {name}`, \
                 or point ALPHALAB_BIN_DIR to its folder",
                program.path.display()
            )))
        }
    }

    /// The same without looking whether it is there.
    pub(super) fn lab_at(&self, name: &str, log: PathBuf) -> LabProgram {
        LabProgram {
            path: self.bin_dir.join(name),
            arguments: vec!["serve".into()],
            environment: self.environment.clone(),
            log,
            room: None,
        }
    }

    /// How to start the lab that measures with a campaign's own evaluation:
    /// this very program.
    fn evaluation_lab(&self, layout: &Layout, settings: &Settings) -> Result<LabProgram, Failure> {
        let room = Room::open()?;
        let mut arguments: Vec<OsString> = vec!["evaluation-lab".into()];
        let mut folder = |flag: &str, path: &Path| arguments.extend([flag.into(), path.into()]);
        folder("--evaluation", &layout.evaluation());
        folder("--data", &layout.data());
        folder("--adapter", &layout.adapter());
        folder("--room", room.path());
        if settings.python.is_some() {
            folder("--extras", &layout.python_extras());
        }
        Ok(LabProgram {
            path: std::env::current_exe()?,
            arguments,
            environment: self.environment.clone(),
            log: layout.logs().join("lab.log"),
            room: Some(Arc::new(room)),
        })
    }

    /// How to start what measures a campaign: its lab, or the one that
    /// measures with the evaluation that its agents have built.
    pub(super) fn measures(
        &self,
        layout: &Layout,
        settings: &Settings,
    ) -> Result<LabProgram, Failure> {
        if settings.evaluation.is_some() {
            self.evaluation_lab(layout, settings)
        } else {
            Ok(self
                .lab(&settings.lab, layout)?
                .on(&settings.device, settings.arch.as_deref()))
        }
    }

    /// Folder of an adapter that is given by name or by path.
    pub fn adapter(&self, spec: &str) -> PathBuf {
        if spec.contains('/') || Path::new(spec).join(crate::adapter::MANIFEST).is_file() {
            PathBuf::from(spec)
        } else {
            self.home.join("adapters").join(spec)
        }
    }
}

/// Whether a variable is passed on to labs. Keys of providers are not, nor
/// where they lie.
fn reaches_labs(key: &str) -> bool {
    matches!(key, "PATH" | "HOME") || (key.starts_with("ALPHALAB_") && !key.contains("KEY"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_reaches_a_lab() {
        let environment = [
            ("PATH", "/bin"),
            ("ALPHALAB_VENV", "/venv"),
            ("ALPHALAB_COMPATIBLE_KEY", "secret"),
            ("ALPHALAB_KEYS_DIR", "/keys"),
            ("ANTHROPIC_API_KEY", "secret"),
            ("OPENAI_API_KEY", "secret"),
        ];
        let places = Places::read(environment.map(|(key, value)| (key.into(), value.into())));
        let kept: Vec<_> = places.environment.iter().map(|(key, _)| key).collect();
        assert_eq!(kept, ["PATH", "ALPHALAB_VENV"]);
    }
}
