//! Files that are never seen half written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Why a file could not be replaced.
#[derive(Debug, thiserror::Error)]
#[error("failed to write `{}`: could not {step}", path.display())]
pub struct WriteError {
    /// The file that was to be written.
    pub path: PathBuf,
    /// What failed: `create the temporary file`, `write it` …
    pub step: &'static str,
    /// The system's reason.
    #[source]
    pub source: io::Error,
}

/// Distinguishes temporary files of one process.
static SERIAL: AtomicU64 = AtomicU64::new(0);

/// Writes `bytes` to `path` so that a reader, and a machine that loses power,
/// sees either the old content or the new: temporary file in the same folder,
/// `fsync`, rename, `fsync` of the folder.
pub fn write_atomic(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), WriteError> {
    let folder = replace(path, bytes.as_ref(), true)?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| WriteError {
            path: path.to_owned(),
            step: "sync the folder",
            source,
        })
}

/// The same without the `fsync`, which takes milliseconds: for files that are
/// made again from something else after a loss of power.
pub fn write_whole(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), WriteError> {
    replace(path, bytes.as_ref(), false).map(|_| ())
}

/// Puts a temporary file in the place of `path`; the folder of both.
fn replace<'a>(path: &'a Path, bytes: &[u8], sync: bool) -> Result<&'a Path, WriteError> {
    let fail = |step| {
        move |source| WriteError {
            path: path.to_owned(),
            step,
            source,
        }
    };
    let name = path.file_name().ok_or_else(|| {
        fail("find a file name in the path")(io::Error::from(io::ErrorKind::InvalidInput))
    })?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut temporary_name = std::ffi::OsString::from(".");
    temporary_name.push(name);
    temporary_name.push(format!(
        ".{}-{}.tmp",
        std::process::id(),
        SERIAL.fetch_add(1, Ordering::Relaxed)
    ));
    let temporary = folder.join(temporary_name);

    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&temporary)
        .map_err(fail("create the temporary file"))
        .and_then(|mut file| {
            file.write_all(bytes)
                .map_err(fail("write the temporary file"))?;
            if sync {
                file.sync_all().map_err(fail("sync the temporary file"))?;
            }
            Ok(())
        })
        .and_then(|()| fs::rename(&temporary, path).map_err(fail("rename the temporary file")));
    if let Err(error) = written {
        // The first error is the one worth telling; a left-over temporary
        // file is only untidy.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        write_atomic(&path, "old").unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        write_whole(&path, b"newer").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "newer");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn failure_names_the_path_and_keeps_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("is-a-folder");
        fs::create_dir(&blocked).unwrap();
        let error = write_atomic(&blocked, "x").unwrap_err();
        assert!(error.to_string().contains("is-a-folder"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write_atomic(Path::new("/"), "x").is_err());
    }
}
