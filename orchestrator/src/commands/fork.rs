//! `fork`: a new campaign that begins with another's first events.

use std::path::{Path, PathBuf};

use super::{Failure, exit, show};
use crate::campaign;
use crate::driver::now_ms;

/// Forks the campaign in `dir` at event `at` into `to`, or beside it.
pub fn fork(dir: &Path, at: u64, to: Option<PathBuf>, json: bool) -> Result<u8, Failure> {
    let to = to.unwrap_or_else(|| beside(dir, at));
    let head = crate::fork::fork(dir, at, &to, now_ms())?;
    if json {
        show::print_json(&serde_json::json!({
            "schema": 1,
            "dir": to,
            "of": head,
            "at": at,
        }));
    } else {
        eprintln!("go on with it: alphalab resume {}", to.display());
        println!("{}", to.display());
    }
    Ok(exit::OK)
}

/// A name that says where it comes from.
fn beside(dir: &Path, at: u64) -> PathBuf {
    let whole = campaign::Layout::of(dir).dir;
    let name = whole.file_name().unwrap_or_default().to_string_lossy();
    dir.with_file_name(format!("{name}-at-{at}"))
}
