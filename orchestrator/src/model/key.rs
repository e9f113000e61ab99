//! Where keys come from: the environment, else a file that nobody else reads.

use std::fmt;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::Secret;

/// Names the folder of key files.
pub const KEYS_DIR: &str = "ALPHALAB_KEYS_DIR";

/// Where variables are looked up, so that tests need not change their own
/// process.
#[derive(Clone)]
pub struct Environment(Arc<Lookup>);

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}

impl Environment {
    /// This process's variables.
    pub fn of_process() -> Self {
        Self(Arc::new(|name| std::env::var(name).ok()))
    }

    /// These variables and no others.
    pub fn of(variables: &[(&str, &str)]) -> Self {
        let variables: std::collections::BTreeMap<String, String> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self(Arc::new(move |name| variables.get(name).cloned()))
    }

    /// A variable's value; an empty one counts as absent.
    pub fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.trim().is_empty())
    }

    /// A file of the user's settings.
    pub(super) fn config(&self, name: &str) -> Option<PathBuf> {
        let base = self
            .get("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(self.get("HOME")?).join(".config")))?;
        Some(base.join("alphalab").join(name))
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It is nowhere.
    #[error(
        "no key for `{provider}`: set {variable}{}",
        .file.as_ref().map_or_else(String::new, |file| format!(", or write it to `{}` (mode 600)", file.display()))
    )]
    Missing {
        /// Whose.
        provider: &'static str,
        /// The variable that may hold it.
        variable: &'static str,
        /// The file that may hold it.
        file: Option<PathBuf>,
    },
    /// Others may read the file.
    #[error("the key file `{file}` can be read by others (mode {mode:o}): run `chmod 600 {file}`", file = .file.display())]
    Exposed {
        /// The file.
        file: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file can't be read.
    #[error("failed to read the key file `{file}`", file = .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Finds a provider's key.
pub fn find(
    environment: &Environment,
    provider: &'static str,
    variable: &'static str,
) -> Result<Secret, KeyError> {
    if let Some(value) = environment.get(variable) {
        return Ok(Secret::new(&value));
    }
    let file = environment
        .get(KEYS_DIR)
        .map(PathBuf::from)
        .or_else(|| environment.config("keys"))
        .map(|folder| folder.join(provider));
    let missing = |file| KeyError::Missing {
        provider,
        variable,
        file,
    };
    let Some(file) = file else {
        return Err(missing(None));
    };
    let metadata = match std::fs::metadata(&file) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing(Some(file))),
        Err(source) => return Err(KeyError::Unreadable { file, source }),
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed { file, mode });
    }
    let text = match std::fs::read_to_string(&file) {
        Ok(text) => text,
        Err(source) => return Err(KeyError::Unreadable { file, source }),
    };
    let secret = Secret::new(&text);
    if secret.is_empty() {
        return Err(missing(Some(file)));
    }
    Ok(secret)
}
