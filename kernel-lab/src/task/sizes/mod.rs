//! At which sizes a task is measured: those of its own file, those of a table
//! that the user gives, or halved ones.

pub mod rule;
mod table;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use table::SizeTable;
pub(crate) use table::{entry, read_beside};

/// Values of a module's constants, by name.
pub type Sizes = BTreeMap<String, i64>;

/// Where the sizes of a task come from, as the user asked: `--sizes`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum SizePolicy {
    /// The file beside the task; for a task that has none, halved ones.
    #[default]
    Auto,
    /// The file beside the task; for a task that has none, the module's own.
    Module,
    /// A table, by path.
    Table(PathBuf),
}

impl SizePolicy {
    /// `auto`, `module`, or the path of a table.
    pub fn parse(text: &str) -> Self {
        match text {
            "auto" => Self::Auto,
            "module" => Self::Module,
            path => Self::Table(PathBuf::from(path)),
        }
    }
}

/// Where the sizes of a task came from in the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SizeOrigin {
    /// The file beside the task.
    Beside,
    /// A table of the user's.
    Table,
    /// Halved until the task was small enough.
    Halved,
    /// The module's own.
    #[default]
    Module,
}

impl SizeOrigin {
    /// The word for it in reports; the file beside a task is named after the
    /// `device` it has sizes for.
    pub fn word(self, device: &str) -> &str {
        match self {
            Self::Beside => device,
            Self::Table => "table",
            Self::Halved => "auto",
            Self::Module => "module",
        }
    }
}
