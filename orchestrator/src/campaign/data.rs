//! The data of a campaign, by links, and hashes of whole folders.

use std::fs::File;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use protocol::ContentHash;

/// Why data can't be linked or hashed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {operation} `{}`", path.display())]
pub struct DataError {
    operation: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

pub(super) fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataError {
    let path = path.to_owned();
    move |source| DataError {
        operation,
        path,
        source,
    }
}

/// Makes `folder` show the data: a link to a folder, or a folder with a link
/// to a file, so that the data is a folder in any case.
pub fn link(data: &Path, folder: &Path) -> Result<(), DataError> {
    let data = data.canonicalize().map_err(failed("find", data))?;
    if data.is_dir() {
        return symlink(&data, folder).map_err(failed("link", folder));
    }
    std::fs::create_dir_all(folder).map_err(failed("create", folder))?;
    let place = folder.join(data.file_name().unwrap_or_default());
    symlink(&data, &place).map_err(failed("link", &place))
}

/// Hash over the names and contents of all files below a folder.
pub fn folder_hash(folder: &Path) -> Result<ContentHash, DataError> {
    let files = crate::audit::table::files(folder).map_err(failed("list", folder))?;
    let mut parts = Vec::with_capacity(2 * files.len());
    for (relative, path) in files {
        let file = File::open(&path).map_err(failed("open", &path))?;
        let hash = ContentHash::of_stream(file).map_err(failed("read", &path))?;
        parts.push(relative.to_string_lossy().into_owned());
        parts.push(hash.as_str().to_owned());
    }
    Ok(ContentHash::of_parts(parts.iter().map(String::as_bytes)))
}

/// Takes everybody's right to write below a folder.
pub fn seal(folder: &Path) -> Result<(), DataError> {
    let files = crate::audit::table::files(folder).map_err(failed("list", folder))?;
    for path in files.values() {
        let modes = std::fs::Permissions::from_mode(0o444);
        std::fs::set_permissions(path, modes).map_err(failed("seal", path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_a_folder_are_both_folders() {
        let around = tempfile::tempdir().expect("a folder");
        let file = around.path().join("hours.csv");
        std::fs::write(&file, "a\n1\n").expect("writes");
        let (one, two) = (around.path().join("one"), around.path().join("two"));
        link(&file, &one).expect("links");
        assert_eq!(
            std::fs::read_to_string(one.join("hours.csv")).expect("reads"),
            "a\n1\n"
        );
        link(&one, &two).expect("links");
        assert_eq!(
            folder_hash(&one).expect("hashes"),
            folder_hash(&two).expect("hashes")
        );
        let error = link(Path::new("/nowhere/x"), &one).expect_err("is not there");
        assert_eq!(error.to_string(), "failed to find `/nowhere/x`");
    }

    #[test]
    fn names_and_contents_count() {
        let around = tempfile::tempdir().expect("a folder");
        let hash = || folder_hash(around.path()).expect("hashes");
        std::fs::write(around.path().join("a"), "1").expect("writes");
        let first = hash();
        std::fs::write(around.path().join("a"), "2").expect("writes");
        let second = hash();
        std::fs::rename(around.path().join("a"), around.path().join("b")).expect("renames");
        assert!(first != second && second != hash());
    }
}
